"""Yes and no as answers to a question that wants one of them."""

from __future__ import annotations

import pytest

from agent.slots.base import Asks, Progress, Reading
from agent.slots.reading import read_answer

ASKS = Asks("sure", "yes_no")
NOTHING, PART, ENOUGH, WHOLE, BESIDE = Progress


@pytest.mark.parametrize(
    "text",
    ["yes", "Yes, please.", "yeah that's right", "yep", "um yes", "go ahead", "uh-huh", "yes yes", "that's correct",
     "no problem", "sure go ahead", "oh yes thank you"],
)  # fmt: skip
def test_a_plain_yes_is_whole(text: str) -> None:
    assert read_answer(ASKS, text) == Reading(WHOLE, "yes")


@pytest.mark.parametrize(
    "text",
    ["no", "no thanks", "nope", "not really", "i don't think so", "no thank you", "of course not", "not yet",
     "that is not correct", "yes no", "absolutely not"],
)  # fmt: skip
def test_a_plain_no_is_whole(text: str) -> None:
    assert read_answer(ASKS, text) == Reading(WHOLE, "no")


@pytest.mark.parametrize(
    ("text", "progress", "value"),
    [
        ("please", ENOUGH, "yes"), ("no it's", PART, "no"),
        ("no it's forty two", BESIDE, "no"),
        ("okay", ENOUGH, "yes"), ("right", ENOUGH, "yes"), ("i guess so", ENOUGH, "yes"), ("i do", ENOUGH, "yes"),
        ("of course", ENOUGH, "yes"), ("absolutely", ENOUGH, "yes"), ("i don't", ENOUGH, "no"),
        ("yes but", PART, "yes"), ("yes and", PART, "yes"), ("no wait", PART, "no"), ("yes but wait", PART, "yes"),
        ("of", PART, ""), ("that is", PART, ""), ("i", PART, ""),
        ("yes um", PART, "yes"), ("i don't think", PART, "no"),
        ("", NOTHING, ""), ("um", NOTHING, ""), ("well let me see", NOTHING, ""), ("oh", NOTHING, ""),
        ("okay where is my parcel", BESIDE, ""), ("i don't know", BESIDE, ""), ("what do you mean", BESIDE, ""),
        ("no i want the other one", BESIDE, "no"), ("yes i would like to cancel", BESIDE, "yes"),
        ("yes cancel it", BESIDE, "yes"), ("maybe", BESIDE, ""),
    ],
)  # fmt: skip
def test_the_rest(text: str, progress: Progress, value: str) -> None:
    assert read_answer(ASKS, text) == Reading(progress, value)
