"""A log record as one line, of JSON or of text: whatever a stranger wrote, it stays within its line."""

from __future__ import annotations

import datetime as dt
import json
import logging
from typing import Literal

from telephony.logs.context import current_call
from telephony.logs.mask import masked

LogFormat = Literal["text", "json"]

#: A request's body may be 64 KiB; nobody reads that in a log.
MAX_TEXT_CHARS = 4000
MAX_TRACEBACK_CHARS = 20_000


def json_line(record: logging.LogRecord) -> str:
    """One JSON object in ASCII, without a newline: time (RFC 3339, UTC), level, logger, message; where there are such,
    call, event, the event's own fields, and error (a traceback)."""
    fields = getattr(record, "fields", None)
    line: dict[str, object] = {
        name: value if isinstance(value, bool | int | float) or value is None else _text(value)
        for name, value in (fields.items() if isinstance(fields, dict) else ())
    }
    # After the fields: none of them can pass for one of these.
    line |= {"time": _time(record), "level": record.levelname.lower(), "logger": _text(record.name)}
    line["message"] = message_of(record)
    if call := _call(record):
        line["call"] = _text(call)
    if event := getattr(record, "event", None):
        line["event"] = _text(event)
    if traceback := traceback_of(record):
        line["error"] = traceback
    first = ("time", "level", "event", "call", "logger", "message")
    ordered = {name: line[name] for name in (*(n for n in first if n in line), *(n for n in line if n not in first))}
    return json.dumps(ordered, ensure_ascii=True).replace("\x7f", "\\u007f")


def text_line(record: logging.LogRecord) -> str:
    """One line for people. A traceback follows in lines that begin with "  | ", as no other line does."""
    call, event, message = _text(_call(record)), getattr(record, "event", ""), message_of(record)
    # Most lines about a call name it in their words: once is enough.
    about = "".join((f" [{_plain(call)}]" if call not in message else "", f" {_plain(_text(event))}" if event else ""))
    line = f"{_time(record)} {record.levelname:<7} {_plain(record.name)}{about}: {_plain(message)}"
    traceback = traceback_of(record)
    return "\n".join([line, *(f"  | {_plain(part)}" for part in traceback.splitlines())])


def message_of(record: logging.LogRecord) -> str:
    """The record's message, masked and cut; one whose arguments do not fit it is shown as it is."""
    try:
        return _text(record.getMessage())
    except Exception:  # noqa: BLE001  a mistaken log call must not cost the line, nor the call that it is about
        return _text(f"{record.msg!r} with {record.args!r}")


def traceback_of(record: logging.LogRecord) -> str:
    """The record's traceback, masked and cut; "" if it has none."""
    if not record.exc_info or record.exc_info[0] is None:
        return ""
    try:
        text = logging.Formatter().formatException(record.exc_info)
    except Exception as error:  # noqa: BLE001  an exception whose own words fail
        text = f"{record.exc_info[0].__name__} (its text cannot be told: {type(error).__name__})"
    return masked(text)[-MAX_TRACEBACK_CHARS:]


def _call(record: logging.LogRecord) -> str:
    """The call that the record names, else the one that is being served."""
    named = getattr(record, "call", None)
    return current_call() if named is None else str(named)


def _text(value: object) -> str:
    # Masked before it is cut: half a secret is not known as one.
    text = masked(str(value))
    return text if len(text) <= MAX_TEXT_CHARS else f"{text[:MAX_TEXT_CHARS]}… ({len(text)} characters)"


def _plain(text: str) -> str:
    """What would move a terminal, or break the line, as an escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def _time(record: logging.LogRecord) -> str:
    when = dt.datetime.fromtimestamp(record.created, dt.UTC)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
