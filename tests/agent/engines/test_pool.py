"""Pool: lent to one at a time, grows to its bound, waits no longer than told, loses nothing when users give up."""

from __future__ import annotations

import asyncio

import pytest

from agent.engines.pool import Pool
from agent.errors import EngineError
from tests.agent.support import make_context


def make_pool(size: int = 1, max_size: int = 2) -> Pool[int]:
    numbers = iter(range(100))
    pool = Pool(lambda: next(numbers), name="numbers", size=size, max_size=max_size)
    pool.fill()
    return pool


async def test_grows_to_its_bound_and_then_waits() -> None:
    pool, ctx = make_pool(), make_context()
    assert (pool.idle, pool.total) == (1, 1)
    one = await pool.acquire(ctx, deadline_s=1)
    other = await pool.acquire(ctx, deadline_s=1)
    assert one != other
    assert pool.total == 2
    with pytest.raises(EngineError, match=r"all 2 numbers are in use, and none came free in 0\.01 s") as caught:
        await pool.acquire(ctx, deadline_s=0.01)
    assert caught.value.retryable
    waiting = asyncio.create_task(pool.acquire(ctx, deadline_s=1))
    await asyncio.sleep(0)
    pool.release(one)
    assert await waiting == one
    assert pool.idle == 0


async def test_who_waited_first_is_served_first() -> None:
    pool, ctx = make_pool(1, 1), make_context()
    item = await pool.acquire(ctx, deadline_s=1)
    order: list[str] = []

    async def use(name: str) -> None:
        got = await pool.acquire(ctx, deadline_s=1)
        order.append(name)
        pool.release(got)

    users = [asyncio.create_task(use(name)) for name in "abc"]
    await asyncio.sleep(0)
    pool.release(item)
    await asyncio.gather(*users)
    assert order == ["a", "b", "c"]


async def test_giving_up_in_the_moment_of_being_served_loses_nothing() -> None:
    pool, ctx = make_pool(1, 1), make_context()
    item = await pool.acquire(ctx, deadline_s=1)
    waiting = asyncio.create_task(pool.acquire(ctx, deadline_s=1))
    await asyncio.sleep(0)
    pool.release(item)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert pool.idle == 1
    assert await pool.acquire(ctx, deadline_s=0.01) == item


async def test_a_making_that_fails_leaves_room_for_another() -> None:
    ctx, tries = make_context(), iter([ZeroDivisionError(), None])

    def make() -> str:
        if failure := next(tries):
            raise failure
        return "made"

    pool = Pool(make, name="things", size=0, max_size=1)
    with pytest.raises(ZeroDivisionError):
        await pool.acquire(ctx, deadline_s=1)
    assert await pool.acquire(ctx, deadline_s=1) == "made"


async def test_discarded_ones_are_made_anew() -> None:
    pool, ctx = make_pool(1, 1), make_context()
    pool.discard(await pool.acquire(ctx, deadline_s=1))
    assert await pool.acquire(ctx, deadline_s=1) == 1
    pool.close()
    assert pool.idle == 0


def test_sizes_are_checked() -> None:
    with pytest.raises(ValueError, match="size 3"):
        Pool(int, name="numbers", size=3, max_size=2)
