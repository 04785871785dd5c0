"""A service whose log nobody reads: it serves, and stops when it is told to."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
from pathlib import Path

import aiohttp
import pytest

from tests.integration.conftest import AGENT
from tests.integration.foreign_carrier import ForeignCarrier
from tests.integration.processes import TOKEN, service_process

SHRINK = getattr(fcntl, "F_SETPIPE_SZ", None)


@pytest.mark.skipif(SHRINK is None, reason="a pipe's size is set on Linux only")
async def test_a_log_that_nobody_reads_holds_up_nothing(tmp_path: Path) -> None:
    agent = tmp_path / "agents" / "test-desk"
    agent.mkdir(parents=True)
    (agent / "agent.toml").write_text(AGENT)
    reader, end = os.pipe()
    assert SHRINK is not None
    fcntl.fcntl(end, SHRINK, 4096)
    try:
        async with service_process(tmp_path, output=end, AGENT=str(agent)) as service:
            async with ForeignCarrier(service.url, TOKEN) as carrier, asyncio.timeout(10):
                for number in range(100):
                    told = {"CallSid": f"CA{number:032d}", "CallStatus": "ringing"}
                    assert (await carrier.post(f"{service.url}/twilio/status", told))[0] < 300
                async with aiohttp.ClientSession() as http, http.get(f"{service.url}/metrics") as response:
                    assert "offhook_log_lines_lost_total " in await response.text()
            service.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(10):
                assert await service.process.wait() == 0
    finally:
        os.close(reader)
        os.close(end)
