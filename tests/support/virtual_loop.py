"""Virtual time for tests: an event loop whose clock jumps to the next timer as soon as nothing is left to do."""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import random
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Deadlock(AssertionError):
    """Every task waits, and nothing is due: the program would hang for ever."""


class _JumpingSelector(selectors.DefaultSelector):  # type: ignore[valid-type, misc]
    """Where a loop would sleep, time passes at once."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise Deadlock("every task waits, and no timer is set")
        if not ready and timeout:
            self.now_s += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An ordinary loop but for its clock, which begins at 0."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return float(self._jumping.now_s)


class VirtualContext:
    """A CallContext (agent/context.py) of a virtual loop: blocking work runs inline, and is charged what it states."""

    def __init__(self, seed: int = 1) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self._loop = asyncio.get_running_loop()
        self._ids: dict[str, int] = {}

    def now_s(self) -> float:
        return self._loop.time()

    def wall_time(self) -> dt.datetime:
        return dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC) + dt.timedelta(seconds=self.now_s())

    def new_id(self, kind: str) -> str:
        number = self._ids[kind] = self._ids.get(kind, 0) + 1
        return f"{kind}-{number}"

    async def offload(self, work: Callable[..., T], *args: object, cost_ms: float, apart: bool = False) -> T:
        await asyncio.sleep(cost_ms / 1000)
        return work(*args)

    def hand_over(self, receive: Callable[..., None], *args: object) -> None:
        self._loop.call_soon(receive, *args)


def run_virtual(main: Coroutine[Any, Any, T], *, limit_s: float = 3600) -> T:
    """Run `main` in virtual time, at most `limit_s` of it. Tasks it leaves behind are an error."""

    async def bounded() -> T:
        async with asyncio.timeout(limit_s):
            result = await main
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"left behind: {left}"
        return result

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(bounded())


def virtual(case: Callable[P, Coroutine[Any, Any, object]]) -> Callable[P, None]:
    """A test that runs in virtual time; it takes fixtures and parameters as any other does."""

    @functools.wraps(case)
    def test(*args: P.args, **kwargs: P.kwargs) -> None:
        run_virtual(case(*args, **kwargs))

    return test
