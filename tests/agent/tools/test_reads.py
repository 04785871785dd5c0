"""Lookups of one call: shared, good for a while, given up when nobody wants them, counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.llm.base import ToolCall
from agent.tools.base import Tool, ToolContext, ToolOutcome
from agent.tools.decorator import tool
from agent.tools.reads import GIVEN_UP, Reads
from agent.tools.registry import ToolRegistry
from tests.support.virtual_loop import VirtualContext, virtual

RAN: list[str] = []


@tool(effect="read", cache_s=5)
async def look(ctx: ToolContext, number: str, takes_s: float = 0.5) -> str:
    """Look it up."""
    RAN.append(f"begun {number}")
    await asyncio.sleep(takes_s)
    RAN.append(f"done {number}")
    return number


@tool(effect="read", cache_s=0)
async def clock(ctx: ToolContext) -> float:
    """Tell the time."""
    RAN.append("clock")
    await asyncio.sleep(0.1)
    return ctx.ctx.now_s()


@tool(effect="read")
async def broken(ctx: ToolContext) -> None:
    """Fails."""
    RAN.append("broken")
    raise OSError


TOOLS: dict[str, Tool] = {each.name: each for each in (look, clock, broken)}


def make(wrap: Callable[[Any], Any] = lambda run: run) -> Reads:
    RAN.clear()
    registry = ToolRegistry(TOOLS)
    ctx = VirtualContext()
    context = ToolContext("c", "", Path(), "", ctx)

    async def run(call: ToolCall) -> ToolOutcome:
        return await registry.run(call, context, turn=0)

    return Reads(run, asyncio.create_task, ctx.now_s, registry.good_for_s, registry.key)


def ask(name: str = "look", **arguments: Any) -> ToolCall:
    return ToolCall("x", name, arguments or ({"number": "4712"} if name == "look" else {}))


@virtual
async def test_a_second_call_joins_the_first_however_its_arguments_are_written() -> None:
    reads = make()
    one, other = reads.want(ask()), reads.want(ask(number=4712, takes_s=0.5))
    assert one is other
    assert (await one).result == "4712"
    assert RAN == ["begun 4712", "done 4712"]


@virtual
async def test_a_result_is_good_for_as_long_as_its_tool_says() -> None:
    reads = make()
    await reads.want(ask())
    await asyncio.sleep(4)
    await reads.want(ask())
    assert RAN.count("begun 4712") == 1
    await asyncio.sleep(1)
    await reads.want(ask())
    assert RAN.count("begun 4712") == 2
    both = reads.want(ask("clock")), reads.want(ask("clock"))
    assert both[0] is both[1]  # under way it is shared all the same
    await both[0]
    await reads.want(ask("clock"))
    assert RAN.count("clock") == 2


@virtual
async def test_a_failure_is_looked_up_again_and_what_was_changed_too() -> None:
    reads = make()
    assert not (await reads.want(ask("broken"))).ok
    await reads.want(ask("broken"))
    assert RAN == ["broken", "broken"]
    await reads.want(ask())
    reads.forget()
    await reads.want(ask())
    assert RAN.count("begun 4712") == 2


@virtual
async def test_a_prefetch_makes_the_answer_come_at_once_and_is_counted() -> None:
    reads = make()
    reads.prefetch(ask())
    reads.prefetch(ask())
    await asyncio.sleep(0.6)
    before = asyncio.get_running_loop().time()
    assert (await reads.want(ask())).result == "4712"
    assert asyncio.get_running_loop().time() == before
    reads.prefetch(ask(number="1", takes_s=0.1))
    await asyncio.sleep(1)
    assert (reads.ahead, reads.hits, reads.waste) == (2, 1, 1)


@virtual
async def test_a_prefetch_that_nobody_wants_is_given_up_after_two_seconds() -> None:
    reads = make()
    reads.prefetch(ask(number="1", takes_s=5))
    await asyncio.sleep(1.9)
    assert len(asyncio.all_tasks()) > 1
    await asyncio.sleep(0.2)
    assert len(asyncio.all_tasks()) == 1
    assert RAN == ["begun 1"]
    task = reads.want(ask(number="1", takes_s=5))
    assert (await task).result == "1"  # asked for after all, it begins anew
    assert reads.hits == 0


@virtual
async def test_a_prefetch_that_is_wanted_in_time_goes_on() -> None:
    reads = make()
    reads.prefetch(ask(number="1", takes_s=3))
    await asyncio.sleep(1.5)
    assert (await reads.want(ask(number="1", takes_s=3))).ok
    assert asyncio.get_running_loop().time() == 3
    reads.prefetch(ask(number="2", takes_s=3))
    assert (await reads.look_ahead(ask(number="2", takes_s=3))).ok  # a draft waits for it: it is no mere guess
    assert (reads.ahead, reads.hits) == (2, 1)


@virtual
async def test_wanted_at_the_moment_at_which_it_is_given_up_it_is_not_told_as_a_failure() -> None:
    reads = make()
    reads.prefetch(ask(number="1", takes_s=5))
    for delay in (1.9999, 0.0001, 0.0):
        await asyncio.sleep(delay)
        for _ in range(4):
            await asyncio.sleep(0)
    outcome = await reads.want(ask(number="1", takes_s=5))
    assert outcome.ok
    assert outcome.result != {"error": GIVEN_UP}
