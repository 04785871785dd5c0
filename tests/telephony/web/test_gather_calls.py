"""GatherCalls, in virtual time: order, retries, limits, restarts and ends of calls that are served turn by turn."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.definition import AgentDefinition, Phrases
from agent.errors import EngineError
from agent.line import HangUp, SendDigits, Transfer
from agent.llm.base import ToolCall
from agent.privacy import Remembered
from agent.record import CallRecord
from agent.tools.base import Leaving, Tool, ToolContext
from agent.tools.builtin import BUILTIN_TOOLS
from agent.tools.decorator import tool
from telephony.admission import Admission
from telephony.settings import Route
from telephony.twilio import twiml
from telephony.twilio.gather import ANSWER_WITHIN_S, Document, GatherRequest, What
from telephony.web.agents import ServedAgent, ServedAgents
from telephony.web.gather_calls import ANSWER_LIFETIME_S, GatherCalls
from telephony.web.gather_turns import LONGEST_IDLE_S, MAX_WAITING
from tests.agent.fakes import ScriptedLlm, Step
from tests.agent.support import make_agent
from tests.support.virtual_loop import VirtualContext, run_virtual

PHRASES = Phrases(greeting="Hello.", one_moment="One moment.", closing="I must go. Goodbye.")
RAN: list[str] = []


@tool(effect="write", filler="Let me look.")
async def look(ctx: ToolContext) -> dict[str, object]:
    """Look it up."""
    await asyncio.sleep(5.0)
    RAN.append("look")
    return {"outcome": "found"}


@tool(effect="write")
def send_keys(ctx: ToolContext) -> Leaving:
    """Send keys."""
    return Leaving(SendDigits("12"))


def use(name: str) -> ToolCall:
    return ToolCall(f"{name}-1", name, {})


class House:
    """The service, as far as calls see it."""

    def __init__(self, folder: Path, scripts: Sequence[Sequence[Step]], definition: AgentDefinition) -> None:
        self.llm = ScriptedLlm(scripts)
        kit: Any = SimpleNamespace(llm=self.llm)
        self.agents = ServedAgents("desk", {"desk": ServedAgent(definition, kit, folder)})
        self.calls_dir = folder / "calls"
        self.counts: Counter[str] = Counter()
        self.inside: Counter[str] = Counter()
        self.admitted: list[Admission] = []
        self.full = False
        self.kept: dict[str, Remembered] = {}
        self.told: list[dict[str, Any]] = []

    def take_place(self, call_sid: str, admission: Admission) -> bool:
        if not self.full:
            self.inside[call_sid] += 1
            self.admitted.append(admission)
        return not self.full

    def leave_place(self, call_sid: str) -> None:
        self.inside[call_sid] -= 1

    def new_context(self) -> VirtualContext:
        return VirtualContext()

    def tell(self, record: CallRecord) -> None:
        record.listen(self.told.append)

    def remember(self, call_sid: str, record: CallRecord) -> None:
        self.kept[call_sid] = record.remembered()

    def remembered(self, call_sid: str) -> Remembered | None:
        return self.kept.get(call_sid)


class Fixture:
    def __init__(self, folder: Path, scripts: Sequence[Sequence[Step]], *, max_hops: int = 0, **agent: Any) -> None:
        tools: dict[str, Tool] = {each.name: each for each in (*BUILTIN_TOOLS, look, send_keys)}
        definition = make_agent(tools=tools, phrases=PHRASES, **agent)
        self.house = House(folder, scripts, definition)
        self.route = Route(agent="desk", mode="gather", max_hops=max_hops)
        self.calls = GatherCalls(self.house, lambda called: self.route, max_call_s=3600)

    def restarted(self, folder: Path, scripts: Sequence[Sequence[Step]]) -> Fixture:
        """As after kill -9: what is on disk now, and nothing else."""
        folder.mkdir()
        shutil.copytree(self.house.calls_dir, folder / "calls")
        return Fixture(folder, scripts, max_hops=self.route.max_hops)

    async def ask(self, what: What, text: str = "", key: str = "", *, sid: str = "CA1", keys: bool = False) -> Document:
        document = await self.calls.document(GatherRequest(what, sid, "+1555", "+1666", key, text, keys))
        assert document is not None
        return document

    async def said(self, what: What, text: str = "", key: str = "") -> str:
        return (await self.ask(what, text, key)).text

    def journals(self, sid: str = "CA1") -> list[list[dict[str, Any]]]:
        folders = sorted(self.house.calls_dir.glob(f"{sid}*"), key=lambda folder: (len(folder.name), folder.name))
        return [[json.loads(line) for line in (f / "journal.jsonl").read_text().splitlines()] for f in folders]

    def turns(self) -> list[str]:
        lines = [line for journal in self.journals() for line in journal]
        return [line["text"] for line in lines if line["kind"] == "turn.committed"]


def play(fx: Fixture, scene: Callable[[], Awaitable[None]], *others: Fixture) -> None:
    async def main() -> None:
        try:
            await scene()
        finally:
            for one in (fx, *others):
                await one.calls.end_all()
                assert not +one.house.inside

    run_virtual(main())


def test_a_conversation(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [["In Rome."], ["Bye.", use("hang_up")], []])

    async def scene() -> None:
        greeting = await fx.ask("voice")
        assert (greeting.text, greeting.language, greeting.timeout_s, greeting.hints) == ("Hello.", "en-US", 7, "")
        assert fx.house.inside["CA1"] == 1
        assert await fx.said("turn", "where is it") == "In Rome."
        assert (await fx.ask("turn", "bye")).decision == HangUp("done")
        await asyncio.sleep(1)
        assert not +fx.house.inside

    play(fx, scene)
    assert fx.house.admitted == [Admission("desk", "+1555", "+1666")]
    assert fx.house.counts["gather turns"] == 2
    (journal,) = fx.journals()
    assert journal[-1]["reason"] == "agent: hangup"
    assert [line["number"] for line in journal if line["kind"] == "gather.document"] == [1, 2, 3]
    assert fx.house.told == journal


def test_no_place(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [])
    fx.house.full = True

    async def scene() -> None:
        assert await fx.calls.document(GatherRequest("voice", "CA1", "", "")) is None

    play(fx, scene)
    assert not fx.house.calls_dir.exists()


def test_a_retry_gets_the_same_document_and_no_second_turn(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [[1.0, "In Rome."], ["Other."], ["Bye.", use("hang_up")], []])

    async def scene() -> None:
        await fx.ask("voice", key="a")
        # The first is cancelled, as by a carrier that closed its connection; its retry waits for the same answer.
        first = asyncio.create_task(fx.ask("turn", "where", "b"))
        await asyncio.sleep(0.5)
        first.cancel()
        assert await fx.said("turn", "where", "b") == "In Rome."
        assert await fx.said("turn", "where", "b") == "In Rome."
        left = await fx.ask("turn", "bye", "c")
        assert await fx.said("turn", "bye", "d") == "Bye."
        await asyncio.sleep(1)

        assert await fx.ask("turn", "bye", "d") == replace(left, text="Bye.", decision=HangUp("done"))
        assert await fx.ask("voice", key="a") == await fx.ask("voice", key="a")
        await asyncio.sleep(ANSWER_LIFETIME_S)
        await fx.ask("voice", key="z")
        assert len(fx.calls._answers) == 1  # the others have expired

    play(fx, scene)
    assert fx.turns() == ["where", "bye", "bye"]


def test_two_requests_at_once_are_put_in_order(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [[2.0, "One."], ["Two."]])

    async def scene() -> None:
        await fx.ask("voice")
        one, two = await asyncio.gather(fx.said("turn", "first"), fx.said("turn", "second"))
        assert (one, two) == ("One.", "Two.")

    play(fx, scene)
    assert fx.turns() == ["first", "second"]


def test_a_crowd_of_requests_is_bounded(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [[0.1, "Yes."]])

    async def scene() -> None:
        await fx.ask("voice")
        documents = await asyncio.gather(*(fx.ask("turn", f"turn {n}") for n in range(MAX_WAITING + 3)))
        assert sum(document.text == twiml.TROUBLE for document in documents) in (2, 3)

    play(fx, scene)


def test_an_answer_is_never_late(tmp_path: Path) -> None:
    RAN.clear()
    fx = Fixture(tmp_path, [[use("look")], ["Found."]])

    async def scene() -> None:
        await fx.ask("voice")
        now = asyncio.get_running_loop().time
        began_s = now()
        late = await fx.ask("turn", "find it")
        assert (late.text, late.more) == ("Let me look.", True)
        assert now() - began_s == pytest.approx(ANSWER_WITHIN_S, abs=0.05)
        assert await fx.ask("more") == replace(late, text="Found.", more=False)
        assert now() - began_s < 5.2

    play(fx, scene)
    assert RAN == ["look"]
    assert fx.house.counts["gather late answer"] == 1


def test_two_requests_at_once_are_both_in_time(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [[use("look")], ["One."], ["Two."]])

    async def scene() -> None:
        await fx.ask("voice")
        now = asyncio.get_running_loop().time
        began_s = now()
        one, two = await asyncio.gather(fx.ask("turn", "first"), fx.ask("turn", "second"))
        assert one.more
        assert two.more
        assert now() - began_s < ANSWER_WITHIN_S + 0.1
        assert await fx.said("more") == "One. Two."

    play(fx, scene)


@pytest.mark.parametrize(("works", "overdue"), [(0, False), (2, True)], ids=["from the start", "once it is opened"])
def test_a_disk_that_hangs_makes_nothing_late_but_a_crowd(tmp_path: Path, works: int, overdue: bool) -> None:
    """One that hangs from the start gets no journal, and then nothing waits for it any more."""
    done = 0

    class Hanging(VirtualContext):
        async def offload(self, work: Any, *args: object, cost_ms: float, apart: bool = False) -> Any:
            nonlocal done
            done += 1
            if done > works:
                await asyncio.sleep(100)
            return await super().offload(work, *args, cost_ms=cost_ms, apart=apart)

    fx = Fixture(tmp_path, [[4.6, "Yes. ", 4.6, "More."]])
    fx.house.new_context = Hanging  # type: ignore[method-assign]

    async def scene() -> None:
        now = asyncio.get_running_loop().time
        for what in ("voice", "turn"):
            began_s = now()
            await fx.ask(what, "hello")  # type: ignore[arg-type]
            assert now() - began_s < 4.0
        crowd = await asyncio.gather(*(fx.ask("more") for _ in range(MAX_WAITING)))
        assert crowd[0].more
        assert (crowd[-1].text == twiml.TROUBLE) is overdue
        await fx.calls.end_all()
        await asyncio.sleep(300)

    play(fx, scene)
    assert (fx.house.counts["gather overdue"] > 0) is overdue
    assert any(fx.house.calls_dir.glob("*")) is overdue


def test_the_last_document_allowed_says_goodbye(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [["Yes."]], max_hops=4)

    async def scene() -> None:
        await fx.ask("voice")
        assert await fx.said("turn", "one") == "Yes."
        assert await fx.said("turn", "two") == "Yes."
        last = await fx.ask("turn", "three")
        assert (last.text, last.decision) == ("Yes. I must go. Goodbye.", HangUp("no more documents allowed"))

    play(fx, scene)


@pytest.mark.parametrize(
    ("script", "transfer_to", "decision", "text"),
    [
        (["Bye.", use("hang_up")], "", HangUp("done"), "Bye."),
        (["Wait.", use("transfer_to_person")], "+15550100", Transfer("+15550100"), "Wait."),
        (["Keys.", use("send_keys")], "", HangUp("no more documents allowed"), "Keys. I must go. Goodbye."),
        ([use("look")], "", HangUp("no more documents allowed"), "I must go. Goodbye."),
        ([EngineError("gone")], "", HangUp("trouble"), PHRASES.trouble),
    ],
)
def test_what_else_the_last_document_may_be(
    tmp_path: Path, script: list[Step], transfer_to: str, decision: Any, text: str
) -> None:
    fx = Fixture(tmp_path, [script, []], max_hops=2, transfer_to=transfer_to)

    async def scene() -> None:
        await fx.ask("voice")
        last = await fx.ask("turn", "go")
        assert (last.text, last.decision, last.last, last.more) == (text, decision, True, False)

    play(fx, scene)


def test_silence_is_answered(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [])

    async def scene() -> None:
        await fx.ask("voice")
        assert await fx.said("turn") == PHRASES.still_there

    play(fx, scene)
    assert fx.house.counts["gather empty"] == 1


def test_an_unanswered_transfer_comes_back_to_the_conversation(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [["Wait.", use("transfer_to_person")], [], ["Yes."]], transfer_to="+15550100", max_hops=4)

    async def scene() -> None:
        await fx.ask("voice")
        assert (await fx.ask("turn", "a person")).decision == Transfer("+15550100")
        await asyncio.sleep(25)
        assert not +fx.house.inside
        assert await fx.said("nobody answered") == PHRASES.nobody_there
        last = await fx.ask("turn", "never mind")  # hops are counted over the transfer
        assert last.text == "Yes. I must go. Goodbye."

    play(fx, scene)
    assert fx.house.admitted[1].returns == "nobody answered"
    assert len(fx.journals()) == 2
    assert [m.content for m in fx.house.llm.requests[-1].messages if m.role == "user"] == ["a person", "never mind"]


# --- a worker that dies ---------------------------------------------------------------------------------------------


def test_after_a_restart_the_conversation_goes_on(tmp_path: Path) -> None:
    fx = Fixture(tmp_path / "a", [["In Rome."]], max_hops=5)
    others: list[Fixture] = []

    async def scene() -> None:
        await fx.ask("voice", key="a")
        await fx.ask("turn", "where", "b")
        new = fx.restarted(tmp_path / "b", [["Till five."]])
        others.append(new)
        assert await new.said("turn", "how long", "c") == "Till five."
        told = [(m.role, m.content) for m in new.house.llm.requests[0].messages[1:]]
        assert told == [
            ("assistant", "Hello."),
            ("user", "where"),
            ("assistant", "In Rome."),
            ("user", "how long"),
        ]
        assert new.house.admitted[0].returns == "cut off"
        assert (await new.ask("turn", "and", "d")).decision is None
        assert (await new.ask("turn", "so", "e")).decision == HangUp("no more documents allowed")  # the fifth
        assert new.turns() == ["where", "how long", "and", "so"]
        assert new.house.counts["calls continued"] == 1
        await new.calls.end_all()

    play(fx, scene)


def test_the_retry_of_an_answered_request_finds_its_document_after_a_restart(tmp_path: Path) -> None:
    fx = Fixture(tmp_path / "a", [["Bye.", use("hang_up")], []])

    async def scene() -> None:
        await fx.ask("voice", key="a")
        first = await fx.ask("turn", "bye", "b")
        new = fx.restarted(tmp_path / "b", [["Again?"]])
        assert await new.ask("turn", "bye", "b") == first
        assert new.house.llm.requests == []
        await new.calls.end_all()
        assert new.turns() == ["bye"]

    play(fx, scene)


@pytest.mark.parametrize("key", ["b", ""])
def test_the_retry_of_an_unanswered_request_is_no_second_turn(tmp_path: Path, key: str) -> None:
    RAN.clear()
    fx = Fixture(tmp_path / "a", [[use("look")], ["Found."]])

    async def scene() -> None:
        await fx.ask("voice", key="a")
        asking = asyncio.create_task(fx.ask("turn", "find it", key))
        await asyncio.sleep(1.5)  # the journal of what came is on disk by now
        new = fx.restarted(tmp_path / "b", [["Found it."]])
        assert await new.said("turn", "find it", key) == "Found it."
        assert new.turns() == ["find it"]
        assert "not known" in str(new.house.llm.requests[0].messages)  # of the tool that was at work
        await new.calls.end_all()
        await asking

    play(fx, scene)


def test_a_late_answer_is_given_after_a_restart(tmp_path: Path) -> None:
    fx = Fixture(tmp_path / "a", [[use("look")], ["Found."]])

    async def scene() -> None:
        await fx.ask("voice", key="a")
        assert (await fx.ask("turn", "find it", "b")).more
        new = fx.restarted(tmp_path / "b", [["Found it."]])
        assert await new.said("more", key="c") == "Found it."
        await new.calls.end_all()

    play(fx, scene)


def test_a_call_that_nothing_is_known_of_is_not_greeted_in_the_middle(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [["Yes."]], record="off")

    async def scene() -> None:
        assert await fx.said("turn", "hello") == "Yes."
        assert (await fx.ask("more", sid="CA2")).text == PHRASES.cut_off
        assert (await fx.ask("nobody answered", sid="CA3")).text == PHRASES.nobody_there
        assert (await fx.ask("fallback", sid="CA4")).text == PHRASES.cut_off

    play(fx, scene)


def test_the_fallback_address_says_the_latest_document_again(tmp_path: Path) -> None:
    fx = Fixture(tmp_path / "a", [["Which one?"]], max_hops=3)

    async def scene() -> None:
        await fx.ask("voice")
        document = await fx.ask("turn", "where")
        assert await fx.ask("fallback") == document
        assert await fx.ask("voice") == document  # and so does another retry of anything
        new = fx.restarted(tmp_path / "b", [])
        assert await new.said("fallback") == f"{PHRASES.cut_off} Which one? {PHRASES.closing}"
        await new.calls.end_all()

    play(fx, scene)


# --- the end --------------------------------------------------------------------------------------------------------


def test_the_carrier_says_that_the_call_is_over(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [])

    async def scene() -> None:
        await fx.ask("voice")
        fx.calls.hung_up("CA1")
        fx.calls.hung_up("CA1")
        fx.calls.hung_up("CA2")
        await asyncio.sleep(0.1)
        assert not +fx.house.inside

    play(fx, scene)
    assert fx.journals()[0][-1]["reason"] == "caller: hung up"
    assert (tmp_path / "calls" / "CA1" / "call.json").exists()


def test_a_call_that_does_not_come_again_is_forgotten_but_not_lost(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [["Yes."]])

    async def scene() -> None:
        await fx.ask("voice")
        await asyncio.sleep(LONGEST_IDLE_S + 1)
        assert not +fx.house.inside
        assert fx.house.counts["gather abandoned"] == 1
        assert await fx.said("turn", "hello") == "Yes."

    play(fx, scene)
    assert fx.journals()[0][-1]["reason"] == "caller: gone without a word"
    assert [m.content for m in fx.house.llm.requests[0].messages[1:]] == ["Hello.", "hello"]


def test_when_the_service_stops_every_call_is_told_goodbye(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [["Yes."]])

    async def scene() -> None:
        await fx.ask("voice")
        fx.calls.wind_up("service stopped")
        last = await fx.ask("turn", "hello")
        assert (last.text, last.decision) == ("Yes. I must go. Goodbye.", HangUp("service stopped"))

    play(fx, scene)
    assert fx.journals()[0][-1]["reason"] == "agent: hangup"


def test_when_the_service_ends_no_record_is_lost(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [[use("look")], ["Found."]])

    async def scene() -> None:
        await fx.ask("voice")
        asking = asyncio.create_task(fx.ask("turn", "find it"))
        await asyncio.sleep(1)
        await fx.calls.end_all()
        assert (await asking).text == "Let me look."

    play(fx, scene)
    assert fx.journals()[0][-1]["reason"] == "service stopped"


def test_a_fault_of_ours_ends_one_call_with_an_apology(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [[KeyError("x")], ["Yes."]])

    async def scene() -> None:
        await fx.ask("voice")
        await fx.ask("voice", sid="CA2")
        assert await fx.ask("turn", "hello") == Document(twiml.TROUBLE, HangUp("trouble"))
        assert (await fx.ask("turn", "hello", sid="CA2")).text == "Yes."

    play(fx, scene)
    assert fx.house.counts["calls failed: ours"] == 1
    assert fx.journals()[0][-1]["reason"] == "error"


CARD = "4111222233334444"


def masked_turns(fx: Fixture) -> list[str]:
    return [line["text"] for line in fx.journals()[-1] if line["kind"] == "turn.committed"]


@pytest.mark.parametrize("crashed", [False, True])
def test_a_number_stays_masked_when_the_call_comes_back(tmp_path: Path, crashed: bool) -> None:
    """Left to a transfer that nobody answers, this worker knows the number; after a crash only that there was one."""
    fx = Fixture(tmp_path / "a", [["Yes."]] * 3, sensitive_lengths=(16,))

    async def scene() -> None:
        await fx.ask("voice", key="a")
        await fx.ask("turn", f"my card is {CARD}", "b")
        await fx.calls.end_all()
        assert masked_turns(fx) == ["my card is •"]
        assert CARD in fx.house.kept["CA1"].numbers
        again = fx.restarted(tmp_path / "b", [["Yes."]] * 3) if crashed else fx
        await again.ask("nobody answered", key="c")
        await again.ask("turn", "it ends with 4444", "d")
        await again.ask("turn", "my room is 73519", "e")
        await again.calls.end_all()
        assert masked_turns(again) == ["it ends with •", "my room is •" if crashed else "my room is 73519"]
        assert again.journals()[-1][0]["caller"] == "+1555"

    play(fx, scene)
