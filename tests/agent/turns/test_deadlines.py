"""When a turn ends if nothing more happens, by table: all times from the end of the last speech, which is END_MS."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.definition import TurnSettings
from agent.slots.base import Progress, Reading
from agent.turns.deadlines import (
    FINAL_MS,
    NEVER_MS,
    QUIET_MS,
    REST_MS,
    SOUNDS_ON_MS,
    STABLE_MS,
    SURE_QUIET_MS,
    Deadline,
    Deadlines,
    TurnSoFar,
    last_activity_ms,
)
from agent.turns.judgement import Judgement, Waiting
from agent.turns.lag import FIRST_LAG_MS, RecogniserLag
from agent.turns.sounding import Sounding

END_MS = 10_000
SETTINGS = TurnSettings()
LEAST_MS, TRAILING_MS, MOST_MS = SETTINGS.min_trailing_ms, SETTINGS.trailing_ms, SETTINGS.max_trailing_ms
HOLD_MS, KEY_MS = SETTINGS.hold_ms, SETTINGS.key_pause_ms

WHOLE = Judgement(Waiting.END, "slot complete", Reading(Progress.WHOLE, "4712"))
YES = replace(WHOLE, lingers=True)
PART = Judgement(Waiting.HOLD, "slot unfinished", Reading(Progress.PART, "47"))
ENOUGH = Judgement(Waiting.BY_WORDS, "slot enough", Reading(Progress.ENOUGH, "4712"))
UNSURE = Judgement(Waiting.BY_WORDS, "unsure", Reading(Progress.BESIDE))
DONE, AND = replace(UNSURE, reason="complete", likelihood=0.9), replace(UNSURE, reason="unfinished", likelihood=0.1)
WORDLESS = Judgement(Waiting.SILENCE, "silence", Reading(Progress.NOTHING))

#: The last word came so long after the speech: before its end, just in time, late, much later.
EARLY, ON_TIME, LATE = -100, 100, 400


class Call:
    """One call's deadlines, at the end of speech: `quiet_ms` of quiet were heard, words changed `words_ms` after it
    (None: this recogniser gives none)."""

    def __init__(self, quiet_ms: int = 300, words_ms: int | None = ON_TIME, settings: TurnSettings = SETTINGS) -> None:
        self.lag = RecogniserLag()
        if words_ms is not None:
            self.lag.streamed()
            self.lag.changed(END_MS + words_ms)
        sound = Sounding(settings.min_speech_ms)
        sound.began(END_MS)
        sound.quiet(END_MS + quiet_ms)
        self.deadlines = Deadlines(settings, sound, self.lag)

    def of(self, judged: Judgement, *, key_ms: int | None = None, whole_ms: int = 0, **more: bool) -> Deadline:
        """As told, but from END_MS on."""
        turn = TurnSoFar(
            judged,
            heard=more.get("heard", True),
            spoken=more.get("spoken", judged is not WORDLESS),
            key_ms=None if key_ms is None else END_MS + key_ms,
            whole_ms=END_MS + whole_ms,
            anew=more.get("anew", False),
            awaited=more.get("awaited", False),
        )
        told = self.deadlines.of(turn)
        due_ms, probable_ms = (at if at >= NEVER_MS else at - END_MS for at in (told.due_ms, told.probable_ms))
        return Deadline(due_ms, probable_ms, told.reason)


@pytest.mark.parametrize(
    ("judged", "words_ms", "due_ms"),
    [
        # A whole answer: quiet, and words that stand and are all there.
        (WHOLE, EARLY, max(QUIET_MS, FIRST_LAG_MS + STABLE_MS)),  # one more word may be on its way
        (WHOLE, ON_TIME, ON_TIME + STABLE_MS),
        (WHOLE, LATE, LATE + STABLE_MS),
        (WHOLE, 2000, TRAILING_MS),  # words that never stand still hold nothing up
        (YES, ON_TIME, LEAST_MS),
        (YES, LATE, LATE + STABLE_MS),
        # A part.
        (PART, ON_TIME, HOLD_MS),
        (PART, LATE, HOLD_MS),
        # By its words, which must have come.
        (DONE, ON_TIME, LEAST_MS),
        (DONE, LATE, LATE),
        (DONE, 2000, TRAILING_MS),
        (UNSURE, ON_TIME, TRAILING_MS),
        (AND, ON_TIME, MOST_MS),
        (AND, 5000, MOST_MS),
        (ENOUGH, ON_TIME, TRAILING_MS),
        # No words at all.
        (WORDLESS, None, TRAILING_MS),
        (WORDLESS, ON_TIME, TRAILING_MS),
    ],
)
def test_the_silence_that_ends_a_turn(judged: Judgement, words_ms: int | None, due_ms: int) -> None:
    told = Call(words_ms=words_ms).of(judged)
    assert (told.due_ms, told.reason) == (due_ms, judged.reason)


@pytest.mark.parametrize(
    ("judged", "probable_ms"),
    [
        (WHOLE, SURE_QUIET_MS),
        (PART, NEVER_MS),
        (DONE, ON_TIME + STABLE_MS),  # the words must stand
        (UNSURE, TRAILING_MS // 2),
        (AND, MOST_MS // 2),
        (WORDLESS, TRAILING_MS // 2),
    ],
)
def test_when_the_end_becomes_probable(judged: Judgement, probable_ms: int) -> None:
    assert Call().of(judged).probable_ms == probable_ms


@pytest.mark.parametrize(
    ("judged", "words_ms", "due_ms"),
    [
        (WHOLE, ON_TIME, TRAILING_MS),
        (YES, ON_TIME, TRAILING_MS),
        (DONE, ON_TIME, TRAILING_MS),
        (AND, ON_TIME, MOST_MS),
        (PART, -3000, HOLD_MS + SOUNDS_ON_MS - 3000),
        (WORDLESS, ON_TIME, TRAILING_MS),
    ],
)
def test_quiet_that_was_not_heard_ends_nothing_fast(judged: Judgement, words_ms: int, due_ms: int) -> None:
    """In a stall of the line, and where the caller still sounds."""
    assert Call(quiet_ms=SURE_QUIET_MS - 32, words_ms=words_ms).of(judged).due_ms == due_ms


@pytest.mark.parametrize(
    ("judged", "due_ms"),
    [(WHOLE, QUIET_MS), (PART, HOLD_MS), (DONE, TRAILING_MS), (AND, MOST_MS)],
)
def test_what_sounds_on_without_words_holds_no_turn(judged: Judgement, due_ms: int) -> None:
    """The last word came 4 s before the sound's end: the silence counts from SOUNDS_ON_MS after it."""
    told = Call(quiet_ms=0, words_ms=-4000).of(judged, whole_ms=-4000)
    assert told.due_ms == SOUNDS_ON_MS - 4000 + due_ms


@pytest.mark.parametrize(
    ("judged", "key_ms", "heard", "due_ms", "reason"),
    [
        (UNSURE, 200, False, 200 + KEY_MS, "keys"),
        (UNSURE, 200, True, 200 + KEY_MS, "keys"),
        (UNSURE, -400, True, KEY_MS - 400, "unsure"),
        (AND, -400, True, MOST_MS, "unfinished"),
        (PART, 200, True, 200 + HOLD_MS, "slot unfinished"),
        (PART, -400, False, HOLD_MS - 400, "slot unfinished"),
        (WHOLE, 700, True, 700, "slot complete"),
    ],
)
def test_keys(judged: Judgement, key_ms: int, heard: bool, due_ms: int, reason: str) -> None:
    told = Call().of(judged, key_ms=key_ms, heard=heard)
    assert (told.due_ms, told.reason) == (due_ms, reason)


def test_keys_alone_that_are_whole_end_at_once() -> None:
    assert Call().of(WHOLE, key_ms=300, spoken=False).due_ms == 300


def test_keys_that_may_be_the_beginning_again_are_waited_for() -> None:
    assert Call().of(WHOLE, key_ms=300, anew=True).due_ms == 300 + KEY_MS


def test_a_final_text_on_its_way_is_waited_for_and_a_hurry_is_not() -> None:
    call = Call()
    assert call.of(WORDLESS, awaited=True).due_ms == REST_MS + FINAL_MS
    call.deadlines.hurried = True
    assert call.of(WORDLESS, awaited=True).due_ms == LEAST_MS


def test_a_slow_recogniser_is_given_time_before_its_first_word() -> None:
    call = Call(words_ms=None)
    call.lag.streamed()
    call.lag.lag_ms = 600
    assert call.of(WORDLESS).due_ms == 600 + STABLE_MS


@pytest.mark.parametrize(
    ("settings", "holds_ms"),
    [
        (SETTINGS, [5000, 2500, 1800, 1800]),
        (replace(SETTINGS, trailing_ms=3000), [5000, 3000, 3000]),
        (replace(SETTINGS, hold_ms=1000), [1000, 1000]),
    ],
)
def test_the_hold_is_halved_where_words_come_with_the_final_only(settings: TurnSettings, holds_ms: list[int]) -> None:
    call = Call(settings=settings)
    found = [call.of(PART).due_ms]
    for _ in holds_ms[1:]:
        call.deadlines.words_are_kept_back()
        found.append(call.of(PART).due_ms)
    assert found == holds_ms


@pytest.mark.parametrize(
    ("trailing_ms", "judged", "due_ms"),
    [(100, DONE, 100), (100, UNSURE, 100), (200, YES, 200), (3000, AND, 3000), (3000, YES, LEAST_MS)],
)
def test_a_trailing_silence_outside_the_bounds_moves_them(trailing_ms: int, judged: Judgement, due_ms: int) -> None:
    assert Call(settings=replace(SETTINGS, trailing_ms=trailing_ms)).of(judged).due_ms == due_ms


@pytest.mark.parametrize(
    ("after", "pause_ms", "moves"),
    [
        (UNSURE, 1200, {"unsure"}),
        (ENOUGH, 1200, {"slot enough"}),
        (ENOUGH, 300, set()),  # letters that follow each other quickly
        (PART, 2000, set()),
        (WHOLE, 1200, set()),
        (WORDLESS, 1200, set()),
    ],
)
def test_only_pauses_that_were_waited_for_by_words_are_learnt(after: Judgement, pause_ms: int, moves: set[str]) -> None:
    """Values are given in another rhythm than one speaks in."""
    call = Call()
    for _ in range(4):
        call.deadlines.went_on(after, pause_ms)
    moved = {judged.reason for judged in (UNSURE, ENOUGH) if call.of(judged).due_ms > TRAILING_MS}
    assert moved == moves


@pytest.mark.parametrize(
    ("heard", "key_ms", "last_ms"), [(True, None, 500), (False, None, 500), (True, 300, 500), (False, 300, 300)]
)
def test_the_last_that_was_heard_of_a_turn(heard: bool, key_ms: int | None, last_ms: int) -> None:
    assert last_activity_ms(heard, 500, key_ms) == last_ms
