"""The caller who follows a script: what is said when, and what is told of it."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from agent.errors import LocalError
from telephony.replay.callers.scripted import AFTER_MS, ScriptedCaller
from telephony.sandbox.script import WAIT_S
from tests.telephony.replay.callers.support import Rehearsal, speaks, tone

GREETING = (200, 1400)


def run(caller: ScriptedCaller, *agent: tuple[int, int], limit_ms: int = 60_000) -> Rehearsal:
    return Rehearsal(caller, 8000, speaks(*agent)).run(limit_ms)


def test_says_waits_for_the_greeting_and_the_caller_hangs_up_after_the_answer() -> None:
    caller = ScriptedCaller().says(tone(600), "hello").hangs_up(300)
    call = run(caller, GREETING, (3500, 4500))
    assert caller.spoken == [("hello", 1400 + AFTER_MS, 2000 + AFTER_MS)]
    assert (caller.ended, call.left_ms) == ("hang up", 4800)
    assert caller.errors == caller.notes == []


def test_a_pause_lies_within_one_thought_whatever_the_agent_does() -> None:
    caller = ScriptedCaller().says(tone(500), "four two").pauses(0.8).says(tone(700), "one nine")
    run(caller, GREETING, (2700, 3000), (4500, 5000))
    began = 1400 + AFTER_MS
    assert caller.spoken == [
        ("four two", began, began + 500),
        ("one nine", began + 1300, began + 2000),
    ]


def test_quiet_around_the_words_is_not_counted_as_words() -> None:
    caller = ScriptedCaller().says(bytes(16 * 100) + tone(500) + bytes(16 * 60), "a").pauses(0.4).says(tone(200), "b")
    run(caller, GREETING)
    began = 1400 + AFTER_MS + 100
    assert caller.spoken == [("a", began, began + 500), ("b", began + 960, began + 1160)]


def test_the_next_words_wait_for_the_answer_but_not_for_ever() -> None:
    caller = ScriptedCaller().says(tone(500), "a").says(tone(500), "b").says(tone(500), "c")
    run(caller, GREETING, (4000, 5000))
    assert [start for _, start, _ in caller.spoken] == [2100, 5700, 6200 + WAIT_S * 1000]


def test_interrupts() -> None:
    caller = ScriptedCaller().says(tone(500), "a").says(tone(500), "b", interrupt_after_ms=600)
    run(caller, GREETING, (4000, 8000))
    assert caller.spoken[1] == ("b", 4600, 5100)
    late = ScriptedCaller().says(tone(500), "a").says(tone(500), "b", interrupt_after_ms=400)
    run(late, GREETING, (4000, 4200))
    assert late.notes == ["'b' was to interrupt the agent, which stopped or said nothing before"]


def test_keys_wait_for_the_agent_unless_they_follow_a_pause() -> None:
    call = run(ScriptedCaller().presses("12").presses("#"), GREETING, (4000, 5000))
    assert call.keys == [(2100, "1"), (2360, "2"), (5000 + AFTER_MS, "#")]
    call = run(ScriptedCaller().pauses(0.5).presses("7"), GREETING)
    assert call.keys == [(500, "7")]


def test_after_a_pause_the_caller_speaks_into_the_greeting_if_it_must_be() -> None:
    caller = ScriptedCaller().pauses(0.5).says(tone(300), "wait")
    run(caller, GREETING)
    assert caller.spoken == [("wait", 500, 800)]


def test_the_ends_of_a_call() -> None:
    at_once = ScriptedCaller().says(tone(500), "bye").hangs_up(None)
    assert run(at_once, GREETING).left_ms == 2600
    dropped = ScriptedCaller().drops()
    assert run(dropped, GREETING).left_ms == 0
    assert dropped.ended == "drop"
    waiting = ScriptedCaller().waits_for_hang_up(3)
    assert run(waiting, GREETING).left_ms == 4400
    assert waiting.errors == ["the agent did not hang up: 3 s of silence"]
    silent = ScriptedCaller()
    assert run(silent, GREETING).left_ms == 2000


def test_what_the_call_was_too_short_for() -> None:
    caller = ScriptedCaller().says(tone(500), "a").says(tone(500), "b")
    run(caller, GREETING, limit_ms=3000)
    assert [text for text, _, _ in caller.spoken] == ["a"]


def test_a_recording_is_played(tmp_path: Path) -> None:
    path = tmp_path / "hello.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(3200) + tone(500, rate_hz=16_000))
    caller = ScriptedCaller().plays(path).plays(path, "hello")
    run(caller, GREETING, (3500, 4500))
    assert [text for text, _, _ in caller.spoken] == ["hello.wav", "hello"]
    assert [round(end - start, -1) for _, start, end in caller.spoken] == [500, 500]


def test_what_cannot_be_done_is_said_when_it_is_written() -> None:
    with pytest.raises(LocalError, match="no sound that is loud enough"):
        ScriptedCaller().says(bytes(16_000), "mute")
    with pytest.raises(LocalError, match="keys are 0-9"):
        ScriptedCaller().presses("12x")
    with pytest.raises(LocalError, match="0 to 600 seconds"):
        ScriptedCaller().pauses(-1)
    caller = ScriptedCaller().says(tone(500), "a")
    caller.frame(0)
    with pytest.raises(LocalError, match="the call has begun"):
        caller.says(tone(500), "b")
