"""RecordedLlm: the model of a recorded call - each request gets what the like of it got then, when it got it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace

from agent.completions import request_fields
from agent.context import CallContext
from agent.errors import EngineError
from agent.llm.base import LlmEvent, LlmRequest, TextDelta, ToolCall
from telephony.replay.engines.embedded import Embedded
from telephony.replay.engines.facts import failures
from telephony.replay.engines.serving import PAST_THE_RECORD_S, Serving
from telephony.replay.recorded import RecordedReply


class RecordedLlm:
    """Looked up by the request's hash (first those not given yet), then by turn: the next one of the recorded turn that
    is being answered. A request with a tool's result in it goes on with the turn that called the tool, whatever is said
    by then; it is never answered with the first completion of a turn, nor the other way round.
    """

    remote = False

    def __init__(self, serving: Serving, embedded: Embedded) -> None:
        self.name = serving.recorded.engines.get("llm", "recorded")
        self._serving = serving
        self._embedded = embedded
        self._given: set[int] = set()
        self._latest_turn: int | None = None  # of the reply that was given last, if it was from the record
        failed, asked = failures(serving.recorded.events, "llm")
        self._failed = failed if asked == len(serving.recorded.replies) else {}

    async def start(self) -> None:
        """Nothing to load."""

    async def stream(self, request: LlmRequest, ctx: CallContext) -> AsyncGenerator[LlmEvent, None]:
        """The recorded results at their recorded offsets. Raises Diverged where the record has none."""
        found = self._find(request)
        if found is None:
            what = f"the model was not asked this in the record: {_last_words(request)!r}"
            async for event in self._anew(request, ctx, what, []):
                yield event
            return
        reply, failure = self._to_its_end(found), self._failed.get(found)
        began_s = ctx.now_s()
        for offset_ms, event in reply.events:
            await asyncio.sleep(max(0.0, began_s + offset_ms / 1000 - ctx.now_s()))
            yield _with_fresh_id(event, ctx)
        end_ms = failure.offset_ms if failure is not None else reply.end_offset_ms
        await asyncio.sleep(max(0.0, began_s + end_ms / 1000 - ctx.now_s()))
        if failure is not None:
            raise EngineError(failure.message)
        if not reply.cut:
            return
        if self._serving.plan.missing == "stop":
            await asyncio.sleep(PAST_THE_RECORD_S)
        known = [event for _, event in reply.events]
        async for event in self._anew(request, ctx, "the model's reply was cut off in the record", known):
            yield event

    async def close(self) -> None:
        await self._embedded.close()

    def next_for(self, request: LlmRequest) -> RecordedReply | None:
        """What `stream` would give for this very request, by its hash; one that failed then counts as cut."""
        alike = self._alike(request)
        chosen = next((index for index in alike if index not in self._given), alike[-1] if alike else None)
        if chosen is None:
            return None
        reply = self._to_its_end(chosen)
        return replace(reply, cut=True) if chosen in self._failed else reply

    def _alike(self, request: LlmRequest) -> list[int]:
        wanted = request_fields(request)["input_hash"]
        replies = self._serving.recorded.replies
        return [index for index, reply in enumerate(replies) if wanted and reply.input_hash == wanted]

    def _find(self, request: LlmRequest) -> int | None:
        """The reply, by its place in the record."""
        replies = self._serving.recorded.replies
        alike = self._alike(request)
        how = "hash"
        fresh = [index for index in alike if index not in self._given]
        if not alike:
            opens = not _has_tool_result(request)
            turn = self._serving.turn if opens or self._latest_turn is None else self._latest_turn
            of_turn = [index for index, reply in enumerate(replies) if reply.turn == turn]
            fresh = [index for index in of_turn if index not in self._given and self._opens(index) == opens]
            how = "turn"
        chosen = (fresh or alike[-1:])[:1]
        self._latest_turn = replies[chosen[0]].turn if chosen else None
        if not chosen:
            return None
        self._given.add(chosen[0])
        self._serving.served[f"llm: {how}"] += 1
        return chosen[0]

    def _to_its_end(self, index: int) -> RecordedReply:
        """A reply that was cut off, and asked for again then, is known to its end."""
        reply = self._serving.recorded.replies[index]
        if not reply.cut or index in self._failed:
            return reply
        known = [_bare(event) for _, event in reply.events]
        for other in self._serving.recorded.replies:
            if other.input_hash == reply.input_hash and not other.cut:
                events = [_bare(event) for _, event in other.events]
                if events[: len(known)] == known:
                    later = other.events[len(known) :]
                    return replace(reply, events=reply.events + later, end_offset_ms=other.end_offset_ms, cut=False)
        return reply

    def _opens(self, index: int) -> bool:
        """Whether a recorded reply answers the caller; the others answer a tool. (A noise may have cut the first one
        off, so that it was asked for again.)"""
        before, reply = self._serving.recorded.replies[index - 1 : index + 1] if index else (None, None)
        if before is None or reply is None or reply.round == 0:
            return True
        calls = any(isinstance(event, ToolCall) for _, event in before.events)
        return before.turn == reply.turn and not calls

    async def _anew(
        self, request: LlmRequest, ctx: CallContext, what: str, known: list[LlmEvent]
    ) -> AsyncIterator[LlmEvent]:
        """The agent's own model's results, without those that are `known` already."""
        engine = await self._embedded.get(what)
        text = "".join(event.text for event in known if isinstance(event, TextDelta))
        others = [_bare(event) for event in known if not isinstance(event, TextDelta)]
        stream: AsyncGenerator[LlmEvent, None] = engine.stream(request, ctx)
        async with aclosing(stream) as events:
            async for event in events:
                if not isinstance(event, TextDelta):
                    if not others:
                        yield event
                    elif others.pop(0) != _bare(event):
                        raise self._serving.missing(f"{what}, and the agent's model now calls for something else")
                    continue
                shared = min(len(text), len(event.text))
                if text[:shared] != event.text[:shared]:
                    raise self._serving.missing(f"{what}, and the agent's model now says something else")
                text = text[shared:]
                if event.text[shared:]:
                    yield TextDelta(event.text[shared:])


def _has_tool_result(request: LlmRequest) -> bool:
    for message in reversed(request.messages):
        if message.role in ("tool", "user"):
            return message.role == "tool"
    return False


def _with_fresh_id(event: LlmEvent, ctx: CallContext) -> LlmEvent:
    return replace(event, id=ctx.new_id("call")) if isinstance(event, ToolCall) else event


def _bare(event: LlmEvent) -> LlmEvent:
    return replace(event, id="") if isinstance(event, ToolCall) else event


def _last_words(request: LlmRequest) -> str:
    return request.messages[-1].content[:60] if request.messages else ""
