"""Log lines: one line for each record, whatever it holds; no secret in any."""

from __future__ import annotations

import asyncio
import base64
import gc
import io
import json
import logging
import re
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.logs import mask, setup
from telephony.logs.context import call_context, current_call, event
from telephony.logs.flood import MOST_OF_A_SOURCE
from telephony.logs.lines import MAX_TEXT_CHARS, json_line, text_line
from telephony.logs.mask import MASK, SecretMask
from telephony.tokens import TokenDesk

SECRET = "s3cret/with+odd=characters"
log = logging.getLogger("offhook.test")


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    monkeypatch.setattr(mask, "_PROCESS", SecretMask())
    stream = io.StringIO()
    undo = setup.configure("info", "json", stream)
    yield stream
    undo()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def record(text: str, **more: Any) -> logging.LogRecord:
    made = logging.LogRecord("offhook.x", logging.WARNING, "f.py", 1, "%s", (text,), None)
    for name, value in more.items():
        setattr(made, name, value)
    return made


def raised(error: Exception) -> Any:
    try:
        raise error
    except type(error):
        return sys.exc_info()


def test_a_line_holds_what_it_is_about(stream: io.StringIO) -> None:
    with call_context("CA1"):
        log.warning("the %s was late", "mark", extra=event("call.late", took_ms=12, good=True, who="x"))
    log.info("outside")
    first, second = lines(stream)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.pop("time"))
    assert first == {
        "level": "warning",
        "event": "call.late",
        "call": "CA1",
        "logger": "offhook.test",
        "message": "the mark was late",
        "took_ms": 12,
        "good": True,
        "who": "x",
    }
    assert "call" not in second
    assert "event" not in second


hostile = st.text() | st.text(alphabet=st.characters(categories=["Cc", "Zl", "Zp", "Cs", "Cf"])) | st.just("ab" * 3000)


@settings(max_examples=60, deadline=None)
@given(hostile, hostile, hostile, hostile)
def test_any_text_gives_one_line_that_can_be_read(text: str, name: str, value: str, call: str) -> None:
    fields = {name: value, "level": "forged", "message": "forged"}
    made = record(text, fields=fields, event=value, call=call, exc_info=raised(ValueError(text)))
    line = json_line(made)
    assert line.isascii()
    assert line.isprintable()
    told = json.loads(line)
    assert (told["level"], told["logger"]) == ("warning", "offhook.x")
    if (
        len(text) <= MAX_TEXT_CHARS
        and "/media/" not in text
        and "/phone/events/" not in text
        and "asic" not in text
        and "earer" not in text
    ):
        assert told["message"] == json.loads(json.dumps(text))  # of two surrogates JSON makes one character
    assert told["error"].startswith("Traceback")


@settings(max_examples=60, deadline=None)
@given(hostile, hostile)
def test_text_keeps_to_its_line_too(text: str, value: str) -> None:
    first, *rest = text_line(record(text, event=value, call=value, exc_info=raised(ValueError(text)))).split("\n")
    assert first.isprintable()
    assert " WARNING offhook.x" in first
    assert rest
    assert all(part.startswith("  | ") and part.isprintable() for part in rest)


@pytest.mark.parametrize(
    ("message", "call", "told"),
    [
        ("call CA1 begins", "CA1", "offhook.x call.started: call CA1 begins"),
        ("the disk is full", "CA1", "offhook.x [CA1] call.started: the disk is full"),
        ("the disk is full", "", "offhook.x call.started: the disk is full"),
    ],
)
def test_a_text_line_names_its_call_once(message: str, call: str, told: str) -> None:
    line = text_line(record(message, call=call, event="call.started"))
    assert line.partition(" WARNING ")[2] == told


def test_a_mistaken_log_call_is_still_a_line() -> None:
    mistaken = logging.LogRecord("offhook.x", logging.WARNING, "f.py", 1, "%d of %d", ("x",), None)
    assert json.loads(json_line(mistaken))["message"] == "'%d of %d' with ('x',)"


def test_secrets_are_masked_wherever_they_come(stream: io.StringIO) -> None:
    mask.hide(SECRET)
    token = TokenDesk(b"k" * 32, "w", now_ms=lambda: 0, random_bytes=lambda n: b"r" * n).mint("CA" + "1" * 32)
    spellings = (SECRET, quote(SECRET, safe=""), base64.b64encode(SECRET.encode()).decode(), token)
    for secret in (
        *spellings,
        token.replace(".", "%2e"),
        f"/media/{token[:30]}",
        f"/phone/events/{token[:30]}",
        "Basic " + "b2ZmaG9vazpodW50ZXIy",
    ):
        log.warning("saw %s here", secret, extra=event("x", path=secret))
        log.error("failed", exc_info=raised(ValueError(f"near {secret}")))
    logging.getLogger("asyncio").error("Task exception\ntask: <GET /media/%s>", token)
    logging.getLogger("offhook.server").error("Error in ASGI %s", {"raw_path": f"/media/{token}".encode()})
    log.warning("x" * (MAX_TEXT_CHARS - 4) + SECRET)
    written = stream.getvalue()
    for secret in (*spellings, SECRET[:4], token[:30], token[-20:], "b2ZmaG9vazpodW50ZXIy"):
        assert secret not in written
    assert written.count(MASK) > 20
    assert len(lines(stream)) == 19


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://a.example/twilio/gather?said=4111", "https://a.example/twilio/gather"),
        ("https://user:pass@a.example:8443/x#said", "https://a.example:8443/x"),
        ("/x/mail@b", "/x/mail@b"),
        ("", ""),
    ],
)
def test_of_a_url_its_query_and_its_password_are_left_out(url: str, told: str) -> None:
    assert mask.bare_url(url) == told


def test_masking_takes_linear_time() -> None:
    for text in (
        "a" * 300_000,
        "basic " * 50_000,
        "/media/" * 40_000,
        "/phone/events/" * 20_000,
        ("a" * 50 + ".") * 5_000,
        " " * 300_000,
    ):
        began_s = time.process_time()
        mask.masked(text)
        assert time.process_time() - began_s < 1, text[:20]


def test_a_flood_is_told_in_a_few_lines(stream: io.StringIO) -> None:
    for _ in range(100):
        log.warning("refused", extra=event("refused.token", source="192.0.2.1"))
        log.warning("kept")
    events = [line.get("event") for line in lines(stream)]
    assert events.count("refused.token") == MOST_OF_A_SOURCE
    assert events.count(None) == 100


def test_the_rest_of_a_flood_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    now = [0.0]
    handler = setup.OneLineHandler(stream, "json", lambda: now[0])
    for _ in range(MOST_OF_A_SOURCE + 120):
        handler.handle(record("no", event="refused.token", fields={"source": "192.0.2.1"}))
    now[0] = 11.0
    with call_context("CA1"):
        handler.tell_suppressed()
    told = lines(stream)
    assert len(told) == MOST_OF_A_SOURCE + 1
    assert told[-1]["message"] == "… and 120 more like this in the last 10 s"
    assert (told[-1]["event"], told[-1]["source"], told[-1]["more"]) == ("refused.token", "192.0.2.1", 120)
    assert "call" not in told[-1], "it is about no one call"


async def test_a_calls_tasks_and_threads_are_its_own(stream: io.StringIO) -> None:
    async def work() -> None:
        await asyncio.to_thread(log.info, "thread")
        log.info("task")

    with call_context("CA7"):
        task = asyncio.create_task(work())
    assert current_call() == ""
    await task
    assert [line["call"] for line in lines(stream)] == ["CA7", "CA7"]


async def test_what_python_says_itself_goes_the_same_way(stream: io.StringIO) -> None:
    class Bad:
        def __del__(self) -> None:
            raise ValueError("in\na destructor")

    warnings.warn("mind\nthe gap", stacklevel=1)
    Bad()
    gc.collect()
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    asyncio.get_running_loop().call_exception_handler({"message": "lost\nline", "exception": ValueError("x")})
    told = lines(stream)
    assert [line["logger"] for line in told] == ["py.warnings", "offhook", "offhook", "asyncio"]
    assert [line.get("event") for line in told] == [None, "unraisable", "crash", None]
    assert "ZeroDivisionError" in told[2]["error"]


def test_all_is_as_it_was_when_undone() -> None:
    root = logging.getLogger()
    before = (root.handlers[:], root.level, sys.excepthook, sys.unraisablehook, threading.excepthook)
    setup.configure("debug", "text", io.StringIO())()
    assert (root.handlers, root.level, sys.excepthook, sys.unraisablehook, threading.excepthook) == before
