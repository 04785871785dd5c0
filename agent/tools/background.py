"""Background: tools that take longer than a caller waits - acknowledged at once, told of when their results are there.

The model calls such a tool and is told that it has begun. Its result comes to the history later, as the result of a
second call of the same tool: to a model that is an ordinary exchange, which every server takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from agent.llm.base import ToolCall
from agent.tools.base import ToolOutcome

#: At work at once in one call; a model that begins more is in a loop.
MAX_AT_WORK = 8
TOO_MANY = "too much is at work in the background already; not begun"
NOTE = "It has begun. Its result comes later, and is then told to you; do not say that it is done."


@dataclass(frozen=True, slots=True)
class Later:
    """A result that has come: `call` stands for it in the history (an id of its own), `turn` is where it was begun."""

    call: ToolCall
    outcome: ToolOutcome
    turn: int


@dataclass(slots=True)
class Ledger:
    """What is at work, and what is to be told. Pure."""

    at_work: dict[str, tuple[ToolCall, int]] = field(default_factory=dict)
    _to_tell: list[Later] = field(default_factory=list)

    def begin(self, call: ToolCall, turn: int) -> ToolOutcome | None:
        """What the model is told at once; None: the tool is to be started."""
        if call.id in self.at_work or any(same(call, other) for other, _ in self.at_work.values()):
            return started(call)
        if len(self.at_work) >= MAX_AT_WORK:
            return ToolOutcome({"error": TOO_MANY}, ok=False)
        self.at_work[call.id] = (call, turn)
        return None

    def ended(self, call_id: str, outcome: ToolOutcome) -> None:
        """A tool's result has come. One that is not at work is no one's."""
        if call_id not in self.at_work:
            return
        call, turn = self.at_work.pop(call_id)
        self._to_tell.append(Later(ToolCall(f"{call.id}-later", call.name, call.arguments), outcome, turn))

    def take(self) -> tuple[Later, ...]:
        """What has come since it was asked last, in the order in which it came; each is given once."""
        told, self._to_tell = tuple(self._to_tell), []
        return told


def same(one: ToolCall, other: ToolCall) -> bool:
    """Whether the two are the same work."""
    return one.name == other.name and dict(one.arguments) == dict(other.arguments)


def started(call: ToolCall) -> ToolOutcome:
    """What the model is told when a tool has begun."""
    return ToolOutcome({"outcome": "started", "tool": call.name, "note": NOTE})


class Background:
    """One call's background tools. `spawn` starts a task that outlives the reply (and, for what has effects, the call);
    `on_come` is called when a result waits to be told, on the event loop."""

    def __init__(
        self,
        spawn: Callable[[Coroutine[Any, Any, ToolOutcome]], asyncio.Task[ToolOutcome]],
        on_come: Callable[[], None] = lambda: None,
    ) -> None:
        self._spawn = spawn
        self._on_come = on_come
        self._ledger = Ledger()

    @property
    def at_work(self) -> int:
        """How many have not ended yet."""
        return len(self._ledger.at_work)

    def start(self, call: ToolCall, turn: int, run: Callable[[], Coroutine[Any, Any, ToolOutcome]]) -> ToolOutcome:
        """Start `run()` and return at once what the model is told. The same work is not begun beside itself."""
        refused = self._ledger.begin(call, turn)
        if refused is not None:
            return refused
        task = self._spawn(run())
        task.add_done_callback(lambda done: self._ended(call.id, done))
        return started(call)

    def take(self) -> tuple[Later, ...]:
        """Results to be told now: put each into the history (`tool_used(later.call, later.outcome.result)`) before the
        next reply is asked for, or ask for a reply of their own where nobody speaks."""
        return self._ledger.take()

    def _ended(self, call_id: str, task: asyncio.Task[ToolOutcome]) -> None:
        if task.cancelled() or task.exception() is not None:
            outcome = ToolOutcome({"error": "was interrupted; whether it took effect is not known"}, ok=False)
        else:
            outcome = task.result()
        self._ledger.ended(call_id, outcome)
        self._on_come()
