"""A call of scripted engines, recorded, read, and run again from its record: the same call, twice the same journal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from agent.definition import AgentDefinition, EngineChoice, TurnSettings
from agent.errors import EngineError
from agent.kit import ENGINES
from agent.llm.base import ToolCall
from agent.tools.base import ToolContext
from agent.tools.builtin import BUILTIN_TOOLS
from agent.tools.decorator import tool
from telephony.replay.callers.open_loop import open_loop
from telephony.replay.engines.kit import ReplayKit, replay_kit
from telephony.replay.held import HeldCall, Setting, hold_call
from telephony.replay.plan import Plan
from telephony.replay.reading.source import read_source
from telephony.replay.recorded import Diverged, Recorded
from tests.agent.call import PHRASES, Call
from tests.agent.fakes import LoudVad
from tests.agent.support import make_agent
from tests.support.virtual_loop import VirtualContext, run_virtual

RAN: list[str] = []


class AgentsLoudVad(LoudVad):
    """LoudVad, as an agent's engine."""

    def __init__(self, agent: AgentDefinition | None = None) -> None:
        super().__init__()

    def stream(self) -> LoudVad:
        return LoudVad()


@pytest.fixture(autouse=True)
def loud(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGINES["vad"], "loud", (__name__, "AgentsLoudVad"))
    RAN.clear()


@tool(effect="write", filler="Let me see.", patience_s=0.3)
async def cancel(ctx: ToolContext, order: str) -> dict[str, str]:
    """Cancel an order."""
    RAN.append(order)
    await asyncio.sleep(0.8)
    return {"cancelled": order}


TOOLS = (cancel, *BUILTIN_TOOLS)
CANCEL = ToolCall("t1", "cancel", {"order": "4711"})


async def two_turns(c: Call) -> None:
    for _ in range(2):
        await c.say(700)
        await c.until_heard("answer")
        await asyncio.sleep(0.5)


async def barges_in(c: Call) -> None:
    await c.say(700)
    await c.until("playout.started", 2)
    await asyncio.sleep(0.7)
    await c.say(600)
    await asyncio.sleep(3)


async def makes_a_noise(c: Call) -> None:
    await c.say(700)
    await c.until("playout.started", 2)
    await asyncio.sleep(0.4)
    c.phone.speak(300)
    await c.until("turn.rejected")
    await asyncio.sleep(6)


async def leaves(c: Call) -> None:
    await c.say(700)
    await c.ended()


async def presses(c: Call) -> None:
    c.phone.press("12#")
    await c.until_heard("answer")
    await c.say(500)
    await asyncio.sleep(3)


async def is_silent(c: Call) -> None:
    await c.ended()


LONG = "This is the answer, and it is a long one, with a lot to be said. " + " ".join(
    f"And then there is the {number} thing that must be said." for number in ("first", "second", "third", "last")
)
CASES: dict[str, tuple[dict[str, Any], Callable[[Call], Awaitable[None]]]] = {
    "two turns": ({"says": ((0.05, "one"), (0.07, "two"))}, two_turns),
    "a barge-in": ({"answers": ((0.1, LONG), (0.2, "Well then."))}, barges_in),
    "a noise": ({"says": ((0.05, "one"), (0.05, "")), "answers": ((0.1, LONG),)}, makes_a_noise),
    "a noise while the model thinks": (
        {"says": ((0.05, "one"), (0.05, "")), "answers": ((0.1, "This is, ", 0.9, LONG),)},
        makes_a_noise,
    ),
    "a tool": ({"answers": ((0.1, CANCEL), (0.1, "This answer."), (0.1, "Well."))}, two_turns),
    "it hangs up": ({"answers": ((0.1, "Goodbye.", ToolCall("t", "hang_up", {"reason": "done"})), (0.1, ""))}, leaves),
    "keys": ({"says": ((0.05, "one"),)}, presses),
    "the recogniser fails once": ({"says": ((0.2, EngineError("deaf")), (0.05, "two"))}, is_silent),
    "the model fails": ({"answers": ((0.1, "This is", 0.3, EngineError("no more")),)}, leaves),
    "silence": ({}, is_silent),
}


def record(case: str, root: Path, **agent: Any) -> list[dict[str, Any]]:
    fields, story = CASES[case]

    async def main() -> list[dict[str, Any]]:
        call = Call(tools=TOOLS, **fields, **agent)
        call.record_root, call.record_mode = root, "full"
        async with call.running():
            if case == "the recogniser fails once":
                await call.say(700)
                await call.until_heard(PHRASES.not_understood)
                await call.say(700)
                await call.until_heard("answer")
            else:
                await story(call)
        return call.events

    return run_virtual(main())


def run_again(recorded: Recorded, out: Path, plan: Plan | None = None, **agent: Any) -> tuple[HeldCall, ReplayKit]:
    fields = {"phrases": PHRASES, "vad": EngineChoice("loud"), "tools": {each.name: each for each in TOOLS}}
    kits: list[ReplayKit] = []

    async def main() -> HeldCall:
        caller = open_loop(recorded)

        async def engines(at_ms: Callable[[], int]) -> ReplayKit:
            made = make_agent(**{**fields, **agent})
            kits.append(
                await replay_kit(
                    made,
                    plan or Plan(missing="stop"),
                    recorded,
                    VirtualContext(),
                    at_ms=at_ms,
                    recorded_ms=caller.recorded_ms,
                )
            )
            return kits[0]

        return await hold_call(caller, engines, Setting(rate_hz=recorded.rate_hz), out, out)

    return run_virtual(main()), kits[0]


def tale(events: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What happened, in order, without its times."""
    keys = ("turn", "text", "reason", "name", "arguments", "ok", "result", "decision", "phrase", "digit")
    kinds = ("turn.ended", "turn.committed", "turn.rejected", "barge_in", "tool.called", "tool.returned", "call.ended")
    told = ("agent.heard", "agent.clause", "silence.prompt", "leave", "key")
    return [
        (event["kind"], *(event[key] for key in keys if key in event))
        for event in events
        if event["kind"] in (*kinds, *told)
    ]


def heard_ms(events: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [(event["start_ms"], event["end_ms"]) for event in events if event["kind"] == "agent.heard"]


@pytest.mark.parametrize("case", CASES)
def test_the_same_call(case: str, tmp_path: Path) -> None:
    then = record(case, tmp_path / "then")
    RAN.clear()
    recorded = read_source(tmp_path / "then" / "CA1")
    held, kit = run_again(recorded, tmp_path / "now")
    assert held.error is None, held.error
    assert kit.diverged is None
    assert tale(held.events) == tale(then)
    for now, before in zip(heard_ms(held.events), heard_ms(then), strict=True):
        assert now == pytest.approx(before, abs=41)
    assert RAN == []
    again, _ = run_again(recorded, tmp_path / "again")
    assert again.events == held.events
    third, served = run_again(read_source(tmp_path / "now" / "CA1"), tmp_path / "third")
    assert tale(third.events) == tale(then)
    assert not [key for key in served.served if "embedded" in key or "refused" in key or "part" in key]


def test_nothing_of_what_was_said_then_is_lost_by_an_agent_that_waits_longer(tmp_path: Path) -> None:
    record("two turns", tmp_path / "then")
    slower = {"turns": TurnSettings(trailing_ms=750)}
    held, kit = run_again(read_source(tmp_path / "then" / "CA1"), tmp_path / "now", **slower)
    assert held.error is None
    committed = [event["text"] for event in held.events if event["kind"] == "turn.committed"]
    assert committed == ["one", "two"]
    assert kit.served["stt: hash"] == 2  # of the quiet behind speech the recogniser hears no more than before
    waited = [event["endpointing_ms"] for event in held.events if event["kind"] == "turn.latency"]
    assert all(750 <= ms <= 800 for ms in waited)


def test_an_agent_that_is_not_cut_off_any_more_diverges_where_the_record_ends(tmp_path: Path) -> None:
    then = record("a barge-in", tmp_path / "then")
    deaf = {"turns": TurnSettings(barge_in_ms=5000)}
    recorded = read_source(tmp_path / "then" / "CA1")
    held, kit = run_again(recorded, tmp_path / "now", **deaf)
    assert kit.diverged is not None
    assert isinstance(held.error, BaseExceptionGroup)
    assert held.error.subgroup(Diverged) is not None
    assert held.events[-1]["kind"] == "call.ended"
    on, own = run_again(recorded, tmp_path / "on", Plan(missing="embedded"), **deaf)
    assert on.error is None
    assert own.served["tts: embedded"] >= 1
    heard = [
        max(len(event["text"]) for event in events if event["kind"] == "agent.heard") for events in (then, on.events)
    ]
    assert heard[1] > heard[0] + 30, "it goes on until the words have come: a second or so"


def test_reheard_the_agents_own_recogniser_is_asked_and_the_rest_comes_from_the_record(tmp_path: Path) -> None:
    record("two turns", tmp_path / "then")
    stt = EngineChoice("synthetic", {"script": ["one", "something else"]})
    held, kit = run_again(read_source(tmp_path / "then" / "CA1"), tmp_path / "now", Plan(mode="rehear"), stt=stt)
    assert held.error is None
    committed = [event["text"] for event in held.events if event["kind"] == "turn.committed"]
    assert committed == ["one", "something else"]
    assert kit.served == {"llm: hash": 1, "llm: turn": 1, "tts: text": 2, "tts: memory": 1}


def test_anew_all_is_the_agents_own(tmp_path: Path) -> None:
    record("two turns", tmp_path / "then")
    held, kit = run_again(read_source(tmp_path / "then" / "CA1"), tmp_path / "now", Plan(mode="anew"))
    assert held.error is None
    assert kit.served == {}
    committed = [event["text"] for event in held.events if event["kind"] == "turn.committed"]
    assert committed == ["where is my parcel", "yes please"]
