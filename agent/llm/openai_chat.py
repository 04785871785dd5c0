"""The engine "openai": any server with an OpenAI-compatible API, streamed, through the openai SDK."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from typing import Any, cast

from agent.errors import EngineError, LocalError, MissingExtra

try:
    import httpx2
    import openai
    from openai.types.chat import ChatCompletionChunk
except ImportError:
    raise MissingExtra("openai (the client of language models)", "openai") from None

from agent.context import CallContext
from agent.definition import AgentDefinition
from agent.llm.base import LlmEvent, LlmRequest, TextDelta
from agent.llm.context_budget import estimate_tools, within_budget
from agent.llm.openai_errors import Peer, engine_error
from agent.llm.openai_options import body_of, options_of, peer_of
from agent.llm.openai_warm import Warm
from agent.llm.openai_wire import read_chunk, wire_messages, wire_tools
from agent.llm.thoughts import Thoughts
from agent.llm.tool_deltas import ToolDeltas

log = logging.getLogger(__name__)

#: A server in reach takes a connection in a tenth of that. The SDK's own 5 s is silence in a call.
CONNECT_S = 2.0
#: Between two bytes of an answer. Who asks has deadlines of their own (agent/completions.py); this ends what nobody
#: waits for any more.
READ_S = 30.0
#: Connections that wait for the next turn: one for each call that thinks at the same moment.
KEPT_CONNECTIONS = 50
#: The transport's own 5 s is less than a turn (telephony-facts F4).
KEPT_S = 300.0
#: The client's own loggers: below a warning they write down each request, with its key, and what was said.
LOUD = ("openai", "httpx2", "httpcore2")


class OpenAiChat:
    """One server and one model, asked by all calls of a worker over connections that stay open between turns."""

    name = "openai"
    remote = True

    def __init__(self, agent: AgentDefinition, **options: Any) -> None:
        """Raises LocalError for wrong options. The key is read by `start`."""
        self._options = options_of(agent, options)
        self._client: openai.AsyncOpenAI | None = None
        self._peer = Peer("", self._options.model, self._options.api_key_env, "")
        self._body: dict[str, Any] = {}
        self._warm: Warm | None = None

    async def start(self) -> None:
        """Connects, and asks for the list of models. Raises LocalError without a key, EngineError where the key is
        refused; a server that is out of reach just now may be back for the first call: that is only logged."""
        if self._client is not None:
            return
        for name in LOUD:
            logging.getLogger(name).setLevel(logging.WARNING)
        self._peer = peer_of(self._options)
        self._body = body_of(self._options, self._peer)
        limits = httpx2.Limits(max_keepalive_connections=KEPT_CONNECTIONS, keepalive_expiry=KEPT_S)
        timeout = httpx2.Timeout(READ_S, connect=CONNECT_S, pool=CONNECT_S)
        http = openai.DefaultAsyncHttpxClient(limits=limits, timeout=timeout, follow_redirects=False)
        self._client = openai.AsyncOpenAI(
            api_key=self._peer.key, base_url=self._peer.where, timeout=timeout, max_retries=0, http_client=http
        )
        self._warm = Warm(http, self._peer, self._options.keep_alive_s)
        try:
            await self._warm.start()
        except BaseException:
            await self.close()
            raise

    def wake(self) -> None:
        """A call has come in: connections are made ready for its first turn, if none was used for long. Returns at
        once."""
        if self._warm is not None:
            self._warm.wake()

    async def stream(self, request: LlmRequest, ctx: CallContext) -> AsyncGenerator[LlmEvent, None]:
        """One completion. Closing the iterator, or cancelling its task, closes the request's connection: the server
        sees that within milliseconds. Raises EngineError."""
        client, warm = self._client, self._warm
        if client is None or warm is None:
            raise LocalError('engine "openai": stream() before start()')
        deltas, thoughts = ToolDeltas(), Thoughts()
        came, finish = False, ""
        try:
            async with await self._open(client, request) as chunks:
                async for chunk in chunks:
                    piece = read_chunk(chunk)
                    finish = piece.finish or finish
                    for call in piece.calls:
                        deltas.push(call)
                    text = thoughts.push(piece.text) if piece.text else ""
                    if text:
                        came = came or bool(text.strip())
                        yield TextDelta(text)
        except (openai.OpenAIError, httpx2.HTTPError, ValueError) as error:
            # Not "from error": its text, and its request, hold the key and what was said.
            raise engine_error(error, self._peer, began=came, private=_texts(request)) from None
        except (GeneratorExit, asyncio.CancelledError):
            warm.lost()
            raise
        warm.wake()
        if rest := thoughts.flush():
            came = True
            yield TextDelta(rest)
        used_ids = frozenset(call.id for message in request.messages for call in message.tool_calls)
        calls = deltas.calls(used_ids, lambda: ctx.new_id("call"))
        after_tool = bool(request.messages) and request.messages[-1].role == "tool"
        self._check_end(finish, came=came or bool(calls), after_tool=after_tool)
        for whole in calls:
            yield whole

    async def close(self) -> None:
        """Closes all connections. Idempotent."""
        warm, self._warm = self._warm, None
        client, self._client = self._client, None
        if warm is not None:
            await warm.close()
        if client is not None:
            await client.close()

    async def _open(self, client: openai.AsyncOpenAI, request: LlmRequest) -> openai.AsyncStream[ChatCompletionChunk]:
        """The answer's stream. A server may close an idle connection in the moment in which it is used again: what
        nothing came of is asked once more, at once."""
        tools = wire_tools(request.tools)
        room = self._options.context_tokens - estimate_tools(request.tools)
        messages = wire_messages(within_budget(request.messages, room), strict_roles=self._options.strict_roles)
        extra: Mapping[str, Any] = self._body | ({"tools": tools} if tools else {})

        async def ask() -> openai.AsyncStream[ChatCompletionChunk]:
            return await client.chat.completions.create(
                model=self._options.model, messages=cast(Any, messages), stream=True, extra_body=extra
            )

        try:
            return await ask()
        except openai.APIConnectionError as error:
            if not isinstance(error.__cause__, httpx2.RemoteProtocolError | httpx2.ReadError | httpx2.WriteError):
                raise
        return await ask()

    def _check_end(self, finish: str, *, came: bool, after_tool: bool) -> None:
        """Raises EngineError for an answer that is none. After a tool's result a model may have nothing to add."""
        where = f'engine "openai": {self._peer.where}'
        if not finish:
            raise EngineError(f"{where} ended its answer before it was complete; look at its log", retryable=not came)
        if finish == "length":
            log.warning("%s: an answer was cut off at the model's limit; set max_tokens higher", where)
        if came or (after_tool and finish == "stop"):
            return
        if finish == "length":
            raise EngineError(f"{where} reached max_tokens before a word; set it higher, or reasoning_effort lower")
        if finish == "content_filter":
            raise EngineError(f"{where} withheld its answer (content_filter); see to its filter's settings")
        raise EngineError(f"{where} gave an empty answer ({finish[:40]})", retryable=True)


def _texts(request: LlmRequest) -> tuple[str, ...]:
    """What was said in the call."""
    return tuple(message.content for message in request.messages if message.role != "system")
