"""A whole service against damaged streams, a dozen at once: it serves on, and nothing of them is left."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import random

import aiohttp
import pytest

from telephony.auth import auth_token
from telephony.settings import load_settings
from tests.integration.conftest import StartService
from tests.integration.foreign_carrier import ForeignCarrier
from tests.integration.settling import settled
from tests.support import damaged
from tests.support.waiting import paced, until

LONG = bool(os.environ.get("OFFHOOK_LONG"))


async def hostile(carrier: ForeignCarrier, seed: int) -> None:
    """One call that goes wrong in its own way."""
    chance = random.Random(seed)
    call_sid = f"CA{seed:032d}"
    url = await carrier.token_url(call_sid)
    if chance.random() < 0.1:
        return  # its TwiML was fetched, and nobody comes
    with contextlib.suppress(aiohttp.ClientError, ConnectionError, UnicodeEncodeError):
        async with carrier.http.ws_connect(url, autoclose=chance.random() < 0.8) as socket:
            for text in damaged.stream(call_sid, 60, chance, chance.choice((0.02, 0.2, 0.6))):
                if chance.random() < 0.03:
                    await socket.send_bytes(text.encode("utf-8", "replace"))
                elif chance.random() < 0.02:
                    await socket.ping(b"x" * chance.randrange(126))
                else:
                    await socket.send_str(text.encode("utf-8", "replace").decode())
                await paced(0.01)
                if socket.closed or chance.random() < 0.005:
                    break
            if chance.random() < 0.5:
                transport = socket.get_extra_info("transport")
                if transport is not None:
                    transport.abort()


@pytest.mark.parametrize("rounds", [2, pytest.param(150, marks=pytest.mark.long)])
async def test_damaged_streams_disturb_nobody(
    start_service: StartService, monkeypatch: pytest.MonkeyPatch, rounds: int
) -> None:
    if rounds > 2 and not LONG:
        pytest.skip("minutes long: ./scripts/test --long")
    for name in ("telephony.media_stream.line.DEAD_S", "telephony.web.host.START_DEADLINE_S"):
        monkeypatch.setattr(name, 0.5)
    monkeypatch.setattr("telephony.web.media_socket.LINGER_S", 0.2)
    monkeypatch.setattr("telephony.web.media_socket.DISCARD_S", 0.5)
    service = await start_service()
    async with ForeignCarrier(service.url, auth_token(load_settings()).get_secret_value()) as carrier:
        await asyncio.gather(*(hostile(carrier, seed) for seed in range(12)))
        await settled(service, 20)
        tasks, descriptors = len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd"))
        for number in range(1, rounds + 1):
            await asyncio.gather(*(hostile(carrier, 100 * number + seed) for seed in range(12)))
            await settled(service, 20)
        gc.collect()
        await until(
            lambda: len(asyncio.all_tasks()) <= tasks and len(os.listdir("/proc/self/fd")) <= descriptors + 2,
            within_s=10,
            what="tasks and descriptors as before",
        )
        async with carrier.http.get(f"{service.url}/readyz") as response:
            state = json.loads(await response.text())
    counts = service.host.counts
    assert state["calls"] == 0
    assert counts["calls failed: ours"] == counts["connection closed: server error"] == 0
    assert counts["calls ended by us"] == 0
    assert sum(counts[name] for name in counts if name.startswith("socket protocol: ")) > 20
