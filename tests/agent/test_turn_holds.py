"""An agent that has fallen silent speaks again, whatever the recogniser and the caller's noises do. Whole calls."""

import asyncio

import pytest

from tests.agent.call import Call
from tests.agent.fakes import StreamingStt
from tests.support.virtual_loop import run_virtual

ANSWER = "This is quite a long answer that goes on, so that there is time to speak over it. And it has two sentences."

#: What is understood of an utterance: partial texts after so many seconds, and the final one after so many.
Heard = tuple[tuple[tuple[float, str], ...], float, str]
HELLO: Heard = (((0.3, "hello there"),), 0.2, "hello there")
NOTHING: Heard = ((), 0.3, "")


def planned(*plan: Heard) -> StreamingStt:
    """The utterances of `plan` are understood so, and all those that follow as its last one."""
    return StreamingStt([(final_s, text) for _, final_s, text in plan], partials=[one[0] for one in plan])


def a_call(*plan: Heard) -> Call:
    call = Call(answers=[(0.1, ANSWER)])
    call.stt = planned(*plan)
    return call


@pytest.mark.parametrize("gap_ms", [400, 500, 700, 900, 1200])
@pytest.mark.parametrize("final_s", [0.3, 0.8, 1.5])
@pytest.mark.parametrize("every", [False, True])
def test_words_that_come_to_nothing_do_not_silence_it_for_good(every: bool, final_s: float, gap_ms: int) -> None:
    """Before the answer is heard: one burst of noise after the other, of which a recogniser guesses words, and in the
    end says that there were none. The turns overlap with each other's final texts."""

    async def main() -> None:
        guess: Heard = (((0.15, "stop it now"),), final_s, "")
        call = a_call(HELLO, guess, guess if every else ((), final_s, ""))
        async with call.running():
            await call.say(800)
            for _ in range(40):
                call.phone.speak(200)
                call.phone.pause(gap_ms)
            await call.until("agent.took_up", limit_s=8)
            await call.until_heard("two sentences", limit_s=15)

    run_virtual(main())


@pytest.mark.parametrize("final_s", [0.3, 0.6, 1.0])
def test_who_speaks_on_while_the_turn_before_is_committed_is_not_talked_over(final_s: float) -> None:
    """The text of a turn comes when the caller is saying the next one, over the answer before."""
    said = "stop stop please listen to me now i said stop talking and listen to me".split()
    goes_on = tuple((0.3 + 0.4 * n, " ".join(said[: n + 1])) for n in range(len(said)))

    async def main() -> None:
        where: Heard = (((0.2, "i want to"),), final_s, "where is my parcel")
        call = a_call(HELLO, where, (goes_on, final_s, goes_on[-1][1]))
        async with call.running():
            await call.say(800)
            call.phone.speak(400)
            call.phone.pause(420)
            call.phone.speak(6000)
            await call.until("turn.committed", 2)
            spoken_ms = (await call.until("turn.ended", 3))["media_ms"]
            await call.until_heard("two sentences", limit_s=20)
        assert [e["turn"] for e in call.of("agent.heard") if e["text"]] == [0, 3], "one answer, to both"
        assert call.of("turn.latency")[-1]["media_ms"] > spoken_ms

    run_virtual(main())


def test_who_speaks_on_without_a_word_so_far_stops_the_answer_to_the_turn_before() -> None:
    """The same from a recogniser that gives final texts only."""

    async def main() -> None:
        call = a_call(((), 0.5, "hello there"), ((), 0.5, "where is my parcel"), ((), 0.5, "stop and listen to me now"))
        async with call.running():
            await call.say(800)
            await asyncio.sleep(1.5)
            call.phone.speak(300)
            call.phone.pause(420)
            call.phone.speak(8000)
            await call.until("turn.committed", 3)
            await call.until_heard("two sentences", limit_s=20)
        assert [e["turn"] for e in call.of("agent.heard", complete=True) if e["text"]] == [0, 3]

    run_virtual(main())


def test_who_talks_on_and_on_is_answered_now_and_then_all_the_same() -> None:
    """A television, from the first answer on: its words change all the time, and no pause ends a turn."""
    told = ("the market fell today after news of a storm in the north and people were asked to stay home " * 8).split()
    partials = tuple((0.3 * (n + 1), " ".join(told[: n + 1])) for n in range(110))

    async def main() -> None:
        call = a_call(HELLO, (partials, 0.2, " ".join(told[:60])))
        async with call.running():
            await call.say(800)
            call.phone.speak(100_000)
            await asyncio.sleep(95)
            call.phone.speak(600)
        heard_ms = [e["start_ms"] for e in call.of("agent.heard", complete=True) if e["turn"] > 0]
        assert heard_ms[0] < 20_000, "half of the longest turn is as long as an answer is held back"
        assert len(heard_ms) >= 3
        assert call.count("turn.started") < 8

    run_virtual(main())


def test_who_talks_for_long_and_then_pauses_stops_the_agent_again() -> None:
    told = ("the market fell today after news of a storm in the north and people were asked to stay home " * 8).split()
    partials = tuple((0.3 * (n + 1), " ".join(told[: n + 1])) for n in range(110))
    stop: Heard = (((0.3, "stop it now"),), 0.2, "stop it now")

    async def main() -> None:
        call = a_call((partials, 0.2, " ".join(told[:60])), NOTHING, stop)
        async with call.running():
            call.phone.speak(30_400)  # 400 ms of it are behind the longest turn
            await call.until("turn.committed", limit_s=40)
            await call.until("turn.ended", 2)
            await asyncio.sleep(0.5)
            call.phone.speak(700)
            await call.until("barge_in", reason="words", limit_s=5)

    run_virtual(main())


@pytest.mark.parametrize("took_up_s", [2.0, 5.0, 8.0])
def test_nothing_is_taken_for_heard_because_the_agent_was_silent_for_long(took_up_s: float) -> None:
    """How long what was said may take to be heard counts anew from where the agent goes on: it takes longer than the
    hold, and than what was left when the hold began."""
    guesses = tuple((0.15 + n, " ".join(["actually"] * (n + 1))) for n in range(round(took_up_s)))
    clause = "one clause without a comma that takes " + "so very long to say because it goes on and on " * 4

    async def main() -> None:
        call = Call(answers=[(0.1, f"{clause.strip()}.")])
        call.stt = planned(HELLO, (guesses, 0.3, ""))
        async with call.running():
            await call.say(800)
            await asyncio.sleep(0.25)
            call.phone.speak(round(took_up_s * 1000))
            took_up = await call.until("agent.took_up")
            heard = await call.until("reply.heard", 2)
        stopped = call.of("playout.stopped")[0]
        assert took_up["media_ms"] - stopped["media_ms"] >= took_up_s * 1000 - 500
        assert heard["media_ms"] - took_up["media_ms"] >= 30 * len(clause) - 500, "said to its end first"
        assert call.of("error") == []

    run_virtual(main())
