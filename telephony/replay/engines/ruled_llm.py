"""RuledLlm: an agent that answers by its own rules (flow.toml) does so anew; the record only tells when.

Rules are dialogue: what was changed in them is to be seen in every mode. Where they still say what the record holds,
it comes at its recorded times; where not, what they say now comes at once.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from agent.context import CallContext
from agent.llm.base import LlmEngine, LlmEvent, LlmRequest, Protected, TextDelta, ToolCall
from agent.masking import MARK
from agent.slots.base import Asks
from agent.virtual_time import VirtualContext
from telephony.replay.engines.recorded_llm import RecordedLlm
from telephony.replay.engines.serving import Serving


class RuledLlm:
    """`rules` is the agent's engine, one that is ByRule (agent/llm/base.py)."""

    remote = False

    def __init__(self, rules: LlmEngine, recorded: RecordedLlm, serving: Serving) -> None:
        self.name = recorded.name
        self._rules = rules
        self._recorded = recorded
        self._serving = serving

    async def start(self) -> None:
        await self._rules.start()

    async def stream(self, request: LlmRequest, ctx: CallContext) -> AsyncGenerator[LlmEvent, None]:
        """What the rules say. Of a request with a masked value in it they know less than they did then, so that the
        record is believed. Raises what RecordedLlm raises."""
        masked = any(MARK in message.content for message in request.messages)
        # In a context of its own: ids that are not used must not be counted.
        says = [] if masked else [event async for event in self._rules.stream(request, VirtualContext())]
        if masked or self._as_recorded(request, says):
            async with aclosing(self._recorded.stream(request, ctx)) as then:
                asks = iter([event for event in says if isinstance(event, Asks)])
                async for event in then:
                    # An older journal may say less of what was asked for, and who hears is told what is.
                    yield next(asks, event) if isinstance(event, Asks) else event
            return
        self._serving.served["llm: rules"] += 1
        for event in says:
            yield replace(event, id=ctx.new_id("call")) if isinstance(event, ToolCall) else event

    async def close(self) -> None:
        try:
            await self._rules.close()
        finally:
            await self._recorded.close()

    def _as_recorded(self, request: LlmRequest, says: Sequence[LlmEvent]) -> bool:
        reply = self._recorded.next_for(request)
        if reply is None:
            return False
        text, others = _plain(says)
        then_text, then_others = _plain([event for _, event in reply.events])
        if reply.cut:
            return text.startswith(then_text) and others[: len(then_others)] == then_others
        return (text, others) == (then_text, then_others)


def _plain(events: Sequence[LlmEvent]) -> tuple[str, list[LlmEvent]]:
    """All text of a reply, and the rest of it, without what is new each time or older journals have not got."""
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    others: list[LlmEvent] = []
    for event in events:
        if isinstance(event, ToolCall):
            others.append(replace(event, id=""))
        elif isinstance(event, Protected):
            others.append(event)
        elif isinstance(event, Asks):
            kind = (event.hides or event.kind) if event.slot else ""
            others.append(Asks(event.slot, kind, event.sensitive))
    return text, others
