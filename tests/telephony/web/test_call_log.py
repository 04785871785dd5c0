"""The log of a call: its beginning, its errors, its end; no words of it, no number."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from telephony.web.call_log import CallLog

NUMBER, WORDS = "+15551230000", "my pin is nine"


def tell(*events: dict[str, Any]) -> None:
    hear = CallLog()
    for event in events:
        hear(event)


def test_beginning_errors_and_end_are_told_and_nothing_that_was_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "offhook.calls")
    tell(
        {"kind": "call.started", "call_id": "CA1", "agent": "parcel-desk", "rate_hz": 8000, "caller": NUMBER},
        {"kind": "turn.committed", "text": WORDS},
        {"kind": "error", "where": "stt", "message": 'engine "x": too late'},
        {"kind": "error", "where": "call", "message": f"ValueError: {WORDS}"},
        {"kind": "agent.clause", "text": WORDS},
        {"kind": "call.ended", "reason": "agent: hangup", "call_ms": 12_345.6},
    )
    assert [record.getMessage() for record in caplog.records] == [
        "call CA1 begins: parcel-desk answers",
        'call CA1: error in stt: engine "x": too late',
        "call CA1: error in call: see call.failed",
        "call CA1 is over after 12.3 s and 1 turn: agent: hangup",
    ]
    last: Any = caplog.records[-1]
    assert (last.event, last.fields) == ("call.ended", {"reason": "agent: hangup", "duration_s": 12.3, "turns": 1})
    assert WORDS not in caplog.text
    assert NUMBER not in caplog.text
