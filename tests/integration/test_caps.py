"""Caps on calls, at a real service: who comes too often is refused politely, counted, and told in the log."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from telephony.auth import auth_token
from telephony.settings import load_settings
from telephony.web import host as host_module
from telephony.web import room as room_module
from tests.integration.conftest import StartService
from tests.integration.foreign_carrier import ForeignCarrier
from tests.support.waiting import until


def sid(number: int) -> str:
    return f"CA{number:032d}"


def refused(document: ElementTree.Element) -> bool:
    return [verb.tag for verb in document] == ["Say", "Hangup"]


async def test_callers_are_held_to_the_settings_caps(
    start_service: StartService, caplog: pytest.LogCaptureFixture
) -> None:
    service = await start_service(max_calls_per_source=2, calls_per_minute=5, calls_per_minute_per_source=3)
    counts = service.host.counts
    async with ForeignCarrier(service.url, auth_token(load_settings()).get_secret_value()) as carrier:
        for _ in range(3):
            twiml = await carrier.voice(sid(1), From="anonymous")
            assert not refused(twiml), "a retry is no new call"
        assert not refused(await carrier.voice(sid(2), From="anonymous"))
        assert refused(await carrier.voice(sid(3), From="anonymous"))
        assert counts["refused: source"] == 1
        for number in (4, 5, 6):
            assert not refused(await carrier.voice(sid(number), From=f"+1555000000{number}"))
        assert refused(await carrier.voice(sid(7), From="+15550000007"))
        assert counts["refused: rate"] == 1
        assert "<Connect" in await carrier.after(twiml, sid(1)), "a call that comes back is no new call"
    assert "too many calls at once from its number (OFFHOOK_MAX_CALLS_PER_SOURCE)" in caplog.text


async def test_a_place_that_nobody_takes_is_free_again(
    start_service: StartService, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(room_module, "EXPECTED_FOR_MS", 200)
    monkeypatch.setattr(host_module, "EXPECTED_FOR_MS", 200)
    service = await start_service(max_calls=1)
    async with ForeignCarrier(service.url, auth_token(load_settings()).get_secret_value()) as carrier:
        assert not refused(await carrier.voice(sid(1)))
        assert refused(await carrier.voice(sid(2)))
        await until(lambda: service.host.counts["reservation expired"], within_s=5, what="the place, free again")
        assert not refused(await carrier.voice(sid(2)))
    assert f"call {sid(1)}: nobody came to the socket" in caplog.text
