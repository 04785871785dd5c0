"""`offhook serve` as a process of its own, on a free port, in a folder of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.support.waiting import until

TOKEN = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True, slots=True)
class ServiceProcess:
    """A running service: `process` is what was started (with --supervise, the supervisor)."""

    url: str
    process: Process
    calls: Path
    log: Path

    def worker(self) -> int | None:
        """The supervisor's worker, if there is one now."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0]) if children else None


@contextlib.asynccontextmanager
async def service_process(
    folder: Path, *options: str, output: int | None = None, **settings: str
) -> AsyncIterator[ServiceProcess]:
    """Start `offhook serve` in `folder`; `settings` without OFFHOOK_. It is ended, and waited for, at the end.

    `output` is a descriptor for what it writes; else that goes into the file `log`.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OFFHOOK_", "TWILIO_"))}
    caps = {
        "MAX_CALLS": "300",
        "MAX_CALLS_PER_SOURCE": "0",
        "CALLS_PER_MINUTE": "0",
        "CALLS_PER_MINUTE_PER_SOURCE": "0",
    }
    given = {"PORT": str(port), "DRAIN_S": "0", **caps, **settings}
    environment |= {f"OFFHOOK_{name}": value for name, value in given.items()}
    environment |= {"TWILIO_AUTH_TOKEN": TOKEN, "PYTHONPATH": os.getcwd()}
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "telephony.cli", "serve", *options,
            cwd=folder, env=environment, stdout=output or log, stderr=output or log,
        )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        await _until_ready(url, process, folder / "log")
        yield ServiceProcess(url, process, folder / "calls", folder / "log")
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(40):
                await process.wait()
        except TimeoutError:
            process.kill()


async def _until_ready(url: str, process: Process, log: Path) -> None:
    async with aiohttp.ClientSession() as http:

        async def ready() -> bool:
            assert process.returncode is None, f"the service ended with status {process.returncode}: {log.read_text()}"
            with contextlib.suppress(aiohttp.ClientError):
                async with http.get(f"{url}/readyz") as answer:
                    return answer.status == 200
            return False

        await until(ready, within_s=30, what="the service, ready", every_s=0.05)
