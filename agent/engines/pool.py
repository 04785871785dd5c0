"""Pool: a few costly things (decoders, connections) lent to whoever needs one, one user at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from agent.context import CallContext
from agent.errors import EngineError

T = TypeVar("T")


class Pool(Generic[T]):
    """`size` things made at the start, more made when all are lent, up to `max_size`. For one event loop.

    `make` blocks and may run in a thread; `make_cost_ms` is what virtual time charges for it.
    """

    def __init__(
        self, make: Callable[[], T], *, name: str, size: int, max_size: int, make_cost_ms: float = 10.0
    ) -> None:
        if not 0 <= size <= max_size or max_size < 1:
            raise ValueError(f"pool of {name}: size {size} must lie between 0 and max_size {max_size}")
        self._make = make
        self._name = name
        self._size = size
        self._max_size = max_size
        self._make_cost_ms = make_cost_ms
        self._idle: list[T] = []
        self._waiting: deque[asyncio.Future[T]] = deque()
        #: Made and not discarded, lent or idle, or being made.
        self.total = 0

    @property
    def idle(self) -> int:
        """How many could be had at once."""
        return len(self._idle)

    def fill(self) -> None:
        """Make the first `size`, blocking: for a worker's start. Idempotent."""
        while self.total < self._size:
            self._idle.append(self._make())
            self.total += 1

    async def acquire(self, ctx: CallContext, *, deadline_s: float) -> T:
        """One for the caller alone; give it back with `release` or `discard`.

        Raises EngineError (retryable) when none is free within `deadline_s`; whatever `make` raises passes through.
        """
        if self._idle:
            return self._idle.pop()
        if self.total < self._max_size:
            self.total += 1
            try:
                return await ctx.offload(self._make, cost_ms=self._make_cost_ms)
            except BaseException:
                self.total -= 1
                raise
        return await self._wait(deadline_s)

    def release(self, item: T) -> None:
        """Back, and fit for the next user."""
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(item)
                return
        self._idle.append(item)

    def discard(self, item: T) -> None:
        """Back, and never to be lent again; those who wait are served by what others release."""
        self.total -= 1

    def close(self) -> None:
        """Forget the idle ones; those still lent go when their users do."""
        self.total -= len(self._idle)
        self._idle.clear()

    async def _wait(self, deadline_s: float) -> T:
        waiting: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        try:
            async with asyncio.timeout(deadline_s):
                return await waiting
        except BaseException as error:
            # It may have been handed over in the very moment of giving up.
            if waiting.done() and not waiting.cancelled():
                self.release(waiting.result())
            if isinstance(error, TimeoutError):
                raise EngineError(
                    f"all {self._max_size} {self._name} are in use, and none came free in {deadline_s:g} s",
                    retryable=True,
                ) from None
            raise
