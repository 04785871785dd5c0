"""Waiting in tests: what comes is waited for no longer than needed; what does not is told."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.support.virtual_loop import passes, virtual
from tests.support.waiting import paced, stays, stays_sync, until, until_sync


@virtual
async def test_what_is_waited_for_is_returned_as_soon_as_it_is_there() -> None:
    loop = asyncio.get_running_loop()
    found: list[int] = []
    loop.call_later(0.5, found.append, 4712)
    assert await until(lambda: found, within_s=2, what="a number") == [4712]
    assert loop.time() == pytest.approx(0.5, abs=0.02)

    async def asked() -> str:
        await paced(0.2)
        return "an answer"

    assert await until(asked, within_s=2, what="an answer") == "an answer"


@virtual
async def test_what_does_not_come_in_time_is_told() -> None:
    loop = asyncio.get_running_loop()
    with pytest.raises(AssertionError, match=r"waited 2 s for this, in vain: a number"):
        await until(lambda: False, within_s=2, what="a number")
    assert loop.time() == pytest.approx(2, abs=0.02)
    with pytest.raises(AssertionError, match="in vain: an answer"):
        await until(loop.create_future, within_s=1, what="an answer")
    assert loop.time() == pytest.approx(3, abs=0.04)


async def test_what_must_stay_is_looked_at_all_the_time() -> None:
    looks: list[float] = []
    await stays(lambda: looks.append(time.monotonic()) is None, for_s=0.05, what="quiet")
    assert looks[-1] - looks[0] >= 0.05
    with pytest.raises(AssertionError, match="of 60 long only: quiet"):
        await stays(lambda: looks.append(0) or len(looks) % 2, for_s=60, what="quiet")


def test_without_a_loop() -> None:
    looks = iter([0, 0, 7])
    assert until_sync(lambda: next(looks), within_s=5, what="a number") == 7
    with pytest.raises(AssertionError, match="in vain: a number"):
        until_sync(lambda: 0, within_s=0.02, what="a number")
    looks = iter([1, 1, 0])
    with pytest.raises(AssertionError, match="only: quiet"):
        stays_sync(lambda: next(looks), for_s=60, what="quiet")


async def test_a_fake_of_virtual_time_does_not_wait_on_a_real_clock() -> None:
    with pytest.raises(AssertionError, match="run the test with @virtual"):
        await passes(0.01)
