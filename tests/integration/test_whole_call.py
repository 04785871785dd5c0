"""A whole call, by a carrier that is none of our code: webhook, TwiML, token, marks, clear, action, record."""

from __future__ import annotations

import asyncio
import json
import wave
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from telephony.web.serve import Service
from tests.integration.foreign_carrier import ForeignCarrier
from tests.integration.settling import idle
from tests.support.waiting import paced, until

CALL = "CA" + "1" * 32


def journal(call: str = CALL) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(f"calls/{call}/journal.jsonl").read_text().splitlines()]


async def test_a_foreign_carrier_holds_a_whole_call(service: Service, carrier: ForeignCarrier) -> None:
    twiml = await carrier.voice(CALL)
    connect = twiml.find("Connect")
    assert connect is not None
    action, _, overrides = connect.attrib["action"].partition("#")  # which the carrier keeps to itself
    assert (action.partition("?")[0], overrides) == (f"{service.url}/twilio/after", "rc=5&rp=ct,rt,5xx")
    stream = await carrier.open(twiml, CALL)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(stream.run())
        await stream.agent_begins()  # the greeting
        await stream.agent_ends()
        await stream.speak(1000)
        await stream.agent_begins()  # the answer
        await paced(0.7)  # it is in the middle of it
        await stream.speak(600)  # over the agent
        assert stream.clears == 1, "speech over the agent must stop it"
        assert not stream.buffer
        await stream.agent_begins()  # the second answer
    # then silence: the agent says goodbye, is heard out, and closes
    assert stream.close_code == 1000
    assert stream.marks_returned > 3

    form = {"CallSid": CALL, "CallStatus": "in-progress"}
    status, text = await carrier.post(action, form)
    assert (status, "<Hangup />" in text, "<Connect" in text) == (200, True, False)

    await idle(service)
    events = journal()
    assert [event["text"] for event in events if event["kind"] == "turn.committed"] == [
        "where is my parcel",
        "no thank you",
    ]
    heard = [event for event in events if event["kind"] == "agent.heard"]
    assert [event["text"] for event in heard[:2]] == ["Recorded.", "Hello, this is the test desk."]
    cut = [event for event in heard if not event["complete"]]
    assert len(cut) == 1
    assert cut[0]["said"].startswith(cut[0]["text"])
    assert 0 < len(cut[0]["text"]) < len(cut[0]["said"])
    assert events[0]["caller"] == "+15551230000"
    assert events[-1]["kind"] == "call.ended"

    with wave.open(f"calls/{CALL}/audio.wav") as audio:
        assert (audio.getnchannels(), audio.getframerate()) == (2, 8000)
        length_s = audio.getnframes() / 8000
    assert length_s > stream.played_ms / 1000
    summary = json.loads(Path(f"calls/{CALL}/call.json").read_text())
    assert [line["who"] for line in summary["transcript"]].count("caller") == 2


async def test_keys_are_heard_and_a_dropped_call_is_brought_back_twice(
    service: Service, carrier: ForeignCarrier
) -> None:
    twiml = await carrier.voice(CALL)
    stream = await carrier.open(twiml, CALL)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(stream.run())
        await stream.agent_begins()
        for digit in "47#":
            await stream.send(
                {"event": "dtmf", "streamSid": stream.stream_sid, "dtmf": {"track": "inbound_track", "digit": digit}}
                | {"sequenceNumber": "9"}
            )
        await until(
            lambda: any(event["kind"] == "turn.committed" for event in journal()), within_s=5, what="the caller's turn"
        )
        running.cancel()
    assert stream.socket._response.connection is not None
    stream.socket._response.connection.transport.abort()  # no close frame, no stop: the carrier's machine has died
    await idle(service)
    assert [event["digit"] for event in journal() if event["kind"] == "key"] == ["4", "7", "#"]

    for _ in range(2):
        text = await carrier.after(twiml, CALL)
        assert "<Connect" in text
        twiml = ElementTree.fromstring(text)
    text = await carrier.after(twiml, CALL)
    assert "trouble" in text
    assert "<Hangup />" in text
