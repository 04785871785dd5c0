"""Tools: schemas from types, arguments checked, effects gated, mishaps as results."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from agent.context import ApartExecutor, CallContext, LiveContext
from agent.errors import AgentError, LocalError, RemoteError
from agent.line import HangUp, Transfer
from agent.llm.base import ToolCall
from agent.tools.base import NEEDS_YES, Effect, Leaving, Tool, ToolContext, ToolOutcome
from agent.tools.builtin import BUILTIN_TOOLS
from agent.tools.confirmation import NOT_CONFIRMED, Confirmation
from agent.tools.decorator import tool
from agent.tools.registry import BUSY, ToolRegistry, never_began
from tests.agent.support import make_context
from tests.support.virtual_loop import VirtualContext, passes, virtual

RAN: list[object] = []
YES = Confirmation("Shall I?", True, "yes")


@tool(effect="read")
def look(ctx: ToolContext, number: Annotated[str, Field(pattern=r"^\d{4}$")], how: Literal["a", "b"] = "a") -> Any:
    """Look something up."""
    return {"number": number, "how": how, "day": dt.date(2026, 1, 2)}


@tool(effect="write")
async def note(ctx: ToolContext, text: str) -> dict[str, int]:
    """Write something down."""
    RAN.append(text)
    return {"written": len(RAN)}


@tool(effect="irreversible")
def burn(ctx: ToolContext) -> str:
    """Burn it."""
    RAN.append("burnt")
    return "burnt"


@tool(effect="write", timeout_s=0.05)
async def hang(ctx: ToolContext) -> None:
    """Never comes back."""
    RAN.append("hang")
    await asyncio.Event().wait()


@tool(effect="read")
def crash(ctx: ToolContext, how: str) -> object:
    """Goes wrong."""
    match how:
        case "raise":
            raise RuntimeError("the password is 1234")
        case "exit":
            raise SystemExit(3)
        case "timeout":
            raise TimeoutError("of its own")
        case "set":
            return object()
        case "nan":
            return float("nan")
        case _:
            return "x" * 9000


QUITS: dict[str, type[BaseException]] = {
    "interrupt": KeyboardInterrupt,
    "generator": GeneratorExit,
    "iteration": StopIteration,
    "cancelled": asyncio.CancelledError,
}


@tool(effect="read")
def quit_on_a_thread(ctx: ToolContext, how: str) -> object:
    """Raises what is not meant for tools."""
    raise QUITS[how]


@tool(effect="read")
async def quit_on_the_loop(ctx: ToolContext, how: str) -> object:
    """Raises what is not meant for tools."""
    await asyncio.sleep(0)
    raise QUITS[how]


@tool(effect="write")
def leave(ctx: ToolContext) -> Leaving:
    """Leaves."""
    return Leaving(HangUp("done"), {"outcome": "leaving"})


TOOLS: dict[str, Tool] = {
    each.name: each
    for each in (look, note, burn, hang, crash, quit_on_a_thread, quit_on_the_loop, leave, *BUILTIN_TOOLS)
}


async def run(
    registry: ToolRegistry,
    name: str,
    *,
    confirmed: bool = False,
    turn: int = 1,
    transfer_to: str = "",
    **arguments: Any,
) -> ToolOutcome:
    context = ToolContext("call-1", "", Path("/nowhere"), transfer_to, make_context())
    return await registry.run(
        ToolCall("1", name, arguments), context, confirmation=YES if confirmed else NOT_CONFIRMED, turn=turn
    )


@pytest.fixture
def registry() -> ToolRegistry:
    RAN.clear()
    return ToolRegistry(TOOLS)


def test_schema(registry: ToolRegistry) -> None:
    spec = registry.specs()[0]
    assert (spec.name, spec.description) == ("look", "Look something up.")
    assert spec.parameters == {
        "type": "object",
        "additionalProperties": False,
        "required": ["number"],
        "properties": {
            "number": {"type": "string", "pattern": r"^\d{4}$"},
            "how": {"type": "string", "enum": ["a", "b"], "default": "a"},
        },
    }


async def test_result_is_plain_json(registry: ToolRegistry) -> None:
    outcome = await run(registry, "look", number=4712)
    assert outcome == ToolOutcome({"number": "4712", "how": "a", "day": "2026-01-02"})


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "number: Field required"),
        ({"number": "47"}, "number: String should match"),
        ({"number": "4712", "how": "c"}, "how: Input should be 'a' or 'b'"),
        ({"number": "4712", "extra": 1}, "extra: Extra inputs are not permitted"),
        ({"number": None}, "number: Input should be a valid string"),
    ],
)
async def test_wrong_arguments_are_told_to_the_model(
    registry: ToolRegistry, arguments: dict[str, Any], told: str
) -> None:
    outcome = await run(registry, "look", **arguments)
    assert not outcome.ok
    assert told in outcome.result["error"]


async def test_unknown_tool(registry: ToolRegistry) -> None:
    outcome = await run(registry, "lok")
    assert outcome.result == {"error": "there is no tool 'lok'; did you mean 'look'?"}


@pytest.mark.parametrize("how", ["raise", "exit", "timeout", "set", "nan", "long"])
async def test_a_crash_is_a_result_without_secrets(registry: ToolRegistry, how: str) -> None:
    outcome = await run(registry, "crash", how=how)
    assert not outcome.ok
    assert set(outcome.result) == {"error"}
    assert "1234" not in outcome.result["error"]


@pytest.mark.parametrize("how", QUITS)
async def test_a_tool_that_quits_on_a_thread_ends_nothing_else(registry: ToolRegistry, how: str) -> None:
    threads = ApartExecutor()
    context = ToolContext("call-1", "", Path("/nowhere"), "", LiveContext(threads, apart=threads))
    async with asyncio.timeout(5):
        asked = ToolCall("1", "quit_on_a_thread", {"how": how})
        outcome = await registry.run(asked, context, turn=1)
    assert outcome.result == {"error": "the tool failed"}


@pytest.mark.parametrize("how", ["generator", "iteration", "cancelled"])
async def test_a_tool_that_quits_on_the_loop_ends_nothing_else(registry: ToolRegistry, how: str) -> None:
    assert (await run(registry, "quit_on_the_loop", how=how)).result == {"error": "the tool failed"}


@pytest.mark.parametrize("name", ["quit_on_a_thread", "quit_on_the_loop"])
@virtual
async def test_ctrl_c_is_no_tools_mishap(registry: ToolRegistry, name: str) -> None:
    """On the main thread, where it would come, it cannot be told from a tool's own."""
    context = VirtualContext()
    made = registry.run(ToolCall("1", name, {"how": "interrupt"}), ToolContext("1", "", Path(), "", context), turn=1)
    with pytest.raises(KeyboardInterrupt):
        await made


@virtual
async def test_a_run_that_is_cancelled_or_dropped_ends(registry: ToolRegistry) -> None:
    task = asyncio.create_task(run(registry, "hang"))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    dropped = run(registry, "hang", turn=2)
    dropped.send(None)
    dropped.close()


@virtual
async def test_timeout_leaves_doubt_and_does_not_run_twice(registry: ToolRegistry) -> None:
    for _ in range(2):
        outcome = await run(registry, "hang")
        assert asyncio.get_running_loop().time() == pytest.approx(0.05)
        assert outcome.result == {"error": "no result within 0.05 seconds; whether it took effect is not known"}
    assert RAN == ["hang"]


async def test_irreversible_needs_a_yes(registry: ToolRegistry) -> None:
    assert (await run(registry, "burn")).result == {"error": NEEDS_YES}
    assert RAN == []
    assert (await run(registry, "burn", confirmed=True)).ok
    assert RAN == ["burnt"]


async def test_effects_happen_once_a_turn(registry: ToolRegistry) -> None:
    first = await run(registry, "note", text="x")
    assert await run(registry, "note", text="x") is first
    assert RAN == ["x"]
    await run(registry, "note", text="y")
    await run(registry, "note", text="x", turn=2)
    assert RAN == ["x", "y", "x"]


@virtual
async def test_a_cancelled_effect_is_not_tried_again(registry: ToolRegistry) -> None:
    task = asyncio.create_task(run(registry, "hang"))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "interrupted" in (await run(registry, "hang")).result["error"]
    assert RAN == ["hang"]


async def test_leaving(registry: ToolRegistry) -> None:
    assert await run(registry, "leave") == ToolOutcome({"outcome": "leaving"}, decision=HangUp("done"))
    assert (await run(registry, "hang_up", reason="bye")).decision == HangUp("bye")
    assert (await run(registry, "transfer_to_person", transfer_to="+15550100")).decision == Transfer("+15550100")
    nobody = await run(registry, "transfer_to_person", turn=2)
    assert nobody.decision is None
    assert nobody.result["outcome"] == "no_one"


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        (ToolOutcome({"error": "as then"}, ok=False), ToolOutcome({"error": "as then"}, ok=False)),
        (ToolOutcome("bye", decision=HangUp("done")), ToolOutcome("bye", decision=HangUp("done"))),
        (ToolOutcome(object()), ToolOutcome({"error": "the tool's result cannot be told"}, ok=False)),
    ],
)
async def test_a_stand_in_tells_all_of_the_outcome(told: ToolOutcome, outcome: ToolOutcome) -> None:
    @tool(effect="read")
    def stand_in(ctx: ToolContext) -> ToolOutcome:
        """Stands for another."""
        return told

    assert await run(ToolRegistry({"stand_in": stand_in}), "stand_in") == outcome


async def test_what_the_registry_refused_never_began(registry: ToolRegistry) -> None:
    refused = [await run(registry, "burn"), await run(registry, "look", number="x"), await run(registry, "nonesuch")]
    assert all(never_began(outcome.result) for outcome in refused)
    began = [
        await run(registry, "hang"),
        await run(registry, "crash", how="raise"),
        await run(registry, "note", text="a"),
    ]
    assert not any(never_began(outcome.result) for outcome in began)
    assert not never_began("there is no tool")


def test_what_the_decorator_refuses() -> None:
    def nameless(ctx: ToolContext) -> None:
        """Well documented."""

    with pytest.raises(AgentError, match="timeout_s"):
        tool(effect="read", timeout_s=0)(nameless)
    nameless.__name__ = "<lambda>"
    with pytest.raises(AgentError, match="cannot be named"):
        tool(effect="read")(nameless)


class Flaky:
    """Fails so many times, then works."""

    def __init__(self, errors: Sequence[Exception]) -> None:
        self.errors = list(errors)
        self.at: list[float] = []

    def tool(self, effect: Effect = "read", **options: Any) -> Tool:
        @tool(effect=effect, **options)
        async def flaky(ctx: ToolContext) -> str:
            """Fails at first."""
            self.at.append(round(ctx.ctx.now_s(), 3))
            await asyncio.sleep(0)
            if self.errors:
                raise self.errors.pop(0)
            return "done"

        return flaky


AGAIN = RemoteError("busy", retryable=True)


@pytest.mark.parametrize(
    ("errors", "retries", "ok", "tries"),
    [
        ([AGAIN, OSError()], 2, True, [0.0, 0.1, 0.3]),
        ([AGAIN, OSError(), AGAIN], 2, False, [0.0, 0.1, 0.3]),
        ([AGAIN] * 9, 5, False, [0.0, 0.1, 0.3, 0.7, 1.5, 2.5]),
        ([AGAIN], 0, False, [0.0]),
        ([RemoteError("refused")], 3, False, [0.0]),
        ([LocalError("no key")], 3, False, [0.0]),
    ],
)
@virtual
async def test_a_read_is_tried_again(errors: list[Exception], retries: int, ok: bool, tries: list[float]) -> None:
    flaky = Flaky(errors)
    registry = ToolRegistry({"flaky": flaky.tool(retries=retries)})
    outcome = await run_in(registry, "flaky", VirtualContext())
    assert outcome.ok is ok
    assert flaky.at == tries


@virtual
async def test_tries_end_with_the_tools_time_and_a_write_has_one() -> None:
    flaky = Flaky([AGAIN] * 9)
    registry = ToolRegistry({"flaky": flaky.tool(retries=5, timeout_s=0.5)})
    assert "no result within" in (await run_in(registry, "flaky", VirtualContext())).result["error"]
    assert asyncio.get_running_loop().time() == 0.5
    flaky = Flaky([AGAIN])
    forced = replace(flaky.tool("write"), retries=5)
    assert not (await run_in(ToolRegistry({"flaky": forced}), "flaky", VirtualContext())).ok
    assert len(flaky.at) == 1


async def run_in(registry: ToolRegistry, name: str, ctx: CallContext, turn: int = 1) -> ToolOutcome:
    return await registry.run(ToolCall("1", name), ToolContext("c", "", Path(), "", ctx), turn=turn)


class Crowd:
    """How many are at work, and how many were at most."""

    def __init__(self, takes_s: float, effect: Effect = "write", **options: Any) -> None:
        self.now = self.most = self.ran = 0

        @tool(effect=effect, concurrency=2, **options)
        async def work(ctx: ToolContext) -> str:
            """Works."""
            self.now += 1
            self.ran += 1
            self.most = max(self.most, self.now)
            try:
                await passes(takes_s)
            finally:
                self.now -= 1
            return "done"

        self.tools: dict[str, Tool] = {"work": work}


@virtual
async def test_so_many_at_once_over_all_calls() -> None:
    crowd = Crowd(1.0)
    outcomes = await asyncio.gather(*(run_in(ToolRegistry(crowd.tools), "work", VirtualContext()) for _ in range(6)))
    assert all(outcome.ok for outcome in outcomes)
    assert (crowd.most, asyncio.get_running_loop().time()) == (2, 3.0)


@virtual
async def test_who_waits_too_long_for_its_turn_never_began_and_may_ask_again() -> None:
    crowd = Crowd(3.0, timeout_s=4.0)
    registries = [ToolRegistry(crowd.tools) for _ in range(5)]
    outcomes = await asyncio.gather(*(run_in(each, "work", VirtualContext()) for each in registries))
    told = [outcome.result for outcome in outcomes]
    late = {"error": "no result within 4 seconds; whether it took effect is not known"}
    assert told == ["done", "done", late, late, {"error": BUSY}]
    assert never_began(told[-1])
    assert (await run_in(registries[-1], "work", VirtualContext())).ok  # the same turn, the same arguments
    assert crowd.ran == 5


async def test_a_thread_that_hangs_keeps_its_permit() -> None:
    go_on, ran = threading.Event(), []

    @tool(effect="read", concurrency=1, timeout_s=0.2)
    def hanging(ctx: ToolContext) -> str:
        """Hangs."""
        ran.append(1)
        go_on.wait(5)
        return "done"

    registry = ToolRegistry({"hanging": hanging})
    threads = ApartExecutor()
    ctx = LiveContext(threads, apart=threads)
    assert "no result" in (await run_in(registry, "hanging", ctx)).result["error"]
    assert (await run_in(registry, "hanging", ctx)).result == {"error": BUSY}
    assert ran == [1]
    go_on.set()
    assert (await run_in(registry, "hanging", ctx)).result == "done"


def test_what_is_the_same_call(registry: ToolRegistry) -> None:
    def key(**arguments: Any) -> str:
        return registry.key(ToolCall("1", "look", arguments))

    assert key(number="4712") == key(number=4712, how="a")
    assert key(number="4712") != key(number="4713")
    assert key(number="x", b=1) == key(b=1, number="x")  # no arguments that the tool would take
    assert (registry.good_for_s("look"), registry.good_for_s("nonesuch")) == (30.0, 0.0)


async def test_the_question_must_say_what_the_tool_says_it_must() -> None:
    gated = ToolRegistry({"burn": replace(burn, asked_with=("burn",))})
    RAN.clear()
    for asked, ok in (("Is there anything else?", False), ("Shall I burn it?", True)):
        context = ToolContext("c", "", Path(), "", make_context())
        yes = Confirmation(asked, True, "yes")
        assert (await gated.run(ToolCall("1", "burn"), context, confirmation=yes, turn=1)).ok is ok
    assert RAN == ["burnt"]
