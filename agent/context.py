"""CallContext: what a call takes from the world - clock, chance, ids, dates, blocking work. Live, or virtual.

Nothing else in `agent/` reads a clock, draws a number or starts a thread (a lint rule keeps it so): this is what lets a
whole call be run again, in virtual time, with the same result.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import queue
import random as _random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextvars import copy_context
from functools import partial
from typing import Any, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

#: So much work may hang at once before more of it waits: a tool or two for each call that a worker holds.
MAX_THREADS_APART = 256


class CallContext(Protocol):
    """The world, as one call sees it."""

    random: _random.Random

    def now_s(self) -> float:
        """Monotonic seconds; only differences mean anything."""

    def wall_time(self) -> dt.datetime:
        """The date and time, with zone. For summaries and for what is said to the caller; never for timing."""

    def new_id(self, kind: str) -> str:
        """A fresh id, e.g. "stt-3": unique within the call, and the same in every replay."""

    async def offload(self, work: Callable[..., T], *args: object, cost_ms: float, apart: bool = False) -> T:
        """Run blocking `work` off the event loop. In virtual time it runs inline and is charged `cost_ms`.

        `apart`: work that waits for others and may hang (a tool, a disk). It must not keep the engines' threads.
        """

    def hand_over(self, receive: Callable[..., None], *args: object) -> None:
        """From offloaded work, give a result to the event loop: `receive(*args)` runs there, in order."""


class ApartExecutor(Executor):
    """Threads for work that may hang, made as they are needed. Submit from one thread only.

    They are daemons, which a ThreadPoolExecutor's are not: one that hangs for ever does not keep the process.
    """

    def __init__(self, max_threads: int = MAX_THREADS_APART) -> None:
        self._max_threads = max_threads
        self._threads = 0
        self._idle = threading.Semaphore(0)
        self._work: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = queue.SimpleQueue()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        self._work.put((future, partial(fn, *args, **kwargs)))
        if not self._idle.acquire(blocking=False) and self._threads < self._max_threads:
            self._threads += 1
            threading.Thread(target=self._serve, name=f"offhook-apart-{self._threads}", daemon=True).start()
        return future

    def _serve(self) -> None:
        while True:
            future, work = self._work.get()
            if future.set_running_or_notify_cancel():
                try:
                    result = work()
                except BaseException as error:  # noqa: BLE001  whatever it is, it belongs to who waits
                    future.set_exception(error)
                else:
                    future.set_result(result)
            del future, work  # nothing is kept alive by an idle thread
            self._idle.release()


class LiveContext:
    """A real call: the loop's clock, a pool of threads (and one apart, else the same), one seed per call."""

    def __init__(self, executor: Executor, *, apart: Executor | None = None, seed: int | None = None) -> None:
        self.seed = seed if seed is not None else _random.SystemRandom().getrandbits(32)
        self.random = _random.Random(self.seed)
        self._executor = executor
        self._apart = apart or executor
        self._loop = asyncio.get_running_loop()
        self._ids: dict[str, int] = {}

    def now_s(self) -> float:
        return time.monotonic()

    def wall_time(self) -> dt.datetime:
        return dt.datetime.now().astimezone()

    def new_id(self, kind: str) -> str:
        number = self._ids[kind] = self._ids.get(kind, 0) + 1
        return f"{kind}-{number}"

    async def offload(self, work: Callable[..., T], *args: object, cost_ms: float, apart: bool = False) -> T:
        # In the caller's context (contextvars), as a task would be: so what the work logs is known to be this call's.
        run = copy_context().run
        return await self._loop.run_in_executor(self._apart if apart else self._executor, run, partial(work, *args))

    def hand_over(self, receive: Callable[..., None], *args: object) -> None:
        self._loop.call_soon_threadsafe(receive, *args)
