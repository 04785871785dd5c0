"""Dialogue: the caller's text in; speakable text, tool calls and effects out.

It knows no audio and no line: a phone call, a text chat and a keypad menu hold the same dialogue.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

from agent.definition import AgentDefinition
from agent.engines.deadlines import bounded
from agent.engines.requests import EngineRequest
from agent.errors import EngineError
from agent.history import History
from agent.language.yesno import is_yes
from agent.line import Decision, decision_fields
from agent.llm.base import LlmEngine, LlmRequest, Protected, TextDelta, ToolCall
from agent.record import input_hash
from agent.slots.base import NOTHING_ASKED, Asks, as_can_be
from agent.tools.base import ToolContext, ToolOutcome
from agent.tools.registry import ToolRegistry

#: A caller gives up past a second or two; a model that has not begun by then will not be waited for.
FIRST_TOKEN_S = 5.0
BETWEEN_TOKENS_S = 5.0
#: Completions within one reply: tools that call for more tools. More is a loop.
MAX_ROUNDS = 6
#: What one completion may say: ten minutes of speech is a fault, not an answer.
MAX_REPLY_CHARS = 4000
#: A new turn waits so long for what an earlier one is still looking up: as a pause it is nothing unusual.
LOOKING_UP_S = 0.7
#: A disk that is slower does not hold up a tool with effects.
KEEP_WITHIN_S = 0.5


@dataclass(frozen=True, slots=True)
class Say:
    """More text of an utterance, to be spoken. `protected`: the caller cannot interrupt the utterance."""

    utterance: int
    text: str
    protected: bool = False


@dataclass(frozen=True, slots=True)
class SaidAll:
    """An utterance is complete."""

    utterance: int


@dataclass(frozen=True, slots=True)
class Leave:
    """The call is to be left once all that was said has been heard."""

    decision: Decision


DialogueEvent = Say | SaidAll | Leave


class Dialogue:
    """One conversation with one caller. `spawn` starts work that must outlive a reply that is cut off."""

    def __init__(
        self,
        agent: AgentDefinition,
        llm: LlmEngine,
        tool_context: ToolContext,
        journal: Callable[..., None],
        spawn: Callable[[Coroutine[Any, Any, ToolOutcome]], asyncio.Task[ToolOutcome]],
        history: History | None = None,
        keep_journal: Callable[[], Awaitable[None]] | None = None,
        asks: Asks = NOTHING_ASKED,
    ) -> None:
        """`history`: what was said before, where the call comes back to its agent, and `asks`, what it was asking for.
        `keep_journal` returns when what was journaled so far outlives this process.
        """
        self.history = history if history is not None else History()
        self._agent = agent
        self._llm = llm
        self._tools = ToolRegistry(agent.tools)
        self._tool_context = tool_context
        self._journal = journal
        self._spawn = spawn
        self._keep_journal = keep_journal
        self._at_work: dict[asyncio.Task[ToolOutcome], tuple[int, bool]] = {}  # its turn, and whether it only reads
        self.asks = asks
        """What the latest reply asks for."""

    async def tools_done(self, turn: int) -> None:
        """Wait for tools that a reply broken off has left at work, as far as the model must know of them before `turn`
        is answered: those of the same turn, and those with effects, lest they are carried out twice. What another turn
        is looking up is not waited for longer than LOOKING_UP_S; the model is told of it when it has come."""
        needed = [task for task, (of, reads) in self._at_work.items() if of == turn or not reads]
        if needed:
            await asyncio.wait(needed)
        if self._at_work:
            await asyncio.wait(tuple(self._at_work), timeout=LOOKING_UP_S)

    async def reply(self, turn: int, text: str) -> AsyncGenerator[DialogueEvent, None]:
        """Answer a committed turn. Cancelling it (a barge-in) drops what is unsaid; a tool at work finishes.

        Raises EngineError when the model fails or misses a deadline.
        """
        text = self.history.caller_said(turn, text)
        for _ in range(MAX_ROUNDS):
            utterance = self.history.agent_begins(turn)
            calls: list[ToolCall] = []
            protected = False
            async with aclosing(self._complete()) as results:
                async for event in results:
                    if isinstance(event, ToolCall):
                        calls.append(event)
                    elif isinstance(event, Protected):
                        protected = True
                    else:
                        self.history.agent_adds(utterance, event.text)
                        yield Say(utterance, event.text, protected)
            yield SaidAll(utterance)
            if not calls:
                return
            for call in calls:
                async for said in self._use_tool(turn, call, is_yes(text)):
                    yield said
        raise EngineError(f'engine "{self._llm.name}": still calling tools after {MAX_ROUNDS} rounds; reply given up')

    async def _complete(self) -> AsyncGenerator[TextDelta | ToolCall | Protected, None]:
        """One completion, under its deadlines, journaled with the offset of every result."""
        ctx = self._tool_context.ctx
        request = LlmRequest(self.history.messages(self._agent.system_prompt), self._tools.specs())
        asked = EngineRequest(self._journal, ctx, "llm", self._llm.name, **request_fields(request))
        chars = 0
        bounded_results = bounded(
            self._llm.stream(request, ctx), engine=self._llm.name, first_s=FIRST_TOKEN_S, between_s=BETWEEN_TOKENS_S
        )
        async with aclosing(bounded_results) as results:
            async for event in results:
                if isinstance(event, Asks):  # before the reply's text: from here on the record knows what to keep out
                    self.asks = as_can_be(event)
                    self._journal("agent.asks", **self.asks.fields())
                    continue
                if isinstance(event, TextDelta):
                    asked.result({"text": event.text}, final=False)
                    chars += len(event.text)
                    if chars > MAX_REPLY_CHARS:
                        break
                elif isinstance(event, Protected):
                    asked.result({"protected": True}, final=False)
                else:
                    wanted = {"tool": event.name, "arguments": dict(event.arguments)}
                    asked.result(wanted, final=False)
                yield event
        asked.result({}, final=True)

    async def _use_tool(self, turn: int, call: ToolCall, confirmed: bool) -> AsyncIterator[DialogueEvent]:
        """Run one tool; a filler is said once its patience is over. Effects are carried out even if the reply dies."""
        tool = self._agent.tools.get(call.name)
        self._journal(
            "tool.called",
            id=call.id,
            name=call.name,
            arguments=dict(call.arguments),
            turn=turn,
            effect=tool.effect if tool else "unknown",
        )
        task = self._spawn(self._run_tool(turn, call, confirmed))
        self._at_work[task] = (turn, tool is None or tool.effect == "read")
        task.add_done_callback(lambda done: self._at_work.pop(done, None))
        if tool is not None and tool.filler:
            done, _ = await asyncio.wait([task], timeout=tool.patience_s)
            if not done:
                filler = self.history.agent_begins(turn, aside=True)
                self.history.agent_adds(filler, tool.filler)
                yield Say(filler, tool.filler)
                yield SaidAll(filler)
        outcome = await asyncio.shield(task)
        if outcome.decision is not None:
            yield Leave(outcome.decision)

    async def _run_tool(self, turn: int, call: ToolCall, confirmed: bool) -> ToolOutcome:
        tool = self._agent.tools.get(call.name)
        ctx = self._tool_context.ctx
        if tool is not None and tool.effect != "read":
            await self._keep()  # else a call that comes back after a crash would not know of it, and do it again
        began_s = ctx.now_s()
        outcome = await self._tools.run(call, self._tool_context, confirmed=confirmed, turn=turn)
        took_ms = round((ctx.now_s() - began_s) * 1000, 1)
        self.history.tool_used(call, outcome.result)
        decision = decision_fields(outcome.decision) if outcome.decision is not None else None
        self._journal(
            "tool.returned",
            id=call.id,
            name=call.name,
            ok=outcome.ok,
            result=outcome.result,
            took_ms=took_ms,
            decision=decision,
        )
        return outcome

    async def _keep(self) -> None:
        if self._keep_journal is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(KEEP_WITHIN_S):
                    await self._keep_journal()


def request_fields(request: LlmRequest) -> dict[str, str]:
    """What the journal keeps of a request, as `input_hash` of all of it, and `input`, its newest message."""
    lines = [f"{m.role}\x1f{m.content}\x1f{m.name}\x1f{_calls(m.tool_calls)}" for m in request.messages]
    names = [spec.name for spec in request.tools]
    last = request.messages[-1].content if request.messages else ""
    return {"input_hash": input_hash(*lines, *names), "input": last[:500]}


def _calls(calls: tuple[ToolCall, ...]) -> str:
    return json.dumps([[call.name, dict(call.arguments)] for call in calls], sort_keys=True, default=str)
