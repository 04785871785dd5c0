"""A caller who rests within an answer: the recogniser's last word is taken then, and the turn goes on. Whole calls."""

import asyncio
from typing import Any

import pytest

from agent.errors import EngineError
from agent.slots.base import Asks
from tests.agent.call import PHRASES
from tests.agent.resting import asked, call
from tests.support.virtual_loop import virtual


@virtual
async def test_a_last_word_that_is_kept_back_ends_the_turn_as_soon_as_it_is_taken() -> None:
    made = call(("four seven one", 0.1, "four seven one two"))
    async with made.running():
        await asked(made)
        made.phone.speak(1200)
        committed = await made.until("turn.committed", 2)
        assert committed["text"] == "four seven one two"
        ended = made.of("turn.ended")[-1]
        assert ended["reason"] == "slot complete"
        assert ended["media_ms"] - ended["speech_end_ms"] < 750
        (rested,) = made.of("turn.rested")
        assert (rested["turn"], rested["speech_end_ms"]) == (2, ended["speech_end_ms"])
        await made.until_heard("Thank you, I have it.")
        assert made.of("error") == []


@virtual
async def test_who_goes_on_after_the_rest_is_heard_in_another_hearing_and_no_sound_twice() -> None:
    made = call(("four", 0.1, "four seven"), ("one", 0.1, "one two"))
    async with made.running():
        await asked(made)
        made.phone.speak(700)
        await asyncio.sleep(2.2)
        assert made.of("turn.ended")[1:] == []
        made.phone.speak(700)
        committed = await made.until("turn.committed", 2)
        assert committed["text"] == "four seven one two"
        assert len(made.of("turn.started")) == 2
        first, second = made.stt.heard_bytes[1:3]
        assert first <= 16 * (700 + 608 + 200 + 64)
        assert second <= 16 * (700 + 608 + 200 + 64)


@pytest.mark.parametrize("delay_s", [0.6, 1.5])  # while the caller speaks, and after the turn
@pytest.mark.parametrize("final", ["four seven", "", EngineError("broken")])
@virtual
async def test_who_goes_on_before_the_last_word_is_there(final: str | Exception, delay_s: float) -> None:
    made = call(("four seven", delay_s, final), ("one two", 0.1, "one two"))
    async with made.running():
        await asked(made)
        made.phone.speak(700)
        await asyncio.sleep(0.7 + 0.8)
        made.phone.speak(700)
        committed = await made.until("turn.committed", 2)
        assert committed["text"] == "four seven one two"
        await made.until_heard("Thank you, I have it.")
        assert len(made.of("error")) == isinstance(final, Exception)
        assert made.of("turn.corrected") == []


@pytest.mark.parametrize("delay_s", [1.8, 2.8])  # while the caller speaks for the third time, and after the turn
@virtual
async def test_who_rests_twice_before_the_first_last_word_is_there(delay_s: float) -> None:
    made = call(("four", delay_s, "four seven"), ("one", 0.1, "one"), ("two", 0.1, "two"))
    async with made.running():
        await asked(made)
        for ms in (700, 400, 600):
            made.phone.speak(ms)
            await asyncio.sleep(ms / 1000 + 0.7)
        committed = await made.until("turn.committed", 2)
        assert committed["text"] == "four seven one two"
        assert len(made.of("turn.rested")) >= 2
        await made.until_heard("Thank you, I have it.")
        assert made.of("turn.corrected") == []


@pytest.mark.parametrize("delay_s", [0.1, 1.0, 1.4])  # before the key, after it, and while the caller speaks again
@virtual
async def test_a_key_in_a_rest_stands_behind_the_word_that_was_kept_back(delay_s: float) -> None:
    made = call(("four", delay_s, "four seven"), ("two", 0.1, "two"))
    async with made.running():
        await asked(made)
        made.phone.speak(700)
        await asyncio.sleep(0.7 + 0.7)
        made.phone.press("1")
        await asyncio.sleep(0.5)
        made.phone.speak(700)
        committed = await made.until("turn.committed", 2)
        assert (committed["text"], committed["source"]) == ("four seven 1 two", "both")
        assert made.of("turn.corrected") == []


@pytest.mark.parametrize(("delay_s", "final"), [(0.1, EngineError("broken")), (0.1, ""), (60.0, "four seven one two")])
@virtual
async def test_a_last_word_that_fails_or_never_comes_leaves_the_turn_as_it_was(
    delay_s: float, final: str | Exception
) -> None:
    made = call(("four seven", delay_s, final), ("one two", 0.1, "one two"))
    async with made.running():
        await asked(made)
        made.phone.speak(700)
        await asyncio.sleep(0.7 + 4.2)
        assert len(made.of("turn.ended")) == 1, "the turn is held"
        assert len(made.of("error", where="stt", turn=2)) == (final != "")
        made.phone.speak(700)
        assert (await made.until("turn.committed", 2))["text"] == "four seven one two"


@virtual
async def test_a_turn_that_is_held_in_vain_has_the_text_that_was_taken() -> None:
    made = call(("four", 0.1, "four seven"))
    async with made.running():
        await asked(made)
        made.phone.speak(700)
        assert (await made.until("turn.committed", 2))["text"] == "four seven"
        assert made.of("turn.ended")[-1]["reason"] == "slot unfinished"


@virtual
async def test_a_noise_while_an_answer_is_waited_for_ends_soon_and_costs_no_word_of_it() -> None:
    made = call(("", 0.1, ""), ("four seven one two", 0.1, "four seven one two"))
    async with made.running():
        await asked(made)
        made.phone.speak(200)
        rejected: dict[str, Any] = await made.until("turn.rejected")
        assert rejected["media_ms"] - made.of("turn.ended")[-1]["speech_end_ms"] < 800
        made.phone.speak(1200)
        assert (await made.until("turn.committed", 2))["text"] == "four seven one two"


@virtual
async def test_a_short_answer_that_had_words_and_comes_to_nothing_is_asked_for_again() -> None:
    """As short as a noise that is let be: but an answer was awaited, and words were shown."""
    made = call(("can", 0.1, ""), ("", 0.1, ""), asks=Asks("", "yes_no"))
    async with made.running():
        await asked(made)
        made.phone.speak(240)
        await made.until("turn.rejected", reason="no text")
        await made.until_heard(PHRASES.not_understood)
        assert made.of("turn.rejected")[-1]["media_ms"] - made.of("turn.ended")[-1]["speech_end_ms"] < 2500
        made.phone.speak(240)  # without words it is a noise
        await made.until("turn.rejected", 2)
        await asyncio.sleep(1)
        assert made.heard().count(PHRASES.not_understood) == 1
