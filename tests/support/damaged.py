"""Media streams that go wrong: a carrier's messages, some of them damaged, in an order that a seed decides."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from typing import Any

CONNECTED: dict[str, Any] = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
WEIRD: list[Any] = [
    None, True, -1, 0, 1, 2**53, 2**64, -(2**70), 1e308, 1e-5, "", "0", "-1", "9" * 30, "x" * 3000, "\ud800", "\x00",
    [], {}, [[[]]], {"a": {"b": []}}, ["inbound", 7], "NaN", "null", "1:160", "99:1", "١٢",
]  # fmt: skip
EVENTS = ("connected", "start", "media", "dtmf", "mark", "stop", "clear", "novelty", "", "MEDIA")


def start(call_sid: str) -> dict[str, Any]:
    about = {
        "accountSid": "AC1",
        "streamSid": "MZ1",
        "callSid": call_sid,
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"a": "b"},
    }
    return {"event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": about}


def media(number: int, chance: random.Random) -> dict[str, Any]:
    sample = b"\xff" if chance.random() < 0.7 else bytes([chance.randrange(256)])
    payload = base64.b64encode(sample * chance.choice((160, 160, 160, 1, 0, 800))).decode()
    body = {"track": "inbound", "chunk": str(number), "timestamp": str(20 * number), "payload": payload}
    return {"event": "media", "sequenceNumber": str(number + 2), "streamSid": "MZ1", "media": body}


def stream(call_sid: str, number: int, chance: random.Random, damaged: float = 0.2) -> Iterator[str]:
    """`number` messages; about `damaged` of them are not as they should be. Without `stop`, but for damage."""
    opening = [CONNECTED, start(call_sid)]
    for at in range(number):
        message: dict[str, Any]
        if at < len(opening):
            message = opening[at]
        else:
            kind = chance.random()
            message = media(at - 2, chance)
            if kind > 0.9:
                name = chance.choice((f"{chance.randrange(4)}:{chance.randrange(9000)}", "x", ""))
                message = {"event": "mark", "sequenceNumber": str(at), "streamSid": "MZ1", "mark": {"name": name}}
            elif kind > 0.88:
                digit = chance.choice("0123456789*#")
                message = {"event": "dtmf", "sequenceNumber": str(at), "streamSid": "MZ1", "dtmf": {"digit": digit}}
        text = json.dumps(message)
        yield damage(message, text, chance) if chance.random() < damaged else text


def damage(message: dict[str, Any], text: str, chance: random.Random) -> str:
    """The message, no longer as it should be - or, by luck, still so."""
    kind = chance.randrange(9)
    at = chance.randrange(len(text))
    if kind == 0:
        return text[:at]
    if kind == 1:
        return text[:at] + chance.choice('{}[]":,\\\x00é\ud800 9-') + text[at + 1 :]
    if kind == 2:
        return text[at:] + text[:at]
    if kind == 3:
        return text + text
    if kind == 4:
        return json.dumps(chance.choice(WEIRD))
    if kind == 5:
        return "[" * chance.randrange(1, 3000) + text
    changed = json.loads(text)
    place = changed
    while isinstance(inner := place[name := chance.choice(list(place))], dict) and inner and chance.random() < 0.8:
        place = inner
    if kind == 6:
        del place[name]
    elif kind == 7:
        place[name] = chance.choice(WEIRD)
    else:
        changed["event"] = chance.choice(EVENTS)
    return json.dumps(changed)
