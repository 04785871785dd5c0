"""CallParts: what one running call is made of, as the parts of its turn-taking need it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from agent.context import CallContext
from agent.definition import AgentDefinition
from agent.history import History
from agent.kit import EngineKit
from agent.line import Line
from agent.replies import Replies
from agent.speaking import Speaking
from agent.turns.floor import FloorKeeper


@dataclass(frozen=True, slots=True)
class CallParts:
    """`journal(kind, **data)` writes one line; `spawn` starts a task in the call's group."""

    line: Line
    agent: AgentDefinition
    kit: EngineKit
    ctx: CallContext
    floor: FloorKeeper
    speaking: Speaking
    history: History
    replies: Replies
    journal: Callable[..., None]
    spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
