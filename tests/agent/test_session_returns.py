"""CallSession: a call that comes back to its agent, and one that must end; in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

from agent.continuation import Continuation, Reason, continue_from
from agent.line import HangUp
from agent.llm.base import ToolCall
from agent.tools.base import ToolContext
from agent.tools.decorator import tool
from tests.agent.call import PHRASES, Call
from tests.support.virtual_loop import virtual

ran: list[str] = []


@tool(effect="write")
async def order(ctx: ToolContext) -> str:
    """Order it."""
    await asyncio.sleep(0.4)
    ran.append("ordered")
    return "done"


async def worker_dies(call: Call, after_s: float, reason: Reason = "cut off") -> Continuation | None:
    """One turn of a call whose worker dies so long after the turn's commit: what the journal then tells."""
    seen: list[dict[str, Any]] = []
    async with call.running() as c:
        await c.say(800)
        await asyncio.sleep(after_s)
        seen = [dict(event) for event in c.events]  # what stood in the journal at that moment
    return continue_from([seen], reason)


async def comes_back(before: Continuation | None, **differs: Any) -> Call:
    """The call on its next stream, from its first sound to ten seconds later."""
    again = Call(**differs)
    again.continuation = before
    async with again.running(greeted=False):
        await asyncio.sleep(10)
    return again


@virtual
async def test_wherever_the_worker_dies_the_answer_is_heard_once_it_is_back() -> None:
    answer = "Your parcel is in Rome and will be with you tomorrow."
    met = set()
    for after_ms in range(0, 3000, 150):
        before = await worker_dies(Call(says=[(0.05, "where is it")], answers=[[0.1, answer]]), after_ms / 1000)
        assert before is not None
        again = await comes_back(before, answers=[[0.1, answer]])
        answered = before.owed is None
        met.add(answered)
        assert again.heard()[:2] == [PHRASES.cut_off, PHRASES.still_there if answered else answer]
        assert again.of("turn.committed") == []
        if not answered:
            told = [(message.role, message.content) for message in again.llm.requests[0].messages]
            assert told[-1] == ("user", "where is it")
            assert ("assistant", PHRASES.greeting) in told
    assert met == {True, False}


@virtual
async def test_a_tool_with_effects_is_not_run_again() -> None:
    ran.clear()
    script = [["One moment. ", ToolCall("c1", "order")], [0.1, "It is ordered."]]
    before = await worker_dies(Call(answers=script, tools=[order]), 0.8)
    assert ran == ["ordered"]
    again = await comes_back(before, answers=[[0.1, "It is ordered."]], tools=[order])
    assert ran == ["ordered"]
    results = [message for message in again.llm.requests[0].messages if message.role == "tool"]
    assert [message.content for message in results] == ['"done"']
    assert again.heard()[:2] == [PHRASES.cut_off, "It is ordered."]


@virtual
async def test_the_question_that_was_open_is_asked_again_and_its_answer_taken() -> None:
    before = await worker_dies(Call(answers=[[0.1, "What is your number?"]]), 3.0)
    again = Call(says=[(0.05, "four")], answers=[[0.1, "Thank you."]])
    again.continuation = before
    async with again.running(greeted=False) as c:
        await c.until_heard("What is your number?")
        await c.say(600)
        await c.until_heard("Thank you.")
        assert c.of("turn.committed")[0]["turn"] == 2, "turns are counted on"


@virtual
async def test_after_a_transfer_that_nobody_answered_the_agent_says_so() -> None:
    before = await worker_dies(Call(answers=[[0.1, "I put you through."]]), 3.0, "nobody answered")
    assert (await comes_back(before)).heard()[0] == PHRASES.nobody_there


@virtual
async def test_after_digits_were_sent_it_is_the_callers_turn() -> None:
    before = await worker_dies(Call(answers=[[0.1, "One moment."]]), 3.0, "digits sent")
    assert (await comes_back(before)).heard()[:1] == [PHRASES.still_there]


@virtual
async def test_a_call_that_is_cut_off_again_and_again_is_let_go() -> None:
    cut = [{"kind": "call.started", "continues": "cut off"}] * 2
    said = [{"kind": "turn.committed", "turn": 1, "text": "crash"}]
    again = await comes_back(continue_from([[*cut, *said]], "cut off"))
    assert again.heard() == [PHRASES.trouble]
    assert again.decisions == [HangUp("trouble")]
    assert again.llm.requests == []


# --- a call that must end -------------------------------------------------------------------------------------------


@virtual
async def test_goodbye_is_said_at_once_when_nobody_speaks() -> None:
    async with Call().running() as c:
        c.session.wind_up("service stopped")
        await c.ended()
        assert c.heard()[-1] == PHRASES.closing
        assert c.decisions == [HangUp("service stopped")]


@virtual
async def test_nobody_is_cut_off_in_the_middle_of_a_word() -> None:
    """The clause that is being said is finished; what was still to be said is not begun."""
    answer = "The first part is this. The second part is a long one as well. And the third is never said at all."
    for after_ms in range(700, 4000, 300):
        async with Call(answers=[[0.05, answer]]).running() as c:
            await c.say(600)
            await asyncio.sleep(after_ms / 1000)
            c.session.wind_up("service stopped")
            await c.ended()
            assert c.heard()[-1] == PHRASES.closing
            assert [event["text"] for event in c.of("agent.heard") if event["text"][-1:] not in ".?!"] == []
            assert c.of("playout.stopped") == []


@virtual
async def test_a_caller_who_speaks_is_heard_out_and_told_goodbye() -> None:
    async with Call().running() as c:
        c.phone.speak(2000)
        await asyncio.sleep(0.5)
        c.session.wind_up("service stopped")
        await asyncio.sleep(1.5)
        assert c.heard() == [PHRASES.greeting]
        await c.ended()
        assert c.heard()[-1] == PHRASES.closing
        assert c.llm.requests == []


@virtual
async def test_nobody_can_hold_up_the_end_for_ever() -> None:
    async with Call().running() as c:
        c.phone.speak(60_000)
        await asyncio.sleep(0.5)
        began_s = asyncio.get_running_loop().time()
        c.session.wind_up("service stopped")
        await c.ended()
        assert asyncio.get_running_loop().time() - began_s < 14
        assert c.heard()[-1] == PHRASES.closing


@virtual
async def test_a_tool_that_hangs_does_not_hold_it_up() -> None:
    @tool(effect="read", timeout_s=100)
    async def slow(ctx: ToolContext) -> str:
        """Be slow."""
        await asyncio.sleep(90)
        return "late"

    async with Call(answers=[[ToolCall("c1", "slow")]], tools=[slow]).running() as c:
        await c.say(600)
        c.session.wind_up("service stopped")
        await c.until("leave", limit_s=14)
        assert c.heard()[-1] == PHRASES.closing


@virtual
async def test_a_call_that_is_too_long_ends_politely() -> None:
    async with Call(max_call_s=12).running() as c:
        for _ in range(3):
            await c.say(600)
        await c.ended()
        assert c.heard()[-1] == PHRASES.time_up
        assert c.decisions == [HangUp("call too long")]
