"""Orders of events that once broke a call, one table test for each: found by test_turn_taking_machine.py."""

import asyncio
from typing import Any

from agent.definition import TurnSettings
from agent.line import PlayoutStarted, TextSpan, WordEnd
from agent.llm.base import ToolCall
from agent.playout import MARK_GRACE_MS, PlayoutLedger
from agent.tools.base import ToolContext
from agent.tools.decorator import tool
from agent.turns.endpointing import Endpointer
from agent.turns.gate import SpeechBegan, SpeechWindow
from agent.turns.turn_events import EndOfTurn
from tests.agent.call import Call
from tests.agent.wayward import Said, WaywardCall
from tests.support.virtual_loop import virtual


@virtual
async def test_keys_are_not_answered_before_the_speech_that_came_before_them() -> None:
    """The text of the spoken turn comes late: the entry waits for it, and each is decided once, in order."""
    async with Call(says=[(1.2, "hello")]).running() as c:
        c.phone.speak(600)
        await c.until("turn.ended")
        c.phone.press("47#")
        await c.until("turn.ended", 2)
        assert c.count("turn.committed") == 0
        await c.until("turn.committed", 2)
        assert [(event["turn"], event["text"]) for event in c.of("turn.committed")] == [(1, "hello"), (2, "47")]
        await c.until_heard("This is the answer.")
        assert {event["turn"] for event in c.of("agent.clause") if event["turn"]} == {2}, "one reply, to both"


@virtual
async def test_a_text_that_comes_when_the_agent_is_leaving_is_rejected() -> None:
    """Every turn that ends is decided, also that of a caller to whom goodbye is being said."""
    async with Call(says=[(0.6, "hello")]).running() as c:
        c.phone.speak(600)
        await c.until("turn.ended")
        c.session._replies.give_up(1, "test", RuntimeError("trouble"))
        rejected = await c.until("turn.rejected")
        assert (rejected["turn"], rejected["reason"]) == (1, "leaving")
        assert await c.ended() == "agent: hangup"


@virtual
async def test_who_speaks_in_the_moment_in_which_the_agent_goes_on_is_heard() -> None:
    """Words broke the agent off that were none. It goes on; a key is pressed before a word of that has come."""
    c = WaywardCall(answers=[lambda number: [0.1, f"Answer {number} is long enough to be broken off by a noise."]])

    def press(event: dict[str, Any]) -> None:
        if event["kind"] == "turn.rejected" and not c.of("key"):
            asyncio.get_running_loop().call_soon(c.session._turns.on_key, "4", c.line.media_ms)

    c.on_event = press
    async with c.running():
        await c.say()
        await c.until("playout.started", 2)
        await asyncio.sleep(0.6)
        c.stt.said = Said("", partials=((0.2, "no stop"),))
        await c.say()
        await c.until("turn.committed", 2)
        assert not c.of("error", where="call")
        assert [event["reason"] for event in c.of("barge_in")] == ["words", "key"]
        await c.until_heard("Answer 2")


@tool(effect="read", timeout_s=100)
async def endless(ctx: ToolContext) -> str:
    """Take for ever."""
    await asyncio.sleep(90)
    return "done"


@virtual
async def test_a_call_that_is_cancelled_while_it_ends_has_ended_all_the_same() -> None:
    """The line dropped, a tool is let finish; then the service stops: the journal has its end, and no task is left."""
    c = Call(answers=[[0.1, ToolCall("c1", "endless")]], tools=[endless])
    async with c.running():
        await c.say()
        await c.until("tool.called")
        c.phone.drop()
        await asyncio.sleep(1.0)
        assert not c.task.done()
        c.task.cancel()
        assert await c.ended(1.0) == "caller: closed"
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_speech_that_a_stall_held_up_is_a_turn_of_its_own_time() -> None:
    """Ticks went on by the clock while no audio came. Then all of it comes at once: no pause is behind any of it."""
    endpointer = Endpointer(TurnSettings(trailing_ms=550))
    endpointer.tick(13_000)
    endpointer.began(SpeechBegan(10_000, 10_064))
    ends = []
    for at_ms in range(10_096, 13_000, 32):
        event = endpointer.window(SpeechWindow(speech=at_ms < 11_000, media_ms=at_ms))
        if isinstance(event, EndOfTurn):
            ends.append(event)
    assert [(end.speech_end_ms, end.media_ms) for end in ends] == [(10_992, 11_568)]


def test_what_begins_to_be_heard_is_not_told_before_it_does() -> None:
    """A far end that owes marks is served by the clock, and by what its earlier marks taught of the way there."""
    ledger = PlayoutLedger(8000)

    def say(ms: int, media_ms: int) -> str:
        ledger.queue(bytes(16 * ms), TextSpan(1))
        ledger.send(ms, media_ms)
        return ledger.mark()

    mark = say(100, 1000)
    ledger.returned(mark, 1300)  # 200 ms there and back
    list(ledger.advance(1300))
    say(100, 2000)
    list(ledger.advance(2300 + MARK_GRACE_MS + 1))  # its mark never comes
    say(100, 5000)
    assert not [event for event in ledger.advance(5000) if isinstance(event, PlayoutStarted)]
    started = [event for event in ledger.advance(5200) if isinstance(event, PlayoutStarted)]
    assert [event.media_ms for event in started] == [5200]


def test_no_utterance_is_heard_out_before_it_began_or_in_the_future() -> None:
    """A mark that a stall held up places the first word too late; the next, right mark must not turn the span round."""
    ledger = PlayoutLedger(8000)
    ledger.queue(bytes(16_000), TextSpan(1, (WordEnd(4000, 4), WordEnd(8000, 8))))
    marks = []
    for _ in range(2):
        ledger.send(500, 0)
        marks.append(ledger.mark())
    for mark, mark_ms in zip(marks, (3200, 1040), strict=True):
        ledger.returned(mark, mark_ms)
        start_ms, end_ms = ledger.heard(3200).spans[1]
        assert 0 <= start_ms <= end_ms <= 3200
    assert end_ms == 1040


@virtual
async def test_false_stops_use_up_none_of_the_time_that_the_rest_has_to_be_heard() -> None:
    """They hold the agent for three seconds: the proof that all was heard is waited for from the last one on."""
    c = WaywardCall(answers=[lambda number: [0.1, "This."]])
    mhm = Said("mhm", partials=((0.25, "mhm"),))
    async with c.running(greeted=False):
        c.stt.said = mhm
        c.phone.speak(5000)
        await c.until("agent.took_up", 2)
        await c.until("reply.heard")
        assert not c.of("error")
        assert c.of("agent.heard")[0]["complete"]


@virtual
async def test_a_turn_behind_a_slow_text_waits_for_its_own_from_its_own_end() -> None:
    """Two texts that never come cost three seconds from the second turn's end, not six."""
    c = WaywardCall(answers=[lambda number: [0.1, "This is the answer."]])
    async with c.running():
        c.stt.said = Said("one", 10.0, ((0.3, "one"),))
        c.phone.speak(500)
        first = await c.until("turn.ended", 1)
        c.stt.said = Said("two", 10.0, ((0.3, "two"),))
        c.phone.speak(500)
        second = await c.until("turn.ended", 2)
        await c.until("turn.committed", 2)
        waited = [
            committed["media_ms"] - ended["media_ms"]
            for ended, committed in zip((first, second), c.of("turn.committed"), strict=True)
        ]
        assert [round(ms, -2) for ms in waited] == [3000, 3000]
        assert c.stt.open == 0, "they are not recognised any longer"


@virtual
async def test_a_recogniser_that_fails_leaves_what_it_had_understood() -> None:
    """Its last partial is the turn, also one that came behind the turn's end; a turn without any is asked for again."""
    c = WaywardCall(answers=[lambda number: [0.1, f"Answer {number}."]])
    async with c.running():
        for at_s, text in ((0.3, "where is it"), (1.4, "and the other"), (0.4, "thank you")):
            c.stt.said = Said(None, 0.6, ((0.2, "where"), (at_s, text)))
            heard = c.count("reply.heard")
            await c.say()
            await c.until("reply.heard", heard + 1)
            await asyncio.sleep(0.3)
        committed = [(event["text"], event["by"]) for event in c.of("turn.committed")]
        assert committed == [("where is it", "partial"), ("and the other", "partial"), ("thank you", "partial")]
        assert [event["turn"] for event in c.of("turn.confirmed")] == [1, 2, 3], "nothing more is to come of them"
        assert len(c.of("error", where="stt")) == 3
        c.stt.said = Said(None, 0.2, ((0.2, "hello"), (0.5, "")))
        await c.say()
        assert c.of("turn.rejected")[-1]["reason"] == "no text"
        await c.until_heard("Say it again please.")


@virtual
async def test_words_that_were_nothing_do_not_hold_the_agent_for_the_next_sound() -> None:
    """The sound goes on as a turn of its own before the text of the first has come; it has no words, and ends late."""
    c = WaywardCall(
        answers=[lambda number: [0.1, "This is a long answer, and it goes on for a while."]],
        turns=TurnSettings(max_turn_ms=4000),
    )
    async with c.running():
        c.stt.said = Said("where is it")
        c.phone.speak(600)
        await c.until("turn.committed")
        c.stt.said = Said("mhm", 0.3, ((0.4, "four seven"),))
        c.phone.speak(7500)
        await c.until("turn.started", 2)
        c.stt.said = Said("")
        rejected = await c.until("turn.rejected", reason="backchannel")
        took_up = await c.until("agent.took_up", c.count("agent.took_up") + 1, 5)
        assert took_up["media_ms"] - rejected["media_ms"] <= 1000
        await c.until_heard("for a while.")


@tool(effect="write", timeout_s=4)
async def slow_order(ctx: ToolContext) -> str:
    """Order it, in three seconds."""
    await asyncio.sleep(3)
    return "ordered"


@virtual
async def test_a_tool_belongs_to_the_turn_whose_reply_called_it() -> None:
    """The next turn is committed in the very moment in which the model calls the tool: it was called before that."""
    c = WaywardCall(
        answers=[lambda number: [ToolCall("", "slow_order")], lambda number: [0.1, "To both."]], tools=[slow_order]
    )
    async with c.running():
        c.stt.said = Said("one", 2.0)
        c.phone.speak(500)
        await c.until("turn.ended")
        c.stt.said = Said("two")
        c.phone.speak(300)
        await c.until("turn.committed", 2)
        await c.until_heard("To both.")
        order = [
            (event["kind"], event["turn"]) for event in c.events if event["kind"] in ("tool.called", "turn.committed")
        ]
        assert order == [("turn.committed", 1), ("tool.called", 1), ("turn.committed", 2)]
        assert c.of("tool.returned")[0]["ok"]


@virtual
async def test_a_noise_is_decided_behind_the_turn_before_it() -> None:
    """The text of a turn is late; meanwhile a noise begins, and ends with the agent's last word."""
    c = WaywardCall(answers=[lambda number: [0.1, "This is where it is now."]])
    async with c.running():
        c.stt.said = Said("where is it", partials=((0.3, "where is it"),))
        await c.say()
        await c.until("playout.started", 2)
        await asyncio.sleep(0.3)
        c.stt.said = Said("mhm", 2.9)
        c.phone.speak(200)
        await c.until("turn.ended", 2)
        c.stt.said = Said("")
        c.phone.speak(6000)
        await c.until("turn.ended", reason="noise")
        assert c.count("turn.rejected") == 0, "the text before it is still awaited"
        await c.until("turn.rejected", reason="noise")
        decided = [event["turn"] for event in c.events if event["kind"] in ("turn.committed", "turn.rejected")]
        assert decided == [1, 2, 3]
