"""Virtual time: an event loop whose clock jumps to the next timer when nothing is left to do; a call's world on it.

A whole call then runs as fast as its work takes, and twice the same. What makes it so: blocking work runs inline and is
charged the time it states (`VirtualContext.offload`), so a thread at work never looks like idleness; timers of one
moment fire in the order in which they were set; there is no clock but the loop's. A library that does this well was
looked for (looptime, async-solipsism): none of them keeps the order of timers, or can wait for something real.
"""

from __future__ import annotations

import asyncio
import contextvars
import datetime as dt
import heapq
import itertools
import math
import random
import selectors
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

#: Longer than this nothing outside is waited for; an engine's own deadlines are much shorter.
REAL_WAIT_S = 60.0
#: So many rounds of the loop at one moment are none that ends: timers or callbacks that feed each other for ever.
MOST_ROUNDS = 1_000_000
#: What is cancelled at the end may still clean up, for so much virtual time.
CLOSE_S = 60.0
#: Where a call's date is not known: a day like any other.
SOME_DAY = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


class Deadlock(AssertionError):
    """Every task waits, and nothing is due: the program would hang for ever."""


class Standstill(AssertionError):
    """Always something to do, and no time passes: the program would run for ever within one moment."""


class _JumpingSelector(selectors.DefaultSelector):
    """Where a loop would sleep, time passes at once; but while something real is awaited, it stands still."""

    now_s = 0.0
    last_s = math.inf
    awaited = 0
    rounds = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        self.rounds += 1
        if ready or timeout == 0:
            if self.rounds > MOST_ROUNDS and not self.awaited:
                self.rounds = 0
                raise Standstill(f"{MOST_ROUNDS} rounds of work, and no time has passed: something runs for ever")
            return ready
        self.rounds = 0
        if self.awaited:
            ready = super().select(REAL_WAIT_S)
            if not ready:
                raise TimeoutError(f"something outside was awaited for {REAL_WAIT_S:g} s in virtual time; given up")
            return ready
        if timeout is None:
            raise Deadlock("every task waits, and no timer is set")
        self.now_s += timeout
        if self.now_s > self.last_s:
            raise Standstill("a task that was cancelled at the end goes on for ever")
        return ready


class _Timer(asyncio.TimerHandle):
    """A timer that knows how many were set before it: asyncio leaves the order of one moment's timers to chance."""

    __slots__ = ("order",)

    order: int
    _when: float

    def __lt__(self, other: Any) -> bool:  # thousands of times for each second of a call
        mine, others = self._when, other._when
        return bool(mine < others or (mine == others and self.order < other.order))


class VirtualLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop but for its clock, which begins at 0. (uvloop's clock cannot be replaced.)"""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        self._orders = itertools.count()
        self.touched_reality = False
        """Whether something real was waited for: then what came of it may come otherwise another time."""
        super().__init__(self._jumping)

    def time(self) -> float:
        return float(self._jumping.now_s)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = _Timer(when, callback, args, self, context)
        timer.order = next(self._orders)
        scheduled: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        heapq.heappush(scheduled, timer)  # as BaseEventLoop.call_at does
        timer._scheduled = True  # type: ignore[attr-defined]
        return timer

    def run_in_executor(self, executor: Any, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """A thread is real (asyncio.to_thread and name look-ups use one): it is waited for as `charged` has it."""
        return self.create_task(charged(super().run_in_executor(executor, func, *args)))

    async def shutdown_default_executor(self, *args: Any) -> None:
        with self.frozen():
            await super().shutdown_default_executor(*args)

    def ends_within(self, seconds: float) -> None:
        """Whoever runs it longer from now on gets a Standstill."""
        self._jumping.last_s = self.time() + seconds

    @property
    def is_frozen(self) -> bool:
        return self._jumping.awaited > 0

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The clock stands still: something real is awaited (a socket, a thread)."""
        self.touched_reality = True
        self._jumping.awaited += 1
        try:
            yield
        finally:
            self._jumping.awaited -= 1


async def charged(real: Awaitable[T]) -> T:
    """The result of something real, awaited in virtual time: the clock is frozen meanwhile, then charged what it took.

    On any other loop this is a plain `await`. Raises TimeoutError after REAL_WAIT_S.
    """
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualLoop):
        return await real
    others_wait = loop.is_frozen  # and are charged for it: no timer of ours could fire until they are done
    began_s = time.monotonic()  # the one place where virtual time asks how late it really is
    try:
        with loop.frozen():
            result = await real
    finally:
        took_s = time.monotonic() - began_s
    if not others_wait:
        await asyncio.sleep(took_s)
    return result


class VirtualContext:
    """A CallContext (agent/context.py) of a virtual loop. `began_at` is the date at which the call begins."""

    def __init__(self, seed: int = 1, began_at: dt.datetime = SOME_DAY) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self._began_at = began_at
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()
        self._ids: dict[str, int] = {}

    def now_s(self) -> float:
        return self._loop.time()

    def wall_time(self) -> dt.datetime:
        return self._began_at + dt.timedelta(seconds=self.now_s() - self._began_s)

    def new_id(self, kind: str) -> str:
        number = self._ids[kind] = self._ids.get(kind, 0) + 1
        return f"{kind}-{number}"

    async def offload(self, work: Callable[..., T], *args: object, cost_ms: float, apart: bool = False) -> T:
        await asyncio.sleep(cost_ms / 1000)
        result = work(*args)
        await asyncio.sleep(0)  # what the work has handed over comes before its end, as it does from a thread
        return result

    def hand_over(self, receive: Callable[..., None], *args: object) -> None:
        self._loop.call_soon(receive, *args)


def run_virtual(main: Coroutine[Any, Any, T], *, limit_s: float = 3600, strict: bool = True) -> T:
    """Run `main` in virtual time, at most `limit_s` of it (then TimeoutError). Tasks it leaves behind are an error; not
    `strict`: they are cancelled, and one that goes on all the same is dropped.

    Raises Deadlock and Standstill.
    """

    async def bounded() -> T:
        async with asyncio.timeout(limit_s):
            result = await main
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not (left and strict), f"left behind: {left}"
        return result

    runner = asyncio.Runner(loop_factory=VirtualLoop)
    try:
        return runner.run(bounded())
    finally:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        loop.ends_within(CLOSE_S)  # the runner waits for all that it cancels
        with suppress(Deadlock, Standstill):
            runner.close()
