"""Recorded tools: which result a call gets, what may run, and that nothing with an effect runs twice."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agent.line import Decision, HangUp, SendDigits, Transfer
from agent.llm.base import ToolCall
from agent.masking import MARK
from agent.tools.base import Tool, ToolContext, ToolOutcome
from agent.tools.builtin import BUILTIN_TOOLS
from agent.tools.confirmation import NOT_CONFIRMED, Confirmation
from agent.tools.decorator import tool
from agent.tools.registry import NEEDS_YES, ToolRegistry
from telephony.replay.engines.recorded_tools import REFUSED, with_recorded_tools
from telephony.replay.engines.serving import Serving
from telephony.replay.plan import Plan, Tools
from telephony.replay.recorded import RecordedTool, RecordedUtterance
from tests.agent.support import make_agent
from tests.support.virtual_loop import VirtualContext, virtual
from tests.telephony.replay.engines.given import a_record, books, now_ms

RAN: list[str] = []
YES = Confirmation("Shall I?", True, "yes")


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    RAN.clear()


@tool(effect="read")
def find(ctx: ToolContext, order: str, depth: int = 1) -> dict[str, object]:
    """Find an order."""
    RAN.append("find")
    return {"found": order}


@tool(effect="write")
async def cancel(ctx: ToolContext, order: str) -> dict[str, object]:
    """Cancel an order."""
    RAN.append("cancel")
    return {"cancelled": order}


@tool(effect="irreversible", timeout_s=2.0)
def pay(ctx: ToolContext, card: dict[str, str]) -> dict[str, object]:
    """Pay."""
    RAN.append("pay")
    return {}


def found(where: str, order: Any = "4711", **fields: Any) -> RecordedTool:
    return RecordedTool(
        **{"turn": 1, "name": "find", "arguments": {"order": order}, "result": where, "took_ms": 30.0, **fields}
    )


def tools(*recorded: RecordedTool, allowed: Tools = "read", turn: int = 1) -> tuple[ToolRegistry, Serving]:
    """The agent's tools in a run on a record with these results, in which `turn` has just been understood."""
    serving = books(a_record(tools=recorded), Plan(tools=allowed))
    serving.understood(RecordedUtterance(turn, 0, 0, 0, 0, "x"))
    offered: dict[str, Tool] = {each.name: each for each in (find, cancel, pay, *BUILTIN_TOOLS)}
    return ToolRegistry(with_recorded_tools(make_agent(tools=offered), serving).tools), serving


async def use(
    registry: ToolRegistry, name: str, turn: int = 1, confirmed: bool = False, **arguments: Any
) -> ToolOutcome:
    context = ToolContext("CA1", "", Path(), "+15550100", VirtualContext())
    return await registry.run(
        ToolCall("t", name, arguments), context, confirmation=YES if confirmed else NOT_CONFIRMED, turn=turn
    )


@pytest.mark.parametrize(
    ("recorded", "calls", "results"),
    [
        pytest.param([found("depot")], [{"order": "4711"}], ["depot"], id="by arguments"),
        pytest.param([found("depot")], [{"order": "4711", "depth": 1}], ["depot"], id="a default is no difference"),
        pytest.param([found("depot", order=4711)], [{"order": "4711"}], ["depot"], id="nor is a number for a text"),
        pytest.param(
            [found("depot", order=MARK)], [{"order": "4711"}], ["depot"], id="what was masked may be anything"
        ),
        pytest.param(
            [found("depot"), found("van")], [{"order": "4711"}] * 3, ["depot", "van", "van"], id="in order; read again"
        ),
        pytest.param(
            [found("depot"), found("van", order="12")], [{"order": "12"}, {"order": "4711"}], ["van", "depot"], id="two"
        ),
        pytest.param([found("depot")], [{"order": "99"}], [{"found": "99"}], id="another parcel is not this one"),
    ],
)
@virtual
async def test_which_result(recorded: list[RecordedTool], calls: list[dict[str, Any]], results: list[Any]) -> None:
    registry, _ = tools(*recorded)
    assert [(await use(registry, "find", **arguments)).result for arguments in calls] == results


@virtual
async def test_a_result_takes_its_time_and_nothing_runs() -> None:
    registry, serving = tools(found("depot"))
    assert await use(registry, "find", order="4711") == ToolOutcome("depot")
    assert (now_ms(), RAN, serving.served) == (30, [], {"tool: record": 1})


@virtual
async def test_what_failed_then_fails_now_and_what_was_refused_before_it_began_does_not_count() -> None:
    refused = [
        RecordedTool(1, "pay", {"card": {"n": MARK}}, False, {"error": NEEDS_YES}, 0.1),
        RecordedTool(1, "pay", {"card": {}}, False, {"error": "wrong arguments: card: Field required"}, 0.1),
    ]
    failed = RecordedTool(1, "pay", {"card": {"n": MARK}}, False, {"error": "the tool failed"}, 10.0)
    registry, serving = tools(*refused, failed)
    assert (await use(registry, "pay", card={"n": "4711"})).result == {"error": NEEDS_YES}
    outcome = await use(registry, "pay", card={"n": "4711"}, confirmed=True)
    assert outcome == ToolOutcome({"error": "the tool failed"}, ok=False)
    assert serving.served == {"tool: record": 1}


@pytest.mark.parametrize("took_ms", [None, 2000.4])
@virtual
async def test_one_that_hung_hangs_to_its_deadline(took_ms: float | None) -> None:
    late = {"error": "no result within 2 seconds; whether it took effect is not known"}
    registry, _ = tools(RecordedTool(1, "pay", {"card": {}}, took_ms is None, late, took_ms))
    assert await use(registry, "pay", card={}, confirmed=True) == ToolOutcome(late, ok=False)
    assert now_ms() == 2000


@pytest.mark.parametrize(
    ("fields", "decision"),
    [
        ({"type": "HangUp", "reason": "done"}, HangUp("done")),
        ({"type": "Transfer", "to": "+1555", "reason": ""}, Transfer("+1555")),
        ({"type": "SendDigits", "digits": "12"}, SendDigits("12")),
        ({"type": "Elope"}, None),
        ({"type": "HangUp", "with": "whom"}, None),
    ],
)
@virtual
async def test_a_decision_to_leave_is_taken_again(fields: dict[str, Any], decision: Decision | None) -> None:
    registry, _ = tools(found("bye", decision=fields))
    assert await use(registry, "find", order="4711") == ToolOutcome("bye", decision=decision)


@virtual
async def test_builtin_tools_do_nothing_but_decide_and_always_run() -> None:
    registry, _ = tools(allowed="record")
    assert (await use(registry, "hang_up", reason="done")).decision == HangUp("done")
    assert (await use(registry, "transfer_to_person")).decision == Transfer("+15550100")


@pytest.mark.parametrize(("allowed", "ran"), [("record", []), ("read", ["find"]), ("run", ["find", "cancel", "pay"])])
@virtual
async def test_what_is_not_in_the_record_runs_only_where_the_plan_allows_it(allowed: Tools, ran: list[str]) -> None:
    registry, serving = tools(allowed=allowed)
    outcomes = {
        "find": await use(registry, "find", order="4711"),
        "cancel": await use(registry, "cancel", order="4711"),
        "pay": await use(registry, "pay", card={}, confirmed=True),
    }
    assert ran == RAN
    for name, outcome in outcomes.items():
        assert outcome.ok == (name in ran)
        assert name in ran or outcome.result == {"error": REFUSED}
    assert serving.served == {
        key: count for key, count in (("tool: run", len(ran)), ("tool: refused", 3 - len(ran))) if count
    }
    assert len(serving.notes) == 3
    assert all("--tools" in note for name, note in zip(outcomes, serving.notes, strict=True) if name not in ran)


@virtual
async def test_an_effect_of_the_record_is_given_once() -> None:
    registry, _ = tools(RecordedTool(1, "cancel", {"order": "4711"}, True, {"cancelled": "4711"}, 5.0))
    assert (await use(registry, "cancel", order="4711")).ok
    assert (await use(registry, "cancel", order="4711", turn=2)).result == {"error": REFUSED}
    assert RAN == []


@virtual
async def test_one_that_is_given_up_is_over() -> None:
    registry, _ = tools(found("depot", took_ms=5000.0))
    task = asyncio.create_task(use(registry, "find", order="4711"))
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


@virtual
async def test_the_model_is_told_the_same_of_them() -> None:
    registry, _ = tools()
    assert registry.specs() == ToolRegistry({each.name: each for each in (find, cancel, pay, *BUILTIN_TOOLS)}).specs()
