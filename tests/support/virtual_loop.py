"""Tests in virtual time (agent/virtual_time.py)."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec

from agent.virtual_time import Deadlock, VirtualContext, VirtualLoop, run_virtual

__all__ = ["Deadlock", "VirtualContext", "VirtualLoop", "passes", "run_virtual", "virtual"]

P = ParamSpec("P")


def virtual(case: Callable[P, Coroutine[Any, Any, object]]) -> Callable[P, None]:
    """A test that runs in virtual time; it takes fixtures and parameters as any other does."""

    @functools.wraps(case)
    def test(*args: P.args, **kwargs: P.kwargs) -> None:
        run_virtual(case(*args, **kwargs))

    return test


async def passes(seconds: float) -> None:
    """So much virtual time passes. On any other clock it is an error: for what tests share (fakes, tools, peers)."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop), "this fake waits in virtual time: run the test with @virtual or run_virtual"
    await asyncio.sleep(seconds)
