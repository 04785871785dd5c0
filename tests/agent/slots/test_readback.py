"""What is read back is said in words, and means the same value when it is heard again."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.slots.base import Asks, Progress
from agent.slots.readback import read_back
from agent.slots.reading import read_answer


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("digits", "4712", "four seven one two"),
        ("digits", "5551234567", "five five five, one two three, four five six seven"),
        ("digits", "15551234567", "one, five five five, one two three, four five six seven"),
        ("digits", "471205", "four seven one, two zero five"),
        ("spelled", "ab-1", "a, b, dash, one"),
        ("date", "2026-05-04", "May fourth, twenty twenty six"),
        ("date", "2006-12-31", "December thirty first, two thousand six"),
        ("date", "1905-01-20", "January twentieth, nineteen oh five"),
        ("date", "--05-04", "May fourth"),
        ("date", "---21", "the twenty first"),
        ("date", "next friday", "next friday"),
        ("date", "9999-99-99", "9999-99-99"),
        ("money", "12.50", "twelve dollars and fifty cents"),
        ("money", "1.01", "one dollar and one cent"),
        ("money", "0.50", "fifty cents"),
        ("money", "1200.00", "one thousand two hundred dollars"),
        ("money", "a lot", "a lot"),
        ("email", "jane.doe@gmail.com", "jane dot doe at gmail dot com"),
        ("email", "j_doe-9@acme.org", "j underscore doe dash nine at acme dot org"),
        ("name", "John Smith", "John Smith"),
        ("yes_no", "yes", "yes"),
        ("free", "anything", "anything"),
        ("digits", "", ""),
    ],
)
def test_read_back(kind: str, value: str, said: str) -> None:
    assert read_back(kind, value) == said


def test_letters_are_made_plain_where_that_is_wanted() -> None:
    assert read_back("spelled", "ab1", plainly=True) == "a as in alpha, b as in bravo, one"
    assert read_back("email", "ab@x.com", plainly=True) == "a as in alpha, b as in bravo at x dot com"


def heard_again(asks: Asks, value: str) -> str:
    reading = read_answer(asks, read_back(asks.kind, value, asks))
    assert reading.progress in (Progress.ENOUGH, Progress.WHOLE)
    return reading.value


@given(st.text("0123456789", min_size=1, max_size=16))
def test_digits_are_heard_again(value: str) -> None:
    assert heard_again(Asks("n", "digits", length=len(value)), value) == value


@given(st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=10), st.booleans())
def test_spelled_is_heard_again(value: str, plainly: bool) -> None:
    asks = Asks("n", "spelled", length=len(value))
    assert read_answer(asks, read_back("spelled", value, asks, plainly=plainly)).value == value


@given(st.dates(datetime.date(1900, 1, 1), datetime.date(2099, 12, 31)))
def test_dates_are_heard_again(date: datetime.date) -> None:
    assert heard_again(Asks("n", "date"), date.isoformat()) == date.isoformat()
    assert heard_again(Asks("n", "date"), f"--{date:%m-%d}") == f"--{date:%m-%d}"


@given(st.one_of(st.integers(0, 200), st.integers(0, 99_999_999)), st.integers(0, 99))
def test_amounts_are_heard_again(units: int, cents: int) -> None:
    value = f"{units}.{cents:02d}"
    assert heard_again(Asks("n", "money"), value) == value


@given(
    st.sampled_from(["jane", "jane.doe", "j_doe", "bob99", "x-y"]), st.sampled_from(["gmail.com", "a.co.uk", "b2.org"])
)
def test_addresses_are_heard_again(local: str, domain: str) -> None:
    assert heard_again(Asks("n", "email"), f"{local}@{domain}") == f"{local}@{domain}"


@given(st.text(max_size=40), st.sampled_from(["digits", "date", "money", "email", "spelled", "name"]), st.booleans())
def test_any_value_is_harmless(value: str, kind: str, plainly: bool) -> None:
    assert isinstance(read_back(kind, value, plainly=plainly), str)
