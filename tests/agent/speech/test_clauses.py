"""Clauses: by table; and for any text, in any pieces, the same clauses, which together are the text."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.speech.clauses import LONGEST_CHARS, Clause, ClauseSplitter


def clauses(*pieces: str) -> list[Clause]:
    splitter = ClauseSplitter()
    found = [clause for piece in pieces for clause in splitter.push(piece)]
    return found + splitter.flush()


def texts(*pieces: str) -> list[str]:
    return [clause.text for clause in clauses(*pieces)]


@pytest.mark.parametrize(
    "expected",
    [
        ["Hello."],
        ["Hello.", "How are you?"],
        ["Wait!", "What?!", "Really..."],
        ["Certainly, sir,", "your parcel left us."],  # the first comma comes too early, the second does not
        ["Your parcel, as you know,", "has left our house this morning and will be with you soon,", "I am sure."],
        ["The number is four, seven, one, two."],
        ["The number is 4, 7, 1, 2, and that is all."],
        ["I have the number four, seven, one, is it right?"],
        ["That makes 12.50 in all.", "Is that fine?"],
        ["Pi is 3.14159 or so.", "Yes."],
        ["It weighs 1,250 grams.", "Good."],
        ["Ask Dr. Smith,", "or Mr. Jones."],
        ["We open at 9 a.m. and close at 5 p.m. every day.", "Come by."],
        ["Write to a.b@example.co.uk please.", "Thank you."],
        ["Write to a.b@example.com.", "Thank you."],
        ["See https://example.com/a.html?b=c.", "It helps."],
        ["It is at 10:30 sharp.", "Be there."],
        ["One thing:", "it is late."],
        ['He said "yes."', "Then he left."],
        ["(It is here.)", "Good."],
        ["The parcel has left –", "we think so."],
        ["J. Smith signed for it.", "Good."],
        ["So do I.", "Thanks."],
        ["Items, e.g. letters,", "go first."],
        ["Thank you for that,", "Sevenoaks it is."],
        ["Thank you for that,", "Thomas."],
        ["Thank you for that, 3rd time lucky."],
        ["In the U.S. it is early."],
        ["We open at 9 a.m. on Monday.", "Come by."],
        ["We open at 9 a.m.", "Please come by."],
        ["It is in 12 Main St. in town.", "It's red."],
        ["It is No. 5 of 7.", "No.", "I do not think so."],
        ["It comes on Jan. 4 or so.", "Fine."],
        ["You have 3.", "Is that right?"],
        ["Am 4. mai kommt es.", "Gut."],
        ["That is $12.50,", "plus tax.", "Fine?"],
        ["**Order:**", "4712."],
        ["“Really?”", "he said."],
        ["It is there…", "somewhere."],
        ["1. Open the app.", "Close it."],
        ["No punctuation at all"],
        ["Ça va très bien,", "merci.", "À bientôt!"],
    ],
    ids=lambda expected: " | ".join(expected)[:40],
)
def test_where_clauses_end(expected: list[str]) -> None:
    text = " ".join(expected)
    assert texts(text) == expected
    assert texts(*text) == expected  # character by character


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "You need:\n- a passport\n- a visa\n\nThat is all.",
            ["You need:", "- a passport", "- a visa", "That is all."],
        ),
        ("First this\n1. Open it\n12. Close it", ["First this", "1. Open it", "12. Close it"]),
        ("This is one sentence\nin two lines. Yes.", ["This is one sentence\nin two lines.", "Yes."]),
        ("It is\n-5 degrees.", ["It is\n-5 degrees."]),
        ("Yes, I can do that—just a moment.", ["Yes, I can do that—", "just a moment."]),
        ("It takes 10–12 days.", ["It takes 10–12 days."]),
        ("好的。谢谢！再见", ["好的。", "谢谢！", "再见"]),
    ],
)
def test_lines_dashes_and_other_scripts(text: str, expected: list[str]) -> None:
    assert texts(text) == expected
    assert texts(*text) == expected


def test_a_long_beginning_takes_breath_before_a_joining_word() -> None:
    text = "I can see that your parcel has left our house this morning and should be with you by tomorrow at noon."
    assert texts(text) == [text[:58], text[59:]]
    assert texts(*text) == texts(text)
    assert texts("Fine. " + text) == ["Fine.", text], "only the first clause is waited for"


def test_a_long_row_of_numbers_is_cut_where_it_has_words() -> None:
    text = "we have " + "one two three four five " * 8 + "in store and " + "six seven " * 8
    first, *_ = texts(text.strip())
    assert re.split(r"\s", first)[-1] in ("in", "store", "have")


@pytest.mark.parametrize("text", ["", " ", "...", "\n\n", "?! – …", "🙂", "“”"])
def test_what_cannot_be_spoken_is_no_clause(text: str) -> None:
    assert clauses(text) == []
    assert texts(f"Yes. {text}") == ["Yes."]


def test_a_clause_is_given_as_soon_as_it_is_certain() -> None:
    splitter = ClauseSplitter()
    assert splitter.push("Hello") == []
    assert splitter.push(".") == []  # "Hello.com" is still possible
    assert splitter.push(" ") == [Clause("Hello.", 0)]
    assert splitter.push("Your parcel left our house, it seems, and it is on its way,") == []
    assert splitter.push(" th") == []  # "three" is still possible
    assert splitter.push("e") == [Clause("Your parcel left our house, it seems, and it is on its way,", 7)]


def test_starts_count_in_the_whole_text() -> None:
    text = "  Hello there.   How are you?\n... Fine. "
    assert clauses(text) == [Clause("Hello there.", 2), Clause("How are you?", 17), Clause("Fine.", 34)]


def test_text_without_punctuation_is_cut_between_words() -> None:
    words = ["word"] * 200
    found = texts(" ".join(words))
    assert " ".join(found).split() == words
    assert all(200 < len(text) <= LONGEST_CHARS for text in found[:-1])


def test_a_long_sentence_is_not_waited_for() -> None:
    """A full stop further away than LONGEST_CHARS does not hold the clause back, however the text comes."""
    text = "word " * 80 + "end. Next."
    assert max(map(len, texts(text))) <= LONGEST_CHARS
    assert texts(text) == texts(*text)


#: Of the pieces below, what begins a sentence, so that "p.m." may end one.
STARTING = {"I"}
PIECES = st.sampled_from(
    "Hello yes four seven twelve 4 12.50 1,250 4th Dr. Mr. e.g. p.m. U.S. I J. a.b@c.de http://x.y/z?a=b and the th "
    "seventy oh one's No. St. 12. etc. Jan. 4—5 so—and 好。 好！」 "
    "well-known “quoted” (so) (4 \"two three's ...five ,six".split()
)
MARKS = st.sampled_from(
    [
        " ",
        " ",
        " ",
        ". ",
        ", ",
        "? ",
        "! ",
        ": ",
        "; ",
        " – ",
        ",",
        ".",
        "\n",
        '." ',
        ", " + " " * 20,
        "\n- ",
        "\n12. ",
        "\n\n",
        "\n  4) ",
    ]
)
TEXTS = st.lists(st.tuples(PIECES, MARKS), max_size=120).map(lambda pairs: "".join(a + b for a, b in pairs))


@settings(max_examples=300, deadline=None)
@given(st.one_of(TEXTS, st.text(max_size=400)), st.data())
@example("Thank you for this, seven it is", None)
def test_the_pieces_it_comes_in_do_not_matter(text: str, data: st.DataObject | None) -> None:
    whole = clauses(text)
    assert clauses(*text) == whole
    if data is not None:
        cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        assert clauses(*pieces) == whole


@settings(max_examples=300, deadline=None)
@given(st.one_of(TEXTS, st.text(max_size=600)))
def test_clauses_are_the_text(text: str) -> None:
    end = 0
    for clause in clauses(text):
        assert text[clause.start : clause.start + len(clause.text)] == clause.text
        assert clause.text == clause.text.strip()
        assert len(clause.text) <= LONGEST_CHARS
        skipped = text[end : clause.start]
        assert not any(character.isalnum() for character in skipped), f"{skipped!r} would never be spoken"
        end = clause.start + len(clause.text)
    assert not any(character.isalnum() for character in text[end:])


def begins_sentences(word: str) -> bool:
    """Whether it may; "No." behind "p.m." is one of its own."""
    word = word.strip('.,!?;:"')
    return word in STARTING or word == "No"


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_never_inside_a_number_an_abbreviation_or_an_address(text: str) -> None:
    for clause in clauses(text):
        if len(clause.text) < LONGEST_CHARS - 20:
            end = clause.start + len(clause.text)
            last = re.split(r"\s", clause.text)[-1].lower().lstrip('("“')
            more = bool(text[end:].strip()) and any(character.isalnum() for character in text[end:])
            if more and "\n" not in text[end : end + 1]:
                assert last not in {"dr.", "mr.", "e.g."}
                assert last not in {"p.m.", "u.s.", "j."} or begins_sentences(text[end:].split()[0])
                assert text[end].isspace() or clause.text[-1] in "—。」"
