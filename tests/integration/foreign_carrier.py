"""A carrier that is none of this project's code: aiohttp, hmac and Twilio's public description of its protocol."""

from __future__ import annotations

import asyncio
import audioop
import base64
import hashlib
import hmac
import itertools
import json
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

import aiohttp

from tests.support.waiting import paced, until

SILENCE = b"\xff" * 160
#: A loud 440 Hz tone, 20 ms of it, in mu-law: speech enough for a detector of energy.
TONE = audioop.lin2ulaw(
    b"".join((9000 * (1 if n % 18 < 9 else -1)).to_bytes(2, "little", signed=True) for n in range(160)), 2
)


class ForeignCarrier:
    """Signs webhooks with `auth_token`, fetches TwiML, opens media streams."""

    def __init__(self, url: str, auth_token: str) -> None:
        self.url = url
        self._token = auth_token.encode()

    async def __aenter__(self) -> ForeignCarrier:
        self.http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()

    def sign(self, url: str, form: dict[str, str]) -> str:
        text = url + "".join(name + form[name] for name in sorted(form))
        return base64.b64encode(hmac.new(self._token, text.encode(), hashlib.sha1).digest()).decode()

    async def post(self, url: str, form: dict[str, str], **headers: str) -> tuple[int, str]:
        signed = {"X-Twilio-Signature": self.sign(url, form), **headers}
        async with self.http.post(url, data=form, headers=signed) as response:
            if response.status == 200:
                assert response.content_type == "text/xml"
            return response.status, await response.text()

    async def voice(self, call_sid: str, **more: str) -> ElementTree.Element:
        form = {"CallSid": call_sid, "From": "+15551230000", "To": "+15559990000", "CallStatus": "ringing", **more}
        status, text = await self.post(f"{self.url}/twilio/voice", form)
        assert status == 200
        return ElementTree.fromstring(text)

    async def after(self, twiml: ElementTree.Element, call_sid: str, **more: str) -> str:
        """The stream of this document is over: what the carrier is told to do next."""
        connect = twiml.find("Connect")
        assert connect is not None
        action = connect.attrib["action"].partition("#")[0]  # what stands behind is for the carrier alone
        form = {"CallSid": call_sid, "From": "+15551230000", "To": "+15559990000", "CallStatus": "in-progress", **more}
        status, text = await self.post(action, form)
        assert status == 200
        return text

    async def token_url(self, call_sid: str) -> str:
        return stream_url(await self.voice(call_sid))

    async def open(self, twiml: ElementTree.Element, call_sid: str) -> ForeignStream:
        stream = twiml.find("./Connect/Stream")
        assert stream is not None
        parameters = {p.attrib["name"]: p.attrib["value"] for p in stream.findall("Parameter")}
        socket = await self.http.ws_connect(stream.attrib["url"])
        one = ForeignStream(socket, call_sid)
        await one.begin(parameters)
        return one


def stream_url(twiml: ElementTree.Element) -> str:
    stream = twiml.find("./Connect/Stream")
    assert stream is not None, ElementTree.tostring(twiml)
    return stream.attrib["url"]


@dataclass
class ForeignStream:
    """One media stream as Twilio keeps it: real time, a playback buffer, marks, clear."""

    socket: aiohttp.ClientWebSocketResponse
    call_sid: str
    stream_sid: str = "MZ" + "0" * 32
    buffer: deque[bytes | str] = field(default_factory=deque)
    """What is to be played: audio, 20 ms a piece, and the names of marks between."""
    played_ms: int = 0
    clears: int = 0
    marks_returned: int = 0
    close_code: int | None = None
    speaking: bool = False

    async def send(self, message: dict[str, Any]) -> None:
        await self.socket.send_str(json.dumps(message))

    async def begin(self, parameters: dict[str, str], call_sid: str = "") -> None:
        self.sequence = itertools.count(2)
        await self.send({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        start = {
            "accountSid": "AC" + "0" * 32,
            "streamSid": self.stream_sid,
            "callSid": call_sid or self.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": parameters,
        }
        await self.send({"event": "start", "sequenceNumber": "1", "start": start, "streamSid": self.stream_sid})

    async def run(self) -> None:
        """Send the caller's audio and play the agent's, in real time, until the agent closes the socket."""
        async with asyncio.TaskGroup() as tasks:
            pacing = tasks.create_task(self._pace())
            await self._read()
            pacing.cancel()
        self.close_code = self.socket.close_code

    async def _pace(self) -> None:
        began = time.monotonic()
        for number in itertools.count():
            await paced(began + number * 0.02 - time.monotonic())
            payload = base64.b64encode(TONE if self.speaking else SILENCE).decode()
            media = {"track": "inbound", "chunk": str(number + 1), "timestamp": str(number * 20), "payload": payload}
            try:
                await self._send_in_order({"event": "media", "media": media})
                await self._play_20_ms()
            except (ConnectionError, aiohttp.ClientError):
                return

    async def _send_in_order(self, message: dict[str, Any]) -> None:
        message |= {"sequenceNumber": str(next(self.sequence)), "streamSid": self.stream_sid}
        await self.send(message)

    async def _play_20_ms(self) -> None:
        if self.buffer and isinstance(self.buffer[0], bytes):
            self.buffer.popleft()
            self.played_ms += 20
        while self.buffer and isinstance(self.buffer[0], str):
            await self._return_mark(self.buffer.popleft())

    async def _return_mark(self, name: Any) -> None:
        self.marks_returned += 1
        await self._send_in_order({"event": "mark", "mark": {"name": name}})

    async def _read(self) -> None:
        async for raw in self.socket:
            message = json.loads(raw.data)
            assert message["streamSid"] == self.stream_sid
            if message["event"] == "media":
                audio = base64.b64decode(message["media"]["payload"], validate=True)
                self.buffer.extend(audio[at : at + 160] for at in range(0, len(audio), 160))
            elif message["event"] == "mark":
                self.buffer.append(message["mark"]["name"])
                if len(self.buffer) == 1:
                    await self._return_mark(self.buffer.popleft())
            else:
                assert message == {"event": "clear", "streamSid": self.stream_sid}
                self.clears += 1
                pending = [item for item in self.buffer if isinstance(item, str)]
                self.buffer.clear()
                for name in pending:
                    await self._return_mark(name)

    async def speak(self, ms: int) -> None:
        self.speaking = True
        await paced(ms / 1000)
        self.speaking = False

    async def agent_begins(self, within_s: float = 5.0) -> None:
        """Wait until the agent is being heard."""
        before = self.played_ms
        await until(lambda: self.played_ms != before, within_s=within_s, what="the agent's voice")

    async def agent_ends(self, quiet_ms: int = 300, within_s: float = 30.0) -> None:
        """Wait until the agent has not been heard for `quiet_ms`."""
        loop = asyncio.get_running_loop()
        played_ms, since_s = self.played_ms, loop.time()

        def quiet() -> bool:
            nonlocal played_ms, since_s
            if self.played_ms != played_ms:
                played_ms, since_s = self.played_ms, loop.time()
            return loop.time() - since_s >= quiet_ms / 1000

        await until(quiet, within_s=within_s, what=f"{quiet_ms} ms of the agent's silence")
