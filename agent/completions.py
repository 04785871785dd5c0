"""Completions: the model asked, under its deadlines and in the journal; what was asked ahead is taken over.

A completion asked ahead (agent/engines/ahead.py) leaves in the journal that it was asked. What it says is written down
when it is taken over; of one that is dropped, the tools that it called for, and no word.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from agent.context import CallContext
from agent.engines.ahead import Ahead, Spawn, live
from agent.engines.deadlines import bounded
from agent.engines.requests import EngineRequest
from agent.llm.base import LlmEngine, LlmEvent, LlmRequest, Message, Protected, TextDelta, ToolCall
from agent.record import input_hash
from agent.slots.agreement import agree
from agent.slots.base import Asks

#: A caller gives up past a second or two; a model that has not begun by then will not be waited for.
FIRST_TOKEN_S = 5.0
BETWEEN_TOKENS_S = 5.0
#: What one completion may say: ten minutes of speech is a fault, not an answer.
MAX_REPLY_CHARS = 4000


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that is on its way ahead, and its place in the journal."""

    request: LlmRequest
    completion: Ahead[LlmEvent]
    journaled: EngineRequest


class Completions:
    """One conversation's. `spawn` starts a task in the call's group."""

    def __init__(self, llm: LlmEngine, ctx: CallContext, journal: Callable[..., None]) -> None:
        self._llm = llm
        self._ctx = ctx
        self._journal = journal
        self._ahead: list[_Asked] = []

    def ask_ahead(self, request: LlmRequest, spawn: Spawn) -> AsyncGenerator[LlmEvent, None]:
        """Asks now for what may be wanted; `answer` takes it over, or `drop_ahead` lets it go, whoever reads it here.
        `spawn` starts a task in the call's group."""
        journaled = self._journaled(request, ahead=True)
        completion = Ahead(self._stream(request), self._ctx.now_s, spawn)
        self._ahead.append(_Asked(request, completion, journaled))
        return _events(completion)

    def drop_ahead(self) -> None:
        """What was asked ahead and not taken over is cancelled."""
        dropped, self._ahead = self._ahead, []
        for asked in dropped:
            asked.completion.drop()
            for came in asked.completion.so_far():
                if isinstance(came.result, ToolCall):
                    asked.journaled.result(_fields(came.result), final=False, offset_ms=came.offset_ms)
            asked.journaled.dropped()

    async def answer(self, request: LlmRequest, asks: Asks) -> AsyncGenerator[LlmEvent, None]:
        """One completion. `asks`: what the caller had been asked for when they said the last of it. Raises EngineError,
        and whatever else the engine raises."""
        asked = next((one for one in self._ahead if same_request(one.request, request, asks)), None)
        if asked is None:
            journaled = self._journaled(request)
            results = live(self._stream(request), self._ctx.now_s)
        else:
            self._ahead.remove(asked)
            journaled, results = asked.journaled, asked.completion.results()
        chars = 0
        try:
            async with aclosing(results) as all_of_it:
                async for came in all_of_it:
                    chars += len(came.result.text) if isinstance(came.result, TextDelta) else 0
                    if chars > MAX_REPLY_CHARS:
                        break
                    if not isinstance(came.result, Asks):
                        journaled.result(_fields(came.result), final=False, offset_ms=came.offset_ms)
                    yield came.result
            journaled.result({}, final=True)
        finally:
            if asked is not None:
                asked.completion.drop()

    def _stream(self, request: LlmRequest) -> AsyncGenerator[LlmEvent, None]:
        events = self._llm.stream(request, self._ctx)
        return bounded(events, engine=self._llm.name, first_s=FIRST_TOKEN_S, between_s=BETWEEN_TOKENS_S)

    def _journaled(self, request: LlmRequest, *, ahead: bool = False) -> EngineRequest:
        fields = request_fields(request)
        return EngineRequest(self._journal, self._ctx, "llm", self._llm.name, ahead=ahead, **fields)


def same_request(ahead: LlmRequest, now: LlmRequest, asks: Asks) -> bool:
    """Whether what was asked ahead is what is asked now: the same but for the way in which the caller's last words are
    written."""
    if ahead.tools != now.tools or len(ahead.messages) != len(now.messages):
        return False
    last = max((at for at, message in enumerate(now.messages) if message.role == "user"), default=-1)
    return all(
        one == other or (at == last and _but_for_words(one, other) and agree(asks, one.content, other.content))
        for at, (one, other) in enumerate(zip(ahead.messages, now.messages, strict=True))
    )


def request_fields(request: LlmRequest) -> dict[str, str]:
    """What the journal keeps of a request, as `input_hash` of all of it, and `input`, its newest message."""
    lines = [f"{m.role}\x1f{m.content}\x1f{m.name}\x1f{_calls(m.tool_calls)}" for m in request.messages]
    names = [spec.name for spec in request.tools]
    last = request.messages[-1].content if request.messages else ""
    return {"input_hash": input_hash(*lines, *names), "input": last[:500]}


def _calls(calls: tuple[ToolCall, ...]) -> str:
    return json.dumps([[call.name, dict(call.arguments)] for call in calls], sort_keys=True, default=str)


async def _events(completion: Ahead[LlmEvent]) -> AsyncGenerator[LlmEvent, None]:
    async with aclosing(completion.results()) as results:
        async for came in results:
            yield came.result


def _but_for_words(one: Message, other: Message) -> bool:
    return replace(one, content="") == replace(other, content="")


def _fields(event: LlmEvent) -> dict[str, object]:
    match event:
        case TextDelta(text):
            return {"text": text}
        case Protected():
            return {"protected": True}
        case ToolCall(_, name, arguments):
            return {"tool": name, "arguments": dict(arguments)}
    return {}
