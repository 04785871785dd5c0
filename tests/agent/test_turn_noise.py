"""Noise that does not end: the agent goes on through it, and whoever answers into it is heard. Whole calls."""

import asyncio
from typing import Any

from tests.agent.call import Call
from tests.agent.fakes import StreamingStt
from tests.support.virtual_loop import virtual

QUESTION = "I can look that up for you now, if you like me to. What is the number?"


def call(*words: tuple[tuple[float, str], ...], **fields: Any) -> Call:
    """The words of each utterance, as they come; the last of them are its final text."""
    made = Call(answers=[(0.1, QUESTION), (0.1, "Thank you, I have it.")], **fields)
    partials = [((0.3, "hello"),), *words, ()]
    made.stt = StreamingStt([(0.05, one[-1][1] if one else "") for one in partials], partials=partials)
    return made


@virtual
async def test_who_answers_into_a_noise_that_began_over_the_agent_is_heard() -> None:
    made = call((), ((1.0, "four seven"), (1.6, "four seven one two")))
    async with made.running():
        await made.say()
        await made.until("playout.started", 2)
        made.phone.speak(30_000)  # a television, from the middle of the question on
        await made.until("agent.took_up", reason="noise")
        await made.until_heard("What is the number?")
        asked_ms = made.of("reply.heard")[-1]["media_ms"]
        committed = await made.until("turn.committed", 2)
        assert committed["text"] == "four seven one two"
        assert committed["media_ms"] - asked_ms < 6000, "no longest turn is waited for"
        assert made.of("turn.rejected", reason="noise") != []
        await made.until_heard("Thank you, I have it.")
        assert made.of("barge_in") == []


@virtual
async def test_who_speaks_at_the_end_of_the_question_is_not_taken_for_noise() -> None:
    made = call(((0.9, "it is four"), (1.4, "it is four seven one two")))
    async with made.running():
        await made.say()
        await made.until("playout.started", 2)
        while made.line.pending_ms > 400:
            await asyncio.sleep(0.02)
        made.phone.speak(1500)
        assert (await made.until("turn.committed", 2))["text"] == "it is four seven one two"
        assert made.of("turn.rejected") == []


@virtual
async def test_a_noise_that_ends_behind_the_agents_last_word_is_not_asked_about() -> None:
    made = call(())
    async with made.running():
        await made.say()
        await made.until("playout.started", 2)
        while made.line.pending_ms > 1000:
            await asyncio.sleep(0.02)
        made.phone.speak(2300)  # the agent stops for it, goes on, and is done some moments before the noise is
        await made.until("turn.rejected")
        await asyncio.sleep(3)
        assert [event["text"] for event in made.of("agent.clause")][-1] == "What is the number?"


@virtual
async def test_a_noise_without_words_that_never_ends_is_never_asked_about_and_ends_no_call() -> None:
    made = call()
    async with made.running():
        await made.say()
        made.phone.speak(170_000)
        await asyncio.sleep(165)
        assert made.of("call.ended") == []
        assert len(made.of("turn.ended", reason="max")) >= 4
        assert made.of("turn.rejected", reason="no text") == []
        assert [event["text"] for event in made.of("agent.clause")][-1] == "What is the number?"
        made.phone.speak(600)


@virtual
async def test_a_long_turn_whose_words_came_to_nothing_is_asked_about() -> None:
    words = "i have been told to ring you up about all of this again".split()
    partials = tuple((0.5 + 2.0 * n, " ".join(words[: n + 1])) for n in range(len(words)))
    made = call(partials)
    made.stt.script = [(0.05, "hello"), (0.05, "")]
    async with made.running():
        await made.say()
        await made.until("reply.heard", 2)
        made.phone.speak(32_000)
        await made.until("turn.rejected", reason="no text")
        await made.until_heard("Say it again please.")
