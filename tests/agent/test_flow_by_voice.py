"""The flow by voice, in virtual time: a no into an answer, and a caller who must look for the number first."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from agent.agents import load_agent
from agent.llm.flow import FlowEngine
from tests.agent.call import PHRASES, Call
from tests.support.virtual_loop import virtual

DESK = load_agent("parcel-desk")


class CountedFlow(FlowEngine):
    """The flow engine, as the checks at a call's end want it: it holds nothing open."""

    open = 0


class ParcelCall(Call):
    """A call to the parcel desk; the caller says `says`, a text for each turn."""

    def __init__(self, *says: str) -> None:
        super().__init__(says=[(0.05, text) for text in says])
        self.agent = replace(DESK, phrases=PHRASES, turns=self.agent.turns)
        self.llm = CountedFlow(self.agent)  # type: ignore[assignment]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The desk's tool keeps its orders in the working folder of such a call."""
    monkeypatch.chdir(tmp_path)


@virtual
async def test_a_no_into_the_answer_ends_no_call() -> None:
    c = ParcelCall("no", "goodbye")
    async with c.running():
        c.phone.press("1234")
        await c.until("playout.started", 2)
        await asyncio.sleep(1.0)
        await c.say()
        await c.until_heard("What can I do for you?")
        assert [said for said in c.heard() if "Is there anything else" in said] == [], "it was not heard"
        assert c.of("leave") == []
        await c.say()
        await c.ended()


@virtual
async def test_who_has_to_look_is_given_time_and_then_asked_whether_they_are_there() -> None:
    c = ParcelCall("where is my parcel", "hold on", "let me look", "four seven one two")
    async with c.running():
        await c.say()
        await c.until("reply.heard", 2)
        await c.say()
        await c.until_heard("Take your time.")
        await c.until_heard("Are you still there?")
        await c.say()
        await c.until("reply.heard", 5)
        await c.say()
        await c.until("tool.called", name="find_order", arguments={"order_number": "4712"})
    assert c.heard().count("Take your time.") == 2
    assert "Take your time." not in c.tts.spoken, "it is in memory"
    assert not any("Sorry" in said for said in c.heard())
