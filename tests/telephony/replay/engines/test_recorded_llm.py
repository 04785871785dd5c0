"""RecordedLlm: which recorded reply a request gets, when its results come, and what follows where the record ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.completions import request_fields
from agent.definition import EngineChoice
from agent.errors import EngineError
from agent.llm.base import LlmEvent, LlmRequest, Message, TextDelta, ToolCall
from agent.slots.base import Asks
from telephony.replay.engines.recorded_llm import RecordedLlm
from telephony.replay.engines.serving import Serving
from telephony.replay.plan import Plan
from telephony.replay.recorded import Diverged, RecordedReply, RecordedUtterance
from tests.agent.support import make_agent
from tests.support.virtual_loop import VirtualContext, virtual
from tests.telephony.replay.engines.given import STARTED, a_record, books, now_ms, own

ASKED = LlmRequest((Message("system", "You are a test."), Message("user", "where is it")))
CALL = ToolCall("x", "find", {"order": "4711"})
ANSWERED = LlmRequest(
    (
        *ASKED.messages,
        Message("assistant", tool_calls=(CALL,)),
        Message("tool", '"depot"', tool_call_id="x", name="find"),
    )
)
HASH = request_fields(ASKED)["input_hash"]
EARLIER = RecordedUtterance(3, 0, 0, 900, 1500, "where is it")


def reply(*texts: str, turn: int = 3, round: int = 0, **fields: Any) -> RecordedReply:
    """A reply whose texts came 100 ms, 110 ms, … after it was asked for, and which ended with the last."""
    events = tuple((100.0 + 10 * at, TextDelta(text)) for at, text in enumerate(texts))
    rest = {"input_hash": "other", "input": "", "events": events, "end_offset_ms": 90.0 + 10 * len(texts), **fields}
    return RecordedReply(turn, round, **rest)


def llm(*replies: RecordedReply, plan: Plan | None = None, **fields: Any) -> tuple[RecordedLlm, Serving]:
    """The model of a call with these replies, in which turn 3 has just been understood."""
    serving = books(a_record(replies=replies, utterances=(EARLIER,), **fields), plan)
    serving.understood(EARLIER)
    agent = make_agent(llm=EngineChoice("synthetic", {"tokens": 3, "first_token_ms": 0, "token_ms": 0}))
    return RecordedLlm(serving, own("llm", serving, agent=agent)), serving


async def answers(
    engine: RecordedLlm, request: LlmRequest = ASKED, came: list[tuple[int, LlmEvent]] | None = None
) -> str:
    """The text of the whole answer; `came` is told each result and its time."""
    text = ""
    async for event in engine.stream(request, VirtualContext()):
        if came is not None:
            came.append((now_ms(), event))
        text += event.text if isinstance(event, TextDelta) else ""
    return text


@pytest.mark.parametrize(
    ("replies", "requests", "texts", "served"),
    [
        pytest.param(
            [reply("no"), reply("by hash", turn=9, input_hash=HASH)], [ASKED], ["by hash"], {"llm: hash": 1}, id="hash"
        ),
        pytest.param(
            [reply("one", input_hash=HASH), reply("two", turn=8, input_hash=HASH)],
            [ASKED, ASKED, ASKED],
            ["one", "two", "two"],
            {"llm: hash": 3},
            id="the same hash again: in order, then the last once more",
        ),
        pytest.param([reply("no", turn=2), reply("by turn")], [ASKED], ["by turn"], {"llm: turn": 1}, id="turn"),
        pytest.param(
            [replace(reply(), events=((5.0, CALL),)), reply("after the tool", round=1)],
            [ANSWERED, ASKED],
            ["after the tool", ""],
            {"llm: turn": 2},
            id="a tool's result never gets a turn's first reply, nor the other way round",
        ),
        pytest.param(
            [reply("bro", cut=True, input_hash="a"), reply("whole", round=1, input_hash="b")],
            [ASKED, ASKED],
            None,
            {},
            id="one that was asked for again after a noise opens its turn too",
        ),
    ],
)
@virtual
async def test_which_reply(
    replies: list[RecordedReply], requests: list[LlmRequest], texts: list[str] | None, served: dict[str, int]
) -> None:
    engine, serving = llm(*replies)
    if texts is None:
        first = engine.stream(requests[0], VirtualContext())
        assert await anext(first) == TextDelta("bro")
        await first.aclose()
        assert await answers(engine, requests[1]) == "whole"
        return
    assert [await answers(engine, request) for request in requests] == texts
    assert serving.served == served


@virtual
async def test_results_come_when_they_came_then_and_calls_have_fresh_ids() -> None:
    events: tuple[tuple[float, LlmEvent], ...] = (
        (20.0, Asks("order", "digits", length=4)),
        (30.0, TextDelta("Wait.")),
        (250.0, replace(CALL, id="recorded-1")),
    )
    engine, _ = llm(replace(reply(), events=events, end_offset_ms=300.0))
    came: list[tuple[int, LlmEvent]] = []
    await answers(engine, came=came)
    assert came == [(20, events[0][1]), (30, TextDelta("Wait.")), (250, replace(CALL, id="call-1"))]
    assert now_ms() == 300


@virtual
async def test_a_request_that_the_record_has_not_got_stops_the_run() -> None:
    engine, serving = llm(reply("no", turn=2))
    with pytest.raises(Diverged, match="diverged at turn 3: the model was not asked this in the record: 'where is it'"):
        await answers(engine)
    assert serving.diverged is not None


@virtual
async def test_a_turn_that_was_answered_is_not_answered_twice() -> None:
    engine, _ = llm(reply("once"))
    assert await answers(engine) == "once"
    with pytest.raises(Diverged):
        await answers(engine)


@virtual
async def test_or_the_agents_own_model_answers() -> None:
    engine, serving = llm(plan=Plan(missing="embedded"))
    assert await answers(engine) == "Certainly the parcel."
    assert serving.served == {"llm: embedded": 1}
    await engine.close()


@virtual
async def test_past_the_cut_of_a_reply_the_run_may_be_cut_off_as_well_before_it_has_diverged() -> None:
    engine, _ = llm(reply("This is", " the", cut=True, end_offset_ms=500.0))
    came: list[tuple[int, LlmEvent]] = []
    with pytest.raises(Diverged, match="cut off in the record"):
        await answers(engine, came=came)
    assert came == [(100, TextDelta("This is")), (110, TextDelta(" the"))]
    assert now_ms() == 2500


@virtual
async def test_a_reply_that_was_cut_off_and_asked_for_again_is_known_to_its_end() -> None:
    cut = reply("This is", cut=True, end_offset_ms=105.0, input_hash=HASH)
    engine, serving = llm(cut, reply("This is", " the", " end.", round=1, input_hash=HASH))
    assert await answers(engine) == "This is the end."
    assert serving.diverged is None
    assert now_ms() == 120


@pytest.mark.parametrize(
    ("known", "text"),
    [
        (["Cert"], "Certainly the parcel."),
        (["Certainly", " the"], "Certainly the parcel."),
        ([], "Certainly the parcel."),
    ],
)
@virtual
async def test_the_agents_own_model_goes_on_where_the_reply_was_cut(known: list[str], text: str) -> None:
    engine, serving = llm(reply(*known, cut=True), plan=Plan(missing="embedded"))
    assert await answers(engine) == text
    assert serving.served == {"llm: turn": 1, "llm: embedded": 1}


@virtual
async def test_but_not_if_it_says_something_else() -> None:
    engine, _ = llm(reply("Sorry", cut=True), plan=Plan(missing="embedded"))
    with pytest.raises(Diverged, match="now says something else"):
        await answers(engine)


@virtual
async def test_what_failed_then_fails_now() -> None:
    events = (
        STARTED,
        {"kind": "engine.request", "engine": "llm", "name": "m", "id": "llm-1", "media_ms": 0, "call_ms": 1000.0},
        {"kind": "error", "where": "reply", "message": 'engine "m": broke', "media_ms": 0, "call_ms": 1400.0},
    )
    engine, serving = llm(reply("This", cut=True), events=events)
    with pytest.raises(EngineError, match="broke"):
        await answers(engine)
    assert now_ms() == 400
    assert serving.diverged is None
