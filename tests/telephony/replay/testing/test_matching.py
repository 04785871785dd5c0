"""What counts as the same words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.replay.testing.matching import closest, contains, same, spoken


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Where's my parcel?", "where is my parcel"),
        ("four two … one nine", "4 2 1 9"),
        ("forty two nineteen", "4219"),
        ("for seven one to", "4712"),
        ("um, it's 4712 please", "it is four seven one two"),
        ("Wo ist mein Päckchen?", "wo ist mein päckchen"),
        ("Где моя посылка?", "где моя посылка"),
        ("um", "Um."),
    ],
)
def test_same(one: str, other: str) -> None:
    assert same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("4219", "4 2 1 5"),
        ("Где моя посылка?", "привет"),
        ("päckchen", "packchen"),
        ("where is my parcel", "where is my parcel now"),
        ("yes", ""),
    ],
)
def test_not_the_same(one: str, other: str) -> None:
    assert not same(one, other)


@pytest.mark.parametrize(
    ("text", "part", "there"),
    [
        ("Order 4219 is on its way, and comes tomorrow.", "on its way", True),
        ("Order four, two, one, nine is here", "order 4219", True),
        ("Order 4219 is here", "42", False),
        ("It stays here for two days", "for two days", True),
        ("It stays here for two days", "for two", True),
        ("It is on its way", "on its wa", False),
        ("", "x", False),
    ],
)
def test_contains(text: str, part: str, there: bool) -> None:
    assert contains(text, part) is there


def test_a_long_text_is_read_to_its_end() -> None:
    assert contains("word " * 3000 + "the end", "the end")


def test_closest() -> None:
    said = ["Hello, parcel desk.", "Order 4219 is on its way.", "Goodbye."]
    assert closest("is on the way", said) == said[1]
    assert closest("four two one eight", ["where is it", "4 2 1 9"]) == "4 2 1 9"
    assert closest("xylophone", said) is None
    assert closest("hello", []) is None


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_matches_itself_and_what_holds_it(one: str, other: str) -> None:
    assert same(one, one)
    assert closest(one, [other]) in (other, None)
    if spoken(one, within=True):
        assert contains(one, one)
