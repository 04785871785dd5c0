"""Deadlines: what is in time passes; what is late is told; whatever happens, the source is closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from agent.engines.deadlines import bounded, within
from agent.errors import EngineError
from tests.support.virtual_loop import virtual


class Source:
    """Gives numbers with the given waits before each; notes that it was closed."""

    def __init__(self, *waits_s: float, fails: bool = False) -> None:
        self.closed = False
        self._waits_s = waits_s
        self._fails = fails

    async def results(self) -> AsyncIterator[int]:
        try:
            for number, wait_s in enumerate(self._waits_s):
                await asyncio.sleep(wait_s)
                yield number
            if self._fails:
                raise TimeoutError("the source's own")
        finally:
            self.closed = True


def now_s() -> float:
    return asyncio.get_running_loop().time()


@virtual
async def test_results_in_time_pass() -> None:
    source = Source(0, 0, 0)
    assert [n async for n in bounded(source.results(), engine="x", first_s=1, between_s=1)] == [0, 1, 2]
    assert source.closed


@virtual
async def test_first_result_late() -> None:
    source = Source(9)
    with pytest.raises(EngineError, match=r'engine "x": the first result took longer than its 0\.01 s') as caught:
        [n async for n in bounded(source.results(), engine="x", first_s=0.01, between_s=9)]
    assert now_s() == pytest.approx(0.01)
    assert caught.value.retryable
    assert source.closed


@virtual
async def test_next_result_late_is_not_retryable() -> None:
    source = Source(0, 9)
    results = bounded(source.results(), engine="x", first_s=9, between_s=0.01)
    assert await anext(results) == 0
    with pytest.raises(EngineError, match="the next result") as caught:
        await anext(results)
    assert now_s() == pytest.approx(0.01)
    assert not caught.value.retryable
    assert source.closed


@virtual
async def test_the_consumers_own_time_does_not_count() -> None:
    source = Source(0, 0)
    async for _ in bounded(source.results(), engine="x", first_s=0.02, between_s=0.02):
        await asyncio.sleep(0.05)


@virtual
async def test_errors_of_the_source_pass_unchanged() -> None:
    with pytest.raises(TimeoutError, match="the source's own"):
        [n async for n in bounded(Source(0, fails=True).results(), engine="x", first_s=1, between_s=1)]


@virtual
async def test_closing_early_closes_the_source() -> None:
    source = Source(0, 0)
    results = bounded(source.results(), engine="x", first_s=1, between_s=1)
    assert await anext(results) == 0
    await results.aclose()
    assert source.closed


@virtual
async def test_cancelling_closes_the_source() -> None:
    source = Source(9)

    async def consume() -> None:
        async for _ in bounded(source.results(), engine="x", first_s=9, between_s=9):
            pass

    task = asyncio.create_task(consume())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert source.closed


@virtual
async def test_within() -> None:
    assert await within(asyncio.sleep(0, "done"), engine="x", step="connecting", deadline_s=1) == "done"
    with pytest.raises(EngineError, match='engine "x": connecting took longer') as caught:
        await within(asyncio.sleep(9), engine="x", step="connecting", deadline_s=0.01)
    assert now_s() == pytest.approx(0.01)
    assert caught.value.retryable
