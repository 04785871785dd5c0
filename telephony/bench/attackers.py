"""Attackers: peers that do one thing wrong each, over and over. A program: `python -m telephony.bench.attackers`.

Each kind names the count by which the service must tell it (telephony/web/count_names.py), "" where it is served or
simply dropped. Its work is written against the bare socket: no client library would send most of it.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import os
import random
import secrets
import struct
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from twilio.request_validator import RequestValidator

#: The environment variable that holds the token for signing.
TOKEN_VARIABLE = "OFFHOOK_BENCH_TOKEN"
#: No attack lasts longer: the service ends each sooner.
LONGEST_S = 40.0
_FORM = "application/x-www-form-urlencoded"


class Attacker:
    """What every attack needs of the service that it attacks."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self.host, self.port = str(parts.hostname), int(parts.port or 80)
        self._url = url
        self._validator = RequestValidator(token)

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self.host, self.port)

    async def send(self, data: bytes, *, pause_s: float = 0.0, hold_s: float = 0.0) -> bytes:
        """Send, byte by byte if there is a pause; wait until the service closes, and do not close for so long. What it
        answered."""
        reader, writer = await self.open()
        try:
            for piece in (data[at : at + 1] for at in range(len(data))) if pause_s else (data,):
                writer.write(piece)
                await asyncio.sleep(pause_s)
                if reader.at_eof():
                    break
            answer = await reader.read(-1)
            await asyncio.sleep(hold_s)
            return answer
        finally:
            writer.transport.abort()

    def request(self, path: str, body: bytes = b"", *headers: str, kind: str = _FORM, method: str = "POST") -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}:{self.port}", *headers]
        lines += [f"Content-Type: {kind}", f"Content-Length: {len(body)}"] if method == "POST" else []
        return "\r\n".join([*lines, "", ""]).encode() + body

    def webhook(self, path: str, form: dict[str, str], *, signed: bool = True) -> bytes:
        body = urlencode(form).encode()
        fits = form if signed else {}
        return self.request(
            path, body, f"X-Twilio-Signature: {self._validator.compute_signature(self._url + path, fits)}"
        )

    async def token(self, call_sid: str) -> str:
        """The token of a call that the service expects from here on; "" if it refuses one."""
        form = {"CallSid": call_sid, "From": f"+1555{random.randrange(10**7):07d}", "To": "+15005550001"}
        answer = await self.send(self.webhook("/twilio/voice", form | {"CallStatus": "ringing"}))
        _, found, rest = answer.decode("latin-1").partition("/media/")
        return rest.partition('"')[0] if found else ""

    def upgrade(self, path: str, *headers: str) -> bytes:
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        more = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"]
        return self.request(path, b"", *more, *headers, method="GET")

    async def socket(self, *frames: bytes, again_s: float = 0.0, headers: tuple[str, ...] = ()) -> None:
        """A socket that is admitted, and then sends these frames; the last one, with a pause, again and again."""
        call_sid = "CA" + secrets.token_hex(16)
        token = await self.token(call_sid)
        reader, writer = await self.open()
        try:
            writer.write(self.upgrade(f"/media/{token}", *headers))
            await reader.readuntil(b"\r\n\r\n")
            data = b"".join(frames).replace(b"CALLSID", call_sid.encode())
            closing = asyncio.ensure_future(reader.read(-1))
            writer.write(data)
            await writer.drain()
            while again_s and not closing.done():
                await asyncio.wait({closing}, timeout=again_s)
                writer.write(frames[-1])
            await closing
        finally:
            writer.transport.abort()


def frame(payload: bytes | str, opcode: int = 1, first: int = 0x80) -> bytes:
    """A masked WebSocket frame; `first` holds FIN and the reserved bits."""
    data = payload.encode() if isinstance(payload, str) else payload
    size = len(data)
    if size < 126:
        length = struct.pack("!B", 0x80 | size)
    else:
        length = struct.pack("!BH", 0xFE, size) if size < 65536 else struct.pack("!BQ", 0xFF, size)
    return bytes([opcode | first]) + length + bytes(4) + data


def _message(event: str, **more: object) -> bytes:
    return frame(json.dumps({"event": event, "sequenceNumber": "2", "streamSid": "MZ1", **more}))


# The mask is zeros, and CALLSID is 7 letters that become 34: so it stands in a frame whose length is of the result.
_CALL = "CALLSID"
_START = {"accountSid": "AC1", "streamSid": "MZ1", "callSid": _CALL, "tracks": ["inbound"]}


def _start() -> bytes:
    text = json.dumps({"event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": _START})
    return frame(text.replace(_CALL, "X" * 34)).replace(b"X" * 34, _CALL.encode())


CONNECTED = frame('{"event":"connected","protocol":"Call","version":"1.0.0"}')
BEGUN = CONNECTED + _start()
_MEDIA = {"track": "inbound", "chunk": "1", "timestamp": "0", "payload": "/////w=="}

Attack = Callable[[Attacker], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One way of being hostile: the count that must tell it, and how it is done."""

    count: str
    attack: Attack


async def _spent(attacker: Attacker) -> None:
    token = await attacker.token("CA" + secrets.token_hex(16))
    for _ in range(2):
        reader, writer = await attacker.open()
        writer.write(attacker.upgrade(f"/media/{token}"))
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()


async def _dropped(attacker: Attacker) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1.5):
            await attacker.socket(BEGUN)


def _kinds() -> dict[str, Kind]:
    def sent(make: Callable[[Attacker], bytes], *, pause_s: float = 0.0, hold_s: float = 0.0) -> Attack:
        return lambda attacker: attacker.send(make(attacker), pause_s=pause_s, hold_s=hold_s)

    def spoken(*frames: bytes, again_s: float = 0.0, headers: tuple[str, ...] = ()) -> Attack:
        return lambda attacker: attacker.socket(*frames, again_s=again_s, headers=headers)

    form = {"CallSid": "CA" + "0" * 32, "CallStatus": "ringing"}
    deflate = ("Sec-WebSocket-Extensions: permessage-deflate",)
    return {
        "nothing sent": Kind("connection closed: no request", sent(lambda a: b"")),
        "half a head": Kind("connection closed: half a head", sent(lambda a: a.upgrade("/media/x")[:-4])),
        "a slow head": Kind("connection closed: half a head", sent(lambda a: a.upgrade("/media/x"), pause_s=1.0)),
        "a head of 100 kB": Kind(
            "connection closed: head too big", sent(lambda a: a.request("/", b"", "X: " + "x" * 100_000))
        ),
        "TLS to a plain port": Kind("connection closed: bad head", sent(lambda a: b"\x16\x03\x01" + bytes(500))),
        "HTTP/2": Kind("connection closed: HTTP/2", sent(lambda a: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")),
        "a bad handshake, held open": Kind(
            "connection closed: unanswered",
            sent(lambda a: a.upgrade("/media/x").replace(b"Version: 13", b"Version: 12"), hold_s=25.0),
        ),
        "a body that does not come": Kind(
            "refused: body too slow",
            sent(lambda a: a.webhook("/twilio/voice", form).replace(b"Content-Length: ", b"Content-Length: 9")),
        ),
        "pipelined garbage": Kind("", sent(lambda a: a.request("/healthz", method="GET") * 20 + b"\x00" * 500)),
        "a path that is not there": Kind("", sent(lambda a: a.request("/wp-login.php", method="GET"))),
        "unsigned": Kind("refused: unsigned", sent(lambda a: a.request("/twilio/voice", urlencode(form).encode()))),
        "badly signed": Kind("refused: signature", sent(lambda a: a.webhook("/twilio/voice", form, signed=False))),
        "no CallSid": Kind("refused: no CallSid", sent(lambda a: a.webhook("/twilio/voice", {"From": "x"}))),
        "a body of 100 kB": Kind(
            "refused: body too large", sent(lambda a: a.webhook("/twilio/voice", form | {"Big": "x" * 100_000}))
        ),
        "JSON": Kind("refused: not a form", sent(lambda a: a.request("/twilio/voice", b"{}", kind="application/json"))),
        "never joined": Kind("reservation expired", lambda a: a.token("CA" + secrets.token_hex(16))),
        "a forged token": Kind("socket refused: forged", sent(lambda a: a.upgrade("/media/" + "A" * 120))),
        "a spent token": Kind("socket refused: spent", _spent),
        "a socket elsewhere": Kind("socket refused: elsewhere", sent(lambda a: a.upgrade("/socket.io/"))),
        "a socket that says nothing": Kind("socket protocol: no_start", spoken()),
        "not JSON": Kind("socket protocol: not_json", spoken(frame("hello"))),
        "media before start": Kind("socket protocol: wrong_order", spoken(CONNECTED, _message("media", media=_MEDIA))),
        "another call's start": Kind(
            "socket protocol: wrong_call", spoken(BEGUN.replace(_CALL.encode(), b"CA" + b"1" * 32))
        ),
        "a second start": Kind("socket protocol: second_start", spoken(BEGUN, _start())),
        "an unknown event": Kind("socket protocol: unknown_event", spoken(BEGUN, _message("novelty"))),
        "a field that is missing": Kind("socket protocol: field", spoken(BEGUN, _message("dtmf"))),
        "bad base64": Kind(
            "socket protocol: payload", spoken(BEGUN, _message("media", media=_MEDIA | {"payload": "!"}), again_s=0.05)
        ),
        "silence for ever": Kind("socket protocol: silent", spoken(BEGUN)),
        "binary frames": Kind("socket protocol: binary", spoken(BEGUN, frame(b"x" * 100, 2) * 100)),
        "a message of 100 kB": Kind("socket protocol: too_big", spoken(BEGUN, frame("x" * 100_000))),
        "a flood of marks": Kind(
            "socket protocol: too_fast", spoken(BEGUN, _message("mark", mark={"name": "x"}) * 4000)
        ),
        "a flood of pings": Kind("connection closed: too much data", spoken(BEGUN, frame(b"", 9) * 250_000)),
        "compressed frames": Kind("", spoken(BEGUN, frame(b"\xaa" * 50, 1, 0xC0), headers=deflate)),
        "a socket that drops": Kind("", _dropped),
    }


KINDS = _kinds()


async def attack(url: str, token: str, number: int, seconds: float, pause_s: float, seed: int) -> Counter[str]:
    """`number` attackers at a time for so long; how often each kind was tried to its end."""
    attacker, done, names = Attacker(url, token), Counter[str](), list(KINDS)
    chance = random.Random(seed)

    async def one(first: int) -> None:
        await asyncio.sleep(chance.random() * pause_s)
        at = first
        while True:
            name = names[at % len(names)]
            at += 1
            with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                async with asyncio.timeout(LONGEST_S):
                    await KINDS[name].attack(attacker)
            done[name] += 1
            await asyncio.sleep(pause_s * (0.5 + chance.random()))

    running = [asyncio.create_task(one(seed + at)) for at in range(number)]
    await asyncio.sleep(seconds)
    for task in running:
        task.cancel()
    await asyncio.wait(running)
    return done


def main() -> None:
    """URL NUMBER SECONDS PAUSE_S SEED; the token stands in the environment. Prints what was tried, as JSON."""
    url, number, seconds, pause_s, seed = sys.argv[1:6]
    os.nice(15)  # the good callers beside us must keep time
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of writing to those who have left
    done = asyncio.run(attack(url, os.environ[TOKEN_VARIABLE], int(number), float(seconds), float(pause_s), int(seed)))
    sys.stdout.write(json.dumps(done))


if __name__ == "__main__":
    main()
