"""Dialogue: rounds of model and tools, fillers, deadlines, and replies that are cut off - in virtual time."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from agent.completions import BETWEEN_TOKENS_S, FIRST_TOKEN_S, MAX_REPLY_CHARS
from agent.dialogue import (
    LOOKING_UP_S,
    MAX_ROUNDS,
    Dialogue,
    DialogueEvent,
    Leave,
    SaidAll,
    Say,
)
from agent.errors import EngineError
from agent.line import HangUp
from agent.llm.base import ToolCall
from agent.slots.base import Asks
from agent.tools.base import Leaving, Tool, ToolContext, ToolOutcome
from agent.tools.decorator import tool
from tests.agent.fakes import ScriptedLlm, Step
from tests.agent.support import make_agent
from tests.support.virtual_loop import VirtualContext, run_virtual


class Case:
    """A dialogue with a scripted model; make it inside the loop."""

    def __init__(self, scripts: Sequence[Sequence[Step]], tools: Sequence[Tool] = ()) -> None:
        self.ctx = VirtualContext()
        self.llm = ScriptedLlm(scripts)
        self.journal: list[dict[str, Any]] = []
        self.spawned: list[asyncio.Task[ToolOutcome]] = []
        agent = make_agent(tools={each.name: each for each in tools})
        context = ToolContext("CA1", "+1", Path("."), "", self.ctx)
        self.dialogue = Dialogue(agent, self.llm, context, self._note, self._spawn, keep_journal=self._keep)
        self.keep_s = 0.01
        self.events: list[DialogueEvent] = []
        self.times: list[float] = []

    def _note(self, kind: str, /, **data: object) -> None:
        self.journal.append({"kind": kind, "at": self.ctx.now_s(), **data})

    async def _keep(self) -> None:
        await asyncio.sleep(self.keep_s)
        self.journal.append({"kind": "kept", "at": self.ctx.now_s()})

    def _spawn(self, work: Coroutine[Any, Any, ToolOutcome]) -> asyncio.Task[ToolOutcome]:
        self.spawned.append(asyncio.create_task(work))
        return self.spawned[-1]

    async def reply(self, turn: int = 1, text: str = "hello") -> list[DialogueEvent]:
        self.events, self.times = [], []
        async for event in self.dialogue.reply(turn, text):
            self.events.append(event)
            self.times.append(self.ctx.now_s())
        return self.events

    def said(self) -> list[str]:
        texts: dict[int, str] = {}
        for event in self.events:
            if isinstance(event, Say):
                texts[event.utterance] = texts.get(event.utterance, "") + event.text
        return list(texts.values())

    def kinds(self) -> list[str]:
        return [line["kind"] for line in self.journal]


ran: list[str] = []


@pytest.fixture(autouse=True)
def _forget() -> None:
    ran.clear()


@tool(effect="read", filler="One moment.", patience_s=0.7)
async def look(ctx: ToolContext, number: str, takes_s: float = 0.0) -> dict[str, str]:
    """Look it up."""
    await asyncio.sleep(takes_s)
    ran.append(number)
    return {"where": "Berlin"}


@tool(effect="write")
async def order(ctx: ToolContext, takes_s: float = 0.0) -> str:
    """Order it."""
    await asyncio.sleep(takes_s)
    ran.append("ordered")
    return "done"


@tool(effect="irreversible")
def cancel(ctx: ToolContext) -> str:
    """Cancel it."""
    ran.append("cancelled")
    return "gone"


@tool(effect="read")
def broken(ctx: ToolContext) -> str:
    """Break."""
    raise ZeroDivisionError("secret")


@tool(effect="write")
def hang_up(ctx: ToolContext) -> Leaving:
    """Leave."""
    return Leaving(HangUp("done"), {"outcome": "leaving"})


def call(name: str, **arguments: Any) -> ToolCall:
    return ToolCall("c1", name, arguments)


def test_a_plain_answer() -> None:
    async def case() -> None:
        case = Case([[0.1, "Hello", " there."]])
        assert await case.reply() == [Say(1, "Hello"), Say(1, " there."), SaidAll(1)]
        assert [message.role for message in case.llm.requests[0].messages] == ["system", "user"]
        request, *results = case.journal
        assert (request["kind"], request["engine"], request["input"]) == ("engine.request", "llm", "hello")
        assert [(line["offset_ms"], line["final"]) for line in results] == [(100, False), (100, False), (100, True)]

    run_virtual(case())


def test_what_an_engine_says_it_asks_for_is_taken_as_it_can_be() -> None:
    async def scenario() -> None:
        case = Case([[Asks("pin\n\x1b[2J" + "x" * 500, "digit", True, -5, 10**9), "Your pin?"]])
        await case.reply()
        assert case.dialogue.asks == Asks("pin[2J" + "x" * 92, "free", True, 0, 64)
        assert case.dialogue.asks.fields().items() <= case.journal[1].items()

    run_virtual(scenario())


def test_rounds_until_no_tool_is_called() -> None:
    async def case() -> None:
        scripts = [["Let me see.", call("look", number="4712")], [call("look", number="4713")], ["In Berlin."]]
        case = Case(scripts, [look])
        await case.reply()
        assert case.said() == ["Let me see.", "In Berlin."]
        assert ran == ["4712", "4713"]
        roles = [message.role for message in case.llm.requests[2].messages]
        assert roles == ["system", "user", "assistant", "assistant", "tool", "assistant", "tool"]
        assert case.llm.requests[2].messages[-1].content == '{"where": "Berlin"}'
        assert case.kinds().count("tool.called") == case.kinds().count("tool.returned") == 2

    run_virtual(case())


@pytest.mark.parametrize(("takes_s", "said"), [(0.0, []), (0.69, []), (0.75, ["One moment."]), (5.0, ["One moment."])])
def test_a_filler_is_said_only_when_patience_is_over(takes_s: float, said: list[str]) -> None:
    async def case() -> None:
        case = Case([[call("look", number="1", takes_s=takes_s)], ["There."]], [look])
        await case.reply()
        assert case.said() == [*said, "There."]
        if said:
            assert case.times[1] == pytest.approx(0.7, abs=0.02)
        assert case.journal[-1]["at"] == pytest.approx(takes_s, abs=0.02)
        told = [message.content for message in case.dialogue.history.messages("")]
        assert "One moment." not in told

    run_virtual(case())


def test_an_irreversible_tool_needs_the_spoken_yes() -> None:
    async def case() -> None:
        case = Case([[call("cancel")], ["Shall I?"], [call("cancel")], ["Done."]], [cancel])
        await case.reply(1, "cancel my parcel")
        assert ran == []
        for said in case.dialogue.history.open_utterances():
            case.dialogue.history.agent_heard(said.utterance, 100)
        await case.reply(2, "yes please")
        assert ran == ["cancelled"]

    run_virtual(case())


@pytest.mark.parametrize(("keep_s", "kept"), [(0.01, True), (60.0, False)])
def test_a_tool_with_effects_waits_until_its_call_is_on_disk_but_not_for_a_disk_that_hangs(
    keep_s: float, kept: bool
) -> None:
    async def case() -> None:
        c = Case([[call("order")], ["Done."]], [order])
        c.keep_s = keep_s
        await c.reply()
        kinds = [event["kind"] for event in c.journal if event["kind"] in ("tool.called", "kept", "tool.returned")]
        assert kinds == ["tool.called", *(["kept"] if kept else []), "tool.returned"]
        assert c.ctx.now_s() < 2

    run_virtual(case())


def test_a_tool_that_only_reads_waits_for_no_disk() -> None:
    async def case() -> None:
        c = Case([[call("broken")], ["Sorry."]], [broken])
        await c.reply()
        assert "kept" not in [event["kind"] for event in c.journal]

    run_virtual(case())


def test_a_tool_that_raises_is_told_to_the_model_without_its_secrets() -> None:
    async def case() -> None:
        case = Case([[call("broken")], ["Sorry."]], [broken])
        await case.reply()
        assert case.said() == ["Sorry."]
        assert "secret" not in case.llm.requests[1].messages[-1].content
        assert [line["ok"] for line in case.journal if line["kind"] == "tool.returned"] == [False]

    run_virtual(case())


def test_a_tool_nobody_has_is_an_answer_to_the_model() -> None:
    async def case() -> None:
        case = Case([[call("fly")], ["Sorry."]], [look])
        await case.reply()
        assert case.said() == ["Sorry."]
        assert [line["effect"] for line in case.journal if line["kind"] == "tool.called"] == ["unknown"]

    run_virtual(case())


def test_a_decision_to_leave_comes_behind_what_is_said_before_it() -> None:
    async def case() -> None:
        case = Case([["Goodbye.", call("hang_up")], [""]], [hang_up])
        events = await case.reply()
        assert events.index(SaidAll(1)) < events.index(Leave(HangUp("done")))

    run_virtual(case())


@pytest.mark.parametrize(
    ("script", "after_s"),
    [
        ([3600.0], FIRST_TOKEN_S),
        (["Well", 3600.0, "now"], BETWEEN_TOKENS_S),
        (["Well", " now.", 3600.0], BETWEEN_TOKENS_S),  # a stream that never ends
        ([EngineError("gone")], 0.0),
        (["Well", EngineError("gone")], 0.0),
    ],
)
def test_a_model_that_stalls_or_fails_is_an_engine_error(script: list[Step], after_s: float) -> None:
    async def case() -> None:
        case = Case([script])
        with pytest.raises(EngineError):
            await case.reply()
        assert case.ctx.now_s() == pytest.approx(after_s)
        assert case.llm.open == 0

    run_virtual(case())


def test_a_model_that_calls_tools_for_ever_is_given_up() -> None:
    async def case() -> None:
        case = Case([[call("look", number="1")]], [look])
        with pytest.raises(EngineError, match=f"{MAX_ROUNDS} rounds"):
            await case.reply()
        assert len(case.llm.requests) == MAX_ROUNDS

    run_virtual(case())


def test_a_runaway_reply_is_cut_and_its_stream_closed_at_once() -> None:
    async def case() -> None:
        case = Case([["word " * 100] * 1000])
        await case.reply()
        assert len(case.said()[0]) <= MAX_REPLY_CHARS
        assert case.llm.open == 0, "the model's stream is left running"
        assert case.journal[-1]["final"] is True

    run_virtual(case())


def test_a_reply_no_longer_wanted_closes_the_models_stream() -> None:
    async def case() -> None:
        case = Case([["one", " two", " three"]])
        async with aclosing(case.dialogue.reply(1, "hello")) as events:
            async for _ in events:
                break
        assert case.llm.open == 0

    run_virtual(case())


@pytest.mark.parametrize("name", ["order", "look"])
def test_a_reply_that_is_cut_off_leaves_its_tool_to_finish(name: str) -> None:
    async def case() -> None:
        arguments = {"takes_s": 2.0} if name == "order" else {"takes_s": 2.0, "number": "1"}
        case = Case([[call(name, **arguments)], ["Done."]], [order, look])
        reply = asyncio.create_task(case.reply())
        await asyncio.sleep(1)
        reply.cancel()
        await asyncio.wait([reply])
        assert reply.cancelled()
        assert ran == []
        await asyncio.wait(case.spawned)
        assert ran == ["ordered" if name == "order" else "1"]
        assert case.kinds()[-1] == "tool.returned"
        case.llm.scripts = [["It is done already."]]
        await case.reply(2, "and now")
        roles = [message.role for message in case.llm.requests[-1].messages]
        assert "tool" in roles, "the model must know what was done"
        assert roles[-1] == "user"

    run_virtual(case())


@pytest.mark.parametrize(
    ("left", "turn", "waits_s"), [("look", 2, LOOKING_UP_S), ("look", 1, 5), ("order", 2, 5), ("order", 1, 5)]
)
def test_what_another_turn_is_looking_up_is_not_waited_for_to_its_end(left: str, turn: int, waits_s: float) -> None:
    async def scenario() -> None:
        arguments: dict[str, Any] = {"number": "4712"} if left == "look" else {}
        case = Case([["Let me see.", call(left, takes_s=6.0, **arguments)], ["Of course."]], [look, order])
        first = asyncio.create_task(case.reply(1, "where is it?"))
        await asyncio.sleep(1)
        first.cancel()
        began_s = case.ctx.now_s()
        await case.dialogue.tools_done(turn)
        assert case.ctx.now_s() - began_s == pytest.approx(waits_s, abs=0.1)
        await case.reply(2, "forget it")
        await asyncio.sleep(30)
        messages = case.dialogue.history.messages("")
        asked = [at for at, message in enumerate(messages) if message.tool_calls]
        assert len(asked) == 1
        assert messages[asked[0] + 1].role == "tool"
        await case.dialogue.tools_done(3)
        assert not case.dialogue._at_work

    run_virtual(scenario())


def test_what_was_not_heard_of_a_cut_off_reply_is_not_told() -> None:
    async def case() -> None:
        case = Case([["Your parcel", 5.0, " has left."]])
        reply = asyncio.create_task(case.reply())
        await asyncio.sleep(1)
        reply.cancel()
        await asyncio.wait([reply])
        case.dialogue.history.agent_heard(1, 4)
        case.llm.scripts = [["Yes."]]
        await case.reply(2, "what")
        told = [(message.role, message.content) for message in case.llm.requests[-1].messages[1:]]
        assert told == [("user", "hello"), ("assistant", "Your"), ("user", "what")]
        assert case.llm.open == 0

    run_virtual(case())
