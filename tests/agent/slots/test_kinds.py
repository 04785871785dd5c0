"""Spelled words, dates, amounts, email addresses, names: how far they have come, word by word, and what they are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.language.words import MAX_CHARS
from agent.slots.base import KINDS, MAX_LENGTH, Asks, Progress, Reading, as_can_be
from agent.slots.grammar import slot_rule
from agent.slots.letters import NATO
from agent.slots.reading import read_answer

NOTHING, PART, ENOUGH, WHOLE, BESIDE = Progress
STEPS = {"n": NOTHING, "p": PART, "e": ENOUGH, "w": WHOLE, "b": BESIDE}


def steps(asks: Asks, text: str) -> str:
    """The progress after each word: "npw"."""
    said = text.split()
    letters = {step: letter for letter, step in STEPS.items()}
    return "".join(letters[read_answer(asks, " ".join(said[:end])).progress] for end in range(1, len(said) + 1))


def check(asks: Asks, text: str, course: str, value: str) -> None:
    assert (steps(asks, text), read_answer(asks, text).value) == (course, value)


@pytest.mark.parametrize(
    ("length", "text", "course", "value"),
    [
        (3, "b as in bravo c d", "pppppw", "bcd"),
        (3, "b for bravo c d", "ppppw", "bcd"),
        (3, "d as in tango c d", "pppppw", "tcd"),
        (3, "bravo charlie one", "ppw", "bc1"),
        (3, "b bravo c charlie d delta", "ppppww", "bcd"),
        (3, "it's a b c", "nppw", "abc"),
        (3, "double l s for sugar", "ppwew", "lls"),
        (4, "quadruple a", "pw", "aaaa"),
        (3, "a i a", "ppw", "aia"),
        (4, "capital b dash one two c", "nppppw", "b12c"),
        (3, "b c d no b c e", "ppwpppw", "bce"),
        (3, "b c d b c d", "ppwppw", "bcd"),
        (3, "see d e", "npw", "cde"),
        (3, "double u x y", "pppw", "wxy"),
        (3, "oh four b", "npw", "04b"),
        (3, "b four two", "ppw", "b42"),
        (5, "a b forty two c", "ppppw", "ab42c"),
        (5, "ab12c", "w", "ab12c"),
        (0, "smith s m i t h", "pppppw", "smith"),
        (0, "john smith j o h n s m i t h", "ppppppppppw", "johnsmith"),
        (0, "s m i t h", "peeee", "smith"),
        (0, "o apostrophe b r i e n", "peeeeee", "o'brien"),
        (3, "i don't know", "pbb", ""),
        (3, "why do you want that", "bbbbb", ""),
    ],
)
def test_spelled(length: int, text: str, course: str, value: str) -> None:
    check(Asks("code", "spelled", length=length), text, course, value)


@pytest.mark.parametrize(
    ("text", "course", "value"),
    [
        ("may fourth", "pe", "--05-04"),
        ("it's the fourth of may twenty twenty six", "nnepepew", "2026-05-04"),
        ("may the fourth two thousand and six", "ppepeew", "2006-05-04"),
        ("may twenty first nineteen eighty five", "peepew", "1985-05-21"),
        ("may four twenty twenty six", "pepew", "2026-05-04"),
        ("may twenty twenty twenty six", "pepew", "2026-05-20"),
        ("05 04 2026", "pew", "2026-05-04"),
        ("05042026", "w", "2026-05-04"),
        ("05/04/26", "w", "2026-05-04"),
        ("2026-05-04", "w", "2026-05-04"),
        ("zero five zero four two zero two six", "pppepppw", "2026-05-04"),
        ("one two two five one nine eight five", "pepepppw", "1985-12-25"),
        ("five four twenty twenty six", "pepew", "2026-05-04"),
        ("thirteen five twenty six", "pepw", "2026-05-13"),
        ("may 4th, 2026", "pew", "2026-05-04"),
        ("tomorrow", "w", "tomorrow"),
        ("the day after tomorrow", "nppw", "the day after tomorrow"),
        ("next friday", "pe", "next friday"),
        ("friday may fourth", "epe", "--05-04"),
        ("in two weeks", "npw", "in 2 weeks"),
        ("two weeks from now", "pppw", "in 2 weeks"),
        ("a week from friday", "nppw", "1 week from friday"),
        ("three days ago", "ppw", "3 days ago"),
        ("next week on monday", "pepw", "next week monday"),
        ("the twenty first of december", "npepe", "--12-21"),
        ("may fourth no may fifth", "peppe", "--05-05"),
        ("february thirtieth", "pb", ""),
        ("february twenty ninth twenty twenty five", "peepeb", ""),
        ("what dates do you have", "bbbbb", ""),
        ("i don't know", "nbb", ""),
    ],
)
def test_dates(text: str, course: str, value: str) -> None:
    check(Asks("when", "date"), text, course, value)


@pytest.mark.parametrize(
    ("text", "course", "value"),
    [
        ("twelve fifty", "ee", "12.50"),
        ("it's twelve dollars and fifty cents", "neepew", "12.50"),
        ("twelve dollars and twelve", "eepw", "12.12"),
        ("a hundred and twenty", "nepe", "120.00"),
        ("about twelve hundred dollars", "neee", "1200.00"),
        ("twelve point five oh", "epew", "12.50"),
        ("$12.50", "w", "12.50"),
        ("1,200 dollars", "ee", "1200.00"),
        ("two grand", "ee", "2000.00"),
        ("twelve oh five", "epw", "12.05"),
        ("three ninety nine", "eew", "3.99"),
        ("fifty cents", "ew", "0.50"),
        ("one fifty dollars", "eee", "150.00"),
        ("a dollar fifty", "nee", "1.50"),
        ("two million three hundred thousand and six dollars", "eeeeepee", "2300006.00"),
        ("twelve no thirteen dollars", "epee", "13.00"),
        ("i don't know", "nbb", ""),
    ],
)
def test_money(text: str, course: str, value: str) -> None:
    check(Asks("amount", "money"), text, course, value)


@pytest.mark.parametrize(
    ("text", "course", "value"),
    [
        ("my email is jane dot doe at gmail dot com", "nnnppppppw", "jane.doe@gmail.com"),
        ("it's jane.doe@gmail.com", "nw", "jane.doe@gmail.com"),
        ("Jane.Doe@Gmail.com.", "w", "jane.doe@gmail.com"),
        ("j a n e underscore d o e at example dot co dot uk", "pppppppppppepw", "jane_doe@example.co.uk"),
        ("jane doe d o e at hotmail dot com thank you", "ppppppppwew", "janedoe@hotmail.com"),
        ("you can reach me at bob at acme dot org", "nnnnnppppe", "bob@acme.org"),
        ("info at b as in bravo m w dot d e", "ppppppppppw", "info@bmw.de"),
        ("jane forty two at g mail dot com", "pppppppw", "jane42@gmail.com"),
        ("jane at gmail com", "pppw", "jane@gmail.com"),
        ("jane at gmail dot c o m", "pppppew", "jane@gmail.com"),
        ("jane at gmail dot com no john at gmail dot com", "ppppwpppppw", "john@gmail.com"),
        ("jane at gmail dot com and my order is late", "ppppweeeeb", "jane@gmail.com"),
        ("what do you mean", "bbbb", ""),
        ("i don't have one", "pbbb", ""),
    ],
)
def test_email(text: str, course: str, value: str) -> None:
    check(Asks("address", "email"), text, course, value)


@pytest.mark.parametrize(
    ("text", "course", "value"),
    [
        ("my name is john smith", "nnnee", "John Smith"),
        ("i'm called oliver stone", "nnee", "Oliver Stone"),
        ("john smith that's s m i t h", "eeeppppe", "John Smith"),
        ("john smith s m y t h e", "eeppeeee", "John Smythe"),
        ("smith spelled", "ep", "Smith"),
        ("doctor van der berg", "pppe", "Doctor Van Der Berg"),
        ("mary no sorry maria", "enne", "Maria"),
        ("what do you mean", "bbbb", ""),
        ("i'd like to know where my parcel is", "bbbbbbbb", ""),
    ],
)
def test_names(text: str, course: str, value: str) -> None:
    check(Asks("who", "name"), text, course, value)


@pytest.mark.parametrize("kind", ["free", "", "something"])
def test_free_speech_is_never_a_slots_answer(kind: str) -> None:
    assert read_answer(Asks("what", kind), "four seven one two") == Reading(BESIDE)


# --- any answer, word by word ---------------------------------------------------------------------------------------

PLAIN = {
    letter: [letter, f"{letter} as in {word}", word]
    for letter, word in zip("abcdefghijklmnopqrstuvwxyz", NATO, strict=True)
}
DIGITS = "zero one two three four five six seven eight nine".split()


@st.composite
def codes(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A code of letters and digits, and one of the ways to spell it."""
    code = draw(st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=2, max_size=8))
    said: list[str] = []
    at = 0
    while at < len(code):
        sign = code[at]
        # "a alpha" is one letter.
        ways = PLAIN.get(sign, [])[: 2 if at and code[at - 1] == sign else 3]
        if sign.isdecimal():
            way, size = draw(st.sampled_from([DIGITS[int(sign)], sign])), 1
        elif code[at + 1 : at + 2] == sign and sign not in "aiu" and draw(st.booleans()):
            way, size = f"double {sign}", 2
        else:
            way, size = draw(st.sampled_from(ways)), 1
        said += way.split()
        at += size
    return code, said


@given(codes(), st.sampled_from(["", "it's", "um the code is"]))
def test_a_code_is_whole_at_its_last_sign_and_not_before(code: tuple[str, list[str]], lead: str) -> None:
    value, signs = code
    asks = Asks("code", "spelled", length=len(value))
    said = [*lead.split(), *signs]
    reading = read_answer(asks, " ".join(said))
    assert reading == Reading(WHOLE, value), said
    last = len(said) - 3 if said[-3:-1] == ["as", "in"] else len(said) - 1
    for end in range(last):
        assert read_answer(asks, " ".join(said[:end])).progress in (NOTHING, PART), said[:end]


NAMES = ["jane", "doe", "info", "bob", "sales", "maria"]
DOMAINS = [
    ("gmail.com", WHOLE),
    ("acme.org", ENOUGH),
    ("example.co.uk", WHOLE),
    ("mail.de", WHOLE),
    ("x-press.io", WHOLE),
]
SIGNS = {".": "dot", "_": "underscore", "-": "dash", "@": "at"}


def in_words(text: str) -> str:
    return "".join(f" {SIGNS[sign]} " if sign in SIGNS else sign for sign in text)


@given(
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=3),
    st.sampled_from("._-"),
    st.sampled_from(DOMAINS),
    st.sampled_from(["", "it's", "my email address is"]),
    st.booleans(),
)
def test_an_address_is_complete_at_its_end_and_not_before(
    names: list[str], sign: str, domain: tuple[str, Progress], lead: str, spelled: bool
) -> None:
    local = sign.join(names)
    said_names = [" ".join(name) if spelled else name for name in names]
    said = f"{lead} {f' {SIGNS[sign]} '.join(said_names)} at {in_words(domain[0])}".split()
    asks = Asks("address", "email")
    assert read_answer(asks, " ".join(said)) == Reading(domain[1], f"{local}@{domain[0]}")
    for end in range(len(said)):
        progress = read_answer(asks, " ".join(said[:end])).progress
        assert progress in (NOTHING, PART) or (progress is ENOUGH and said[end - 1] == "co"), said[:end]


WORDS = (
    "um my number is four seven one two forty thousand hundred and a the of may fourth twenty tomorrow next friday in "
    "weeks two from ago week at dot com co uk jane gmail double triple l b as bravo for to oh no wait sorry not but "
    "yes i do what where dollars cents point half grand k zero 4712 05 $12.50 jane.doe@gmail.com @ . - 1st spelled "
    "smith 99999999999999999999 \u00b2 \u00bd \u0663 that's @@ .com it's 3rd"
).split()


LENGTHS = st.integers(-6, 70)


@settings(max_examples=300, deadline=2000)
@given(
    st.builds(Asks, st.just("s"), st.sampled_from([*KINDS, "", "other"]), st.booleans(), LENGTHS, LENGTHS),
    st.lists(st.sampled_from(["one", "two", "double", "b", "as in", "no", "oh", "4712", "not", "sorry"]), max_size=30),
)
def test_whatever_an_engine_says_it_asks_for_there_is_an_answer_and_a_rule(asks: Asks, said: list[str]) -> None:
    text = " ".join(said)
    reading = read_answer(asks, text)
    assert reading.progress in Progress
    assert isinstance(slot_rule(asks), str)
    can_be = as_can_be(asks)
    assert as_can_be(can_be) == can_be
    assert max(asks.length, asks.longest) > MAX_LENGTH or read_answer(can_be, text) == reading
    assert can_be.kind in ("", *KINDS)
    assert min(can_be.length, can_be.longest) >= 0


@pytest.mark.parametrize(("length", "longest"), [(-5, 3), (-1, 4), (-1, -1), (-2, 0)])
def test_a_length_below_nothing_is_none(length: int, longest: int) -> None:
    for kind in ("digits", "spelled"):
        asks, none = Asks("n", kind, False, length, longest), Asks("n", kind, False, 0, max(0, longest))
        assert read_answer(asks, "one two three four five six seven") == read_answer(
            none, "one two three four five six seven"
        )
        assert slot_rule(asks) == slot_rule(none)


@settings(max_examples=300)
@given(
    st.sampled_from(
        [Asks("s", kind, length=length, longest=most) for kind in KINDS for length, most in ((0, 0), (4, 6))]
    ),
    st.one_of(st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join), st.text(max_size=200)),
)
def test_anything_said_is_harmless_and_read_alike_in_any_dress(asks: Asks, text: str) -> None:
    reading = read_answer(asks, text)
    assert reading.progress in Progress
    assert not reading.value or reading.progress is not NOTHING
    assert read_answer(asks, f"  {text} ") == reading


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("junk", ["double ", "one ", "a ", "@", "dot ", "jane ", "no ", "in a ", "thousand ", "1"])
def test_a_flood_is_read_in_bounded_time(kind: str, junk: str) -> None:
    """Only so much is read that a thousand times the text is no more work."""
    asks = Asks("s", kind, length=4)
    flood = junk * (MAX_CHARS // len(junk) + 1)
    assert read_answer(asks, flood * 50) == read_answer(asks, flood)
