"""The agent has fallen silent for a caller, and it is not known whether that was meant: whatever else happens then.
Whole calls in virtual time; each word the caller hears has a sound of its own (tests/agent/wayward.py)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from agent.definition import TurnSettings
from agent.errors import EngineError
from agent.llm.base import ToolCall
from agent.speech.mouth import AHEAD_MS
from agent.tools.base import ToolContext
from agent.tools.decorator import tool
from tests.agent.call import PHRASES
from tests.agent.call_checks import check
from tests.agent.wayward import WORD_MS, Answer, Said, Step, WaywardCall, played
from tests.support.virtual_loop import passes, run_virtual, virtual

LONG = "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen."
NOISE = Said("")
MHM = Said("mhm", partials=((0.25, "mhm"),))
STOP = Said("no stop it please", partials=((0.3, "no"), (0.5, "no stop it please")))
ran: list[str] = []


@tool(effect="read", filler="One moment.", patience_s=0.3, timeout_s=5.0)
async def look(ctx: ToolContext) -> str:
    """Look it up."""
    await passes(1.5)
    ran.append("looked")
    return "found"


@tool(effect="write", filler="One moment.", patience_s=0.3, timeout_s=5.0)
async def order(ctx: ToolContext) -> str:
    """Order it."""
    await passes(1.5)
    ran.append("ordered")
    return "ordered"


def a_call(*answers: Sequence[Step], **agent: Any) -> WaywardCall:
    ran.clear()
    scripts: list[Answer] = [lambda number, steps=steps: steps for steps in answers]  # type: ignore[misc]
    return WaywardCall(answers=scripts, tools=[look, order], **agent)


async def asks(call: WaywardCall, text: str = "where is it") -> None:
    """The caller's question, until its turn is committed."""
    call.stt.said = Said(text)
    await call.say()


async def speaks_over(call: WaywardCall, said: Said, ms: int = 300) -> None:
    """The caller makes a sound, and the agent falls silent for it."""
    call.stt.said = said
    yielded = call.count("agent.yielded")
    call.phone.speak(ms)
    await call.until("agent.yielded", yielded + 1, 5)


def sounds_of(call: WaywardCall, text: str) -> list[int]:
    return [sound for spoken in call.tts.texts if spoken.text in text for sound, _ in spoken.words]


# --- stop after stop --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("apart_s", [0.05, 0.3, 1.0, 2.2])
@pytest.mark.parametrize("said", [NOISE, MHM])
def test_two_stops_in_a_row_cost_no_word(said: Said, apart_s: float) -> None:
    """Each word is heard in the end, in order, and none over and over; and the record knows it."""

    async def case() -> None:
        call = a_call([0.1, LONG])
        async with call.running() as c:
            await asks(call)
            await c.until("playout.started", 2)
            await asyncio.sleep(0.7)
            await speaks_over(call, said)
            await c.until("agent.took_up", 1, 5)
            await asyncio.sleep(apart_s)
            await speaks_over(call, MHM, ms=600)
            await c.until_heard(LONG)
            assert c.count("agent.took_up") == 2
            assert not c.of("error")
            check(call, exact=True)
        sounds = sounds_of(call, LONG)
        heard = [w.sound for w in played(call.phone.carrier.heard) if w.sound in sounds and w.end_ms - w.start_ms > 60]
        assert set(heard) == set(sounds), "every word"
        assert len(heard) <= len(sounds) + 4, "no more is said again than the word at each break, and its neighbour"

    run_virtual(case())


@virtual
async def test_a_noise_that_comes_again_and_again_stops_it_ever_less() -> None:
    call = a_call([0.1, f"{LONG} {LONG}"])
    async with call.running() as c:
        await asks(call)
        await c.until("playout.started", 2)
        for _ in range(12):
            call.stt.said = NOISE
            call.phone.speak(300)
            call.phone.pause(500)
        await c.until_heard("sixteen.", 30)
        assert 1 <= c.count("agent.yielded") <= 3
        assert c.count("agent.took_up") == c.count("agent.yielded")


@virtual
async def test_who_is_silent_for_one_long_sound_goes_on_when_a_turn_ends_within_it() -> None:
    """A turn may be no longer than so much: the sound goes on as a new one, and the agent is not held for the old."""
    call = a_call([0.1, LONG], turns=TurnSettings(max_turn_ms=2000))
    async with call.running() as c:
        await asks(call)
        await c.until("playout.started", 2)
        await asyncio.sleep(0.5)
        await speaks_over(call, MHM, ms=6000)
        await c.until_heard(LONG)
        assert c.count("barge_in") == 0
        check(call, exact=True)


# --- what it says meanwhile -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_ms", [0, 200, 450, 900, 1400])
@pytest.mark.parametrize("name", ["look", "order"])
def test_a_noise_while_a_tool_runs_costs_neither_its_result_nor_the_filler_phrase(name: str, at_ms: int) -> None:
    async def case() -> None:
        call = a_call([0.1, "Let me see. ", ToolCall("", name)])
        async with call.running() as c:
            await asks(call)
            await c.until("tool.called")
            await asyncio.sleep(at_ms / 1000)
            await speaks_over(call, NOISE)
            await c.until_heard("That is done, number 1.")
            assert (len(ran), c.count("tool.called"), c.count("tool.returned")) == (1, 1, 1)
            assert c.count("agent.took_up") == 1
            assert c.of("tool.returned")[0]["ok"]
            assert all(event["complete"] for event in c.of("agent.heard"))
            assert len(c.llm.requests) == 2
            check(call, exact=True)

    run_virtual(case())


@pytest.mark.parametrize("name", ["look", "order"])
def test_words_while_a_tool_runs_do_not_undo_it(name: str) -> None:
    """It runs to its end, once, and the answer to what was said comes behind its result."""

    async def case() -> None:
        call = a_call([0.1, "Let me see, this takes a while. ", ToolCall("", name)], [0.1, "To the second."])
        async with call.running() as c:
            await asks(call)
            await c.until("playout.started", 2)
            await asyncio.sleep(0.6)
            await speaks_over(call, STOP, 600)
            await c.until_heard("To the second.")
            assert c.count("barge_in") == 1
            assert (len(ran), c.count("tool.called"), c.count("tool.returned")) == (1, 1, 1)
            check(call, exact=True)

    run_virtual(case())


@pytest.mark.parametrize("at_s", [0.0, 0.3, 0.9, 1.4])
def test_a_noise_while_the_answer_is_thought_costs_nothing_and_makes_no_second_one(at_s: float) -> None:
    async def case() -> None:
        call = a_call([1.5, "This is what you asked for."])
        async with call.running() as c:
            await asks(call)
            await asyncio.sleep(at_s)
            await speaks_over(call, NOISE)
            await c.until_heard("This is what you asked for.")
            assert len(c.llm.requests) == 1
            assert c.count("turn.committed") == 1
            check(call, exact=True)

    run_virtual(case())


@virtual
async def test_words_that_come_to_nothing_cost_no_word_and_ask_the_model_no_second_time() -> None:
    """The answer had been given up for them; what was not heard of it is said all the same."""
    call = a_call([0.1, LONG])
    async with call.running() as c:
        await asks(call)
        await c.until("playout.started", 2)
        await asyncio.sleep(0.8)
        await speaks_over(call, Said("", partials=((0.3, "no stop"),)), ms=600)
        await c.until_heard("sixteen.")
        assert [event["reason"] for event in c.of("barge_in")] == ["words"]
        assert len(c.llm.requests) == 1
        check(call, exact=True)
        assert " ".join(c.heard()[1:]) == LONG


@virtual
async def test_a_model_that_speaks_for_ever_while_the_agent_is_silent_is_not_said_for_ever() -> None:
    """What is kept back is bounded: the voice is asked for no more than so far ahead of the ear."""
    call = a_call([0.1, *[f"Clause number {n} is as long as this. " for n in range(400)]])
    async with call.running() as c:
        await asks(call)
        await c.until("playout.started", 2)
        await asyncio.sleep(1.0)
        await speaks_over(call, MHM, ms=1200)
        while not c.count("agent.took_up"):
            held_ms = c.session._speaking.pending_ms
            assert held_ms <= AHEAD_MS + 8 * WORD_MS, "a clause more than it may be ahead"
            await asyncio.sleep(0.02)
        await asyncio.sleep(1.0)
        await speaks_over(call, STOP, 600)
        await c.until("barge_in")
        spoken = len(c.tts.texts)
        await asyncio.sleep(1.0)
        assert len(c.tts.texts) <= spoken + 3, "the second answer's, no more of the first"


@pytest.mark.parametrize("how", ["breaks", "stalls"])
def test_a_voice_that_fails_while_the_agent_is_silent_is_told_once(how: str) -> None:
    """The caller is not left in silence: what was said is told to be trouble, and the call ends."""

    async def case() -> None:
        call = a_call([0.1, "This was said before it. ", 0.9, f"And then it {how} here."])
        async with call.running() as c:
            await asks(call)
            await c.until("playout.started", 2)
            await asyncio.sleep(0.3)
            await speaks_over(call, MHM, ms=600)
            assert await c.ended(30) == "agent: hangup"
            assert c.count("error") == 1
            assert c.heard()[-1] == PHRASES.trouble
            check(call, exact=True)

    run_virtual(case())


@pytest.mark.parametrize("at_s", [0.0, 0.3, 0.9])
def test_a_model_that_fails_while_the_agent_is_silent_is_told_once(at_s: float) -> None:
    async def case() -> None:
        call = a_call([0.1, "This was said before it. ", 0.5 + at_s, EngineError("gone")])
        async with call.running() as c:
            await asks(call)
            await c.until("playout.started", 2)
            await asyncio.sleep(0.2)
            await speaks_over(call, MHM, ms=600)
            assert await c.ended(30) == "agent: hangup"
            assert c.count("error") == 1
            assert c.heard()[-1] == PHRASES.trouble

    run_virtual(case())


# --- what nobody may interrupt ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("said_s", [0.3, 0.9])
def test_who_speaks_over_what_is_protected_is_answered_behind_it(said_s: float) -> None:
    """`protect_ms` of the answer are heard, and so are the words that were said over them: they are answered."""

    async def case() -> None:
        call = a_call([0.1, LONG], [0.1, "To the second."], turns=TurnSettings(protect_ms=2000))
        async with call.running() as c:
            await asks(call)
            started = await c.until("playout.started", 2)
            await asyncio.sleep(said_s)
            call.stt.said = STOP
            c.phone.speak(500)
            await c.until("turn.started", 2)
            stopped = await c.until("playout.stopped", 1, 5)
            assert 2000 <= stopped["media_ms"] - started["at"] <= 2600
            await c.until_heard("To the second.")
            assert [event["text"] for event in c.of("turn.committed")] == ["where is it", STOP.final]
            check(call, exact=True)

    run_virtual(case())


@virtual
async def test_a_noise_over_what_is_protected_changes_nothing() -> None:
    call = a_call([0.1, LONG], turns=TurnSettings(protect_ms=3000))
    async with call.running() as c:
        await asks(call)
        await c.until("playout.started", 2)
        await asyncio.sleep(0.5)
        call.stt.said = MHM
        c.phone.speak(300)
        await c.until_heard(LONG)
        assert (c.phone.clears_ms, c.count("agent.yielded"), c.count("turn.committed")) == ([], 0, 1)


# --- the end ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["hang up", "drop", "cancel"])
@pytest.mark.parametrize("after_s", [0.0, 0.1, 0.6])
def test_a_call_that_ends_while_the_agent_is_silent_leaves_nothing_behind(how: str, after_s: float) -> None:
    """What was heard is settled once, as far as it was heard; no task, no engine's work is left."""

    async def case() -> None:
        call = a_call([0.1, LONG])
        async with call.running() as c:
            await asks(call)
            await c.until("playout.started", 2)
            await asyncio.sleep(1.5)
            await speaks_over(call, MHM, ms=1000)
            await asyncio.sleep(after_s)
            {"hang up": c.phone.hang_up, "drop": c.phone.drop, "cancel": c.task.cancel}[how]()
            await c.ended(5)
            settled = [event for event in c.of("agent.heard") if event["said"] == LONG]
            assert len(settled) == 1
            heard = len(settled[0]["text"].split())
            assert 4 <= heard <= 8, settled
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtual(case())


@pytest.mark.parametrize("said", [NOISE, MHM, STOP])
@pytest.mark.parametrize("thought", [True, False])
def test_a_call_that_must_end_while_the_agent_is_silent_says_goodbye(said: Said, thought: bool) -> None:
    async def case() -> None:
        call = a_call([0.1, LONG, *([] if thought else [3.0, " And more of it."])])
        async with call.running() as c:
            await asks(call)
            await c.until("playout.started", 2)
            await asyncio.sleep(1.0)
            await speaks_over(call, said, ms=500)
            c.session.wind_up("the service stops")
            assert await c.ended(30) == "agent: hangup"
            assert c.heard()[-1] == PHRASES.closing
            assert c.of("agent.heard")[-1]["complete"]
            check(call, exact=True)

    run_virtual(case())
