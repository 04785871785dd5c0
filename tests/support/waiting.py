"""Waiting on the wall clock, in tests: for a condition, for nothing to happen, at a peer's pace. Nowhere else is slept.

(tests/test_no_sleeping.py keeps it so; what can run in virtual time does, see tests/support/virtual_loop.py.)
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

#: Short beside what is waited for, long beside one look.
LOOK_EVERY_S = 0.01


def _too_late(what: str, within_s: float) -> AssertionError:
    return AssertionError(f"waited {within_s:g} s for this, in vain: {what}")


async def until(
    condition: Callable[[], T | Awaitable[T]], *, within_s: float, what: str, every_s: float = LOOK_EVERY_S
) -> T:
    """Look until `condition()` is true (its result, if that is to be awaited), and return that.

    After `within_s` an AssertionError says `what` did not come. `every_s`: between two looks, if one look costs much.
    """
    loop = asyncio.get_running_loop()
    until_s = loop.time() + within_s
    while True:
        looked = loop.time()
        found = condition()
        if inspect.isawaitable(found):
            try:
                async with asyncio.timeout_at(until_s):
                    found = await found
            except TimeoutError:
                raise _too_late(what, within_s) from None
        if found:
            return found  # type: ignore[return-value]
        if looked >= until_s:
            raise _too_late(what, within_s)
        await asyncio.sleep(every_s)


def until_sync(condition: Callable[[], T], *, within_s: float, what: str) -> T:
    """`until`, where no event loop runs (or in a thread)."""
    until_s = time.monotonic() + within_s
    while True:
        looked = time.monotonic()
        if found := condition():
            return found
        if looked >= until_s:
            raise _too_late(what, within_s)
        time.sleep(LOOK_EVERY_S)


async def stays(condition: Callable[[], object], *, for_s: float, what: str) -> None:
    """Look for `for_s` whether `condition()` is true all the time; else an AssertionError says that `what` was not.

    For what must not happen: there is nothing to wait for but the time in which it would have.
    """
    loop = asyncio.get_running_loop()
    until_s = loop.time() + for_s
    while True:
        left_s = until_s - loop.time()
        assert condition(), f"{for_s - left_s:.2f} s of {for_s:g} long only: {what}"
        if left_s <= 0:
            return
        await asyncio.sleep(min(LOOK_EVERY_S, left_s))


def stays_sync(condition: Callable[[], object], *, for_s: float, what: str) -> None:
    """`stays`, where no event loop runs."""
    until_s = time.monotonic() + for_s
    while True:
        left_s = until_s - time.monotonic()
        assert condition(), f"{for_s - left_s:.2f} s of {for_s:g} long only: {what}"
        if left_s <= 0:
            return
        time.sleep(min(LOOK_EVERY_S, left_s))


async def paced(seconds: float) -> None:
    """Take the time that a peer takes: a carrier its 20 ms a frame, a person to speak, a slow server to answer.

    It is part of what a test does, not a wait for what the code under test does.
    """
    await asyncio.sleep(max(0.0, seconds))


def block(seconds: float) -> None:
    """Hold this thread up, on purpose: a stall, or a slow peer that is a thread."""
    time.sleep(seconds)
