"""Callers in whole calls in virtual time, over the real line: held once, read from its record, and held again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.definition import AgentDefinition
from agent.kit import EngineKit
from agent.speech.cache import PhraseCache
from agent.virtual_time import VirtualContext, run_virtual
from telephony.faults.frames import Delivery, FrameFaults
from telephony.replay.callers.open_loop import open_loop
from telephony.replay.callers.reactive import reactive
from telephony.replay.callers.scripted import ScriptedCaller
from telephony.replay.callers.stalls import recorded_wire
from telephony.replay.held import HeldCall, Setting, hold_call
from telephony.replay.phone import Caller
from telephony.replay.reading.source import read_source
from tests.agent.fakes import LoudVad, ScriptedLlm, ScriptedStt, ScriptedTts, Step
from tests.agent.support import make_agent
from tests.telephony.replay.callers.support import tone

#: The ear rounds to pieces, the journal to whole milliseconds, the detector to its windows of 32 ms.
CLOSE_MS = 40


@dataclass
class Engines:
    """Scripted: what is understood is always the same, the model takes its time, the voice is loud."""

    kit: EngineKit
    agent: AgentDefinition

    async def close(self) -> None:
        await self.kit.close()


def hold(
    caller: Caller, out: Path, answers: Sequence[Sequence[Step]], rate_hz: int = 8000, wire: FrameFaults | None = None
) -> HeldCall:
    async def engines(at_ms: Callable[[], int]) -> Engines:
        agent, voice = make_agent(), ScriptedTts(char_ms=30, first_s=0.05)
        phrases = PhraseCache(voice)
        await phrases.warm(agent.phrases.all(), VirtualContext())
        return Engines(EngineKit(LoudVad(), ScriptedStt(), ScriptedLlm(answers), voice, phrases), agent)

    held = run_virtual(hold_call(caller, engines, Setting(rate_hz=rate_hz, wire=wire), out, out))
    assert held.error is None
    return held


def of(held: HeldCall, kind: str) -> list[dict[str, Any]]:
    return [event for event in held.events if event["kind"] == kind]


def agent_speech(held: HeldCall) -> list[tuple[int, int]]:
    return [(event["start_ms"], event["end_ms"]) for event in of(held, "agent.heard")]


def caller_begins(held: HeldCall) -> list[int]:
    return [event["speech_ms"] for event in of(held, "turn.started")]


def gaps(held: HeldCall) -> list[int]:
    """From the agent's last word heard to the caller's first, each time."""
    ends = [end for _, end in agent_speech(held)]
    return [begin - max(end for end in ends if end <= begin) for begin in caller_begins(held)]


QUICK: list[list[Step]] = [[0.1, "It is on its way to you."], [0.1, "You are welcome."]]
SLOW: list[list[Step]] = [[0.6, "It is on its way to you."], [0.6, "You are welcome."]]
LONG = "It is on its way, and will be with you tomorrow between nine and eleven in the morning."


@pytest.fixture
def first(tmp_path: Path) -> HeldCall:
    caller = ScriptedCaller().says(tone(800), "where is it").says(tone(600), "thank you").hangs_up(400)
    return hold(caller, tmp_path / "first", QUICK)


def test_as_it_was_recorded_the_call_is_the_same_to_the_millisecond(first: HeldCall, tmp_path: Path) -> None:
    assert first.folder is not None
    again = hold(open_loop(read_source(first.folder)), tmp_path / "again", QUICK)
    assert caller_begins(again) == caller_begins(first)
    assert agent_speech(again) == agent_speech(first)
    assert again.events[-1]["reason"] == first.events[-1]["reason"] == "caller: stop"
    assert again.events[-1]["media_ms"] == first.events[-1]["media_ms"]


class BadWire:
    """Loses some frames, holds some up, and goes dead."""

    def push(self, media_ms: int, payload: bytes, due_ms: float) -> Sequence[Delivery]:
        if 2300 <= media_ms < 2420:
            return ()
        return (Delivery(max(due_ms, 4000.0) if 3000 <= media_ms < 4000 else due_ms, media_ms, payload),)

    def frame_ms(self) -> float:
        return 20

    def dropped(self, now_ms: float) -> str:
        return "silence" if now_ms > 6000 else ""


def test_a_bad_wire_is_as_bad_again(tmp_path: Path) -> None:
    script = ScriptedCaller().says(tone(800), "where").presses("12").says(tone(800), "thanks")
    first = hold(script, tmp_path / "first", QUICK, wire=BadWire())
    assert first.folder is not None
    recorded = read_source(first.folder)
    assert recorded.gaps == ((2300, 2420),)
    assert recorded.stalls
    assert [key for _, key in recorded.keys] == ["1", "2"]
    again = hold(open_loop(recorded), tmp_path / "again", QUICK, wire=recorded_wire(recorded))
    for kind in ("line.gap", "key", "turn.started", "turn.ended", "call.ended"):
        told = [[{**event, "call_ms": 0} for event in of(held, kind)] for held in (first, again)]
        assert [{**event, "n": 0} for event in told[0]] == [{**event, "n": 0} for event in told[1]], kind
    assert again.events[-1]["reason"] == "caller: silent"


def test_a_reactive_caller_keeps_its_gaps_to_a_slower_agent(first: HeldCall, tmp_path: Path) -> None:
    assert first.folder is not None
    caller = reactive(read_source(first.folder))
    slow = hold(caller, tmp_path / "slow", SLOW)
    assert len(caller_begins(slow)) == 2
    assert gaps(slow) == pytest.approx(gaps(first), abs=CLOSE_MS)
    # The agent's 500 ms, and what two gaps are rounded by: the first one's puts off all that follows.
    assert caller_begins(slow)[1] - caller_begins(first)[1] == pytest.approx(500, abs=2 * CLOSE_MS)
    lengths = [
        [end["speech_end_ms"] - at for at, end in zip(caller_begins(h), of(h, "turn.ended"), strict=True)]
        for h in (first, slow)
    ]
    assert lengths[1] == pytest.approx(lengths[0], abs=CLOSE_MS)
    assert caller.notes == []
    assert caller.unsaid == ()
    assert slow.events[-1]["reason"] == "caller: stop"
    left_ms = [held.events[-1]["media_ms"] - agent_speech(held)[-1][1] for held in (first, slow)]
    assert left_ms[1] == pytest.approx(left_ms[0], abs=CLOSE_MS)


def test_the_recorded_caller_as_it_was_talks_into_a_slower_agents_reply(first: HeldCall, tmp_path: Path) -> None:
    """What the reactive caller is for."""
    assert first.folder is not None
    slow = hold(open_loop(read_source(first.folder)), tmp_path / "slow", SLOW)
    assert caller_begins(slow)[0] == caller_begins(first)[0]
    begin = caller_begins(slow)[1]
    assert any(start <= begin < end + 700 for start, end in agent_speech(slow)[1:2])


def test_a_barge_in_stays_a_barge_in(tmp_path: Path) -> None:
    script = ScriptedCaller().says(tone(800), "where").says(tone(900), "stop", interrupt_after_ms=900).hangs_up(400)
    first = hold(script, tmp_path / "first", [[0.1, LONG], [0.1, "All right."]])
    assert [len(of(first, kind)) for kind in ("barge_in", "turn.started")] == [1, 2]
    assert first.folder is not None
    caller = reactive(read_source(first.folder))
    slow = hold(caller, tmp_path / "slow", [[0.6, LONG], [0.6, "All right."]])
    assert [len(of(slow, kind)) for kind in ("barge_in", "turn.started")] == [1, 2]

    def into_reply(held: HeldCall) -> int:
        return caller_begins(held)[1] - agent_speech(held)[1][0]

    assert into_reply(slow) == pytest.approx(into_reply(first), abs=CLOSE_MS)
    assert caller.notes == []


def test_a_scripted_caller_knows_when_it_said_what(tmp_path: Path) -> None:
    caller = ScriptedCaller().says(tone(500), "four two").pauses(0.4).says(tone(700), "one nine").hangs_up()
    held = hold(caller, tmp_path, QUICK)
    assert [text for text, _, _ in caller.spoken] == ["four two", "one nine"]
    assert len(caller_begins(held)) == 1, "one turn, with a pause in it"
    assert caller_begins(held)[0] == pytest.approx(caller.spoken[0][1], abs=CLOSE_MS)
    assert of(held, "turn.ended")[0]["speech_end_ms"] == pytest.approx(caller.spoken[1][2], abs=CLOSE_MS)
    assert caller.errors == caller.notes == []
