"""A service that stops while peers hold on to their connections: it ends in time, and its log holds no traceback."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import aiohttp

from tests.integration.conftest import AGENT
from tests.integration.processes import service_process
from tests.support.waiting import until

HALF_A_BODY = b"POST /twilio/voice HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"


async def test_peers_that_hold_on_leave_no_traceback(tmp_path: Path) -> None:
    agent = tmp_path / "agents" / "test-desk"
    agent.mkdir(parents=True)
    (agent / "agent.toml").write_text(AGENT)
    async with service_process(tmp_path, AGENT=str(agent)) as service, asyncio.timeout(20):
        writers = []
        for _ in range(10):
            _, writer = await asyncio.open_connection("127.0.0.1", int(service.url.rsplit(":", 1)[1]))
            writer.write(HALF_A_BODY)
            writers.append(writer)

        async def all_are_served() -> bool:
            async with aiohttp.ClientSession() as http, http.get(f"{service.url}/readyz") as answer:
                return sum((await answer.json(content_type=None))["connections"].values()) > len(writers)

        await until(all_are_served, within_s=5, what="every connection, taken")
        service.process.send_signal(signal.SIGTERM)
        assert await service.process.wait() == 0
        for writer in writers:
            writer.close()
    log = service.log.read_text()
    assert "Traceback" not in log
    assert "Exception in callback" not in log
    assert " ERROR " not in log
