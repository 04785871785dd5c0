"""`offhook bench hostile`: good calls alone, and again beside hundreds of hostile sockets and webhooks.

The service is pinned to one core; callers and attackers share the others, the attackers at the lowest priority. The
callers report their own lateness: where it is high, the figures tell of the callers, not of the service.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from telephony.bench.attackers import KINDS, TOKEN_VARIABLE
from telephony.bench.capacity import CALLER_LATE_MS, measure_step, talk
from telephony.bench.latency import AGENTS
from telephony.bench.service import BenchService, bench_service, pin, server_and_caller_cores

#: The attackers are at work before the calls begin, and until they are over.
LEAD_S = 12.0
FIRST_VOLLEY_S = 20.0
#: What connections, reservations and calls of attackers have when these are gone, at the latest.
SETTLE_S = 60.0
PROCESSES = 2
#: After an attack, before the same attacker begins the next one.
PAUSE_S = 2.0


async def measure_hostile(
    calls: int, hostile: int, *, turns: int, on_part: Callable[[str, dict[str, Any]], None]
) -> dict[str, Any]:
    """Good calls alone, beside attackers, and what is left afterwards. `on_part` hears of each part as it is known."""
    server_cores, caller_cores = server_and_caller_cores()
    pin(caller_cores)
    script = talk(turns)
    with tempfile.TemporaryDirectory(prefix="offhook-bench-") as folder:
        async with bench_service(AGENTS["synthetic"], Path(folder), cores=server_cores) as service:
            await measure_step(service, script, 1)  # what the first call makes once and for all
            fresh = await _left(service)
            # A first volley makes the threads and fills the allocator's pools; what a second one adds would be a leak.
            await _attack(service, hostile, FIRST_VOLLEY_S)
            before = await _settled(service)
            alone = await measure_step(service, script, calls)
            on_part("alone", alone)
            seconds = LEAD_S + alone["seconds"] + 5.0
            peak = _Peak()
            watch = asyncio.create_task(peak.watch(service))
            attacks = asyncio.create_task(_attack(service, hostile, seconds))
            await asyncio.sleep(LEAD_S)
            beside = await measure_step(service, script, calls)
            on_part("beside", beside)
            tried = await attacks
            began_s = asyncio.get_running_loop().time()
            after = await _settled(service)
            settle_s = asyncio.get_running_loop().time() - began_s
            watch.cancel()
            await asyncio.wait({watch})
            counts = (await _state(service))["counts"]
            log = (Path(folder) / "service.log").read_text(errors="replace")
    kinds = {
        name: {"tried": tried.get(name, 0), "count": kind.count, "counted": counts.get(kind.count, 0)}
        for name, kind in KINDS.items()
    }
    return {
        "calls": calls,
        "hostile": hostile,
        "attacks": sum(tried.values()),
        "server_cores": server_cores,
        "alone": alone,
        "beside": beside,
        "void": beside["caller_late_p99_ms"] > CALLER_LATE_MS,
        "fresh": fresh,
        "before": before,
        "peak": {"memory_mib": peak.memory_mib, "descriptors": peak.descriptors},
        "after": after,
        "settled_after_s": round(settle_s, 1),
        "kinds": kinds,
        "not_counted": [n for n, kind in kinds.items() if kind["count"] and kind["tried"] and not kind["counted"]],
        "log_lines": log.count("\n"),
        "failed": counts.get("calls failed: ours", 0) + counts.get("connection closed: server error", 0),
        "tracebacks": log.count("Traceback"),
        "first_traceback": log[max(0, log.find("Traceback") - 300) :][:4000] if "Traceback" in log else "",
    }


@dataclass(slots=True)
class _Peak:
    """The most that the service held at any time."""

    memory_mib: float = 0.0
    descriptors: int = 0

    async def watch(self, service: BenchService) -> None:
        """Look, until cancelled."""
        while True:
            self.memory_mib = max(self.memory_mib, round(service.memory_mib(), 1))
            self.descriptors = max(self.descriptors, service.descriptors())
            await asyncio.sleep(0.25)


async def _attack(service: BenchService, number: int, seconds: float) -> dict[str, int]:
    """Run the attackers, in processes of their own; how often each kind was tried."""
    environment = {**os.environ, TOKEN_VARIABLE: service.auth_token}
    shares = [number // PROCESSES + (at < number % PROCESSES) for at in range(PROCESSES)]
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "telephony.bench.attackers", service.url),
            *(str(share), str(seconds), str(PAUSE_S), str(at * 17)),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
        )
        for at, share in enumerate(shares)
    ]
    tried: dict[str, int] = {}
    for process in processes:
        output, _ = await process.communicate()
        for name, times in json.loads(output or b"{}").items():
            tried[name] = tried.get(name, 0) + times
    return tried


async def _state(service: BenchService) -> dict[str, Any]:
    async with aiohttp.ClientSession() as http, http.get(f"{service.url}/readyz") as response:
        state: dict[str, Any] = await response.json()
        return state


async def _left(service: BenchService) -> dict[str, Any]:
    """What the service holds, with nobody there but who asks."""
    state = await _state(service)
    return {
        "memory_mib": round(service.memory_mib(), 1),
        "descriptors": service.descriptors(),
        "threads": service.threads(),
        "tasks": state["tasks"],
        "calls": state["calls"],
        "reservations": state["expected"],
        "connections": sum(state["connections"].values()),
    }


async def _settled(service: BenchService) -> dict[str, Any]:
    """As `_left`, once all that the attackers had is gone - or when that takes too long."""
    left = await _left(service)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SETTLE_S):
            while left["calls"] or left["reservations"] or left["connections"] > 1:
                await asyncio.sleep(0.5)
                left = await _left(service)
    return left
