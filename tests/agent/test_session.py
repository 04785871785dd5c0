"""CallSession: whole calls in virtual time, over the real line and the carrier's real buffer."""

import asyncio
import itertools
import json
import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from agent.context import CallContext
from agent.definition import TurnSettings
from agent.errors import EngineError
from agent.line import HangUp, Transfer
from agent.llm.base import ToolCall
from agent.tools.base import Leaving, ToolContext
from agent.tools.decorator import tool
from agent.tts.base import SpeechChunk
from telephony.media_stream.messages import L16_16K
from tests.agent.call import PHRASES, Call
from tests.agent.fakes import ScriptedTts, Step
from tests.support.virtual_loop import run_virtual, virtual

GREETING, TROUBLE = PHRASES.greeting, PHRASES.trouble
ran: list[str] = []


@pytest.fixture(autouse=True)
def _forget() -> None:
    ran.clear()


@tool(effect="write")
async def order(ctx: ToolContext, takes_s: float = 0.0) -> str:
    """Order it."""
    await asyncio.sleep(takes_s)
    ran.append("ordered")
    return "done"


@tool(effect="write", timeout_s=100)
async def endless(ctx: ToolContext) -> str:
    """Take for ever."""
    await asyncio.sleep(90)
    ran.append("endless")
    return "done"


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


# --- an ordinary call -----------------------------------------------------------------------------------------------


@virtual
async def test_the_greeting_comes_first_and_at_once() -> None:
    async with Call().running(greeted=False) as c:
        await c.until_heard(GREETING)
        first_ms, _ = c.phone.carrier.heard[0]
        assert first_ms < 150
        assert c.heard() == [GREETING]
        assert c.kinds()[0] == "call.started"
        assert c.llm.requests == []


@virtual
async def test_one_reply_for_each_committed_turn() -> None:
    answers = [[0.1, f"Answer number {name}."] for name in ("A", "B", "C")]
    async with Call(says=[(0.05, "a"), (0.05, "b"), (0.05, "c")], answers=answers).running() as c:
        for number, text in enumerate("ABC", 1):
            await c.say(800)
            await c.until_heard(f"Answer number {text}.")
            assert [event["text"] for event in c.of("turn.committed")] == ["a", "b", "c"][:number]
        await asyncio.sleep(3)
        assert c.heard() == [GREETING, "Answer number A.", "Answer number B.", "Answer number C."]
        assert len(c.llm.requests) == 3
        roles = [message.role for message in c.llm.requests[-1].messages]
        assert roles == ["system", "assistant", "user", "assistant", "user", "assistant", "user"]


@virtual
async def test_a_turns_latency_is_journaled_and_adds_up_to_what_the_caller_waited() -> None:
    async with Call().running() as c:
        c.phone.speak(800)
        await asyncio.sleep(0.82 + 0.001)
        silent_from = c.phone.now_ms
        latency = await c.until("turn.latency")
        stages = ("endpointing_ms", "stt_ms", "llm_ms", "clause_ms", "tts_ms", "line_ms")
        assert sum(latency[stage] for stage in stages) == latency["voice_to_voice_ms"]
        assert (latency["stt_ms"], latency["llm_ms"], latency["tts_ms"]) == (50, 100, 50)
        answer_ms = c.phone.carrier.heard[-1][0]
        assert abs(latency["voice_to_voice_ms"] - (answer_ms - silent_from)) <= 64
        await asyncio.sleep(3)
        assert c.count("turn.latency") == 1


@virtual
async def test_a_long_answer_is_spoken_clause_by_clause_while_it_is_thought() -> None:
    answer: list[Step] = [0.1, "First this,", " and", " that.", 1.0, " Then", " something", " else.", 1.0, " Done."]
    async with Call(answers=[answer]).running() as c:
        await c.say()
        await c.until_heard("Done.")
        clauses = [event["text"] for event in c.of("agent.clause")][1:]
        assert clauses == ["First this, and that.", "Then something else.", "Done."]
        assert c.heard()[-1] == "First this, and that. Then something else. Done."


# --- interruptions --------------------------------------------------------------------------------------------------

LONG = "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen."


async def barge_in_during(c: Call, *, after_s: float, ms: int = 600) -> float:
    """The caller has asked; speaks again `after_s` into the answer. The far end's time of that speech."""
    runs = len(c.phone.carrier.heard)
    while len(c.phone.carrier.heard) == runs or not c.phone.playing:
        await asyncio.sleep(0.005)
    await asyncio.sleep(after_s)
    began = c.phone.now_ms
    c.phone.speak(ms)
    return began


@virtual
async def test_speech_over_the_agent_stops_it_and_history_keeps_only_what_was_heard() -> None:
    answers: list[list[Step]] = [[0.1, LONG], [0.1, "Second answer."]]
    async with Call(says=[(0.05, "first"), (0.05, "second")], answers=answers).running() as c:
        await c.say()
        began = await barge_in_during(c, after_s=1.0)
        await c.until("barge_in")
        await c.until("turn.committed", 2)
        assert len(c.phone.cleared_ms) == 1
        assert c.phone.cleared_ms[0] - began <= 160 + 32 + 20 + 2 * 30 + 32
        heard_ms = len(c.phone.carrier.heard[-1][1]) / 8
        cut = c.of("agent.heard")[-1]
        assert cut["complete"] is False
        assert cut["said"].startswith(cut["text"])
        assert abs(len(cut["text"]) * 30 - heard_ms) <= 30 * 10 + 150, "to a word, and the way there"
        assert len(cut["text"]) * 30 <= heard_ms + 30
        await c.until_heard("Second answer.")
        told = [(m.role, m.content) for m in c.llm.requests[-1].messages[1:]]
        assert told == [("assistant", GREETING), ("user", "first"), ("assistant", cut["text"]), ("user", "second")]
        assert c.of("barge_in")[0]["utterance"] == cut["utterance"]


@virtual
async def test_after_a_barge_in_nothing_more_of_the_old_answer_is_heard() -> None:
    """Whatever was ready at that moment, voice or model, is dropped: in memory, a whole clause may be."""
    answers: list[list[Step]] = [[0.1, *[f"Clause number {n} is here. " for n in range(30)]], [9.0, "Late."]]
    for offset in range(12):
        c = Call(answers=answers, says=[(0.05, "first"), (5.0, "second")])
        c.tts.first_s = 0.0
        c.tts.chunk_s = 0.0031
        async with c.running():
            await c.say()
            await barge_in_during(c, after_s=0.5 + 0.0017 * offset, ms=3000)
            await c.until("barge_in")
            await asyncio.sleep(0.1)
            before = c.phone.heard_ms
            await asyncio.sleep(2.0)
            assert c.phone.heard_ms == before, "the old answer goes on behind the clear"
            assert c.line.pending_ms == 0


@virtual
async def test_who_goes_on_before_the_answer_is_heard_has_said_one_turn_and_gets_one_answer() -> None:
    """The turn was taken to be over too soon: it costs the caller nothing."""
    answers: list[list[Step]] = [[0.6, "It is one thing. "], [0.1, "It is both."]]
    async with Call(says=[(0.05, "first"), (0.05, "and the second")], answers=answers).running() as c:
        await c.say()
        c.phone.speak(2500)
        await c.until_heard("It is both.")
        assert [event["text"] for event in c.of("turn.committed")] == ["first", "and the second"]
        assert [event.get("goes_on") for event in c.of("turn.committed")] == [None, 1]
        assert [event["reason"] for event in c.of("barge_in")] == ["went on"]
        assert c.count("playout.started") == 2, "the greeting, and one answer"
        told = [(m.role, m.content) for m in c.llm.requests[-1].messages[1:]]
        assert told == [("assistant", GREETING), ("user", "first and the second")]


@virtual
async def test_who_adds_please_before_the_answer_is_heard_hears_that_answer_behind_it() -> None:
    async with Call(
        says=[(0.05, "yes"), (0.05, "please")], answers=[[0.4, "It is done."], [0.1, "What?"]]
    ).running() as c:
        await c.say()
        c.phone.speak(400)
        await c.until_heard("It is done.")
        assert c.count("turn.committed") == len(c.llm.requests) == 1
        assert [event["reason"] for event in c.of("turn.rejected")] == ["backchannel"]
        assert c.count("barge_in") == 0
        assert c.heard()[1:] == ["It is done."]


@virtual
async def test_who_goes_on_as_the_answer_begins_does_not_react_to_it() -> None:
    """A first short word may be heard before the agent is stopped; that makes nobody's "please" an interruption."""
    async with Call(says=[(0.05, "yes"), (0.05, "please")], answers=[[0.1, "I", " can do that."]]).running() as c:
        await c.say()
        await barge_in_during(c, after_s=0.05, ms=400)
        await c.until_heard("can do that.")
        assert c.count("agent.yielded") == c.count("agent.took_up") == 1
        assert c.count("barge_in") == 0
        assert [event["text"] for event in c.of("turn.committed")] == ["yes"]


@virtual
async def test_an_agent_that_went_on_when_the_words_came_to_nothing_can_be_interrupted_by_voice_again() -> None:
    says: list[tuple[float, str | Exception]] = [(0.05, "yes"), (0.05, "please"), (0.05, "stop that now")]
    async with Call(says=says, answers=[[0.4, LONG], [0.1, "Stopped."]]).running() as c:
        await c.say()
        c.phone.speak(400)
        await c.until("turn.rejected")
        await barge_in_during(c, after_s=2.0)
        await c.until("agent.yielded", 2)
        await c.until_heard("Stopped.")
        assert c.of("agent.yielded")[1]["reason"] == "speech"


class GatedTts(ScriptedTts):
    """Gives one word; the rest once the gate opens."""

    gate: asyncio.Event

    async def speak(self, text: str, ctx: CallContext) -> AsyncIterator[SpeechChunk]:
        async for chunk in super().speak(text, ctx):
            yield chunk
            await self.gate.wait()


@virtual
async def test_what_the_voice_gives_at_the_moment_of_a_barge_in_is_not_played_behind_the_clear() -> None:
    c = Call(answers=[[0.1, LONG]], says=[(0.05, "first"), (5.0, "second")])
    c.tts = GatedTts(char_ms=300)
    c.tts.gate = asyncio.Event()
    c.tts.gate.set()
    async with c.running():
        c.tts.gate.clear()
        c.on_event = lambda event: c.tts.gate.set() if event["kind"] == "barge_in" else None  # type: ignore[attr-defined]
        await c.say()
        await barge_in_during(c, after_s=1.3, ms=1000)  # the first word has been heard
        await c.until("barge_in")
        assert c.line.pending_ms == 0
        await asyncio.sleep(0.15)
        before = c.phone.heard_ms
        await asyncio.sleep(1.0)
        assert c.line.pending_ms == 0
        assert c.phone.heard_ms == before


@virtual
async def test_after_a_cough_the_agent_goes_on_where_it_stopped() -> None:
    async with Call(says=[(0.05, "first"), (0.05, "")], answers=[[0.1, LONG]]).running() as c:
        await c.say()
        await barge_in_during(c, after_s=1.0, ms=260)
        yielded = await c.until("agent.yielded")
        taken_up = await c.until("agent.took_up")
        assert taken_up["media_ms"] - yielded["media_ms"] < 900
        assert taken_up["utterance"] == yielded["utterance"]
        await c.until_heard("sixteen.")
        assert c.heard()[1:] == [LONG], "one utterance, unbroken"
        assert c.count("barge_in") == 0
        assert len(c.llm.requests) == 1
        assert c.count("turn.rejected") == 1
        await c.say()
        assert c.count("turn.rejected") + c.count("turn.committed") == 3


@virtual
async def test_speech_shorter_than_a_barge_in_stops_nothing() -> None:
    turns = TurnSettings(barge_in_ms=200)  # a sure window of 32 ms counts twice, and 70 ms touch three
    async with Call(says=[(0.05, "hello"), (0.05, "")], answers=[[0.1, LONG]], turns=turns).running() as c:
        await c.say()
        await barge_in_during(c, after_s=0.5, ms=70)
        await c.until_heard(LONG)
        assert c.count("barge_in") == c.count("agent.yielded") == 0
        assert c.phone.cleared_ms == []
        assert c.stt.begun == 2
        assert c.of("turn.rejected")[0]["reason"] == "no text"


@virtual
async def test_a_word_too_short_to_stop_the_agent_stops_it_once_it_is_understood() -> None:
    answers: list[list[Step]] = [[0.1, LONG], [0.1, "I have stopped."]]
    async with Call(says=[(0.05, "first"), (0.05, "stop")], answers=answers).running() as c:
        await c.say()
        await barge_in_during(c, after_s=0.5, ms=70)
        await c.until_heard("I have stopped.")
        assert c.of("barge_in")[0]["reason"] == "words"


@virtual
async def test_a_backchannel_does_not_stop_the_agent_for_long() -> None:
    async with Call(says=[(0.05, "first"), (0.05, "mhm okay")], answers=[[0.1, LONG]]).running() as c:
        await c.say()
        await barge_in_during(c, after_s=0.5, ms=300)
        await c.until_heard(LONG)
        assert c.count("barge_in") == 0
        assert [event["reason"] for event in c.of("turn.rejected")] == ["backchannel"]
        assert c.count("turn.committed") == 1


@virtual
async def test_speech_while_it_thinks_cancels_the_reply_and_both_turns_are_answered_as_one() -> None:
    answers: list[list[Step]] = [[1.5, "To the first."], [0.1, "To both."]]
    async with Call(says=[(0.05, "where is"), (0.05, "my parcel")], answers=answers).running() as c:
        await c.say()
        await asyncio.sleep(0.3)
        await c.say()
        await c.until_heard("To both.")
        await asyncio.sleep(3)
        assert c.heard() == [GREETING, "To both."]
        assert c.llm.requests[-1].messages[-1].content == "where is my parcel"


@virtual
async def test_a_cough_while_it_thinks_does_not_cost_the_caller_the_answer() -> None:
    """It is thought on behind the noise, and said once that is over."""
    answers: list[list[Step]] = [[1.5, "To the first."], [0.1, "To the first, again."]]
    async with Call(says=[(0.05, "where is it"), (0.05, "")], answers=answers).running() as c:
        await c.say()
        await asyncio.sleep(0.3)
        await c.say(240)
        assert c.count("turn.rejected") == 1
        await c.until_heard("To the first.")
        assert len(c.llm.requests) == 1
        assert PHRASES.not_understood not in c.heard()


@virtual
async def test_a_cough_in_the_middle_of_a_slow_answer_does_not_cut_it_short() -> None:
    answers: list[list[Step]] = [[0.1, "It is on its way. ", 3.0, "It comes today."], [0.1, "It comes today."]]
    async with Call(says=[(0.05, "where is it"), (0.05, "")], answers=answers).running() as c:
        await c.say()
        await barge_in_during(c, after_s=0.8, ms=240)
        await c.until("turn.rejected")
        await c.until_heard("It comes today.")


@virtual
async def test_a_cough_while_a_tool_works_runs_it_no_second_time() -> None:
    answers: list[list[Step]] = [[0.1, call("order", takes_s=1.0)], [0.1, "It is ordered."]]
    async with Call(says=[(0.05, "order it"), (0.05, "")], answers=answers, tools=[order]).running() as c:
        await c.say()
        await c.until("tool.called")
        await c.say(240)
        await c.until_heard("It is ordered.")
        assert ran == ["ordered"]
        assert len(c.llm.requests) == 2
        assert c.llm.requests[1].messages[-1].role == "tool", "asked again before the result was there"


@virtual
async def test_a_turn_spoken_while_another_is_weighed_is_not_lost() -> None:
    """The first text takes a second; meanwhile the caller says more. Nothing of it may be taken for noise."""
    says = [(1.0, "my number is"), (0.05, "four seven one two")]
    answers: list[list[Step]] = [[0.3, "To the first."], [0.1, "To all of it."]]
    async with Call(says=says, answers=answers, turns=TurnSettings(trailing_ms=400)).running() as c:
        c.phone.speak(600)
        c.phone.pause(700)
        c.phone.speak(500)
        await c.until_heard("To all of it.")
        assert [event["text"] for event in c.of("turn.committed")] == ["my number is", "four seven one two"]
        assert c.llm.requests[-1].messages[-1].content == "my number is four seven one two"
        await asyncio.sleep(2)
        assert c.heard()[1:] == ["To all of it."]


@virtual
async def test_turns_are_weighed_in_their_order() -> None:
    says = [(1.4, "first"), (0.01, "second")]
    async with Call(says=says, turns=TurnSettings(trailing_ms=300)).running() as c:
        c.phone.speak(500)
        c.phone.pause(400)
        c.phone.speak(300)
        await c.until("turn.committed", 2)
        assert [(event["turn"], event["text"]) for event in c.of("turn.committed")] == [(1, "first"), (2, "second")]


# --- silence, noise, keys -------------------------------------------------------------------------------------------


@virtual
async def test_a_caller_who_says_nothing_is_asked_and_then_bidden_goodbye() -> None:
    async with Call(turns=TurnSettings(no_input_ms=3000, max_no_input=2)).running() as c:
        assert await c.ended() == "agent: hangup"
        assert c.heard() == [GREETING, PHRASES.still_there, PHRASES.still_there, PHRASES.no_input_goodbye]
        assert [event["count"] for event in c.of("silence.prompt")] == [1, 2, 3]
        assert c.decisions == [HangUp("no input")]
        assert c.phone.unheard_ms == 0


@virtual
async def test_what_is_not_understood_is_asked_for_again_and_noise_is_not() -> None:
    says = [(0.05, ""), (0.05, ""), (0.05, "hello")]
    async with Call(says=says).running() as c:
        await c.say(200)
        await asyncio.sleep(1.5)
        assert c.heard() == [GREETING]
        await c.say(900)
        await c.until_heard(PHRASES.not_understood)
        await c.say(900)
        await c.until_heard("This is the answer.")


@virtual
async def test_a_caller_never_understood_is_not_left_in_silence() -> None:
    async with Call(says=[(0.05, "")], turns=TurnSettings(no_input_ms=2000, max_no_input=1)).running() as c:
        for _ in range(4):
            await c.say(900)
            await asyncio.sleep(1.2)
        assert await c.ended() == "agent: hangup"
        assert c.heard().count(PHRASES.not_understood) == 3
        assert PHRASES.trouble in c.heard(), "the fourth time is no silence"


@virtual
async def test_an_entry_by_keypad_is_a_turn() -> None:
    async with Call().running() as c:
        c.phone.press("4712#")
        committed = await c.until("turn.committed")
        assert (committed["text"], committed["source"]) == ("4712", "keys")
        await c.until_heard("This is the answer.")
        c.phone.press("12")
        assert (await c.until("turn.committed", 2))["text"] == "12"


@virtual
async def test_a_key_over_the_agent_stops_it() -> None:
    async with Call(answers=[[0.1, LONG], [0.1, "To the key."]]).running() as c:
        await c.say()
        await asyncio.sleep(1.5)
        assert c.phone.playing
        c.phone.press("1")
        await asyncio.sleep(0.2)
        assert not c.phone.playing
        await c.until_heard("To the key.")


@pytest.mark.parametrize("key", ["#", "A", "D"])
def test_a_key_that_means_nothing_stops_nothing(key: str) -> None:
    """It opens no entry: had it stopped the agent, nobody would ever speak again."""

    async def case() -> None:
        async with Call(answers=[[0.1, LONG]]).running() as c:
            await c.say()
            await asyncio.sleep(1.5)
            c.phone.press(key)
            await c.until_heard(LONG)
            await c.until("silence.prompt")

    run_virtual(case())


@virtual
async def test_keys_pressed_while_speaking_belong_to_what_is_said() -> None:
    async with Call(says=[(0.05, "spoken")], answers=[[0.1, "To the keys."], [0.1, "To both."]]).running() as c:
        c.phone.speak(1500)
        await asyncio.sleep(0.5)
        c.phone.press("47#")
        await c.until("turn.committed", 2)
        turns = [(event["turn"], event["text"], event["source"]) for event in c.of("turn.committed")]
        assert turns == [(1, "spoken 47", "both"), (2, "spoken", "voice")], "the hash key ends a turn at once"
        assert [event["reason"] for event in c.of("turn.ended")] == ["keys", "silence"]


# --- leaving --------------------------------------------------------------------------------------------------------

GOODBYE: list[list[Step]] = [[0.1, "Goodbye and thank you.", call("hang_up")], [0.01, ""]]


@pytest.mark.parametrize("delay_s", [0.0, 0.03, 0.15])
@pytest.mark.parametrize("chunk_s", [0.0, 0.4])
def test_goodbye_is_heard_to_its_end_before_the_line_is_left(delay_s: float, chunk_s: float) -> None:
    """Also when the voice is slower than speech, so that at times nothing waits to be played."""

    async def case() -> None:
        c = Call(answers=GOODBYE, tools=[hang_up], delay_s=delay_s)
        c.tts.chunk_s = chunk_s
        async with c.running():
            await c.say()
            assert await c.ended() == "agent: hangup"
            assert c.phone.unheard_ms == 0
            assert c.phone.heard_ms == 30 * len(GREETING + "Goodbye and thank you.")
            assert c.of("agent.heard")[-1]["complete"] is True
            assert c.decisions == [HangUp("done")]

    run_virtual(case())


@virtual
async def test_without_marks_it_is_left_after_its_deadline() -> None:
    async with Call(answers=GOODBYE, tools=[hang_up], echoes_marks=False).running(greeted=False) as c:
        await asyncio.sleep(5)
        await c.say()
        began = c.phone.now_ms
        assert await c.ended() == "agent: hangup"
        assert c.phone.unheard_ms == 0
        assert c.phone.now_ms - began < 6000


@virtual
async def test_a_cough_in_the_goodbye_does_not_keep_the_line_open() -> None:
    bye = f"{LONG} {LONG} Goodbye."
    answers: list[list[Step]] = [[0.1, bye, call("hang_up")], [0.01, ""]]
    async with Call(says=[(0.05, "bye"), (0.05, "")], answers=answers, tools=[hang_up]).running() as c:
        await c.say()
        await barge_in_during(c, after_s=0.3, ms=240)
        assert await c.ended(30) == "agent: hangup"
        assert c.count("agent.yielded") == c.count("agent.took_up") == 1
        assert " ".join(c.heard()[1:]) == bye
        assert c.phone.unheard_ms == 0


@virtual
async def test_a_real_objection_to_the_goodbye_keeps_the_line_open() -> None:
    """Before its last words: with those the floor is gone (agent/turns/floor.py, LEAVING)."""
    bye: list[Step] = [0.1, f"{LONG} {LONG} Goodbye.", call("hang_up")]
    answers: list[list[Step]] = [bye, [0.01, ""], [0.1, "I am still here."]]
    async with Call(says=[(0.05, "bye"), (0.05, "wait")], answers=answers, tools=[hang_up]).running() as c:
        await c.say()
        await barge_in_during(c, after_s=0.3)
        await c.until_heard("I am still here.")
        await asyncio.sleep(1)
        assert c.decisions == []


@virtual
async def test_who_types_turn_after_turn_is_not_asked_of_the_model_each_time() -> None:
    c = Call(answers=[[0.5, "The answer."]])
    async with c.running():
        for _ in range(30):
            c.phone.press("1#")
            await asyncio.sleep(0.1)
        await c.until_heard("The answer.")
        assert c.count("turn.committed") == 30
        assert len(c.llm.requests) <= 12
        assert c.llm.requests[-1].messages[-1].content == " ".join("1" * 30)


@virtual
async def test_once_it_is_leaving_nothing_holds_it() -> None:
    async with Call(turns=TurnSettings(no_input_ms=1000, max_no_input=0)).running() as c:
        await c.until("agent.clause", 2)
        c.phone.speak(3000)
        c.phone.press("1#")
        assert await c.ended() == "agent: hangup"
        assert c.heard()[-1] == PHRASES.no_input_goodbye


@virtual
async def test_the_longest_call_ends_with_a_word() -> None:
    async with Call(max_call_s=30, turns=TurnSettings(no_input_ms=60_000), answers=[[0.1, LONG]]).running() as c:
        await asyncio.sleep(24)
        await c.say()
        assert await c.ended() == "agent: hangup"
        assert c.heard()[-1] == PHRASES.time_up
        assert c.phone.unheard_ms == 0
        assert 30 <= c.ctx.now_s() < 36


# --- failure --------------------------------------------------------------------------------------------------------

FAILING_MODELS: dict[str, list[list[Step]]] = {
    "stalls": [[3600.0]],
    "stalls in the middle": [["Well then. ", 3600.0]],
    "fails": [[EngineError("gone")]],
    "fails in the middle": [["Well then, let me see. ", 0.5, EngineError("gone")]],
    "fails after a tool": [[call("order")], [EngineError("gone")]],
    "calls tools for ever": [[call("order")]],
    "gives a word now and then": [["Well ", *itertools.chain.from_iterable([(3.0, "and ")] * 20)]],
}


@pytest.mark.parametrize("transfer_to", ["", "+1555"])
@pytest.mark.parametrize("how", FAILING_MODELS)
def test_a_model_beyond_help(how: str, transfer_to: str) -> None:
    async def case() -> None:
        async with Call(answers=FAILING_MODELS[how], tools=[order], transfer_to=transfer_to).running() as c:
            await c.say()
            assert await c.ended() == ("agent: transfer" if transfer_to else "agent: hangup")
            assert c.heard()[-1] == TROUBLE
            assert c.phone.unheard_ms == 0
            assert c.decisions == [Transfer(transfer_to, "trouble") if transfer_to else HangUp("trouble")]
            assert c.of("error")
            spoken = [start for start, _ in c.phone.carrier.heard] + [c.phone.left_ms or 0]
            assert max(b - a for a, b in itertools.pairwise(spoken)) < 9000

    run_virtual(case())


@pytest.mark.parametrize("how", ["fails", "stalls"])
def test_a_voice_beyond_help(how: str) -> None:
    async def case() -> None:
        c = Call()
        setattr(c.tts, how, lambda text: "answer" in text)
        async with c.running():
            await c.say()
            assert await c.ended() == "agent: hangup"
            assert c.heard()[-1] == TROUBLE

    run_virtual(case())


@pytest.mark.parametrize("failure", [EngineError("deaf"), "stalls"])
def test_an_ear_beyond_help(failure: EngineError | str) -> None:
    """Once may happen: the caller is asked again. Twice in a row is beyond help."""

    async def case() -> None:
        step = (3600.0, "never") if isinstance(failure, str) else (0.05, failure)
        async with Call(says=[step]).running() as c:
            await c.say(900)
            await c.until_heard(PHRASES.not_understood)
            await c.say(900)
            assert await c.ended() == "agent: hangup"
            assert c.heard()[-1] == TROUBLE
            assert c.count("turn.rejected") == c.count("turn.ended") == 2

    run_virtual(case())


@virtual
async def test_an_ear_that_fails_once_is_forgiven() -> None:
    says = [(0.05, EngineError("deaf")), (0.05, "hello"), (0.05, EngineError("deaf")), (0.05, "hello")]
    async with Call(says=says).running() as c:
        for _ in range(2):
            await c.say(200)
            await c.until_heard(PHRASES.not_understood)
            await c.say(900)
            await c.until_heard("This is the answer.")
            c.events.clear()
        c.events.append({"kind": "call.started"})


@virtual
async def test_an_ear_that_cannot_begin_is_beyond_help() -> None:
    c = Call()

    def begin(*args: object, **more: object) -> Any:
        raise EngineError("no decoder is free")

    c.stt.begin = begin  # type: ignore[method-assign]
    async with c.running():
        c.phone.speak(3000)
        assert await c.ended() == "agent: hangup"
        assert c.heard()[-1] == TROUBLE
        assert 1 <= len(c.of("error")) <= 3, "one failure, not one a frame"


@virtual
async def test_a_tool_that_raises_is_the_models_business() -> None:
    async with Call(answers=[[call("broken")], ["That did not work."]], tools=[broken]).running() as c:
        await c.say()
        await c.until_heard("That did not work.")
        assert c.of("tool.returned")[0]["ok"] is False


@virtual
async def test_a_model_that_says_nothing_is_no_reply() -> None:
    async with Call(answers=[[0.1], [0.1, " \n"], [0.1, "There."]]).running() as c:
        await c.say()
        await c.until_heard(PHRASES.not_understood)
        await c.say()
        await c.until("agent.heard", 2, text=PHRASES.not_understood)
        await c.say()
        await c.until_heard("There.")


@virtual
async def test_ten_kilobytes_of_transcript_are_only_text() -> None:
    async with Call(says=[(0.05, "parcel " * 1500)]).running() as c:
        await c.say()
        await c.until_heard("This is the answer.")
        assert len(c.of("turn.committed")[0]["text"]) > 10_000


@virtual
async def test_a_stall_of_the_line_ends_the_turn_by_the_clock_and_the_call_goes_on() -> None:
    async with Call().running() as c:
        c.phone.speak(600)
        await asyncio.sleep(0.62)
        c.phone.talks = False
        await c.until("turn.committed", limit_s=2)
        assert c.count("tick") > 0
        await c.until_heard("This is the answer.")
        c.phone.talks = True
        await asyncio.sleep(0.5)
        assert c.count("line.gap") == 1
        await c.say()
        await c.until("turn.committed", 2)
        assert c.stt.heard_bytes[1] < 16 * 2500, "the gap's silence is not the turn's preroll"


@virtual
async def test_late_audio_is_told_once_per_stall_also_while_numbers_are_masked() -> None:
    async with Call(sensitive_lengths=(4,)).running() as c:
        for wait_s in (0.12, 0.7):
            c.phone.socket._last_s = asyncio.get_running_loop().time() + wait_s
            await asyncio.sleep(3)
        await c.say()
    first, second = c.of("line.stall")
    delay_ms, frame_ms = 30, 20
    assert 120 - delay_ms - frame_ms <= first["late_ms"] <= 120 - delay_ms
    assert 700 - delay_ms - frame_ms <= second["late_ms"] <= 700 - delay_ms
    for stall in (first, second):
        (piece,) = stall["came"]
        assert piece[:2] == [stall["from_ms"], stall["to_ms"]]
        assert piece[2] == stall["from_ms"] + frame_ms + stall["late_ms"], "the first frame waited longest"
    (ended,) = c.of("call.ended")
    assert ended["media_ms"] - 220 <= ended["audio_ms"] <= ended["media_ms"]


@virtual
async def test_a_line_in_time_tells_of_no_stall() -> None:
    async with Call().running() as c:
        await c.say()
        await asyncio.sleep(5)
    assert c.count("line.stall") == 0


# --- the end, wherever it comes -------------------------------------------------------------------------------------


async def eventful(c: Call) -> None:
    """Greeting, a turn with a tool, a barge-in, a cough, keys, a goodbye."""
    await c.say()
    await barge_in_during(c, after_s=0.4)
    await c.until("turn.committed", 2)
    await barge_in_during(c, after_s=0.4, ms=240)
    await c.until("turn.rejected")
    await asyncio.sleep(0.3)
    c.phone.press("4#")
    await c.ended()


def an_eventful_call() -> Call:
    answers: list[list[Step]] = [
        [0.1, "One moment. ", call("order", takes_s=0.2)],
        [0.1, "I have ordered it, and now there is more to say."],
        [0.1, "Another answer that takes a while to say."],
        [0.1, "Goodbye.", call("hang_up")],
        [0.01, ""],
    ]
    says: list[tuple[float, str | Exception]] = [(0.05, "order it"), (0.05, "what"), (0.05, "")]
    return Call(says=says, answers=answers, tools=[order, hang_up])


def eventful_until(stop: Callable[[Call], None], at: int) -> int:
    """The eventful call, stopped at its `at`-th journal line. How many lines there were."""

    async def case() -> int:
        c = an_eventful_call()
        stopped = False

        def on_event(event: dict[str, Any]) -> None:
            nonlocal stopped
            if event["n"] >= at and not stopped:
                stopped = True
                stop(c)

        c.on_event = on_event
        async with c.running(greeted=False):
            caller = asyncio.create_task(eventful(c))
            await asyncio.wait([c.task, caller], return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait([c.task], timeout=20)
            assert c.task.done(), "the session goes on"
            caller.cancel()
            await asyncio.wait([caller])
        assert c.task.cancelled() or c.task.exception() is None
        assert c.line_task.exception() is None
        return len(c.events)

    return run_virtual(case())


def test_the_eventful_call_ends_well() -> None:
    assert eventful_until(lambda c: None, 10**9) > 60


@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("how", ["hang up", "drop", "cancel"])
def test_the_call_may_end_anywhere(how: str, part: int) -> None:
    stops: dict[str, Callable[[Call], None]] = {
        "hang up": lambda c: c.phone.hang_up(),
        "drop": lambda c: c.phone.drop(),
        "cancel": lambda c: c.task.cancel() and None,
    }
    total = eventful_until(lambda c: None, 10**9)
    for at in range(1 + part, total, 4):
        eventful_until(stops[how], at)


@pytest.mark.parametrize("how", ["drop", "cancel"])
def test_the_call_may_end_at_any_time(how: str) -> None:
    """Not only where something is journaled: every 170 ms of it."""

    async def case(at_s: float) -> bool:
        c = an_eventful_call()
        async with c.running(greeted=False):
            caller = asyncio.create_task(eventful(c))
            await asyncio.wait([caller], timeout=at_s)
            over = c.task.done()
            c.phone.drop() if how == "drop" else c.task.cancel()
            await asyncio.wait([c.task], timeout=10)
            assert c.task.done()
            caller.cancel()
            await asyncio.wait([caller])
        return over

    at_s = 0.013
    while not run_virtual(case(at_s)):
        at_s += 0.17
    assert at_s > 4


@virtual
async def test_audio_after_the_end_is_ignored() -> None:
    c = Call()
    async with c.running():
        c.task.cancel()
        await asyncio.wait([c.task])
        begun = c.stt.begun
        c.phone.speak(1000)
        await asyncio.sleep(2)
        assert c.stt.begun == begun
        assert not c.line_task.done()


@virtual
async def test_tools_with_effects_finish_after_the_call_but_not_for_ever() -> None:
    for name, takes_s in (("order", 2.0), ("endless", 90.0)):
        arguments = {"takes_s": takes_s} if name == "order" else {}
        async with Call(answers=[[call(name, **arguments)]], tools=[order, endless]).running() as c:
            await c.say()
            await c.until("tool.called")
            c.phone.hang_up()
            began = c.ctx.now_s()
            await c.ended()
            assert c.ctx.now_s() - began < 7
            left = [task for task in asyncio.all_tasks() if "run_tool" in repr(task)]
            assert left == []
    assert ran == ["ordered"]


@virtual
async def test_an_ear_that_fails_to_close_costs_not_the_record() -> None:
    c = Call()
    close = c.stt.close

    async def failing() -> None:
        await close()
        raise EngineError("stuck")

    c.stt.close = failing  # type: ignore[method-assign]
    async with c.running():
        c.phone.hang_up()
        await c.ended()
    assert any(event["where"] == "stt" for event in c.of("error"))


def test_the_record_of_a_call_is_whole(tmp_path: Path) -> None:
    async def case() -> None:
        c = an_eventful_call()
        c.record_root, c.record_mode = tmp_path, "full"
        async with c.running(greeted=False):
            await eventful(c)
        lines = [json.loads(line) for line in (tmp_path / "CA1" / "journal.jsonl").read_text().splitlines()]
        assert [line["n"] for line in lines] == list(range(1, len(lines) + 1))
        assert lines[-1]["kind"] == "call.ended"
        summary = json.loads((tmp_path / "CA1" / "call.json").read_text())
        assert summary["ended_by"] == "agent: hangup"
        with wave.open(str(tmp_path / "CA1" / "audio.wav")) as audio:
            frames = audio.readframes(audio.getnframes())
        agent_ms = sum(1 for at in range(2, len(frames), 4) if frames[at : at + 2] != b"\0\0") / 8
        assert abs(agent_ms - c.phone.heard_ms) <= 2 * 150, "all that was heard, to each barge-in's way, is on record"
        goodbye = c.of("agent.heard")[-1]
        assert any(frames[32 * (goodbye["end_ms"] - 40) + 2 : 32 * goodbye["end_ms"] : 4]), "up to the last word"
        said = [entry["text"] for entry in summary["transcript"] if entry["who"] == "caller"]
        assert said == ["order it", "what", "4"]

    run_virtual(case())


# --- a wideband line ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stt_hz", [8000, 16000])
def test_a_whole_conversation_over_a_16_khz_line(tmp_path: Path, stt_hz: int) -> None:
    """Recogniser at its own rate, detector at 8 kHz, recording and voice at the line's; times are those of any line."""

    async def case() -> None:
        answers: list[list[Step]] = [[0.1, LONG], [0.1, "Second answer."]]
        c = Call(says=[(0.05, "first"), (0.05, "second")], answers=answers, media_format=L16_16K)
        c.stt.rate_hz = stt_hz
        c.record_root, c.record_mode = tmp_path, "full"
        async with c.running():
            await c.say()
            began = await barge_in_during(c, after_s=1.0)
            await c.until("barge_in")
            await c.until_heard("Second answer.")
            assert [event["text"] for event in c.of("turn.committed")] == ["first", "second"]
            assert c.phone.cleared_ms[0] - began <= 160 + 32 + 20 + 2 * 30 + 32
            cut = next(event for event in c.of("agent.heard") if not event["complete"])
            heard_ms = len(c.phone.carrier.heard[-2][1]) / 32
            assert abs(len(cut["text"]) * 30 - heard_ms) <= 30 * 10 + 150, "to a word, and the way there"
            assert c.of("call.started")[0]["rate_hz"] == 16000
            for turn in c.of("turn.latency"):
                assert 600 <= turn["voice_to_voice_ms"] <= 1100
            played_ms, heard_bytes = c.phone.heard_ms, c.stt.heard_bytes
        # 600 ms of speech, what came before it and 200 ms of the quiet after: at the recogniser's own rate.
        assert 1200 <= heard_bytes[0] * 500 / stt_hz <= 1700
        with wave.open(str(tmp_path / "CA1" / "audio.wav")) as audio:
            assert (audio.getframerate(), audio.getnchannels()) == (16000, 2)
            frames = audio.readframes(audio.getnframes())
        assert abs(_loud_ms(frames, 0) - 1200) <= 1, "both turns, each sample once"
        assert abs(_loud_ms(frames, 2) - played_ms) <= 150, "all that was heard, to the barge-in's way"

    run_virtual(case())


def _loud_ms(stereo: bytes, at: int) -> int:
    """In how many milliseconds of one channel of a 16 kHz recording there is a sound."""
    channel = b"".join(stereo[i : i + 2] for i in range(at, len(stereo), 4))
    return sum(1 for i in range(0, len(channel), 32) if any(channel[i : i + 32]))
