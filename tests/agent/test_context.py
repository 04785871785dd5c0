"""The live context: work that hangs keeps nobody waiting but who asked for it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

import pytest

from agent.context import ApartExecutor, LiveContext


async def test_tools_and_disks_that_hang_leave_the_engines_their_threads() -> None:
    released = threading.Event()
    ctx = LiveContext(ThreadPoolExecutor(1), apart=ApartExecutor())
    hanging = [asyncio.ensure_future(ctx.offload(released.wait, cost_ms=1, apart=True)) for _ in range(20)]
    async with asyncio.timeout(5):
        assert await ctx.offload(lambda: "decoded", cost_ms=1) == "decoded"
        assert await ctx.offload(lambda: "found", cost_ms=1, apart=True) == "found"
        released.set()
        assert await asyncio.gather(*hanging) == [True] * 20


async def test_threads_apart_are_used_again_and_bounded() -> None:
    released = threading.Event()
    apart = ApartExecutor(max_threads=2)
    for _ in range(50):
        name = await asyncio.wrap_future(apart.submit(lambda: threading.current_thread().name))
        assert name in ("offhook-apart-1", "offhook-apart-2")
    waiting = [asyncio.wrap_future(apart.submit(released.wait)) for _ in range(5)]
    released.set()
    assert await asyncio.gather(*waiting) == [True] * 5


async def test_an_error_apart_is_raised_where_it_is_waited_for() -> None:
    ctx = LiveContext(ThreadPoolExecutor(1), apart=ApartExecutor())
    with pytest.raises(SystemExit):
        await ctx.offload(sys.exit, 3, cost_ms=1, apart=True)
    with pytest.raises(ZeroDivisionError):
        await ctx.offload(lambda: 1 // 0, cost_ms=1, apart=True)


def test_what_hangs_for_ever_does_not_keep_the_process() -> None:
    code = "import threading; from agent.context import ApartExecutor; ApartExecutor().submit(threading.Event().wait)"
    assert subprocess.run([sys.executable, "-c", code], timeout=20, check=False).returncode == 0


async def test_offloaded_work_knows_whose_it_is() -> None:
    whose: ContextVar[str] = ContextVar("whose", default="nobody")
    with ThreadPoolExecutor(1) as executor:
        ctx = LiveContext(executor, apart=ApartExecutor())

        async def one(name: str, apart: bool) -> str:
            whose.set(name)
            return await ctx.offload(whose.get, cost_ms=0, apart=apart)

        names = await asyncio.gather(*(asyncio.create_task(one(f"call {n}", n % 2 == 0)) for n in range(6)))
        assert names == [f"call {n}" for n in range(6)]
        assert await ctx.offload(whose.get, cost_ms=0) == "nobody"
