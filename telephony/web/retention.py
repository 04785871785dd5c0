"""Retention: calls that were kept for as long as was promised are deleted, at start and every hour."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from agent.context import CallContext
from agent.errors import LocalError
from telephony.call_folders import prune

log = logging.getLogger("offhook.calls")

PRUNE_EVERY_S = 3600.0


async def prune_for_ever(calls_dir: Path, default_days: int, ctx: CallContext) -> None:
    """Delete what was promised to be kept no longer. A disk that refuses is tried again. Runs until it is cancelled."""
    while True:
        try:
            gone = await ctx.offload(prune, calls_dir, ctx.wall_time(), default_days, cost_ms=10, apart=True)
        except (OSError, LocalError) as error:
            log.error("old calls could not be deleted: %s", error)
        else:
            if gone:
                log.info("%d calls were deleted: their time to be kept is over", len(gone))
        await asyncio.sleep(PRUNE_EVERY_S)
