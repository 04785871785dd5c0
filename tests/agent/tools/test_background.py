"""Background tools: acknowledged at once, done once, each result told once."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.llm.base import ToolCall
from agent.tools.background import MAX_AT_WORK, TOO_MANY, Background, Ledger, started
from agent.tools.base import ToolOutcome
from tests.support.virtual_loop import virtual


def call(number: int, id: str = "") -> ToolCall:
    return ToolCall(id or f"c{number}", "export", {"n": number})


@virtual
async def test_acknowledged_at_once_and_told_when_it_has_come() -> None:
    came: list[float] = []
    loop = asyncio.get_running_loop()
    background = Background(asyncio.create_task, lambda: came.append(loop.time()))

    async def export() -> ToolOutcome:
        await asyncio.sleep(20)
        return ToolOutcome({"outcome": "exported"})

    assert background.start(call(1), 3, export).result["outcome"] == "started"
    assert loop.time() == 0
    assert (background.at_work, background.take()) == (1, ())
    await asyncio.sleep(21)
    (later,) = background.take()
    assert came == [20]
    assert (later.call.id, later.call.name, later.turn) == ("c1-later", "export", 3)
    assert later.outcome.result == {"outcome": "exported"}
    assert (background.at_work, background.take()) == (0, ())


@virtual
async def test_the_same_work_is_not_begun_beside_itself() -> None:
    ran: list[int] = []
    background = Background(asyncio.create_task)

    async def export() -> ToolOutcome:
        ran.append(1)
        await asyncio.sleep(1)
        return ToolOutcome("done")

    for _ in range(3):
        assert background.start(call(1, f"c{len(ran)}x"), 1, export) == started(call(1))
        await asyncio.sleep(0)
    assert ran == [1]
    await asyncio.sleep(2)
    assert len(background.take()) == 1


@pytest.mark.parametrize("how", ["raises", "cancelled"])
@virtual
async def test_what_goes_wrong_is_told(how: str) -> None:
    tasks: list[asyncio.Task[ToolOutcome]] = []

    def spawn(work: object) -> asyncio.Task[ToolOutcome]:
        tasks.append(asyncio.create_task(work))  # type: ignore[arg-type]
        return tasks[-1]

    async def export() -> ToolOutcome:
        await asyncio.sleep(1)
        raise ValueError

    background = Background(spawn)
    background.start(call(1), 1, export)
    await asyncio.sleep(0.5)
    if how == "cancelled":
        tasks[0].cancel()
    await asyncio.sleep(1)
    (later,) = background.take()
    assert not later.outcome.ok
    assert "not known" in later.outcome.result["error"]


@given(st.lists(st.tuples(st.sampled_from(["begin", "end", "take"]), st.integers(0, 12))))
def test_whatever_the_order_each_result_is_told_once(steps: list[tuple[str, int]]) -> None:
    ledger = Ledger()
    begun: list[str] = []
    ended: list[str] = []
    told: list[str] = []
    for at, (what, number) in enumerate(steps):
        if what == "begin":
            answer = ledger.begin(call(number, f"c{at}"), at)
            if answer is None:
                begun.append(f"c{at}")
            elif not answer.ok:
                assert answer.result == {"error": TOO_MANY}
                assert len(ledger.at_work) == MAX_AT_WORK
        elif what == "end" and begun:
            ended.append(begun.pop(number % len(begun)))
            ledger.ended(ended[-1], ToolOutcome(number))
            ledger.ended(ended[-1], ToolOutcome("twice"))
        else:
            told += [later.call.id.removesuffix("-later") for later in ledger.take()]
        assert len(ledger.at_work) <= MAX_AT_WORK
    told += [later.call.id.removesuffix("-later") for later in ledger.take()]
    assert told == ended
