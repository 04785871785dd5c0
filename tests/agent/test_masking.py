"""Masking: numbers in every spelling, and nothing but numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.language.numbers import digit_runs, spoken_digits
from agent.language.words import words
from agent.masking import MAX_VALUES, KnownNumbers, numbers_in, numbers_masked

_PAIRS = {"47": "forty-seven", "11": "eleven", "20": "twenty", "99": "ninety nine", "13": "thirteen"}


def spelled(digits: str, how: int) -> str:
    """The same number in one of seven spellings."""
    if how == 1:
        return " ".join(digits)
    if how == 2:
        return spoken_digits(digits)
    if how == 3:
        return "-".join(digits[at : at + 4] for at in range(0, len(digits), 4))
    if how == 4:
        return spoken_digits(digits).replace(",", " uh").replace("zero", "oh").title()
    if how == 5:
        return "".join(chr(0x660 + int(digit)) for digit in digits)  # Arabic-Indic digits
    if how == 6:
        pairs = [digits[at : at + 2] for at in range(0, len(digits), 2)]
        return " ".join(_PAIRS.get(pair) or spoken_digits(pair) for pair in pairs)
    return digits


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("My card is 4111 1111-1111 1111, ok?", "My card is • •-• •, ok?"),
        ("four, seven, one, one", "•, •, •, •"),
        ("forty-seven eleven", "•-• •"),
        ("double five", "• •"),
        ("for seven one to", "• • • •"),
        ("to", "•"),
        ("I want to go for it", "I want to go for it"),
        ("twelve hundred", "• •"),
        ("a4711b, x_12", "a•b, x_•"),
        ("٤٧ and ４７", "• and •"),
        ("yes, go ahead", "yes, go ahead"),
        ("", ""),
        ("•", "•"),
    ],
)
def test_every_number_is_masked_item_by_item(text: str, masked: str) -> None:
    assert numbers_masked(text) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("it is 4711", "it is •"),
        ("it is 4712", "it is 4712"),
        ("four seven uh one one then", "• • uh • • then"),
        ("forty seven hundred and eleven", "• • • • •"),
        ("double four", "double four"),
        ("x47110", "x•"),
        ("send it to 4711 for me", "send it • • • me"),
        ("Done.", "Done."),
    ],
)
def test_a_known_number_is_masked_and_other_numbers_are_kept(text: str, masked: str) -> None:
    known = KnownNumbers()
    known.add("4711")
    assert known.masked(text) == masked


def test_parts_of_a_long_number_and_a_number_said_twice() -> None:
    known = KnownNumbers()
    known.add("4111222233334444")
    assert known.masked("the card ending 4 4 4 4") == "the card ending • • • •"
    assert known.masked("at 22 Main Street, 444") == "at 22 Main Street, 444"
    known.add("123123")
    assert known.masked("one two three") == "• • •"
    known.add("12")
    assert known.masked("twelve") == "twelve"


def test_a_length_that_only_sensitive_numbers_have_is_enough() -> None:
    known = KnownNumbers([16])
    assert known.masked("pay with 4111 1111 1111 1111 please") == "pay with • • • • please"
    assert known.masked("pay with 4111 1111 1111 111 please") == "pay with 4111 1111 1111 111 please"
    assert KnownNumbers().masked("4111 1111 1111 1111") == "4111 1111 1111 1111"


def test_only_so_many_are_remembered_the_latest() -> None:
    known = KnownNumbers()
    for number in range(1000, 1001 + MAX_VALUES):
        known.add(str(number))
    assert known.masked("1000") == "1000"
    assert known.masked("1001") == "•"


@given(st.text(alphabet="0123456789", min_size=3, max_size=19), st.integers(0, 6), st.integers(0, 6), st.text())
def test_no_spelling_gets_through(digits: str, first: int, later: int, around: str) -> None:
    known = KnownNumbers()
    for number in numbers_in(f"it is {spelled(digits, first)}, thanks"):
        known.add(number)
    text = f"{around} ; {spelled(digits, later)} ; thanks"
    masked = known.masked(text)
    said = "".join(run.digits for run in digit_runs(words(masked)))
    if len("".join(numbers_in(spelled(digits, first)))) == len(digits):  # pairs such as "20 5" read as "25"
        assert digits not in said or digits in "".join(numbers_in(around))
    assert numbers_in(numbers_masked(text)) == []


@given(st.text())
def test_masking_takes_any_text_and_is_done_once(text: str) -> None:
    masked = numbers_masked(text)
    assert numbers_masked(masked) == masked
    assert not any(character.isdecimal() for character in masked)
