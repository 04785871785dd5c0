"""Permits: at most so many calls of a tool at once in one worker, over all its callers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

from agent.tools.base import Tool, ToolFunction

_Gates = WeakKeyDictionary[ToolFunction, asyncio.Semaphore]
#: By event loop: a worker has one.
_GATES: WeakKeyDictionary[asyncio.AbstractEventLoop, _Gates] = WeakKeyDictionary()


class Permit:
    """Leave to run once: `async with permit` waits for it. It is given back at the end of that, or, where a thread is
    at work with it, at the end of that thread: a service that hangs is not asked by more and more threads."""

    def __init__(self, gate: asyncio.Semaphore | None) -> None:
        """Without a `gate` nobody waits."""
        self._gate = gate
        self._at_work: set[object] = set()
        self._left = False
        self.granted = False
        """Whether it was ever had."""

    async def __aenter__(self) -> Permit:
        if self._gate is not None:
            await self._gate.acquire()
        self.granted = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self._left = True
        self._give_back()

    def held_by(self, work: Callable[[], Any], hand_over: Callable[..., None]) -> Callable[[], Any]:
        """`work`, for a thread, which holds this permit until it is done. `hand_over(function)` has a function called
        on the event loop."""
        if self._gate is None:
            return work

        def held() -> Any:
            thread = object()
            self._at_work.add(thread)
            try:
                return work()
            finally:
                with suppress(RuntimeError):  # the loop is gone, and its gates with it
                    hand_over(self._done, thread)

        return held

    def _done(self, thread: object) -> None:
        self._at_work.discard(thread)
        self._give_back()

    def _give_back(self) -> None:
        if self._left and not self._at_work and self._gate is not None:
            self._gate.release()
            self._gate = None


def permit_for(tool: Tool) -> Permit:
    """For one run of this tool. Call it with a running loop."""
    if not tool.concurrency:
        return Permit(None)
    gates = _GATES.setdefault(asyncio.get_running_loop(), WeakKeyDictionary())
    return Permit(gates.setdefault(tool.function, asyncio.Semaphore(tool.concurrency)))
