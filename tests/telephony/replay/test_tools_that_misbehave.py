"""Tools that do what no tool should, in a call that is run again: the run goes on, or tells in a sentence why not."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from telephony.replay.batch import replay_all
from telephony.replay.judging.result import Run
from telephony.replay.plan import Plan
from telephony.replay.run import replay
from tests.telephony.replay.parcel_call import parcel_recording

LEAVES = """
    async def forgotten():
        await asyncio.sleep(100_000)
    kept.append(asyncio.get_running_loop().create_task(forgotten()))
"""
STUBBORN = """
    async def stubborn():
        while True:
            try:
                await asyncio.sleep(0.5)
            except asyncio.CancelledError:
                pass
    kept.append(asyncio.get_running_loop().create_task(stubborn()))
"""
SPINS = """
    while True:
        await asyncio.sleep(0)
"""
WAITS_FOR_EVER = """
    async def stubborn():
        while True:
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                pass
    kept.append(asyncio.get_running_loop().create_task(stubborn()))
"""


CRAWLS = """
    while True:
        await asyncio.sleep(1e-7)
"""
BLOCKS = """
    while True:
        try:
            while True:
                pass
        except Exception:
            pass
"""


def run_with(tool: str, folder: Path, run: Callable[[Path, Plan, Path], Run] = replay) -> Run:
    """A call in which the parcel desk's find_order does that first."""
    agent = folder / "desk"
    shutil.copytree("prompts/parcel-desk", agent)
    code = (
        '\nimport asyncio\nkept = []\n\n@tool(effect="read")\nasync def find_order(ctx: ToolContext, '
        f'order_number: OrderNumber) -> dict[str, object]:\n    "Finds."\n{tool}\n'
        '    return {"outcome": "not_found", "order_number": order_number}\n'
    )
    with (agent / "tools.py").open("a") as file:
        file.write(code)
    return run(parcel_recording(), Plan(agent=str(agent), tools="run"), folder / "out")


@pytest.mark.parametrize(
    ("tool", "name"), [(LEAVES, "forgotten"), (STUBBORN, "stubborn"), (WAITS_FOR_EVER, "stubborn")]
)
def test_a_task_that_a_tool_leaves_behind_is_told_and_is_no_failure(tool: str, name: str, tmp_path: Path) -> None:
    run = run_with(tool, tmp_path)
    assert run.failed == ""
    assert [tool.ok for tool in run.outcome.tools][:1] == [True]
    assert run.outcome.ended_by == "agent: hangup"
    (note,) = [note for note in run.notes if note.startswith("a tool left a task behind")]
    assert name in note


def test_a_tool_that_never_waits_is_told_as_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.virtual_time.MOST_ROUNDS", 20_000)
    run = run_with(SPINS, tmp_path)
    assert run.failed.startswith("the call stood still: 20000 rounds of work, and no time has passed")
    assert "a loop in a tool" in run.failed
    assert run.folder is not None
    assert run.outcome.tools[0].ok is None, "so far it came"


@pytest.mark.parametrize("tool", [CRAWLS, BLOCKS, STUBBORN + CRAWLS])
def test_a_tool_that_takes_for_ever_in_real_time_is_given_up(tool: str, tmp_path: Path) -> None:
    parcel_recording()

    def with_limit(source: Path, plan: Plan, out: Path) -> Run:
        return replay_all([source], plan, out, limit=lambda source: 1.5)[0]

    began_s = time.monotonic()
    run = run_with(tool, tmp_path, with_limit)
    # Two seconds, or two more where the first telling came into a finaliser, which swallows it.
    told = re.fullmatch(r"given up after (\d+) s of real time: a call of this length may take no more", run.failed)
    assert told is not None, run.failed
    assert int(told[1]) < 10
    assert time.monotonic() - began_s < 20
