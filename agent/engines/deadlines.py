"""Deadlines for engines: how long to wait for the first result, and between results."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from typing import TypeVar

from agent.errors import EngineError

T = TypeVar("T")


async def within(awaitable: Awaitable[T], *, engine: str, step: str, deadline_s: float) -> T:
    """The awaitable's result, or EngineError (retryable) naming engine and step when it takes longer.

    The awaitable is cancelled at its deadline. A TimeoutError of its own is passed on as it is.
    """
    try:
        async with asyncio.timeout(deadline_s) as deadline:
            return await awaitable
    except TimeoutError:
        if not deadline.expired():
            raise
        raise EngineError(f'engine "{engine}": {step} took longer than its {deadline_s:g} s', retryable=True) from None


async def bounded(
    results: AsyncIterator[T], *, engine: str, first_s: float, between_s: float
) -> AsyncGenerator[T, None]:
    """The same results, each within its deadline: the first within `first_s`, each next within `between_s`.

    Time that the consumer spends between two results does not count. The end of the results is one of them: it too
    must come within `between_s`. Whatever ends this iterator (deadline, error, cancellation, an early aclose) closes
    `results`. One that is dropped half-read must be closed with aclose().
    Raises EngineError (retryable only while nothing has come).
    """
    step, deadline_s = "the first result", first_s
    try:
        while True:
            try:
                result = await within(anext(results), engine=engine, step=step, deadline_s=deadline_s)
            except StopAsyncIteration:
                return
            except EngineError as error:
                error.retryable = error.retryable and step == "the first result"
                raise
            step, deadline_s = "the next result", between_s
            yield result
    finally:
        close = getattr(results, "aclose", None)
        if close is not None:
            await close()
