"""The stand-in for a model's server, asked over a real socket with the vendor's own client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from agent.agents import load_agent
from agent.errors import LocalError
from agent.llm.base import Message
from telephony.auth import auth_token
from telephony.sandbox.caller import SandboxCall
from telephony.sandbox.openai_server import server as server_module
from telephony.sandbox.openai_server.answers import Answer, Answering, Call, Messages, Tools, flow_answers
from telephony.sandbox.openai_server.behaviour import Fault, Pace, Quirks
from telephony.sandbox.openai_server.instead import asking_stand_in
from telephony.sandbox.openai_server.server import StandIn, open_stand_in
from telephony.sandbox.script import SayWords, Script, WaitForHangUp
from telephony.settings import Route, load_settings
from telephony.web.serve import Service
from tests.integration.settling import idle
from tests.support.waiting import stays, until

openai = pytest.importorskip("openai", reason="the vendor's client is not installed: pip install offhook[openai]")

HI = [{"role": "user", "content": "hi"}]
BOTH = Answer("One moment.", (Call("find_order", {"order_number": "4711"}), Call("weather")))


@asynccontextmanager
async def asked(answering: Answering = lambda messages, tools: BOTH, **more: Any) -> AsyncIterator[tuple[StandIn, Any]]:
    """A stand-in, and a client that gives up after 5 s and never tries again."""
    async with open_stand_in(answering, **more) as server:
        client = openai.AsyncOpenAI(api_key="sk-test-0123456789", base_url=server.base_url, max_retries=0, timeout=5)
        async with client:
            yield server, client


def streamed(client: Any, messages: Any = HI, **more: Any) -> Any:
    return client.chat.completions.create(model="stand-in", messages=messages, stream=True, **more)


async def chunks(client: Any, **more: Any) -> list[Any]:
    async with await streamed(client, **more) as stream:
        return [chunk async for chunk in stream]


async def test_a_stream_as_the_vendors_client_reads_it() -> None:
    async with asked() as (server, client):
        got = await chunks(client, stream_options={"include_usage": True})
    assert {chunk.object for chunk in got} == {"chat.completion.chunk"}
    assert len({chunk.id for chunk in got}) == len({chunk.created for chunk in got}) == 1
    assert got[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in got[:-1]) == "One moment."
    assert [chunk.choices[0].finish_reason for chunk in got[-3:-1]] == [None, "tool_calls"]
    assert got[-1].choices == []
    assert got[-1].usage.total_tokens == got[-1].usage.prompt_tokens + server.requests[0].pieces
    assert all(chunk.usage is None for chunk in got[:-1])
    seen = server.requests[0]
    assert (seen.status, seen.number, seen.connection) == (200, 1, 1)
    assert seen.body["messages"] == HI
    assert seen.first_byte_s is not None
    assert seen.ended_s is not None
    assert seen.cancelled_s is None


async def test_the_high_level_helper_puts_it_together() -> None:
    async with asked() as (_, client), client.chat.completions.stream(model="stand-in", messages=HI) as stream:
        kinds = [event.type async for event in stream]
        message = (await stream.get_final_completion()).choices[0].message
    assert message.content == "One moment."
    calls = [(call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls]
    assert calls == [("find_order", {"order_number": "4711"}), ("weather", {})]
    assert kinds.count("tool_calls.function.arguments.done") == 2
    assert kinds.index("content.done") < kinds.index("tool_calls.function.arguments.done")


async def test_without_a_stream() -> None:
    async with asked() as (_, client):
        raw = await client.chat.completions.with_raw_response.create(model="stand-in", messages=HI)
    completion = raw.parse()
    assert completion.choices[0].message.tool_calls[0].id.startswith("call_")
    assert completion.usage.completion_tokens > 3
    assert raw.headers["x-request-id"].startswith("req_")
    assert int(raw.headers["x-ratelimit-remaining-requests"]) > 0


async def test_a_limit_is_kept() -> None:
    async with asked(lambda messages, tools: "one two three four") as (_, client):
        made = await client.chat.completions.create(model="stand-in", messages=HI, max_tokens=2)
    assert (made.choices[0].message.content, made.choices[0].finish_reason) == ("one two", "length")


async def test_models() -> None:
    async with asked(model="parcels") as (server, client):
        assert [model.id for model in (await client.models.list()).data] == ["parcels"]
        assert (await client.models.retrieve("parcels")).owned_by == "offhook"
        with pytest.raises(openai.NotFoundError) as caught:
            await streamed(client)
        assert caught.value.code == "model_not_found"
        assert server.pings == 1


async def test_keys() -> None:
    async with asked(api_key="sk-right") as (server, client):
        with pytest.raises(openai.AuthenticationError) as caught:
            await client.models.list()
        assert caught.value.code == "invalid_api_key"
        assert "0123456" not in str(caught.value)
        assert (await client.with_options(api_key="sk-right").models.list()).data
        async with aiohttp.ClientSession() as plain:
            async with plain.get(f"{server.base_url}/models") as response:
                assert response.status == 401
                assert "didn't provide an API key" in (await response.json())["error"]["message"]
            headers = {"Authorization": "Bearer sk-right"}
            async with plain.post(f"{server.base_url}/embeddings", headers=headers) as response:
                assert (response.status, (await response.json())["error"]["message"]) == (
                    404,
                    "Invalid URL (POST /v1/embeddings)",
                )
            async with plain.get(f"{server.base_url}/chat/completions", headers=headers) as response:
                assert response.status == 405
                assert (await response.json())["error"]["code"] == "method_not_supported"


REFUSALS = [
    ("rate_limit", "RateLimitError", 429, "rate_limit_exceeded"),
    ("token_limit", "RateLimitError", 429, "rate_limit_exceeded"),
    ("quota", "RateLimitError", 429, "insufficient_quota"),
    ("server_error", "InternalServerError", 500, None),
    ("overloaded", "InternalServerError", 503, "service_unavailable"),
    ("context_length", "BadRequestError", 400, "context_length_exceeded"),
    ("bad_key", "AuthenticationError", 401, "invalid_api_key"),
    ("no_model", "NotFoundError", 404, "model_not_found"),
    ("bad_gateway", "InternalServerError", 502, None),
]


@pytest.mark.parametrize(("kind", "error", "status", "code"), REFUSALS)
async def test_refusals_are_the_errors_that_the_client_knows(
    kind: Any, error: str, status: int, code: str | None
) -> None:
    async with asked(faults=[Fault("refuse", request=1, refusal=kind)]) as (server, client):
        with pytest.raises(getattr(openai, error)) as caught:
            await streamed(client)
        assert (caught.value.status_code, caught.value.code) == (status, code)
        assert server.requests[0].status == status
        assert len(await chunks(client)) > 3, "the next one is answered"


async def test_a_rate_limit_says_when_to_come_again() -> None:
    fault = Fault("refuse", refusal="rate_limit", retry_after_s=1.5)
    async with asked(faults=[fault]) as (_, client):
        with pytest.raises(openai.RateLimitError) as caught:
            await streamed(client)
    headers = caught.value.response.headers
    assert (headers["retry-after-ms"], headers["retry-after"]) == ("1500", "2")
    assert (headers["x-ratelimit-remaining-requests"], headers["x-ratelimit-reset-requests"]) == ("0", "1.5s")
    assert int(headers["x-ratelimit-remaining-tokens"]) > 0


async def test_what_is_malformed_is_refused_and_kept_for_who_looks() -> None:
    async with asked() as (server, client):
        with pytest.raises(openai.BadRequestError, match="must be a response to a preceeding message"):
            await streamed(client, messages=[{"role": "tool", "tool_call_id": "call_1", "content": "{}"}])
        assert server.requests[0].body["messages"][0]["role"] == "tool"
        assert server.requests[0].status == 400


@pytest.mark.parametrize("after", [0, 2, 999])
async def test_a_stall_is_a_stream_that_says_nothing_and_ends_when_the_client_leaves(after: int) -> None:
    async with asked() as (server, client):
        await chunks(client)
        expected = min(after, server.requests[0].pieces)
        server.behave(faults=[Fault("stall", after=after)])
        stream = await streamed(client)
        assert stream.response.status_code == 200
        await until(lambda: server.requests[0].pieces == expected, within_s=2, what=f"{expected} pieces")
        await stays(lambda: server.requests[0].running, for_s=0.1, what="it stalls")
        assert server.requests[0].pieces == expected
        loop = asyncio.get_running_loop()
        left_s = loop.time()
        await stream.close()
        cancelled_s = await until(
            lambda: server.requests[0].cancelled_s, within_s=2, what="the server sees that the client left"
        )
        assert cancelled_s - left_s < 0.2, "on a machine at rest it is one millisecond"
        assert server.requests[0].ended_s is None


async def test_a_stall_may_pass() -> None:
    async with asked(faults=[Fault("stall", after=1, for_ms=150)]) as (server, client):
        assert "".join(chunk.choices[0].delta.content or "" for chunk in await chunks(client)) == "One moment."
        seen = server.requests[0]
        assert seen.ended_s is not None
        assert seen.ended_s - seen.came_s >= 0.15


async def test_what_breaks_within_a_stream() -> None:
    async with asked(faults=[Fault("break", after=2)]) as (server, client):
        with pytest.raises(openai.APIConnectionError):
            await chunks(client)
        assert (server.requests[0].pieces, server.requests[0].cancelled_s) == (2, None)
        server.behave(faults=[Fault("hang_up")])
        with pytest.raises(openai.APIConnectionError):
            await chunks(client)
        assert server.requests[0].status == 0
        server.behave(faults=[Fault("error", after=1)])
        with pytest.raises(openai.APIError, match="The server had an error"):
            await chunks(client)
        server.behave(faults=[Fault("garbage", after=1)])
        with pytest.raises(ValueError, match="Expecting property name"):
            await chunks(client)
        server.behave(faults=[Fault("end", after=2)])
        got = await chunks(client)
        assert [chunk.choices[0].finish_reason for chunk in got] == [None] * 3
        server.behave()
        assert len(await chunks(client)) > 3


@pytest.mark.parametrize(
    ("kind", "error"), [("break", "APIConnectionError"), ("end", ""), ("error", "InternalServerError"), ("garbage", "")]
)
async def test_what_breaks_an_answer_without_a_stream(kind: Any, error: str) -> None:
    async with asked(faults=[Fault(kind)]) as (_, client):
        with pytest.raises(getattr(openai, error) if error else ValueError):
            await client.chat.completions.create(model="stand-in", messages=HI)


async def test_a_pace_is_kept() -> None:
    async with asked(lambda messages, tools: "one two three", pace=Pace(40, 120, 30)) as (server, client):
        await chunks(client)
        seen = server.requests[0]
        assert seen.first_byte_s is not None
        assert seen.first_piece_s is not None
        assert seen.ended_s is not None
        assert 0.04 <= seen.first_byte_s - seen.came_s <= seen.first_piece_s - seen.came_s
        assert seen.first_piece_s - seen.came_s >= 0.12
        assert seen.ended_s - seen.came_s >= 0.18
        server.behave(faults=[Fault("slow", request=1, pace=Pace(first_token_ms=150))])
        await chunks(client)
        await chunks(client)
        slow, quick = [seen.ended_s - seen.came_s for seen in server.requests if seen.ended_s is not None]
        assert slow >= 0.15 > quick


async def test_nobody_there_and_there_again() -> None:
    async with asked() as (server, client):
        await client.models.list()
        port = server.port
        async with server.refusing():
            with pytest.raises(openai.APIConnectionError):  # the connection that it kept
                await client.models.list()
            with pytest.raises(aiohttp.ClientConnectorError, match="Connect call failed"):
                async with aiohttp.ClientSession() as plain:
                    await plain.get(f"{server.base_url}/models")
        assert (await client.models.list()).data
        assert server.port == port


async def test_connections_are_told_apart() -> None:
    async with asked() as (server, client):
        for _ in range(3):
            await chunks(client)
        assert [seen.connection for seen in server.requests] == [1, 1, 1]
        await asyncio.gather(chunks(client), chunks(client))
        assert server.connections == 2


async def test_other_servers_habits() -> None:
    async with asked(quirks=Quirks(empty_choices_first=True, no_done=True, whole_calls=True, no_ids=True)) as (
        _,
        client,
    ):
        got = await chunks(client)
    assert got[0].choices == []
    calls = [call for chunk in got[1:] for call in chunk.choices[0].delta.tool_calls or []]
    assert [(call.id, call.function.name, call.function.arguments) for call in calls] == [
        (None, "find_order", '{"order_number": "4711"}'),
        (None, "weather", "{}"),
    ]


async def test_an_answering_function_that_fails_is_a_server_error_and_its_error_is_kept() -> None:
    def fails(messages: Messages, tools: Tools) -> Answer:
        raise KeyError("nothing for this")

    async with asked(fails) as (server, client):
        with pytest.raises(openai.InternalServerError):
            await streamed(client)
        assert isinstance(server.failures[0], KeyError)


async def test_a_service_that_runs_for_long_keeps_the_last_requests_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "KEPT_REQUESTS", 2)
    async with asked(faults=[Fault("refuse", request=4)]) as (server, client):
        for _ in range(3):
            await chunks(client)
        assert [seen.number for seen in server.requests] == [2, 3]
        with pytest.raises(openai.InternalServerError):
            await streamed(client)


async def test_a_port_that_is_taken() -> None:
    async with asked() as (server, _):
        with pytest.raises(LocalError, match=f"cannot listen on port {server.port}"):
            async with open_stand_in(lambda messages, tools: "", port=server.port):
                pass


async def test_the_parcel_desk_as_a_model() -> None:
    """Its flow behind the protocol: it asks, waits for its question to be heard, calls its tool, tells the result."""
    agent = load_agent("parcel-desk")
    tools = [
        {"type": "function", "function": {"name": tool.name, "parameters": dict(tool.parameters)}}
        for tool in agent.tools.values()
    ]
    said: list[Any] = [{"role": "system", "content": "You are a parcel desk."}]

    async with asked(flow_answers(agent)) as (server, client):

        async def turn(*messages: Any) -> Any:
            said.extend(messages)
            made = await client.chat.completions.create(model="stand-in", messages=said, tools=tools)
            message = made.choices[0].message
            said.append(message.model_dump(exclude_none=True))
            return message

        assert (await turn({"role": "user", "content": "cancel my order"})).content == "What is your order number?"
        asks = await turn({"role": "user", "content": "four seven one two"})
        assert asks.content == "Shall I really cancel order four, seven, one, two?"
        said[-1]["content"] = "Shall I"  # all that was heard of it: a yes to that agrees to nothing
        assert (await turn({"role": "user", "content": "yes"})).content == asks.content
        message = await turn({"role": "user", "content": "yes"})
        call = message.tool_calls[0]
        assert (call.function.name, json.loads(call.function.arguments)) == ("cancel_order", {"order_number": "4712"})
        result = {"role": "tool", "tool_call_id": call.id, "content": '{"outcome": "cancelled"}'}
        assert "is cancelled" in (await turn(result)).content
        assert server.failures == []


async def test_an_answering_function_may_wait_and_sees_the_messages_in_our_own_types() -> None:
    seen: list[Messages] = []

    async def answer(messages: Messages, tools: Tools) -> str:
        seen.append(messages)
        await asyncio.sleep(0)
        return "Hello."

    async with asked(answer) as (_, client):
        assert len(await chunks(client)) == 4
    assert seen == [(Message("user", "hi"),)]


async def test_a_service_whose_agent_asks_the_stand_in(start_service: Callable[..., Awaitable[Service]]) -> None:
    """A whole conversation, turn by turn: the agent's model is the engine "openai", and the stand-in behind it."""
    called = "+15550100"
    service = await start_service(agent="parcel-desk", stand_in_model="prompt", numbers={called: Route(mode="gather")})
    assert service.host.agents.default.definition.llm.engine == "openai"
    words = ["where is my parcel", "four seven one two", "yes please", "no that is all"]
    report = await SandboxCall(
        Script("script", (*map(SayWords, words), WaitForHangUp())),
        service.url,
        auth_token=auth_token(load_settings()).get_secret_value(),
        called=called,
        say_ms_per_word=0,
        time_factor=0.0005,
    ).run()
    assert report.served, report.errors
    said = [one.text for one in report.conversation if one.who == "agent"]
    assert said[1] == "What is your order number?"
    assert said[2].startswith("Order four, seven, one, two is on its way.")
    assert said[4] == "Thank you for calling. Goodbye."
    await idle(service)


async def test_no_stand_in_answers_real_calls_nor_for_an_agent_without_a_flow(
    start_service: Callable[..., Awaitable[Service]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LocalError, match=r"test-desk: the stand-in for a model answers from the agent's flow\.toml"):
        await start_service(stand_in_model="prompt")
    with pytest.raises(LocalError, match="did you mean 'hosted'"):
        async with asking_stand_in(load_agent("parcel-desk"), "hosts"):
            pass
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "0123456789abcdef0123456789abcdef")
    with pytest.raises(LocalError, match="no stand-in answers them"):
        await start_service(agent="parcel-desk", stand_in_model="prompt", public_origin="https://agent.example.com")
