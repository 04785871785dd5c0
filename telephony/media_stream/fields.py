"""Reading the fields of a wire message: each value of the kind and size it should be, or Malformed."""

from __future__ import annotations

import json
from binascii import a2b_base64
from typing import Any

MAX_COUNTER = 2**53  # the largest integer that every JSON reader keeps exact; 50 messages a second never reach it


class Malformed(ValueError):
    """A message does not follow the protocol; the text names the field, and what was expected there."""


def json_object(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:  # RecursionError: nested without end; ValueError: also a huge number
        raise Malformed(f"not JSON ({shown(str(error))}): {shown(text)}") from None
    if type(data) is not dict:
        raise expected("message", "a JSON object", data)
    return data


def object_(data: dict[str, Any], name: str) -> dict[str, Any]:
    value = data.get(name)
    if type(value) is not dict:
        raise expected(name, "an object", value)
    return value


def text(data: dict[str, Any], name: str, where: str, default: str | None = None) -> str:
    value = data.get(name, default)
    if type(value) is not str:
        raise expected(where + name, "a string", value)
    return value


def counter(data: dict[str, Any], name: str, where: str = "", default: int | None = None) -> int:
    """A whole number, not negative, as a JSON string or a JSON number."""
    value = data.get(name, default)
    if type(value) is str and len(value) <= 16 and value.isdecimal() and value.isascii():
        return int(value)
    if type(value) is int and 0 <= value <= MAX_COUNTER:
        return value
    raise expected(where + name, "a whole number, 0 to 2^53, as a string or a number", value)


def payload(media: dict[str, Any]) -> bytes:
    value = media.get("payload")
    if type(value) is not str:
        raise expected("media.payload", "a base64 string", value)
    try:
        # Strict costs nothing here; lenient would drop foreign characters and so shift the audio without a word.
        return a2b_base64(value, strict_mode=True) if value else b""
    except ValueError:  # binascii.Error, or text that is not ASCII
        raise expected("media.payload", "base64 (RFC 4648, padded)", value) from None


def only(data: dict[str, Any], fields: set[str], where: str) -> None:
    if data.keys() != fields:
        names = sorted(fields - data.keys())
        problem = f"{where}{names[0]} is missing" if names else ""
        if not problem:
            problem = f"{where}{shown(min(data.keys() - fields))} is not a field of this message: leave it out"
        raise Malformed(problem)


def shown(value: object) -> str:
    """A value as an error message may show it: short, printable, and of no more work than its first characters."""
    if isinstance(value, str):
        return ascii(value[:60]) + ("…" if len(value) > 60 else "")
    if value is None or isinstance(value, bool | float):
        return json.dumps(value)
    return f"{type(value).__name__}"


def expected(field_name: str, what: str, value: object) -> Malformed:
    return Malformed(f"{field_name}: expected {what}, got {shown(value)}")
