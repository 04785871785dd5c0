"""A reply thought of while its caller is only probably done: taken over at the commit, or gone without trace."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agent.definition import TurnSettings
from agent.llm.base import ToolCall
from agent.tools.base import ToolContext
from agent.tools.decorator import tool
from tests.agent.call import Call
from tests.agent.fakes import Step
from tests.agent.test_session_early_text import streaming
from tests.support.virtual_loop import passes, virtual

ANSWER = "It is on its way, and it comes tomorrow."
#: The model takes 400 ms to its first word, and the voice 50.
THINKS_S = 0.4

looked_up: list[str] = []
ordered: list[str] = []


@tool(effect="read")
async def look(ctx: ToolContext, number: str) -> str:
    """Look it up."""
    await passes(0.8)
    looked_up.append(number)
    return "found"


@tool(effect="write")
async def order(ctx: ToolContext, number: str) -> str:
    """Order it."""
    ordered.append(number)
    return "ordered"


@pytest.fixture(autouse=True)
def _nothing_done() -> None:
    looked_up.clear()
    ordered.clear()


def calling(*answers: list[Step], ahead: bool = True, text: str = "where is my parcel", **given: Any) -> Call:
    """Someone who says `text`, word by word while they speak, and falls silent for good."""
    given = {"turns": TurnSettings(trailing_ms=900, min_trailing_ms=900, max_trailing_ms=900), **given}
    call = Call(says=[(0.05, text)], answers=answers or [[THINKS_S, ANSWER]], think_ahead=ahead, **given)
    return streaming(call, [(0.5, text)])


async def voice_to_voice_ms(call: Call) -> int:
    async with call.running():
        await call.say()
        latency = await call.until("turn.latency")
        await call.until("reply.heard", 2)
    return int(latency["voice_to_voice_ms"])


@virtual
async def test_the_answer_comes_at_the_commit() -> None:
    """Thinking and the voice's start are over by then; without, the caller waits for both."""
    soon, late = calling(), calling(ahead=False)
    at_once = await voice_to_voice_ms(soon)
    assert await voice_to_voice_ms(late) - at_once >= 1000 * THINKS_S
    assert soon.of("turn.latency")[0]["llm_ms"] == soon.of("turn.latency")[0]["tts_ms"] == 0
    assert soon.heard() == late.heard()
    assert len(soon.llm.requests) == 1
    assert soon.tts.spoken == late.tts.spoken


@virtual
async def test_the_journal_has_it_as_if_it_had_been_asked_then() -> None:
    call = calling()
    await voice_to_voice_ms(call)
    request = next(event for event in call.of("engine.request") if event["engine"] == "llm")
    assert request["ahead"] is True
    results = [event for event in call.of("engine.result") if event["id"] == request["id"]]
    assert [event["result"] for event in results] == [{"text": ANSWER}, {}]
    assert results[0]["offset_ms"] == pytest.approx(1000 * THINKS_S, abs=1)
    probable, ended = call.of("turn.probable_end")[0], call.of("turn.ended")[0]
    assert ended["media_ms"] == pytest.approx(probable["speech_end_ms"] + probable["waits_ms"], abs=40)
    assert call.kinds().index("turn.committed") < call.events.index(results[0])
    assert call.count("engine.dropped") == 0


@virtual
async def test_who_goes_on_is_not_answered_by_half() -> None:
    call = calling([THINKS_S, "Half."], [THINKS_S, ANSWER])
    streaming(call, [(0.5, "where is my"), (1.4, "where is my parcel")])
    async with call.running():
        call.phone.speak(600)
        await call.until("turn.probable_end")
        await passes(0.1)
        assert call.llm.open == 1
        await call.say(500)
        assert call.count("turn.went_on") == 1
        assert call.llm.open <= 1
        await call.until_heard(ANSWER)
    assert call.heard()[1:] == [ANSWER]
    assert call.count("engine.dropped") >= 1
    assert [m.content for m in call.llm.requests[-1].messages if m.role == "user"] == ["where is my parcel"]


@virtual
async def test_a_final_text_that_says_something_else() -> None:
    call = calling([THINKS_S, "Wrong."], [THINKS_S, ANSWER])
    streaming(call, [(0.5, "where is my person")])
    await voice_to_voice_ms(call)
    assert call.heard()[1:] == [ANSWER]
    assert "Wrong." not in str([event for event in call.events if event["kind"] != "engine.request"])
    assert len(call.llm.requests) == 2


@virtual
async def test_a_final_text_that_is_only_written_otherwise() -> None:
    call = calling(text="Where is order 47?")
    streaming(call, [(0.5, "where is order four seven")])
    await voice_to_voice_ms(call)
    assert len(call.llm.requests) == 1
    assert call.of("turn.committed")[0]["text"] == "Where is order 47?"


@virtual
async def test_a_lookup_is_made_ahead_and_told_once() -> None:
    call = calling([0.1, ToolCall("1", "look", {"number": "47"})], [0.1, ANSWER], tools=[look])
    waited_ms = await voice_to_voice_ms(call)
    assert looked_up == ["47"]
    assert len(call.llm.requests) == 2
    assert (call.count("tool.called"), call.count("tool.returned")) == (1, 1)
    assert waited_ms < 900 + 800, "most of its 800 ms went by before the turn was over"


@virtual
async def test_nothing_is_changed_in_the_world_before_the_commit() -> None:
    call = calling([0.1, ToolCall("1", "order", {"number": "47"})], [0.1, ANSWER], tools=[order])
    async with call.running():
        call.phone.speak(600)
        await call.until("turn.ended")
        assert ordered == []
        assert len(call.llm.requests) == 1, "there the draft stops"
        await call.until_heard(ANSWER)
    assert ordered == ["47"]
    assert len(call.llm.requests) == 2


@virtual
async def test_a_turn_that_was_none_leaves_nothing() -> None:
    call = calling([THINKS_S, ANSWER])
    call.stt.script = [(0.05, "")]
    async with call.running():
        await call.say()
        assert call.of("turn.rejected")
        await asyncio.sleep(0)
        assert call.llm.open == call.tts.open == 0
        history = call.session._replies._history
        assert all(said.turn != 1 or said.aside for said in history.latest_utterances(9))
    assert call.count("engine.dropped") == 2, "the model's and the voice's"


@virtual
async def test_a_hang_up_in_the_midst_of_it() -> None:
    call = calling()
    async with call.running():
        call.phone.speak(600)
        await call.until("turn.probable_end")
        await passes(0.1)
        assert call.llm.open == 1


@virtual
async def test_a_failure_ahead_is_told_by_the_reply() -> None:
    from agent.errors import EngineError

    call = calling([0.1, EngineError("the model broke")])
    async with call.running():
        await call.say()
        await call.ended()
    assert "the model broke" in call.of("error")[0]["message"]
    assert call.events[-1]["reason"] == "agent: hangup"
