"""CallContext: what a call takes from the world - clock, chance, ids, dates, blocking work. Live, or virtual.

Nothing else in `agent/` reads a clock, draws a number or starts a thread (a lint rule keeps it so): this is what lets a
whole call be run again, in virtual time, with the same result.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import random as _random
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Protocol, TypeVar

T = TypeVar("T")


class CallContext(Protocol):
    """The world, as one call sees it."""

    random: _random.Random

    def now_s(self) -> float:
        """Monotonic seconds; only differences mean anything."""

    def wall_time(self) -> dt.datetime:
        """The date and time, with zone. For summaries and for what is said to the caller; never for timing."""

    def new_id(self, kind: str) -> str:
        """A fresh id, e.g. "stt-3": unique within the call, and the same in every replay."""

    async def offload(self, work: Callable[..., T], *args: object, cost_ms: float) -> T:
        """Run blocking `work` off the event loop. In virtual time it runs inline and is charged `cost_ms`."""

    def hand_over(self, receive: Callable[..., None], *args: object) -> None:
        """From offloaded work, give a result to the event loop: `receive(*args)` runs there, in order."""


class LiveContext:
    """A real call: the loop's clock, a pool of threads, one seed per call."""

    def __init__(self, executor: Executor, *, seed: int | None = None) -> None:
        self.seed = seed if seed is not None else _random.SystemRandom().getrandbits(32)
        self.random = _random.Random(self.seed)
        self._executor = executor
        self._loop = asyncio.get_running_loop()
        self._ids: dict[str, int] = {}

    def now_s(self) -> float:
        return time.monotonic()

    def wall_time(self) -> dt.datetime:
        return dt.datetime.now().astimezone()

    def new_id(self, kind: str) -> str:
        number = self._ids[kind] = self._ids.get(kind, 0) + 1
        return f"{kind}-{number}"

    async def offload(self, work: Callable[..., T], *args: object, cost_ms: float) -> T:
        return await self._loop.run_in_executor(self._executor, work, *args)

    def hand_over(self, receive: Callable[..., None], *args: object) -> None:
        self._loop.call_soon_threadsafe(receive, *args)
