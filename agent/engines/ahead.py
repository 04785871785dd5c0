"""Ahead: results asked for before it is known whether they are wanted - taken when they are, else dropped.

Who is probably done is answered in thought already: the model is asked, the voice speaks into memory. What was asked
for is taken over where it stands, or its request is cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")

#: Results collected beyond what anybody has read: a minute of an answer. One without end must cost bounded room.
MOST = 512

Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


@dataclass(frozen=True, slots=True)
class Came(Generic[T]):
    """One result, and how long after its request it came."""

    result: T
    offset_ms: float


class Ahead(Generic[T]):
    """One request's results on their way into memory. Whoever made it must see that it is dropped."""

    def __init__(self, results: AsyncGenerator[T, None], now_s: Callable[[], float], spawn: Spawn) -> None:
        """`results` is read, and closed, in the task that `spawn` starts; what it raises, `results()` raises again."""
        self._source = results
        self._now_s = now_s
        self._began_s = now_s()
        self._came: list[Came[T]] = []
        self._failure: Exception | None = None
        self._read = 0  # by the furthest reader
        self._more = asyncio.Event()
        self._room = asyncio.Event()
        self._task = spawn(self._collect())
        self._task.add_done_callback(lambda _: self._wake())

    async def results(self) -> AsyncGenerator[Came[T], None]:
        """All of it from the beginning, for any number of readers. What was dropped ends where it was dropped."""
        at = 0
        while True:
            while at < len(self._came):
                at += 1
                if at > self._read:
                    self._read = at
                    self._room.set()
                yield self._came[at - 1]
            if self._task.done():
                break
            await self._more.wait()
        if self._failure is not None:
            raise self._failure

    def so_far(self) -> tuple[Came[T], ...]:
        """What has come by now."""
        return tuple(self._came)

    def drop(self) -> None:
        """The request is cancelled if it is not over."""
        self._task.cancel()

    async def _collect(self) -> None:
        try:
            async for result in self._source:
                self._came.append(Came(result, round((self._now_s() - self._began_s) * 1000, 1)))
                self._wake()
                while len(self._came) - self._read >= MOST:
                    self._room.clear()
                    await self._room.wait()
        except Exception as error:  # noqa: BLE001 - it belongs to who takes the results; dropped, to nobody
            self._failure = error
        finally:
            await self._source.aclose()

    def _wake(self) -> None:
        self._more.set()
        self._more = asyncio.Event()


async def live(results: AsyncGenerator[T, None], now_s: Callable[[], float]) -> AsyncGenerator[Came[T], None]:
    """The same of results that are wanted now: nothing is collected, and closing this closes them."""
    began_s = now_s()
    try:
        async for result in results:
            yield Came(result, round((now_s() - began_s) * 1000, 1))
    finally:
        await results.aclose()
