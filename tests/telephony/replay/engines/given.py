"""Records made by hand, and the books of a run on them whose line is as late as the loop's clock says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from agent.definition import AgentDefinition
from telephony.replay.engines.embedded import Embedded
from telephony.replay.engines.serving import Serving
from telephony.replay.plan import Plan
from telephony.replay.recorded import Recorded
from tests.agent.support import make_agent
from tests.support.virtual_loop import passes

STARTED: Mapping[str, Any] = {"kind": "call.started", "media_ms": 0, "call_ms": 0.0, "record": "journal"}
ENGINES = {"stt": "then-ear", "llm": "then-model", "tts": "then-voice", "vad": "energy"}


def a_record(**fields: Any) -> Recorded:
    """A call at 8 kHz with a journal of one line; any field may be given instead."""
    nothing = Recorded(
        "call", Path("call"), 8000, caller=b"", events=(STARTED,), engines=ENGINES, ended_ms=60_000, agent="test-desk"
    )
    return replace(nothing, **fields)


def plain(pcm: bytes = b"") -> Recorded:
    """A plain recording: no journal."""
    return Recorded("a.wav", Path("a.wav"), 8000, caller=pcm)


def books(
    recorded: Recorded, plan: Plan | None = None, recorded_ms: Callable[[int], int] = lambda media_ms: media_ms
) -> Serving:
    """The run's books; call it in a virtual loop."""
    return Serving(plan or Plan(missing="stop"), recorded, at_ms=now_ms, recorded_ms=recorded_ms)


def now_ms() -> int:
    return round(asyncio.get_running_loop().time() * 1000)


async def until_ms(media_ms: int) -> None:
    """Wait until the line is so late."""
    await passes(max(0.0, media_ms / 1000 - asyncio.get_running_loop().time()))


def own(kind: str, serving: Serving, *others: str, agent: AgentDefinition | None = None) -> Embedded:
    """What the agent's own engine is reached by."""
    return Embedded(kind, agent or make_agent(), serving, others)
