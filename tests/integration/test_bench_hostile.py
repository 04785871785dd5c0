"""The attackers of `offhook bench hostile`: each does what it says, and the service tells it by its name."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from telephony.auth import auth_token
from telephony.bench.attackers import KINDS, Attacker
from telephony.settings import load_settings
from telephony.web import connections, server
from telephony.web.count_names import FAMILIES
from tests.integration.conftest import StartService
from tests.integration.settling import settled


async def test_each_kind_is_told_by_its_name(start_service: StartService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.8)
    monkeypatch.setattr(connections, "_TIME_S", dict.fromkeys(connections.Phase, 1.5))
    monkeypatch.setattr(server, "SWEEP_S", 0.05)
    monkeypatch.setattr("telephony.web.app.BODY_TIMEOUT_S", 1.0)
    for name in ("telephony.media_stream.line.DEAD_S", "telephony.web.host.START_DEADLINE_S"):
        monkeypatch.setattr(name, 1.0)
    for name in ("telephony.web.room.EXPECTED_FOR_MS", "telephony.web.host.EXPECTED_FOR_MS"):
        monkeypatch.setattr(name, 1500)
    service = await start_service(max_calls=1000)
    attacker = Attacker(service.url, auth_token(load_settings()).get_secret_value())

    async def one(name: str) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            async with asyncio.timeout(8):
                await KINDS[name].attack(attacker)

    # A handshake that failed is held open until it is cut: no longer than for that.
    await asyncio.gather(*(one(name) for name in KINDS))
    counts = service.host.counts
    await settled(service)
    assert [name for name, kind in KINDS.items() if kind.count and not counts[kind.count]] == []
    assert counts["calls failed: ours"] == counts["connection closed: server error"] == 0


def test_every_count_that_is_named_is_one_of_the_metrics() -> None:
    known = {name for family in FAMILIES for name in family.names.values()}
    assert {kind.count for kind in KINDS.values()} - {""} <= known
    assert len(KINDS) > 30
