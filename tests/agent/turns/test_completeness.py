"""Completeness of free speech: by table, by chance, and against silence alone on turns as people speak them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.definition import TurnSettings
from agent.turns.completeness import Completeness, completeness, ending_likelihood
from agent.turns.pauses import CallerPauses

#: One turn a line; "|" where people pause.
SPOKEN = [
    line for line in (Path(__file__).parent / "spoken_turns.txt").read_text().splitlines() if line and line[0] != "#"
]

COMPLETE = """
    yes, no, no thanks, goodbye, that's all, that's all thank you, where is my parcel, Where is my parcel?,
    please cancel it, i want to cancel my order, can i speak to a person, thank you very much, yes it is, Yes. I would.,
    could you repeat that please, i don't know, i think so, i'd like to track my order please, what is it for,
    where are you calling from, tell me where it is, my internet is down, it was delivered yesterday, not really, i do,
    how long will it take, it was closed when i got there, i am not sure which one it was, thank you that was all,
    tell me where it was
"""
UNFINISHED = """
    i, and, um, my number is, it's, yes and, i'd like to, i was wondering if, can you tell me, do you have, My order,
    i want to cancel my order because, My order number is, i would like a, i'm calling about the, hello i'd like,
    yes um, because, the, so, could you please, it is for my, i want, the problem is, i ordered, if you could,
    when the driver, i need to change the, i want to speak to, would you, i would, well it was
"""


def _phrases(text: str) -> list[str]:
    return [" ".join(phrase.split()) for phrase in text.split(",")]


@pytest.mark.parametrize("text", _phrases(COMPLETE))
def test_what_is_whole_is_complete(text: str) -> None:
    assert completeness(text) is Completeness.COMPLETE


@pytest.mark.parametrize("text", _phrases(UNFINISHED))
def test_what_must_go_on_is_unfinished(text: str) -> None:
    assert completeness(text) is Completeness.UNFINISHED


@pytest.mark.parametrize("text", ["", " ... ", "my number is four seven", "it's 4 7", "hello", "okay", "jarvis"])
def test_where_words_do_not_tell_nobody_is_sure(text: str) -> None:
    assert completeness(text) is not Completeness.COMPLETE


def test_without_words_nothing_is_known() -> None:
    assert completeness("") is completeness(" ... ") is Completeness.UNSURE


def test_a_recognisers_marks_count_mildly() -> None:
    assert ending_likelihood("the blue one?") > ending_likelihood("the blue one") > ending_likelihood("the blue one,")
    assert completeness("my number is.") is Completeness.UNFINISHED


def test_case_and_typographic_apostrophes_change_nothing() -> None:
    assert ending_likelihood("I’D LIKE TO TRACK MY ORDER") == ending_likelihood("i'd like to track my order")


def test_only_the_end_of_a_long_speech_counts() -> None:
    long = "and then i went to the shop " * 500
    assert ending_likelihood(long + "that's all thank you") == ending_likelihood(
        "the shop " * 30 + "that's all thank you"
    )


@given(st.text() | st.lists(st.sampled_from("i the want parcel is my um and , . it's ’ 7 if".split())).map(" ".join))
def test_any_text_has_a_likelihood(text: str) -> None:
    assert 0.0 < ending_likelihood(text) < 1.0
    assert completeness(text) in Completeness


def test_at_the_same_mean_delay_words_cut_off_less_than_half_of_what_silence_does() -> None:
    """The turns that the weights were not fitted on (odd lines); pauses spread evenly over the logarithm."""
    pauses_ms = [200 * 7.5 ** ((step + 0.5) / 40) for step in range(40)]  # 200 to 1500
    settings, caller = TurnSettings(min_trailing_ms=150, trailing_ms=450, max_trailing_ms=1800), CallerPauses()
    delays: list[int] = []
    inner_waits: list[int] = []
    for line in SPOKEN[1::2]:
        parts = line.split("|")
        delays.append(caller.wait_ms(ending_likelihood("".join(parts)), settings))
        inner_waits += [
            caller.wait_ms(ending_likelihood("".join(parts[:end])), settings) for end in range(1, len(parts))
        ]

    def cutoffs(waits: list[int]) -> float:
        return sum(pause > wait for wait in waits for pause in pauses_ms) / (len(waits) * len(pauses_ms))

    mean_ms = round(sum(delays) / len(delays))
    assert len(inner_waits) > 80
    assert mean_ms < 350
    assert cutoffs(inner_waits) <= 0.5 * cutoffs([mean_ms] * len(inner_waits))
