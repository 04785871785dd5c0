"""Waiting for a real service to come to rest, or to have its next worker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from telephony.web.serve import Service
from tests.integration.processes import ServiceProcess
from tests.support.waiting import until


async def idle(service: Service, within_s: float = 5.0) -> None:
    """Until no call is left: a call's end comes behind its last byte."""
    await until(lambda: not service.host.state()["calls"], within_s=within_s, what="the end of every call")


async def settled(service: Service, within_s: float = 10.0) -> None:
    """Until neither a call nor a connection is left."""
    await until(
        lambda: not service.host.state()["calls"] and not any(service.host.state()["connections"].values()),
        within_s=within_s,
        what="the end of every call and connection",
    )


async def closed_journals(service: ServiceProcess, call: str) -> list[list[dict[str, Any]]]:
    """The journals of a call's streams, in their order, as soon as the last one is closed.

    The far end knows that a call is over before the service, another process, has written its end. (A stream whose
    worker was killed is never closed.)
    """

    def of_call() -> list[Path]:
        return sorted(service.calls.glob(f"{call}*"), key=lambda folder: (len(folder.name), folder.name))

    await until(
        lambda: (folders := of_call()) and (folders[-1] / "call.json").exists(),
        within_s=10,
        what=f"the end of {call}, written",
    )
    return [[json.loads(line) for line in (one / "journal.jsonl").read_text().splitlines()] for one in of_call()]


async def next_worker(service: ServiceProcess, old: int) -> None:
    """Until another worker than `old` is there."""
    await until(lambda: service.worker() not in (None, old), within_s=20, what="the next worker")
