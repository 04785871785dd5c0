"""Words, yes and no, spoken digits."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.language.numbers import digit_runs, spoken_digits
from agent.language.words import words
from agent.language.yesno import is_no, is_yes
from agent.slots.base import Asks
from agent.slots.reading import read_answer
from agent.turns.backchannel import weight

DIGITS = "zero one two three four five six seven eight nine".split()
TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Where's my parcel?", "where is my parcel"),
        ("Um, I'd like to, uh, cancel — please!", "i would like to cancel"),
        ("I don’t know, I can't", "i do not know i can not"),
        ("that's all", "that is all"),
        ("4711", "4711"),
        ("", ""),
        ("\x00\ufffd ---", ""),
    ],
)
def test_words(text: str, expected: str) -> None:
    assert " ".join(words(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Yes.",
        "yes please",
        "Yeah, that's right.",
        "okay",
        "Sure, go ahead",
        "correct",
        "yes, cancel it",
        "That's right",
    ],
)
def test_plain_yes(text: str) -> None:
    assert is_yes(text)
    assert not is_no(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "no", "yes, but wait", "okay, where is my parcel", "I'd like to track my order", "not yes", "yes and no",
        "I don't know, yes", "thank you", "yes if it is not too late", "I do not want that", "do it later",
        "right, cancel order 4712", "fine, what else can you do", "yes no maybe",
    ],
)  # fmt: skip
def test_no_plain_yes(text: str) -> None:
    assert not is_yes(text)


@pytest.mark.parametrize("text", ["No.", "no thanks", "Nope", "don't cancel it", "not now", "yes... no", "wait, stop"])
def test_no(text: str) -> None:
    assert is_no(text)


@pytest.mark.parametrize("text", ["", "yes", "no problem", "another order", "I know"])
def test_not_no(text: str) -> None:
    assert not is_no(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("four seven one two", ["4712"]),
        ("it's four, seven... one two please", ["4712"]),
        ("double five six one", ["5561"]),
        ("triple oh seven", ["0007"]),
        ("forty seven twelve", ["4712"]),
        ("forty seven hundred and twelve", ["4712"]),
        ("four thousand seven hundred and twelve", ["4712"]),
        ("four thousand twelve", ["4012"]),
        ("two thousand", ["2000"]),
        ("four seven hundred", ["4700"]),
        ("three hundred five", ["305"]),
        ("one eight hundred five five five", ["1800555"]),
        ("four hundred and five", ["405"]),
        ("four seven three zeros", ["47000"]),
        ("two fives six one", ["5561"]),
        ("quadruple nine", ["9999"]),
        ("those ones", []),
        ("47 12", ["4712"]),
        ("4711#", ["4711"]),
        ("four seven dash one two", ["4712"]),
        ("for seven one to", ["4712"]),
        ("I want to go for a walk", []),
        ("four seven one two no four seven one three", ["4712", "4713"]),
        ("double trouble", []),
        ("hundred", []),
        ("", []),
    ],
)
def test_digit_runs(text: str, expected: list[str]) -> None:
    assert [run.digits for run in digit_runs(words(text))] == expected


@st.composite
def spoken_numbers(draw: st.DrawFn) -> tuple[str, str]:
    """Digits, and one of the many ways to say them."""
    digits = draw(st.text("0123456789", min_size=1, max_size=12))
    said: list[str] = []
    at = 0
    while at < len(digits):
        ways = [DIGITS[int(digits[at])], digits[at]]
        size = [1, 1]
        if digits[at] == "0":
            ways.append("oh")
            size.append(1)
        pair = digits[at : at + 2]
        after_ten = digits[at + 2 : at + 3]
        if len(pair) == 2:
            if pair[0] == pair[1]:
                ways.append("double " + DIGITS[int(pair[0])])
                size.append(2)
            if pair[0] == "1":
                ways.append(TEENS[int(pair[1])])
                size.append(2)
            if pair[0] in "23456789" and pair[1] != "0":
                ways.append(TENS[int(pair[0]) - 2] + " " + DIGITS[int(pair[1])])
                size.append(2)
            # "forty" and then "two" would be forty-two: said so only before a zero or the end.
            if pair[0] in "23456789" and pair[1] == "0" and after_ten in ("", "0"):
                ways.append(TENS[int(pair[0]) - 2])
                size.append(2)
        which = draw(st.integers(0, len(ways) - 1))
        said.append(ways[which])
        at += size[which]
    return digits, draw(st.sampled_from([" ", ", ", "... ", ", um, "])).join(said)


@given(spoken_numbers())
def test_any_way_of_saying_digits_is_understood(number: tuple[str, str]) -> None:
    digits, said = number
    assert "".join(run.digits for run in digit_runs(words(said))) == digits


@given(st.text("0123456789", max_size=20))
def test_what_we_say_we_understand(digits: str) -> None:
    assert "".join(run.digits for run in digit_runs(words(spoken_digits(digits)))) == digits


def test_spoken_digits() -> None:
    assert spoken_digits("4712") == "four, seven, one, two"


@given(st.text(max_size=300))
def test_any_text_is_harmless(text: str) -> None:
    is_yes(text), is_no(text), digit_runs(words(text))


def test_long_texts_are_not_kept() -> None:
    said = "no wait four seven " * 5000
    tracemalloc.start()
    try:
        for number in range(200):
            words(f"{number} {said}")
            weight(f"{number} {said}", True)
            read_answer(Asks("s", "digits", length=4), f"{number} {said}")
        assert tracemalloc.get_traced_memory()[0] < 10_000_000  # of three times 200 texts with 95,000 characters
    finally:
        tracemalloc.stop()
