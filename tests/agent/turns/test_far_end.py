"""The far end: what makes it a machine, when a beep matters, and when a message may be left."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.audio.beep import Tone
from agent.turns.far_end import (
    BEEP_WITHIN_MS,
    CONVERSED,
    LONGEST_GREETING_MS,
    NO_BEEP_MS,
    OPENING_MS,
    Beep,
    FarEnd,
    Voicemail,
)

GREETING = "please leave a message after the tone"


def beep(start_ms: int, hz: float = 1000.0, length_ms: int = 400) -> Tone:
    return Tone(start_ms, start_ms + length_ms, hz)


def test_words_are_told_once_and_then_the_beep_once() -> None:
    far_end = FarEnd()
    assert far_end.words("hello", 900) == ()
    assert far_end.words(GREETING, 4000) == (Voicemail(4000, "greeting", GREETING),)
    assert far_end.machine
    assert far_end.words("leave a message after the beep", 6000) == ()
    assert far_end.beep(beep(6000)) == (Beep(6400, 1000.0, 400),)
    assert far_end.beep(beep(9000)) == ()


def test_early_speech_and_a_beep_are_a_machine_without_a_word() -> None:
    far_end = FarEnd()
    assert far_end.speech(400, 3500) == ()
    assert far_end.beep(beep(4200)) == (Voicemail(4600, "beep"), Beep(4600, 1000.0, 400))


def test_early_speech_may_be_several_stretches() -> None:
    far_end = FarEnd()
    far_end.speech(4500, 5500, over_us=True)
    far_end.speech(6400, 8200)
    assert len(far_end.beep(beep(9000))) == 2


@pytest.mark.parametrize(
    ("speech", "tone"),
    [
        ([(400, 3500)], beep(3500 + 4100)),  # long after
        ([(400, 1200)], beep(2000)),  # "hello?"
        ([(5000, 9000)], beep(9500)),  # a person who let us speak first
        ([(400, 1200), (4000, 8000)], beep(9000)),  # "hello?", then an answer
        ([(400, 3500)], beep(4000, hz=440.0)),  # call waiting
        ([(400, 3500)], beep(4000, hz=425.0)),
        ([], beep(4000)),  # ringing, or a fax
        ([(61_000, 68_000)], beep(68_500)),
    ],
)
def test_a_beep_in_a_call_with_a_person(speech: list[tuple[int, int]], tone: Tone) -> None:
    far_end = FarEnd()
    for start_ms, end_ms in speech:
        assert far_end.speech(start_ms, end_ms) == ()
    assert far_end.beep(tone) == ()
    assert not far_end.machine


@pytest.mark.parametrize("text", ["hey it's mike leave a message", "bob is not available", "you have reached bob"])
def test_words_that_people_say_too_and_a_beep(text: str) -> None:
    far_end = FarEnd()
    far_end.speech(5000, 6500)
    assert far_end.words(text, 6500) == ()
    assert [type(event) for event in far_end.beep(beep(7000, hz=440.0))] == [Voicemail, Beep]


def test_such_words_count_in_the_first_minute_and_certain_ones_always() -> None:
    far_end = FarEnd()
    assert far_end.words("you have reached bob i am not here leave a message", OPENING_MS) == ()
    assert len(far_end.words(GREETING, OPENING_MS + 60_000)) == 1


def test_who_has_heard_two_answers_out_is_a_person_who_quotes_a_greeting() -> None:
    far_end = FarEnd()
    for _ in range(CONVERSED):
        assert far_end.listens(5000)
        far_end.heard_out()  # a prompting, and nothing was said
        far_end.said()
        far_end.said()  # in parts, before an answer was heard
        far_end.heard_out()
    assert not far_end.listens(5000)
    far_end.speech(100, 8000)
    assert far_end.words(GREETING, 20_000) == ()
    assert far_end.beep(beep(8300)) == ()
    assert not far_end.records_now(60_000, sounding=False)


def test_a_machine_that_is_known_stays_one_whatever_it_hears_out() -> None:
    far_end = FarEnd()
    assert far_end.words(GREETING, 5000)
    for _ in range(CONVERSED):
        far_end.said()
        far_end.heard_out()
    assert far_end.listens(6000)
    assert far_end.beep(beep(8300))


def test_signs_of_several_turns_add_up() -> None:
    far_end = FarEnd()
    assert far_end.words("you have reached bob", 2000) == ()
    assert far_end.words("leave a message", 5000) == (Voicemail(5000, "signs", "leave a message"),)


def test_beeps_are_listened_for_in_the_first_minute_or_behind_a_greeting() -> None:
    far_end = FarEnd()
    assert far_end.listens(0)
    assert not far_end.listens(OPENING_MS)
    far_end.words(GREETING, 100_000)
    assert far_end.listens(100_000 + BEEP_WITHIN_MS - 1)
    assert not far_end.listens(100_000 + BEEP_WITHIN_MS)
    far_end.beep(beep(110_000))
    assert not far_end.listens(110_500)


def test_a_message_waits_for_the_beep() -> None:
    far_end = FarEnd()
    assert not far_end.records_now(10_000, sounding=False)
    far_end.words(GREETING, 10_000)
    far_end.speech(8000, 11_000)
    assert not far_end.records_now(11_000 + NO_BEEP_MS - 1, sounding=False)
    far_end.beep(beep(12_000))
    assert far_end.records_now(12_400, sounding=False)


def test_or_for_quiet_if_no_beep_comes_and_no_longer_than_any_greeting() -> None:
    far_end = FarEnd()
    far_end.words(GREETING, 10_000)
    far_end.speech(8000, 11_000)
    assert far_end.records_now(11_000 + NO_BEEP_MS, sounding=False)
    assert not far_end.records_now(11_000 + NO_BEEP_MS, sounding=True)
    far_end.speech(14_000, 54_900)
    assert not far_end.records_now(54_999, sounding=False)
    assert far_end.records_now(10_000 + LONGEST_GREETING_MS, sounding=True)


def test_a_beep_may_come_before_the_words_are_known() -> None:
    far_end = FarEnd()
    far_end.speech(5000, 8000)
    assert far_end.beep(beep(8300, hz=440.0)) == ()
    assert far_end.words(GREETING, 8900) == (Voicemail(8900, "greeting", GREETING), Beep(8700, 440.0, 400))
    assert far_end.records_now(8900, sounding=False)


def test_but_not_one_that_the_greeting_went_on_behind() -> None:
    far_end = FarEnd()
    far_end.speech(5000, 8000)
    far_end.beep(beep(8300))
    far_end.speech(5000, 9500)
    assert far_end.words(GREETING, 9900) == (Voicemail(9900, "greeting", GREETING),)


TIMES = st.integers(0, 400_000)
CALLS = st.one_of(
    st.tuples(st.just("words"), st.sampled_from([GREETING, "leave a message", "", "\x00é", "press one"]), TIMES),
    st.tuples(st.just("speech"), TIMES, TIMES, st.booleans()),
    st.tuples(st.just("beep"), st.builds(Tone, TIMES, TIMES, st.floats(0, 4000))),
)


@given(st.lists(CALLS, max_size=40))
def test_whatever_comes_each_is_told_once(calls: list[tuple[Any, ...]]) -> None:
    far_end = FarEnd()
    told: list[Any] = []
    for name, *values in calls:
        told += getattr(far_end, name)(*values)
        assert far_end.machine == (bool(told) and isinstance(told[0], Voicemail))
    assert [type(event) for event in told] in ([], [Voicemail], [Voicemail, Beep])


def test_a_sign_of_the_opening_is_none_in_a_text_that_outlasts_it() -> None:
    far_end = FarEnd()
    far_end.words("hello you have reached bob", OPENING_MS - 1)
    far_end.words("hello you have reached bob and then he said", OPENING_MS + 1)
    assert not far_end.listens(OPENING_MS - 1 + BEEP_WITHIN_MS)
