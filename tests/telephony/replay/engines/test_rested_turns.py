"""Calls in which the caller rests within an answer, run again from their record: frame by frame as they went."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from agent.errors import EngineError
from agent.kit import ENGINES
from telephony.replay.reading.source import read_source
from telephony.replay.recorded import Recorded
from tests.agent.call import Call
from tests.agent.resting import Heard, asked, call
from tests.support.virtual_loop import run_virtual
from tests.telephony.replay.engines import test_round_trip
from tests.telephony.replay.engines.test_round_trip import run_again

FRAME_MS = 20
BROKEN = EngineError("broken")
ONE_TWO: Heard = ("one two", 0.1, "one two")
Story = Callable[[Call], Awaitable[Any]]


@pytest.fixture(autouse=True)
def loud(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGINES["vad"], "loud", (test_round_trip.__name__, "AgentsLoudVad"))


def says(*pieces_s: tuple[float, float]) -> Story:
    """Speak for so long and be silent for so long, again and again; then the turn is decided."""

    async def story(made: Call) -> None:
        for speech_s, silence_s in pieces_s:
            made.phone.speak(round(1000 * speech_s))
            await asyncio.sleep(speech_s + silence_s)
        await made.until("turn.committed", 2)
        await asyncio.sleep(4)

    return story


IN_ONE, IN_TWO = says((1.2, 0)), says((0.7, 0.8), (0.7, 0))
CASES: dict[str, tuple[tuple[Heard, ...], Story]] = {
    "the last word makes the answer whole": ((("four seven one", 0.1, "four seven one two"),), IN_ONE),
    "it comes late": ((("four seven one", 0.45, "four seven one two"),), IN_ONE),
    "the caller goes on behind it": ((("four", 0.1, "four seven"), ONE_TWO), says((0.7, 1.5), (0.7, 0))),
    "before it": ((("four seven", 0.6, "four seven"), ONE_TWO), IN_TWO),
    "and it comes after the turn": ((("four seven", 1.5, "four seven"), ONE_TWO), IN_TWO),
    "and is nothing": ((("four seven", 0.6, ""), ONE_TWO), IN_TWO),
    "and fails": ((("four seven", 0.6, BROKEN), ONE_TWO), IN_TWO),
    "and fails after the turn": ((("four seven", 1.5, BROKEN), ONE_TWO), IN_TWO),
    "it fails in the pause": ((("four seven", 0.1, BROKEN), ONE_TWO), says((0.7, 2), (0.7, 0))),
    "it never comes": ((("four seven", 60.0, ""), ONE_TWO), says((0.7, 4), (0.7, 0))),
    "it is nothing, in the pause": ((("four seven", 0.1, ""), ONE_TWO), says((0.7, 2), (0.7, 0))),
    "held in vain": ((("four", 0.1, "four seven"),), IN_ONE),
    "held in vain, and it fails": ((("four", 0.1, BROKEN),), IN_ONE),
    "two rests": ((("four", 0.1, "four"), ("seven", 0.3, "seven one"), ("two", 0.1, "two")), says(*[(0.7, 0.9)] * 3)),
}


def record(heard: tuple[Heard, ...], story: Story, root: Path) -> list[dict[str, Any]]:
    async def main() -> list[dict[str, Any]]:
        made = call(*heard)
        made.record_root, made.record_mode = root, "full"
        async with made.running():
            await asked(made)
            await story(made)
        return made.events

    return run_virtual(main())


def recorded(case: str, root: Path) -> tuple[list[dict[str, Any]], Recorded]:
    then = record(*CASES[case], root)
    return then, read_source(root / "CA1")


def what(events: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Turns, what was understood and what failed, in their order."""
    fields = ("turn", "text", "reason", "by", "where", "final", "result")
    return [(event["kind"], *(event.get(field) for field in fields)) for event in told(events)]


def when(events: list[dict[str, Any]]) -> list[int]:
    return [event.get(field, 0) for event in told(events) for field in ("media_ms", "speech_ms", "speech_end_ms")]


def told(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Behind the question."""
    stt = {event["id"] for event in events if event["kind"] == "engine.request" and event["engine"] == "stt"}
    return [
        event
        for event in events
        if (event["kind"].startswith("turn.") and event["kind"] != "turn.latency")
        or event["kind"] == "error"
        or (event["kind"] == "engine.result" and event["id"] in stt)
    ]


@pytest.mark.parametrize("case", CASES)
def test_a_turn_with_a_rest_goes_again_as_it_went(case: str, tmp_path: Path) -> None:
    then, record = recorded(case, tmp_path / "then")
    assert [event["kind"] for event in then].count("turn.rested") >= 1
    held, kit = run_again(record, tmp_path / "now", tools={})
    assert (held.error, kit.diverged) == (None, None)
    assert what(held.events) == what(then)
    moved = [now - before for now, before in zip(when(held.events), when(then), strict=True)]
    assert max(map(abs, moved)) <= FRAME_MS, moved
    assert not [how for how in kit.served if "embedded" in how or "part" in how]
    third, _ = run_again(read_source(tmp_path / "now" / "CA1"), tmp_path / "third", tools={})
    assert what(third.events) == what(then)
