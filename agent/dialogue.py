"""Dialogue: the caller's text in; speakable text, tool calls and effects out.

It knows no audio and no line: a phone call, a text chat and a keypad menu hold the same dialogue.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

from agent.completions import Completions
from agent.definition import AgentDefinition
from agent.draft import Draft
from agent.engines.ahead import Spawn
from agent.errors import EngineError
from agent.history import History
from agent.line import Decision, decision_fields
from agent.llm.base import LlmEngine, LlmRequest, Protected, TextDelta, ToolCall
from agent.slots.agreement import agree
from agent.slots.base import NOTHING_ASKED, Asks, as_can_be
from agent.tools.base import ToolContext, ToolOutcome
from agent.tools.confirmation import Confirmation, confirmation_of
from agent.tools.reads import Reads
from agent.tools.registry import ToolRegistry

#: Completions within one reply: tools that call for more tools. More is a loop.
MAX_ROUNDS = 6
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
        self._completions = Completions(llm, tool_context.ctx, journal)
        self._tools = ToolRegistry(agent.tools)
        self._reads = Reads(
            self._look_up, spawn, tool_context.ctx.now_s, good_for_s=self._tools.good_for_s, key=self._tools.key
        )
        self._tool_context = tool_context
        self._journal = journal
        self._spawn = spawn
        self._keep_journal = keep_journal
        self._at_work: dict[asyncio.Task[ToolOutcome], tuple[int, bool]] = {}  # its turn, and whether it only reads
        self._draft: Draft | None = None
        self._drafting: asyncio.Task[None] | None = None
        self.asks = asks
        """What the latest reply asks for."""

    # --- thinking ahead ---------------------------------------------------------------------------------------------

    def think_ahead(self, turn: int, text: str, spawn: Spawn, on_clause: Callable[[str], None]) -> bool:
        """The caller has probably done, having said `text` in this turn: begin to think of the reply. `on_clause` is
        given its first clause. Nothing of it is said, written down or changed in the world before `reply` asks for the
        same. False if it is being thought already; another draft is dropped."""
        if self.thinks_of(turn, text):
            return False
        self.drop_ahead()

        def read(call: ToolCall) -> Awaitable[ToolOutcome] | None:
            return asyncio.shield(self._reads.look_ahead(call)) if self._only_reads(call) else None

        self._draft = Draft(
            turn,
            text,
            self.history.copy(),
            ask=lambda history: self._completions.ask_ahead(self._request(history), spawn),
            read=read,
            on_clause=on_clause,
        )
        self._drafting = spawn(self._draft.think(MAX_ROUNDS))
        return True

    def thinks_of(self, turn: int, text: str) -> bool:
        """Whether the reply to this is being thought of, or is thought already."""
        draft = self._draft
        return draft is not None and draft.turn == turn and agree(self.asks, draft.text, text)

    def drop_ahead(self) -> None:
        """What was thought ahead is not wanted: its requests are cancelled."""
        self._stop_drafting()
        self._completions.drop_ahead()

    def _stop_drafting(self) -> None:
        if self._drafting is not None:
            self._drafting.cancel()
        self._draft = self._drafting = None

    # --- replying ---------------------------------------------------------------------------------------------------

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
        if not self.thinks_of(turn, text):
            self.drop_ahead()
        self._stop_drafting()  # what it has asked for is there; from here on the reply asks
        asked = self.asks
        self.history.caller_said(turn, text)
        try:
            async with aclosing(self._reply(turn, asked)) as events:
                async for event in events:
                    yield event
        finally:
            self._completions.drop_ahead()

    async def _reply(self, turn: int, asked: Asks) -> AsyncGenerator[DialogueEvent, None]:
        for _ in range(MAX_ROUNDS):
            utterance = self.history.agent_begins(turn)
            calls: list[ToolCall] = []
            protected = False
            async with aclosing(self._complete(asked)) as results:
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
                async for said in self._use_tool(turn, call, self._confirmation()):
                    yield said
        raise EngineError(f'engine "{self._llm.name}": still calling tools after {MAX_ROUNDS} rounds; reply given up')

    def _request(self, history: History) -> LlmRequest:
        return LlmRequest(history.messages(self._agent.system_prompt), self._tools.specs())

    async def _complete(self, asked: Asks) -> AsyncGenerator[TextDelta | ToolCall | Protected, None]:
        """One completion; `asked`: what the caller's turn may answer."""
        async with aclosing(self._completions.answer(self._request(self.history), asked)) as events:
            async for event in events:
                if isinstance(event, Asks):  # before the reply's text: from here on the record knows what to keep out
                    self.asks = as_can_be(event)
                    self._journal("agent.asks", **self.asks.fields())
                else:
                    yield event

    async def _use_tool(self, turn: int, call: ToolCall, confirmation: Confirmation) -> AsyncIterator[DialogueEvent]:
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
        task = self._spawn(self._run_tool(turn, call, confirmation))
        self._at_work[task] = (turn, tool is None or self._only_reads(call))
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

    async def _run_tool(self, turn: int, call: ToolCall, confirmation: Confirmation) -> ToolOutcome:
        ctx = self._tool_context.ctx
        began_s = ctx.now_s()
        if self._only_reads(call):
            outcome = await asyncio.shield(self._reads.want(call))
        else:
            if call.name in self._agent.tools:
                await self._keep()  # else a call that comes back after a crash would not know of it, and do it again
                self._reads.forget()
            began_s = ctx.now_s()
            outcome = await self._tools.run(call, self._tool_context, confirmation=confirmation, turn=turn)
            self._reads.forget()
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

    def _confirmation(self) -> Confirmation:
        return confirmation_of(self.history, promptings=(self._agent.phrases.still_there,))

    def _only_reads(self, call: ToolCall) -> bool:
        tool = self._agent.tools.get(call.name)
        return tool is not None and tool.effect == "read"

    async def _look_up(self, call: ToolCall) -> ToolOutcome:
        return await self._tools.run(call, self._tool_context, turn=0)

    async def _keep(self) -> None:
        if self._keep_journal is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(KEEP_WITHIN_S):
                    await self._keep_journal()
