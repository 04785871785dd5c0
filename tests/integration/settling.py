"""Waiting for a real service to come to rest, or to have its next worker."""

from __future__ import annotations

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


async def next_worker(service: ServiceProcess, old: int) -> None:
    """Until another worker than `old` is there."""
    await until(lambda: service.worker() not in (None, old), within_s=20, what="the next worker")
