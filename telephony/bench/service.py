"""A service of its own for a benchmark: a child process on a free port, with an agent, perhaps on chosen cores."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from agent.errors import LocalError

#: Engines load their models and speak the agent's phrases before the service is ready.
READY_DEADLINE_S = 60.0
STOP_DEADLINE_S = 15.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


@dataclass(frozen=True, slots=True)
class BenchService:
    """A running service: where it is, what signs for it, where its calls go."""

    url: str
    auth_token: str
    calls_dir: Path
    pid: int

    def cpu_s(self) -> float:
        """Processor time used so far. Linux only."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

    def memory_mib(self) -> float:
        """Resident memory. Linux only."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * _PAGE_BYTES / 2**20

    def waited_s(self) -> float:
        """How long the service's loop was ready to run and had no core, because others had it. Linux only."""
        return int(Path(f"/proc/{self.pid}/task/{self.pid}/schedstat").read_text().split()[1]) / 1e9

    def descriptors(self) -> int:
        """Open files and sockets. Linux only."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def threads(self) -> int:
        """Threads. Linux only."""
        return len(os.listdir(f"/proc/{self.pid}/task"))


def pin(cores: Sequence[int]) -> None:
    """Keep this process on `cores`, where the system can and has them."""
    if hasattr(os, "sched_setaffinity") and set(cores) <= os.sched_getaffinity(0):
        os.sched_setaffinity(0, cores)


def server_and_caller_cores() -> tuple[list[int], list[int]]:
    """One core for the service, the others for the callers; the same one where there is only one."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    return cores[:1], cores[1:] or cores[:1]


@contextlib.asynccontextmanager
async def bench_service(
    agent: str, folder: Path, *, max_calls: int = 1000, cores: Sequence[int] = ()
) -> AsyncIterator[BenchService]:
    """Start `offhook serve` with `agent` (a name or a folder), keeping calls and data in `folder`; stop it at the end.

    Raises LocalError with the service's own words if it does not come up.
    """
    port, token = _free_port(), secrets.token_hex(16)
    settings = {
        "AGENT": agent,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "PUBLIC_ORIGIN": "",
        "CALLS_DIR": str(folder / "calls"),
        "DATA_DIR": str(folder / "data"),
        "MAX_CALLS": str(max_calls),
        "MAX_CALLS_PER_SOURCE": "0",
        "CALLS_PER_MINUTE": "0",
        "CALLS_PER_MINUTE_PER_SOURCE": "0",
        "DRAIN_S": "1",
        "LOG_LEVEL": "warning",
    }
    environment = {**os.environ, "TWILIO_AUTH_TOKEN": token, **{f"OFFHOOK_{k}": v for k, v in settings.items()}}
    log = folder / "service.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "telephony.cli", "serve", env=environment, stdout=output, stderr=output
        )
    try:
        if cores and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(process.pid, cores)
        url = f"http://127.0.0.1:{port}"
        await _until_ready(url, process, log)
        yield BenchService(url, token, folder / "calls", process.pid)
    finally:
        await _stop(process)


async def _until_ready(url: str, process: asyncio.subprocess.Process, log: Path) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(READY_DEADLINE_S), aiohttp.ClientSession() as http:
            while process.returncode is None:
                with contextlib.suppress(aiohttp.ClientError):
                    async with http.get(f"{url}/readyz") as response:
                        if response.status == 200:
                            return
                await asyncio.sleep(0.1)
    raise LocalError(f"the service did not become ready; it said: {_last_words(log)}")


def _last_words(log: Path) -> str:
    return log.read_text(errors="replace").strip()[-2000:] or "nothing"


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_DEADLINE_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
