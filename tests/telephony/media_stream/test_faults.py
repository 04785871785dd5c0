"""Each thing that a peer can do wrong has a kind, and is told."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from agent.errors import RemoteError
from telephony.media_stream.faults import FAULTS, fault_kind
from telephony.media_stream.line import MAX_FAULTS, MediaStreamLine, accept_stream
from telephony.media_stream.messages import decode_from_carrier
from tests.support.phone import MemorySocket, Phone
from tests.support.virtual_loop import run_virtual

CONNECTED = '{"event":"connected","protocol":"Call","version":"1.0.0"}'
MEDIA = {"event": "media", "streamSid": "MZ1", "sequenceNumber": "3"}


def media(**fields: Any) -> str:
    return json.dumps({**MEDIA, "media": {"track": "inbound", "chunk": "1", "timestamp": "5", "payload": "", **fields}})


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("nonsense", "not_json"),
        ("[1]", "not_json"),
        ("{}", "field"),
        (media(payload="!!"), "payload"),
        (media(payload=7), "payload"),
        (media(timestamp="soon"), "field"),
        ('{"event":"media"}', "field"),
        ('{"event":"dtmf","streamSid":"MZ1","sequenceNumber":"1","dtmf":{"digit":"12"}}', "field"),
    ],
)
def test_what_the_codec_refuses_has_a_kind(text: str, kind: str) -> None:
    with pytest.raises(RemoteError) as error:
        decode_from_carrier(text)
    assert fault_kind(error.value) == kind


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        ([media()], "wrong_order"),
        ([CONNECTED, CONNECTED], "wrong_order"),
        ([CONNECTED, None], "closed_early"),
        ([None], "closed_early"),
        ([CONNECTED], "no_start"),
        ([], "no_start"),
        (["nonsense"], "not_json"),
    ],
)
def test_how_a_stream_can_fail_to_begin(texts: list[str | None], kind: str) -> None:
    async def scenario() -> str:
        waiting = list(texts)

        class Socket(MemorySocket):
            async def receive(self) -> str | None:
                if not waiting:
                    await asyncio.sleep(1000)
                return waiting.pop(0)

        with pytest.raises(RemoteError) as error:
            await accept_stream(Socket())
        return fault_kind(error.value)

    assert run_virtual(scenario()) == kind


def test_faults_within_a_stream_are_told_and_unknown_events_are_not_held_against_it() -> None:
    async def scenario() -> None:
        phone = Phone()
        phone.ring()
        start = await accept_stream(phone.socket)
        told: list[str] = []
        line = MediaStreamLine(
            phone.socket,
            start,
            on_leave=lambda decision: None,
            on_fault=lambda fault: told.append(fault_kind(fault)),
            now_s=asyncio.get_running_loop().time,
        )
        task = asyncio.create_task(line.run())
        phone.socket.give(CONNECTED)
        for _ in range(2 * MAX_FAULTS):
            phone.socket.give('{"event":"novelty","sequenceNumber":"1"}')
        phone.socket.give(media(payload="A==="))
        await asyncio.sleep(0.1)
        assert told == ["second_start", *["unknown_event"] * (2 * MAX_FAULTS), "payload"]
        assert not task.done()
        phone.drop()
        await asyncio.wait_for(task, 10)

    run_virtual(scenario())


def test_every_kind_is_known() -> None:
    told = RemoteError("start.mediaFormat: 'opus', 48000 Hz, 2 channel(s) is not supported")
    assert fault_kind(told) == "format"
    assert len(set(FAULTS)) == len(FAULTS)
    assert fault_kind(RemoteError("anything else")) == "field"
