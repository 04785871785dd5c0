"""Whole calls that reach a machine: what the journal tells, and what is left on it."""

from __future__ import annotations

import asyncio
import audioop
from typing import Any

import numpy as np
import pytest

from agent.definition import VoicemailSettings
from agent.line import HangUp
from tests.agent.call import Call
from tests.support.virtual_loop import virtual

GREETING = "hi this is mike please leave a message after the tone"
MESSAGE = "This is the desk, we will call again."
LEAVES_ONE = VoicemailSettings("message", MESSAGE)


def tone_pcm(ms: int, hz: float = 1000.0) -> bytes:
    wave = 6000 * np.sin(2 * np.pi * hz * np.arange(8 * ms) / 8000)
    return audioop.ulaw2lin(audioop.lin2ulaw(wave.astype("<i2").tobytes(), 2), 2)


def plays(call: Call, pcm: bytes) -> None:
    """The far end plays this, behind what it is playing already."""
    call.phone._told.says.extend(pcm[at : at + 320] for at in range(0, len(pcm), 320))


def machine_call(text: str = GREETING, voicemail: VoicemailSettings = LEAVES_ONE, **fields: Any) -> Call:
    return Call(says=[(0.05, text)], voicemail=voicemail, **fields)


def heard_message(call: Call) -> dict[str, Any]:
    (event,) = [event for event in call.of("agent.heard") if event["text"] == MESSAGE]
    return event


@virtual
async def test_a_message_is_left_after_the_beep_and_heard_to_its_end() -> None:
    call = machine_call()
    async with call.running(greeted=False):
        call.phone.speak(4000)
        call.phone.pause(1200)
        plays(call, tone_pcm(500))
        assert await call.ended() == "agent: hangup"
    (known,) = call.of("far_end.voicemail")
    assert (known["reason"], known["text"]) == ("greeting", GREETING)
    (beep,) = call.of("far_end.beep")
    assert abs(beep["hz"] - 1000) < 5
    assert abs(beep["length_ms"] - 500) <= 20
    message = heard_message(call)
    assert message["complete"]
    assert 0 < message["start_ms"] - beep["at"] < 400
    assert call.decisions == [HangUp("voicemail")]
    assert call.phone.unheard_ms == 0
    assert call.llm.requests == []


@virtual
async def test_without_a_word_the_beep_tells() -> None:
    call = machine_call("")
    async with call.running(greeted=False):
        call.phone.speak(3600)
        call.phone.pause(300)
        plays(call, tone_pcm(300, 1400))
        assert await call.ended() == "agent: hangup"
    assert [event["reason"] for event in call.of("far_end.voicemail")] == ["beep"]
    assert heard_message(call)["complete"]


@virtual
async def test_where_no_beep_comes_quiet_will_do() -> None:
    call = machine_call()
    async with call.running(greeted=False):
        call.phone.speak(4000)
        assert await call.ended() == "agent: hangup"
    assert call.count("far_end.beep") == 0
    message = heard_message(call)
    assert message["complete"]
    assert 6450 <= message["start_ms"] <= 7000


@virtual
async def test_a_late_beep_begins_the_message_anew() -> None:
    call = machine_call()
    async with call.running(greeted=False):
        call.phone.speak(4000)
        call.phone.pause(3200)
        plays(call, tone_pcm(400))
        assert await call.ended() == "agent: hangup"
    (beep,) = call.of("far_end.beep")
    first, last = [event for event in call.of("agent.heard") if event["said"] == MESSAGE]
    assert (first["complete"], last["complete"]) == (False, True)
    assert last["start_ms"] > beep["at"]
    assert call.decisions == [HangUp("voicemail")]


@virtual
async def test_while_a_greeting_goes_on_nothing_is_asked_or_answered() -> None:
    call = machine_call()
    async with call.running(greeted=False):
        for _ in range(6):
            call.phone.speak(3000)
            call.phone.pause(2000)
        plays(call, tone_pcm(400))
        assert await call.ended() == "agent: hangup"
    known = call.kinds().index("far_end.voicemail")
    said = [event["text"] for event in call.events[known:] if event["kind"] == "agent.clause"]
    assert said == [MESSAGE]
    assert call.count("silence.prompt") == 0
    assert call.llm.requests == []
    assert heard_message(call)["start_ms"] > 28_000


@virtual
async def test_a_greeting_without_end_is_not_waited_for() -> None:
    call = machine_call()
    async with call.running(greeted=False):
        for _ in range(30):
            call.phone.speak(3000)
            call.phone.pause(1000)
        assert await call.ended() == "agent: hangup"
    assert heard_message(call)["start_ms"] < 52_000


@pytest.mark.parametrize(
    ("voicemail", "text"),
    [
        (VoicemailSettings("hang_up"), GREETING),
        (LEAVES_ONE, "the mailbox is full goodbye"),
    ],
)
def test_the_line_is_left_without_a_word(voicemail: VoicemailSettings, text: str) -> None:
    @virtual
    async def run() -> None:
        call = machine_call(text, voicemail)
        async with call.running(greeted=False):
            call.phone.speak(4000)
            assert await call.ended() == "agent: hangup"
        known = call.kinds().index("far_end.voicemail")
        assert "agent.clause" not in call.kinds()[known:]
        assert call.decisions == [HangUp("voicemail")]

    run()


@virtual
async def test_where_nothing_is_said_the_journal_tells_and_the_call_goes_on() -> None:
    call = machine_call(voicemail=VoicemailSettings())
    async with call.running():
        await call.say(2000)
        await call.until_heard("This is the answer.")
        assert call.count("far_end.voicemail") == 1
        assert call.decisions == []


@virtual
async def test_a_caller_who_asks_to_leave_a_message_is_answered() -> None:
    call = machine_call("can i leave a message for mister smith")
    async with call.running():
        await call.say(2000)
        await call.until_heard("This is the answer.")
        assert call.count("far_end.voicemail") == 0


@virtual
async def test_a_caller_who_says_a_machines_sentence_in_a_conversation_is_answered() -> None:
    call = Call(says=[(0.05, "hello"), (0.05, "where is it"), (0.05, GREETING)], voicemail=LEAVES_ONE)
    async with call.running():
        for _ in range(3):
            heard = call.count("reply.heard")
            await call.say(1000)
            while call.count("reply.heard") == heard:
                await asyncio.sleep(0.1)
        assert call.count("turn.committed") == 3
        assert call.count("far_end.voicemail") == 0
        assert call.decisions == []


@virtual
async def test_a_service_that_stops_does_not_wait_for_the_beep() -> None:
    call = machine_call()
    async with call.running(greeted=False):
        call.phone.speak(4000)
        call.phone.pause(1000)
        call.phone.speak(20_000)
        await call.until("far_end.voicemail")
        call.session.wind_up("the service stops")
        assert await call.ended() == "agent: hangup"
        assert call.count("wind_up") == 0
    assert call.of("far_end.voicemail")[0]["media_ms"] + 500 > call.events[-1]["media_ms"]
