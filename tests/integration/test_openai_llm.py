"""The engine "openai" through the real SDK, over real sockets: what comes, what is cancelled, what stays open, and how
each failure is told."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agent.errors import EngineError
from agent.llm.base import LlmEvent, LlmRequest, Message, TextDelta, ToolCall, ToolSpec
from agent.llm.openai_chat import OpenAiChat
from telephony.sandbox.openai_server.answers import Answer, Answering, Call
from telephony.sandbox.openai_server.behaviour import Fault, Pace, Quirks
from telephony.sandbox.openai_server.seen import SeenRequest
from telephony.sandbox.openai_server.server import StandIn, open_stand_in
from tests.agent.support import make_agent, make_context
from tests.support.waiting import paced, stays, until

KEY = "sk-test-0123456789abcdef"
SCHEMA = {"type": "object", "properties": {"order_number": {"type": "string"}}, "required": ["order_number"]}
TOOLS = (ToolSpec("find_order", "Find an order.", SCHEMA), ToolSpec("hang_up", "End the call.", {"type": "object"}))
ASKED = LlmRequest((Message("system", "Be brief."), Message("user", "where is order 4712")), TOOLS)
LONG = "It is on its way to you, and comes tomorrow. " * 40


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def always(answer: Answer | str) -> Answering:
    return lambda messages, tools: answer


@asynccontextmanager
async def asked_of(answering: Answering, **given: Any) -> AsyncIterator[tuple[StandIn, OpenAiChat]]:
    options = {"model": "stand-in"} | given.pop("options", {})
    async with open_stand_in(answering, api_key=KEY, **given) as server:
        engine = OpenAiChat(make_agent(), base_url=server.base_url, **options)
        try:
            await engine.start()
            yield server, engine
        finally:
            await engine.close()


async def all_of(engine: OpenAiChat, request: LlmRequest = ASKED) -> tuple[str, list[ToolCall]]:
    events: list[LlmEvent] = [event async for event in engine.stream(request, make_context())]
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    return text, [event for event in events if isinstance(event, ToolCall)]


FOUND = Call("find_order", {"order_number": "4712"}, "call_a")


@pytest.mark.parametrize(
    "quirks",
    [
        Quirks(),
        Quirks(whole_calls=True),
        Quirks(repeats_name=True),
        Quirks(no_index=True, empty_choices_first=True),
        Quirks(no_ids=True, no_done=True),
        Quirks(whole_calls=True, no_index=True, no_ids=True),
    ],
    ids=repr,
)
async def test_text_and_then_tool_calls_in_pieces(quirks: Quirks) -> None:
    answer = Answer("Let me see.", (FOUND, Call("hang_up", "")))
    async with asked_of(always(answer), quirks=quirks) as (_, engine):
        text, calls = await all_of(engine)
    assert text == "Let me see."
    assert [(call.name, call.arguments) for call in calls] == [
        ("find_order", {"order_number": "4712"}),
        ("hang_up", {}),
    ]
    assert len({call.id for call in calls}) == 2
    assert all(call.id for call in calls)


async def test_a_reply_in_rounds_is_taken_by_the_server() -> None:
    """The stand-in refuses, as OpenAI does, messages that do not belong together."""

    def answer(messages: tuple[Message, ...], tools: tuple[ToolSpec, ...]) -> Answer:
        return Answer("Tomorrow.") if messages[-1].role == "tool" else Answer("Let me see.", (FOUND,))

    async with asked_of(answer) as (server, engine):
        said, (call,) = await all_of(engine)
        used = (Message("assistant", said), Message("assistant", tool_calls=(call,)))
        result = Message("tool", '{"outcome": "in_transit"}', tool_call_id=call.id, name=call.name)
        assert await all_of(engine, LlmRequest((*ASKED.messages, *used, result), TOOLS)) == ("Tomorrow.", [])
        sent = server.requests[-1].body
        assert [message["role"] for message in sent["messages"]] == ["system", "user", "assistant", "tool"]
        assert sent["stream"] is True


async def test_arguments_that_are_no_json_reach_the_tools_as_an_argument_that_none_takes() -> None:
    async with asked_of(always(Answer("", (Call("find_order", '{"order_number": 47'),)))) as (_, engine):
        _, (call,) = await all_of(engine)
    assert set(call.arguments) == {"arguments that were not a JSON object"}


async def test_what_is_cancelled_is_cancelled_at_the_server_within_100_ms() -> None:
    """By closing the iterator between two tokens; by cancelling the task in one; and before the first."""
    async with asked_of(always(LONG), pace=Pace(token_ms=5)) as (server, engine):
        stream = engine.stream(ASKED, make_context())
        await anext(stream)
        left_s = time.monotonic()
        await stream.aclose()
        await _seen_cancelled(server.requests[0], left_s)

        for pace in (Pace(token_ms=20), Pace(headers_ms=1000), Pace(first_token_ms=1000)):
            server.behave(pace=pace)
            task = asyncio.create_task(all_of(engine))
            await _begun(server)
            await paced(0.05)
            left_s = time.monotonic()
            task.cancel()
            await asyncio.wait([task])
            await _seen_cancelled(server.requests[0], left_s)

        server.behave()
        assert (await all_of(engine))[0].split() == LONG.split()


async def _begun(server: StandIn) -> None:
    await until(lambda: server.requests, within_s=2, what="the request came")


async def _seen_cancelled(request: SeenRequest, left_s: float) -> None:
    await until(lambda: request.cancelled_s is not None, within_s=2, what="the server saw that its client left")
    assert request.cancelled_s is not None
    assert request.cancelled_s - left_s < 0.1


async def test_a_connection_is_used_again_after_ten_seconds() -> None:
    """Twice as long as the SDK's transport keeps one unless it is told to."""
    async with asked_of(always("Yes."), options={"keep_alive_s": 0.0}) as (server, engine):
        await all_of(engine)
        await paced(10)
        await all_of(engine)
        first, second = server.requests
        assert first.connection == second.connection
        assert server.connections == 1  # the ping at the start has opened it


async def test_pings_keep_a_connection_while_calls_are_up() -> None:
    async with asked_of(always("Yes."), options={"keep_alive_s": 0.1}) as (server, engine):
        await stays(lambda: server.pings == 1, for_s=0.3, what="no ping while there is no call")
        engine.wake()
        await until(lambda: server.pings >= 4, within_s=2, what="pings while a call is up")
        assert server.connections == 2  # one to lose
        await all_of(engine)
        assert server.connections == 2


async def test_what_is_asked_after_a_cancelled_request_finds_a_connection() -> None:
    async with asked_of(always(LONG), pace=Pace(token_ms=2)) as (server, engine):
        engine.wake()
        await until(lambda: server.connections == 2, within_s=2, what="one to lose")
        for _ in range(4):
            known = server.connections
            stream = engine.stream(ASKED, make_context())
            await anext(stream)
            await stream.aclose()
            second = engine.stream(ASKED, make_context())
            await anext(second)
            assert server.requests[-1].connection <= known
            assert server.requests[-1].connection != server.requests[-2].connection
            await second.aclose()
            await until(lambda known=known: server.connections >= known + 2, within_s=2, what="both are replaced")  # type: ignore[misc]


REFUSALS = {
    "rate": (
        Fault("refuse", refusal="rate_limit", retry_after_s=7),
        True,
        "too often (429); it asks to wait 7 s",
    ),
    "quota": (Fault("refuse", refusal="quota", retry_after_s=7), False, "no quota left for this key (429, insuffi"),
    "key": (Fault("refuse", refusal="bad_key"), False, "does not accept the key (401); put a valid key"),
    "model": (
        Fault("refuse", refusal="no_model"),
        False,
        'knows no model "stand-in", or has no chat compl',
    ),
    "500": (Fault("refuse", refusal="server_error"), True, "is broken or overloaded (500)"),
    "503": (Fault("refuse", refusal="overloaded"), True, "is broken or overloaded (503)"),
    "502": (Fault("refuse", refusal="bad_gateway"), True, "is broken or overloaded (502)"),
    "length": (Fault("refuse", refusal="context_length"), False, "set context_tokens lower"),
    "hung up": (Fault("hang_up"), True, "closed the connection before it answered"),
    "garbage at once": (Fault("garbage"), True, "sent what cannot be read (a chunk is no JSON)"),
    "garbage": (Fault("garbage", after=3), False, "sent what cannot be read (a chunk is no JSON)"),
    "error at once": (Fault("error"), True, "gave up its answer"),
    "error": (Fault("error", after=3), False, "gave up its answer"),
    "end": (Fault("end", after=3), False, "ended its answer before it was complete"),
    "broken at once": (Fault("break"), True, "closed the connection before it answered"),
    "broken": (Fault("break", after=3), False, "broke off its answer"),
}


@pytest.mark.parametrize(("fault", "retryable", "told"), REFUSALS.values(), ids=REFUSALS)
async def test_each_failure_is_told(fault: Fault, retryable: bool, told: str) -> None:
    async with asked_of(always(LONG), faults=[fault]) as (server, engine):
        with pytest.raises(EngineError) as failed:
            await all_of(engine)
        _is_told(failed.value, server.base_url, told)
        assert failed.value.retryable is retryable
        assert len(server.requests) == (2 if fault.kind == "hang_up" else 1)  # no retries but of what nothing came of


async def test_a_connection_that_closes_as_it_is_used_costs_nothing_but_a_second_request() -> None:
    async with asked_of(always("Yes."), faults=[Fault("hang_up", request=1)]) as (server, engine):
        assert await all_of(engine) == ("Yes.", [])
        assert len(server.requests) == 2


async def test_silence_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.llm.openai_chat.READ_S", 0.2)
    async with asked_of(always(LONG), faults=[Fault("stall", after=3)]) as (server, engine):
        with pytest.raises(EngineError) as failed:
            await all_of(engine)
        _is_told(failed.value, server.base_url, "fell silent in the middle of its answer")
        server.behave(pace=Pace(headers_ms=5000))
        with pytest.raises(EngineError) as failed:
            await all_of(engine)
        _is_told(failed.value, server.base_url, "took the request and did not answer in time")
        assert failed.value.retryable


async def test_nobody_there_and_then_somebody(caplog: pytest.LogCaptureFixture) -> None:
    async with asked_of(always("Yes.")) as (server, engine):
        async with server.refusing():
            with pytest.raises(EngineError) as failed:
                await all_of(engine)
            _is_told(failed.value, server.base_url, "cannot be reached")
            assert failed.value.retryable
            late = OpenAiChat(make_agent(), model="stand-in", base_url=server.base_url)
            await late.start()  # a worker starts, whether the model's server is up or not
            assert "cannot be reached just now" in caplog.text
        assert (await all_of(late))[0] == "Yes."
        await late.close()


async def test_a_wrong_key_stops_the_start_and_another_model_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_stand_in(always("Yes."), api_key=KEY) as server:
        other = OpenAiChat(make_agent(), model="no-such-model", base_url=server.base_url)
        await other.start()
        await other.close()
        assert 'does not list the model "no-such-model"; it lists stand-in' in caplog.text
        monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-0123456789")
        engine = OpenAiChat(make_agent(), model="stand-in", base_url=server.base_url)
        with pytest.raises(EngineError, match=r"does not accept the key \(401\)") as failed:
            await engine.start()
        assert "wrong-0123456789" not in str(failed.value)


async def test_nothing_of_a_call_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with asked_of(always(Answer("Let me see.", (FOUND,)))) as (_, engine):
        await all_of(engine)
    assert not [record for record in caplog.records if record.name.split(".")[0] in ("openai", "httpx2", "httpcore2")]
    assert KEY not in caplog.text
    assert "4712" not in caplog.text


async def test_what_a_server_quotes_of_the_call_is_not_told() -> None:
    """OpenAI refuses a message out of place, and quotes it; here it is the caller's card number."""
    orphan = Message("tool", "4111 1111", tool_call_id="4111111111111111", name="find_order")
    async with asked_of(always("Yes.")) as (server, engine):
        with pytest.raises(EngineError) as failed:
            await all_of(engine, LlmRequest((Message("user", "my card is 4111111111111111"), orphan), TOOLS))
        _is_told(failed.value, server.base_url, "refuses the request (400")
        assert "4111" not in str(failed.value)


async def test_an_empty_answer_is_a_failure_but_behind_a_tool() -> None:
    call = Message("assistant", tool_calls=(ToolCall("a", "hang_up"),))
    behind = LlmRequest((*ASKED.messages, call, Message("tool", "{}", tool_call_id="a", name="hang_up")), TOOLS)
    async with asked_of(always("")) as (_, engine):
        with pytest.raises(EngineError, match="gave an empty answer"):
            await all_of(engine)
        assert await all_of(engine, behind) == ("", [])
    for finish, told in (("length", "reached max_tokens before a word"), ("content_filter", "withheld its answer")):
        async with asked_of(always(Answer("", finish=finish))) as (_, engine):  # type: ignore[arg-type]
            with pytest.raises(EngineError, match=told):
                await all_of(engine)


async def test_a_long_conversation_stays_within_its_budget_and_its_beginning_is_remembered() -> None:
    """The stand-in counts, as OpenAI does, how much of a prompt it has read before."""
    messages: list[Message] = [Message("system", "Answer the telephone of a parcel desk. " * 100)]
    async with asked_of(always("Yes."), options={"context_tokens": 4000}) as (server, engine):
        for turn in range(60):
            messages += [Message("user", f"turn {turn}: {'and so on ' * 12}")]
            await all_of(engine, LlmRequest(tuple(messages), TOOLS))
            messages += [Message("assistant", f"answer {turn}: {'very well ' * 12}")]
        most = max(len(str(request.body)) for request in server.requests)
        known = [request.cached_tokens / request.prompt_tokens for request in server.requests]
    assert most < 4000 * 4
    assert sum(share > 0.75 for share in known) >= 50


def _is_told(error: EngineError, where: str, told: str) -> None:
    assert where in str(error)
    assert told in str(error)
    for secret in (KEY, KEY[3:], KEY[-6:], "4712"):
        assert secret not in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
