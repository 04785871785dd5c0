"""Draft: a reply thought ahead of its turn's commit, on what the caller has said so far. It may come to nothing.

It asks the model, and runs the reads that the model calls for, as the reply itself will, on a copy of the history;
where something would change the world, it stops. What comes is kept by those who were asked (agent/completions.py,
agent/tools/reads.py): the reply asks for the same, and finds it there.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from agent.errors import EngineError
from agent.history import History
from agent.llm.base import LlmEvent, TextDelta, ToolCall
from agent.speech.clauses import ClauseSplitter
from agent.tools.base import ToolOutcome


class Draft:
    """One reply, thought ahead. `think()` returns when nothing more can be known of it before the commit."""

    def __init__(
        self,
        turn: int,
        text: str,
        history: History,
        *,
        ask: Callable[[History], AsyncGenerator[LlmEvent, None]],
        read: Callable[[ToolCall], Awaitable[ToolOutcome] | None],
        on_clause: Callable[[str], None],
    ) -> None:
        """`history` is its own. `ask`: one completion of it; `read`: the result of a tool that only reads, or None for
        any other tool; `on_clause` is given the first clause of the reply."""
        self.turn = turn
        self.text = text
        self._history = history
        self._ask = ask
        self._read = read
        self._on_clause = on_clause
        self._splitter: ClauseSplitter | None = ClauseSplitter()

    async def think(self, rounds: int) -> None:
        """At most so many completions. A failure of the model is the reply's to tell."""
        self._history.caller_said(self.turn, self.text)
        try:
            for _ in range(rounds):
                calls = await self._complete()
                reads = [(call, self._read(call)) for call in calls]
                if not calls or any(result is None for _, result in reads):
                    return
                for call, result in reads:
                    if result is not None:
                        self._history.tool_used(call, (await result).result)
        except EngineError:
            return

    async def _complete(self) -> list[ToolCall]:
        utterance = self._history.agent_begins(self.turn)
        calls: list[ToolCall] = []
        async with aclosing(self._ask(self._history)) as events:
            async for event in events:
                if isinstance(event, ToolCall):
                    calls.append(event)
                elif isinstance(event, TextDelta):
                    self._history.agent_adds(utterance, event.text)
                    self._look_for_clause(event.text)
        if self._splitter is not None:
            self._found([clause.text for clause in self._splitter.flush()])
        return calls

    def _look_for_clause(self, text: str) -> None:
        if self._splitter is not None:
            self._found([clause.text for clause in self._splitter.push(text)])

    def _found(self, clauses: list[str]) -> None:
        if clauses and self._splitter is not None:
            self._splitter = None
            self._on_clause(clauses[0])
