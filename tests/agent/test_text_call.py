"""TextCall, in virtual time: what the caller is told, when, and what its journal says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.continuation import Continuation, continue_from
from agent.definition import AgentDefinition, Phrases, TurnSettings
from agent.errors import EngineError
from agent.line import HangUp, LineInfo, SendDigits, Transfer
from agent.llm.base import LlmRequest, ToolCall
from agent.record import CallRecord
from agent.text_call import MAX_CUT_OFFS, MAX_NOT_UNDERSTOOD, Answer, TextCall
from agent.tools.base import Leaving, Tool, ToolContext
from agent.tools.builtin import BUILTIN_TOOLS
from agent.tools.decorator import tool
from tests.agent.fakes import ScriptedLlm, Step
from tests.agent.support import make_agent
from tests.support.virtual_loop import VirtualContext, run_virtual

PHRASES = Phrases(greeting="Hello.", one_moment="One moment.", closing="I must go. Goodbye.", time_up="Time is up.")
RAN: list[str] = []


def slow_tool(seconds: float, filler: str = "Let me look.", timeout_s: float = 8.0) -> Tool:
    @tool(effect="write", filler=filler, patience_s=0.7, timeout_s=timeout_s)
    async def look(ctx: ToolContext) -> dict[str, object]:
        """Look it up."""
        await asyncio.sleep(seconds)
        RAN.append("look")
        return {"outcome": "found"}

    return look


@tool(effect="write")
def send_keys(ctx: ToolContext) -> Leaving:
    """Send keys."""
    return Leaving(SendDigits("ww12"))


def agent_with(*tools: Tool, **more: Any) -> AgentDefinition:
    named = {each.name: each for each in (*BUILTIN_TOOLS, *tools)}
    return make_agent(tools=named, phrases=PHRASES, **more)


def call_tool(name: str, **arguments: object) -> ToolCall:
    return ToolCall(f"{name}-1", name, arguments)


class Fixture:
    """A call on an agent whose model says what `scripts` hold."""

    def __init__(self, tmp_path: Path, scripts: Sequence[Sequence[Step]], agent: AgentDefinition | None = None) -> None:
        self.tmp_path = tmp_path
        self.llm = ScriptedLlm(scripts)
        self.agent = agent or agent_with()

    def run(self, scene: Callable[[TextCall], Awaitable[None]], before: Continuation | None = None) -> None:
        async def main() -> None:
            ctx = VirtualContext()
            record = CallRecord.open(self.tmp_path, "CA1", mode="journal", rate_hz=8000, ctx=ctx)
            who = LineInfo("CA1", 8000, "+1555", "+1666", kind="gather")
            async with TextCall(who, self.agent, self.llm, record, ctx, self.tmp_path, before) as call:
                await scene(call)

        run_virtual(main())

    @property
    def journal(self) -> list[dict[str, Any]]:
        newest = max(self.tmp_path.glob("CA1*/journal.jsonl"), key=lambda path: (len(str(path)), str(path)))
        return [json.loads(line) for line in newest.read_text().splitlines()]

    def lines(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in self.journal if line["kind"] == kind]


def test_a_conversation(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [["In ", "Rome. ", "Anything else?"], ["Bye.", call_tool("hang_up")], []])

    async def scene(call: TextCall) -> None:
        assert await call.begin(3) == Answer("Hello.")
        assert await call.answer("where is it", "speech", 3, confidence=0.9) == Answer("In Rome. Anything else?")
        assert await call.answer("2", "keys", 3) == Answer("Bye.", HangUp("done"))

    fx.run(scene)
    (started,) = fx.lines("call.started")
    assert (started["line"], started["rate_hz"], started["record"], started["engines"]) == (
        "gather", 8000, "journal", {"llm": "scripted"},
    )  # fmt: skip
    assert [(line["text"], line["source"]) for line in fx.lines("turn.committed")] == [
        ("where is it", "speech"),
        ("2", "keys"),
    ]
    heard = fx.lines("agent.heard")
    assert [line["text"] for line in heard] == ["Hello.", "In Rome. Anything else?", "Bye."]
    assert {(line["basis"], line["complete"]) for line in heard} == {("delivered", True)}
    assert [line["text"] for line in fx.lines("agent.clause")] == ["Hello.", "In Rome.", "Anything else?", "Bye."]
    assert fx.lines("leave")[0]["decision"] == {"type": "HangUp", "reason": "done"}
    assert fx.lines("call.ended")[0]["reason"] == "agent: hangup"
    told = [(m.role, m.content) for m in fx.llm.requests[1].messages[1:]]
    assert told == [
        ("assistant", "Hello."),
        ("user", "where is it"),
        ("assistant", "In Rome. Anything else?"),
        ("user", "2"),
    ]


def test_a_filler_is_left_out_when_the_answer_comes_in_time(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [["Well. ", call_tool("look")], ["Found."]], agent_with(slow_tool(1.0)))

    async def scene(call: TextCall) -> None:
        assert await call.answer("find it", "speech", 3) == Answer("Well. Found.")

    fx.run(scene)
    assert "Let me look." not in str(fx.journal)


@pytest.mark.parametrize(("filler", "said"), [("Let me look.", "Let me look."), ("", "One moment.")])
def test_a_late_answer_follows_and_nothing_is_said_twice(tmp_path: Path, filler: str, said: str) -> None:
    RAN.clear()
    fx = Fixture(tmp_path, [["Well. ", call_tool("look")], ["Found."]], agent_with(slow_tool(7.5, filler)))

    async def scene(call: TextCall) -> None:
        first = f"Well. {filler}".strip()
        assert await call.answer("find it", "speech", 3) == Answer(first, more=True)
        assert await call.more(3) == Answer("One moment.", more=True)
        began_s = asyncio.get_running_loop().time()
        assert await call.more(3) == Answer("Found.")
        assert asyncio.get_running_loop().time() - began_s == pytest.approx(1.5, abs=0.1)
        assert await call.more(3) == Answer("")

    fx.run(scene)
    assert RAN == ["look"]
    heard = {line["text"]: line["complete"] for line in fx.lines("agent.heard")}
    assert heard["Well."]
    assert heard["Found."]
    assert heard["One moment."]
    assert said in heard


def test_a_model_that_dribbles_is_heard_clause_by_clause(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [["First this. ", 2.0, "Then ", 2.0, "that. ", "Last."]])

    async def scene(call: TextCall) -> None:
        assert await call.answer("go", "speech", 1) == Answer("First this.", more=True)
        assert await call.more(5) == Answer("Then that. Last.")

    fx.run(scene)
    (heard,) = fx.lines("agent.heard")
    assert heard["text"] == "First this. Then that. Last."


@pytest.mark.parametrize(
    ("step", "transfer_to", "decision"),
    [
        (EngineError("gone"), "", HangUp("trouble")),
        (EngineError("gone"), "+15550100", Transfer("+15550100", "trouble")),
        (60.0, "", HangUp("trouble")),  # past the model's own deadline
    ],
)
def test_an_engine_that_fails(tmp_path: Path, step: Step, transfer_to: str, decision: Any) -> None:
    fx = Fixture(tmp_path, [["Well. ", step]], agent_with(transfer_to=transfer_to))

    async def scene(call: TextCall) -> None:
        answer = await call.answer("hello", "speech", 30)
        assert answer == Answer(f"Well. {PHRASES.trouble}", decision)

    fx.run(scene)
    assert fx.lines("error")[0]["where"] == "reply"
    assert fx.lines("turn.committed")[0]["turn"] == 1


def test_a_model_that_says_nothing_is_not_silence(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [["..."]])

    async def scene(call: TextCall) -> None:
        assert (await call.answer("hello", "speech", 3)).text == PHRASES.not_understood

    fx.run(scene)


def test_silence_is_asked_about_then_told_goodbye(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [["Yes."]], agent_with(turns=TurnSettings(max_no_input=1)))

    async def scene(call: TextCall) -> None:
        assert await call.nothing_heard(3) == Answer(PHRASES.still_there)
        assert await call.answer("here", "speech", 3) == Answer("Yes.")
        assert await call.nothing_heard(3) == Answer(PHRASES.still_there)  # the count began anew
        assert await call.nothing_heard(3) == Answer(PHRASES.no_input_goodbye, HangUp("no input"))

    fx.run(scene)
    assert [line["count"] for line in fx.lines("silence.prompt")] == [1, 1, 2]


def test_what_is_no_words_is_asked_again_but_not_for_ever(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [["Yes."]])

    async def scene(call: TextCall) -> None:
        for _ in range(MAX_NOT_UNDERSTOOD):
            assert await call.answer("…!", "speech", 3) == Answer(PHRASES.not_understood)
        assert await call.answer("?", "speech", 3) == Answer(PHRASES.trouble, HangUp("trouble"))

    fx.run(scene)
    assert fx.llm.requests == []
    assert len(fx.lines("turn.rejected")) == MAX_NOT_UNDERSTOOD + 1


def test_a_star_is_an_entry(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [["Yes."]])

    async def scene(call: TextCall) -> None:
        assert await call.answer("*", "keys", 3) == Answer("Yes.")

    fx.run(scene)


def test_the_last_answer_is_followed_by_goodbye(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [["In Rome."]])

    async def scene(call: TextCall) -> None:
        call.wind_up("service stopped")
        assert await call.answer("where", "speech", 3) == Answer(
            f"In Rome. {PHRASES.closing}", HangUp("service stopped")
        )

    fx.run(scene)


def test_the_last_answer_is_not_waited_for_beyond_its_time(tmp_path: Path) -> None:
    RAN.clear()
    fx = Fixture(tmp_path, [["Well. ", call_tool("look")], ["Found."]], agent_with(slow_tool(5.0)))

    async def scene(call: TextCall) -> None:
        call.wind_up("no more documents")
        answer = await call.answer("find it", "speech", 2)
        assert answer == Answer(f"Well. {PHRASES.closing}", HangUp("no more documents"))

    fx.run(scene)
    assert RAN == ["look"]  # a tool with effects is let finish
    assert fx.lines("tool.returned")


def test_a_reply_that_leaves_by_itself_needs_no_closing(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [["Bye.", call_tool("hang_up")], []])

    async def scene(call: TextCall) -> None:
        call.wind_up("no more documents")
        assert await call.answer("bye", "speech", 3) == Answer("Bye.", HangUp("done"))

    fx.run(scene)


def test_keys_are_sent_and_the_conversation_goes_on(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [["Keys.", call_tool("send_keys")], [], ["Yes."]], agent_with(send_keys))

    async def scene(call: TextCall) -> None:
        assert await call.answer("send", "speech", 3) == Answer("Keys.", SendDigits("ww12"))
        assert await call.answer("and", "speech", 3) == Answer("Yes.")
        call.ended("caller: hung up")

    fx.run(scene)
    assert fx.lines("call.ended")[0]["reason"] == "caller: hung up"


def test_a_call_may_last_so_long(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [["Yes."]], agent_with(max_call_s=60))

    async def scene(call: TextCall) -> None:
        await asyncio.sleep(61)
        assert await call.answer("hello", "speech", 3) == Answer(f"Yes. {PHRASES.time_up}", HangUp("call too long"))

    fx.run(scene)


def test_two_turns_at_once_are_answered_in_order(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [[1.0, "One."], ["Two."]])

    async def scene(call: TextCall) -> None:
        assert (await call.answer("first", "speech", 0)).more
        assert await call.answer("second", "speech", 3) == Answer("One. Two.")

    fx.run(scene)


def test_the_notice_is_said_where_it_always_is(tmp_path: Path) -> None:
    for notice, said in (("always", "This call is recorded. Hello."), ("full", "Hello.")):

        async def scene(call: TextCall, said: str = said) -> None:
            assert await call.begin(3) == Answer(said)

        Fixture(tmp_path / notice, [], agent_with(notice=notice, record="full")).run(scene)


# --- coming back ----------------------------------------------------------------------------------------------------


def told(*events: dict[str, Any], reason: Any = "cut off") -> Continuation:
    before = continue_from([[{"kind": "call.started"}, *events]], reason)
    assert before is not None
    return before


ASKED = {"kind": "turn.committed", "turn": 3, "text": "where is it"}
SAID = {"kind": "agent.heard", "utterance": 1, "turn": 3, "text": "Which one?", "said": "Which one?", "complete": True}


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (told(ASKED), f"{PHRASES.cut_off} In Rome."),
        (told(ASKED, SAID), f"{PHRASES.cut_off} Which one?"),
        (told(ASKED, SAID, reason="nobody answered"), PHRASES.nobody_there),
    ],
)
def test_a_call_comes_back(tmp_path: Path, before: Continuation, expected: str) -> None:
    fx = Fixture(tmp_path, [["In Rome."]])

    async def scene(call: TextCall) -> None:
        assert await call.begin(3) == Answer(expected)

    fx.run(scene, before)
    assert fx.lines("call.started")[0]["continues"] == before.reason


def test_an_owed_answer_is_given_without_a_new_turn(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [["In Rome."]])

    async def scene(call: TextCall) -> None:
        assert await call.more(3) == Answer("In Rome.")

    fx.run(scene, told(ASKED))
    assert fx.lines("turn.committed") == []
    assert [m.content for m in fx.llm.requests[0].messages if m.role == "user"] == ["where is it"]


def test_who_goes_on_speaking_does_not_get_the_owed_answer_too(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [["In Rome."]])

    async def scene(call: TextCall) -> None:
        assert await call.answer("the other one", "speech", 3) == Answer("In Rome.")

    fx.run(scene, told(ASKED))
    (asked,) = fx.llm.requests
    assert [m.content for m in asked.messages if m.role == "user"] == ["where is it the other one"]


def test_a_call_that_is_cut_off_again_and_again_is_given_up(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [["In Rome."]])
    cut = {"kind": "call.started", "continues": "cut off"}

    async def scene(call: TextCall) -> None:
        assert await call.answer("hello", "speech", 3) == Answer(PHRASES.trouble, HangUp("trouble"))

    fx.run(scene, told(*[cut] * MAX_CUT_OFFS, ASKED))
    assert fx.llm.requests == []


# --- the end --------------------------------------------------------------------------------------------------------


def test_a_call_that_ends_in_the_middle_of_a_reply_leaves_nothing_running(tmp_path: Path) -> None:
    RAN.clear()
    fx = Fixture(tmp_path, [["First this. ", "And ", call_tool("look")], ["Found."]], agent_with(slow_tool(3.0)))

    async def scene(call: TextCall) -> None:
        assert (await call.answer("find it", "speech", 1)).more
        call.ended("caller: hung up")

    fx.run(scene)  # run_virtual fails on tasks that are left behind
    assert RAN == ["look"]
    assert fx.llm.open == 0
    assert fx.journal[-1]["kind"] == "call.ended"


def test_a_half_said_utterance_is_told_so(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [["First this. ", "And ", 20.0]])

    async def scene(call: TextCall) -> None:
        assert (await call.answer("go", "speech", 1)).text == "First this."

    fx.run(scene)
    (heard,) = fx.lines("agent.heard")
    assert (heard["text"], heard["said"], heard["complete"]) == ("First this.", "First this. And ", False)


def test_a_fault_of_ours_ends_the_call_and_says_so(tmp_path: Path) -> None:
    class Broken(ScriptedLlm):
        def stream(self, request: LlmRequest, ctx: Any) -> Any:
            raise KeyError("x")

    fx = Fixture(tmp_path, [])
    fx.llm = Broken([])

    async def scene(call: TextCall) -> None:
        await call.answer("go", "speech", 3)

    with pytest.raises(KeyError):
        fx.run(scene)
    assert fx.lines("error")[0]["where"] == "call"
    assert fx.lines("call.ended")[0]["reason"] == "error"
