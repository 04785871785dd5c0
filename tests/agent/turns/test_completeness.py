"""Completeness of free speech, by table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.turns.completeness import Ending, ending, ending_likelihood

COMPLETE = (
    "yes", "no", "no thanks", "goodbye", "that's all", "that's all thank you", "where is my parcel",
    "Where is my parcel?",
    "please cancel it", "i want to cancel my order", "can i speak to a person", "thank you very much", "yes it is",
    "could you repeat that please", "i don't know", "i think so", "i'd like to track my order please",
)  # fmt: skip
UNFINISHED = (
    "i", "and", "um", "my number is", "it's", "yes and", "i'd like to", "i was wondering if", "can you tell me",
    "do you have", "i want to cancel my order because", "My order number is", "i would like a", "i'm calling about the",
    "hello i'd like", "yes um", "because", "the", "so", "could you please", "it is for my", "i want", "the problem is",
)  # fmt: skip


@pytest.mark.parametrize("text", COMPLETE)
def test_what_is_whole_is_complete(text: str) -> None:
    assert ending(text) is Ending.COMPLETE


@pytest.mark.parametrize("text", UNFINISHED)
def test_what_must_go_on_is_unfinished(text: str) -> None:
    assert ending(text) is Ending.UNFINISHED


def test_without_words_nothing_is_known() -> None:
    assert ending("") is ending(" ... ") is Ending.UNSURE


def test_a_recognisers_marks_count_mildly() -> None:
    assert ending_likelihood("the blue one?") > ending_likelihood("the blue one") > ending_likelihood("the blue one,")
    assert ending("my number is.") is Ending.UNFINISHED


@given(st.text() | st.lists(st.sampled_from("i the want parcel is my um and , . it's ’".split())).map(" ".join))
def test_any_text_has_a_likelihood(text: str) -> None:
    assert 0.0 < ending_likelihood(text) < 1.0
    assert ending(text) in Ending
