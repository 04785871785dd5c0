"""Turns committed before their final text, keys beside speech, what nobody may interrupt: calls in virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.continuation import Continuation, continue_from
from agent.errors import EngineError
from agent.history import History
from agent.slots.base import Asks
from agent.summary import summarise
from tests.agent.call import PHRASES, Call
from tests.agent.fakes import StreamingStt
from tests.agent.test_session_privacy import CARD, SPOKEN, CardCall, holds_nothing, written
from tests.support.virtual_loop import run_virtual, virtual

LONG = "This is a long answer that goes on and on for quite a while so that anybody can speak over it."


def streaming(call: Call, *partials: Sequence[tuple[float, str]]) -> Call:
    call.stt = StreamingStt(call.stt.script, partials=[*partials, ()])
    return call


def asking(asks: Asks, **given: Any) -> Call:
    """A call in which this is asked for from the beginning."""
    call = Call(**given)
    call.continuation = Continuation("digits sent", History(), 0, None, "", 0, asks)
    return call


ORDER = Asks("order", "digits", length=4)


# --- the final text says something else -------------------------------------------------------------------------------


@pytest.mark.parametrize("final_s", [0.0, 0.6])
def test_the_final_text_corrects_what_was_said_whenever_it_comes(final_s: float) -> None:
    """Also before anybody has begun to answer."""

    async def case() -> None:
        call = asking(ORDER, says=[(final_s, "four seven one two"), (0.05, "thanks")])
        streaming(call, [(0.3, "four seven one one")])
        async with call.running(greeted=False) as c:
            c.phone.speak(600)
            corrected = await c.until("turn.corrected")
            committed = c.of("turn.committed")[0]
            assert (committed["text"], committed["by"]) == ("four seven one one", "partial")
            assert corrected["text"] == "four seven one two"
            await c.until_heard("This is the answer.")
            await c.say()
            await c.until("reply.heard", 3)
            assert c.count("turn.committed") == 2
        asked = [[m.content for m in request.messages if m.role == "user"] for request in c.llm.requests]
        assert asked[-1] == ["four seven one two", "thanks"]
        assert len(asked) == 2, "a correction brings no second reply"
        assert c.count("turn.confirmed") == 0
        assert [turn["text"] for turn in summarise(c.events)["turns"]] == ["four seven one two", "thanks"]
        back = continue_from([c.events[:-1]], "cut off")
        assert back is not None
        assert [m.content for m in back.history.messages("") if m.role == "user"] == ["four seven one two", "thanks"]

    run_virtual(case())


@pytest.mark.parametrize("final", ["Four seven, one one.", EngineError("gone"), ""])
def test_a_final_text_that_says_the_same_or_nothing_confirms(final: str | Exception) -> None:
    async def case() -> None:
        call = streaming(asking(ORDER, says=[(0.2, final)]), [(0.3, "four seven one one")])
        async with call.running(greeted=False) as c:
            c.phone.speak(600)
            await c.until("turn.confirmed", turn=1)
            await c.until_heard("This is the answer.")
            assert c.count("turn.corrected") == 0
            assert c.count("turn.committed") == 1

    run_virtual(case())


@virtual
async def test_a_number_that_only_the_final_text_has_is_in_no_file(tmp_path: Path) -> None:
    """It comes when the answer has been heard, and is said again later."""
    c = CardCall(tmp_path, "I want to pay", "no I want to pay later", f"I said {CARD} which card", "goodbye")
    c.stt.script = [
        (0.05, "I want to pay"), (2.5, SPOKEN), (0.05, "no"), (0.05, f"I said {CARD} goodbye"),
    ]  # fmt: skip
    streaming(c, [], [(0.3, "nine " * 16)])
    async with c.running():
        await c.turn()
        c.phone.speak(1000)
        await c.until("turn.corrected")
        await c.until_heard("Shall I charge", 30)
        await asyncio.sleep(0.5)
        await c.turn()
        await c.say()
        await c.ended()
    assert set(c.of("turn.corrected")[0]["text"]) == {"•", " "}
    holds_nothing(written(tmp_path))
    holds_nothing(json.dumps(c.events, ensure_ascii=False).encode())


# --- keys beside speech -----------------------------------------------------------------------------------------------


@virtual
async def test_a_number_half_spoken_and_half_typed_is_in_no_file(tmp_path: Path) -> None:
    half = "four one one one two two two two"
    c = CardCall(tmp_path, "I want to pay", half, "yes", "goodbye")
    streaming(c, [], [(0.3, "four one one one"), (0.8, half)])
    async with c.running():
        await c.turn()
        c.phone.speak(1500)
        await asyncio.sleep(2.2)
        for key in "33334444":
            c.phone.press(key)
            await asyncio.sleep(0.2)
        committed = await c.until("turn.committed", 2)
        await c.until("reply.heard", 3)
        await asyncio.sleep(0.5)
        await c.turn()
        await c.say()
        await c.ended()
    assert committed["source"] == "both"
    assert set(committed["text"]) == {"•", " "}
    assert [event["digit"] for event in c.of("key")] == ["•"] * 8
    assert c.of("tool.returned", name="charge")[0]["ok"], "all sixteen were understood"
    assert "four, one, one, one, two" in " ".join(c.tts.spoken)
    holds_nothing(written(tmp_path))
    holds_nothing(json.dumps(c.events, ensure_ascii=False).encode())


@pytest.mark.parametrize("failure", [EngineError("gone"), "too late"])
def test_what_was_typed_needs_no_recogniser(failure: str | Exception) -> None:
    async def case() -> None:
        call = Call(says=[(0.05 if isinstance(failure, Exception) else 9.0, failure)])
        async with call.running() as c:
            for _ in range(3):
                heard = c.count("reply.heard")
                c.phone.speak(200)
                await asyncio.sleep(0.4)
                c.phone.press("4712#")
                await c.until("reply.heard", heard + 1)
                await asyncio.sleep(0.5)
            assert [(e["text"], e["source"]) for e in c.of("turn.committed")] == [("4712", "both")] * 3
            assert c.heard()[1:] == ["This is the answer."] * 3

    run_virtual(case())


@virtual
async def test_keys_are_answered_after_what_was_said_before_them() -> None:
    async with Call(says=[(2.0, "my number is")]).running() as c:
        c.phone.speak(600)
        await c.until("turn.ended")
        c.phone.press("4712#")
        await c.until_heard("This is the answer.")
        assert [e["text"] for e in c.of("turn.committed")] == ["my number is", "4712"]
        told = [message.content for message in c.llm.requests[-1].messages if message.role == "user"]
        assert told == ["my number is 4712"], "one answer to both"


@virtual
async def test_a_number_typed_anew_is_not_spoiled_by_the_words_that_were_misheard() -> None:
    call = asking(ORDER, says=[(0.05, "four seven nine")])
    streaming(call, [(0.3, "four seven nine")])
    async with call.running(greeted=False) as c:
        c.phone.speak(900)
        await asyncio.sleep(1.5)
        for key in "4712":
            c.phone.press(key)
            await asyncio.sleep(0.2)
        await c.until_heard("This is the answer.")
        assert [(e["text"], e["source"]) for e in c.of("turn.committed")] == [("4712", "both")]
        assert c.count("turn.corrected") == 0
        assert [m.content for m in c.llm.requests[-1].messages if m.role == "user"] == ["4712"]


# --- what must be heard -----------------------------------------------------------------------------------------------


NOTICE = "This call is recorded, for the training of all of us, and it is kept for a year."


@pytest.mark.parametrize("how", ["words", "keys", "words and keys"])
def test_who_speaks_over_the_notice_is_heard_and_so_is_the_notice(how: str) -> None:
    async def case() -> None:
        phrases = replace(PHRASES, recording_notice=NOTICE)
        call = Call(says=[(0.05, "where is my parcel")], record="full", phrases=phrases)
        async with call.running(greeted=False) as c:
            await c.until("playout.started")
            await asyncio.sleep(0.2)
            if "words" in how:
                c.phone.speak(700)
                await asyncio.sleep(0.3)
            if "keys" in how:
                c.phone.press("4712#")
            await c.until("turn.ended")
            assert c.phone.playing, "it goes on"
            assert c.phone.cleared_ms == []
            await c.until_heard("This is the answer.")
            notice = next(event for event in c.of("agent.heard") if event["said"] == NOTICE)
            assert notice["complete"]
            said = " ".join(event["text"] for event in c.of("turn.committed"))
            assert ("where is my parcel" in said, "4712" in said) == ("words" in how, "keys" in how)
            assert c.of("turn.committed")[0]["media_ms"] >= notice["end_ms"] - 100, "it is answered behind it"

    run_virtual(case())


# --- the end, while the agent has fallen silent -----------------------------------------------------------------------


@pytest.mark.parametrize("said", ["", "mhm", "stop it please"])
def test_a_call_that_must_end_while_the_agent_has_yielded(said: str) -> None:
    async def case() -> None:
        async with Call(says=[(0.05, "tell me"), (0.05, said)], answers=[[0.1, LONG]]).running() as c:
            await c.say()
            await asyncio.sleep(1.5)
            c.phone.speak(500)
            await c.until("agent.yielded")
            c.session.wind_up("service stops")
            assert await c.ended(30) == "agent: hangup"
            assert c.heard()[-1] == PHRASES.closing
            assert c.of("agent.heard")[-1]["complete"]
            assert c.count("error") == 0

    run_virtual(case())
