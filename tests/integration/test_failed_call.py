"""A call that fails by a fault of ours: the log tells which fault and where, not what was in its text."""

from __future__ import annotations

import asyncio
import io
import json

import pytest

from telephony.logs import setup
from telephony.web import host
from telephony.web.serve import Service
from tests.integration.foreign_carrier import ForeignCarrier
from tests.support.waiting import until

CALL = "CA" + "6" * 32
SAID = "4111 1111 1111 1111"


@pytest.mark.parametrize("level", ["info", "debug"])
async def test_its_text_is_for_the_debug_level_only(
    service: Service, carrier: ForeignCarrier, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    async def fail(*_: object, **__: object) -> None:
        await asyncio.sleep(0)
        int(SAID)

    monkeypatch.setattr(host, "accept_stream", fail)
    stream = io.StringIO()
    undo = setup.configure(level, "json", stream)
    try:
        opened = await carrier.open(await carrier.voice(CALL), CALL)
        await until(lambda: service.host.counts["calls failed: ours"], within_s=5, what="the failed call, counted")
        await opened.socket.close()
    finally:
        undo()
    lines = [json.loads(line) for line in stream.getvalue().splitlines() if '"call.failed"' in line]
    assert (lines[0]["level"], lines[0]["call"]) == ("error", CALL)
    assert "ValueError in fail, test_failed_call.py:" in lines[0]["message"]
    assert "error" not in lines[0]
    assert (SAID in stream.getvalue()) == (level == "debug")
    assert [line["level"] for line in lines[1:]] == (["debug"] if level == "debug" else [])
