"""Numbers given digit by digit: how far they have come, and what they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.slots.base import Asks, Progress, Reading
from agent.slots.reading import read_answer

DIGITS = "zero one two three four five six seven eight nine".split()
TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
NOTHING, PART, ENOUGH, WHOLE, BESIDE = Progress


def asked(length: int = 4, longest: int = 0) -> Asks:
    return Asks("number", "digits", length=length, longest=longest)


@pytest.mark.parametrize(
    ("text", "progress", "value"),
    [
        ("four seven one two", WHOLE, "4712"),
        ("It's four, seven ... one, two.", WHOLE, "4712"),
        ("my order number is four seven um one two please", WHOLE, "4712"),
        ("okay let me see it's for seven one to", WHOLE, "4712"),
        ("four uhm seven ehm one two", WHOLE, "4712"),
        ("four seven uhh one mm two", WHOLE, "4712"),
        ("four seven umm one", PART, "471"),
        ("four seven one two umm", ENOUGH, "4712"),
        ("double five triple oh", BESIDE, "55000"),
        ("double five double oh", WHOLE, "5500"),
        ("forty seven twelve", WHOLE, "4712"),
        ("four thousand seven hundred twelve", WHOLE, "4712"),
        ("four thousand", ENOUGH, "4000"),
        ("four thousand seven hundred and", ENOUGH, "4700"),
        ("four thousand seven hundred and twenty", ENOUGH, "4720"),
        ("forty seven forty", ENOUGH, "4740"),
        ("four seven one", PART, "471"),
        ("four seven double", PART, "47"),
        ("four seven one two um", ENOUGH, "4712"),
        ("four seven one two is my", ENOUGH, "4712"),
        ("four seven one two is my order number", WHOLE, "4712"),
        ("four seven one two thank you", WHOLE, "4712"),
        ("oh it is oh four seven one", WHOLE, "0471"),
        ("oh four seven one two", WHOLE, "4712"),
        ("just one moment please", NOTHING, ""),
        ("just one moment please it is four seven", PART, "47"),
        # Corrections and repeats.
        ("four seven one two no", PART, ""),
        ("four seven one two no sorry four seven one three", WHOLE, "4713"),
        ("four seven one two no sorry four seven", PART, "47"),
        ("one two three no wait one two four five", WHOLE, "1245"),
        ("one two three no wait one two", PART, "12"),
        ("four seven one two four seven", PART, "4712"),
        ("four seven one two four seven one two", WHOLE, "4712"),
        ("four seven one two that's four seven one two", WHOLE, "4712"),
        ("four seven one two four seven one three", ENOUGH, "4713"),
        ("four seven one two no three", ENOUGH, "4713"),
        ("four seven no eight one two", ENOUGH, "4812"),
        ("not four seven one one but four seven one two", WHOLE, "4712"),
        # Keys among words.
        ("yes it's 47 12", WHOLE, "4712"),
        ("four seven 1 2", WHOLE, "4712"),
        ("4 7 1", PART, "471"),
        # Beside.
        ("I don't have it", BESIDE, ""),
        ("what do you mean", BESIDE, ""),
        ("where is my parcel", BESIDE, ""),
        ("no", BESIDE, ""),
        ("sorry", BESIDE, ""),
        ("can you say that again", BESIDE, ""),
        ("i have two parcels", BESIDE, "2"),
        ("four seven one two and my parcel is late", BESIDE, "4712"),
        ("four seven one two five six seven", BESIDE, "4712567"),
        # Nothing yet.
        ("", NOTHING, ""),
        ("um", NOTHING, ""),
        ("my order number is", NOTHING, ""),
        ("okay let me see it's", NOTHING, ""),
        ("double", PART, ""),
    ],
)
def test_four_digits(text: str, progress: Progress, value: str) -> None:
    assert read_answer(asked(4), text) == Reading(progress, value)


@pytest.mark.parametrize(
    ("asks", "text", "progress", "value"),
    [
        (asked(10), "area code five five five and then one two three dash four five six", PART, "555123456"),
        (asked(10), "area code five five five and then one two three dash four five six seven", WHOLE, "5551234567"),
        (asked(11), "one eight hundred five five five one two three four", WHOLE, "18005551234"),
        (asked(5), "four seven three zeros", WHOLE, "47000"),
        (asked(4, 6), "four seven one", PART, "471"),
        (asked(4, 6), "four seven one two", ENOUGH, "4712"),
        (asked(4, 6), "four seven one two five six", WHOLE, "471256"),
        (asked(4, 6), "four seven one two four seven", ENOUGH, "471247"),
        (asked(4, 6), "four seven one two four seven one two", WHOLE, "4712"),
        (asked(0), "four seven", ENOUGH, "47"),
        (asked(0, 6), "four seven", ENOUGH, "47"),
        (asked(0, 4), "four seven one two", WHOLE, "4712"),
        (asked(2), "forty", ENOUGH, "40"),
        (asked(2), "forty two", WHOLE, "42"),
        (asked(1), "four", WHOLE, "4"),
    ],
)
def test_other_lengths(asks: Asks, text: str, progress: Progress, value: str) -> None:
    assert read_answer(asks, text) == Reading(progress, value)


@st.composite
def answers(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A number of three to ten digits, and the words of one of the many ways to say or key it."""
    digits = draw(st.text("0123456789", min_size=3, max_size=10))
    said: list[str] = []
    at = 0
    while at < len(digits):
        pair, after = digits[at : at + 2], digits[at + 2 : at + 3]
        ways = [(DIGITS[int(digits[at])], 1), (digits[at], 1)]
        if digits[at] == "0":
            ways.append(("oh", 1))
        if len(pair) == 2 and pair[0] == pair[1]:
            ways.append(("double " + DIGITS[int(pair[0])], 2))
        if len(pair) == 2 and pair[0] == "1":
            ways.append((TEENS[int(pair[1])], 2))
        if len(pair) == 2 and pair[0] in "23456789" and pair[1] != "0":
            ways.append((TENS[int(pair[0]) - 2] + " " + DIGITS[int(pair[1])], 2))
        if len(pair) == 2 and pair[0] in "23456789" and pair[1] == "0" and after == "0":
            ways.append((TENS[int(pair[0]) - 2], 2))
        way, size = draw(st.sampled_from(ways))
        said.append(way)
        at += size
        if at < len(digits):
            said.append(draw(st.sampled_from(["", "", "", "um", "dash", "and then"])))
    before = draw(st.sampled_from(["", "it's", "um my order number is", "okay let me see it is", "the number is"]))
    return digits, f"{before} {' '.join(said)}".split()


@given(answers())
def test_no_beginning_of_a_number_is_whole_and_all_of_it_is(answer: tuple[str, list[str]]) -> None:
    digits, said = answer
    asks = asked(len(digits))
    for end in range(len(said)):
        progress = read_answer(asks, " ".join(said[:end])).progress
        # "Forty" may be all of a number, or the first word of "forty two".
        assert progress in (NOTHING, PART) or (progress is ENOUGH and said[end - 1] in TENS), (said[:end], progress)
    assert read_answer(asks, " ".join(said)) == Reading(WHOLE, digits)


@given(answers(), st.sampled_from(["no", "no wait", "sorry", "i mean", "no sorry", "scratch that", "oops"]), st.data())
def test_a_number_begun_again_is_the_last_one(answer: tuple[str, list[str]], marker: str, data: st.DataObject) -> None:
    digits, said = answer
    begun = data.draw(st.integers(1, len(digits) - 1))
    first = [DIGITS[int(digit)] for digit in digits[:begun]]
    asks = asked(len(digits))
    assert read_answer(asks, " ".join([*first, *marker.split()])).progress is PART
    assert read_answer(asks, " ".join([*first, *marker.split(), *said])) == Reading(WHOLE, digits)


@given(answers(), st.sampled_from(["thank you", "please", "is my number", "okay"]))
def test_what_follows_a_whole_number_politely_changes_nothing(answer: tuple[str, list[str]], thanks: str) -> None:
    digits, said = answer
    reading = read_answer(asked(len(digits)), " ".join([*said, thanks]))
    assert reading == Reading(WHOLE, digits)
