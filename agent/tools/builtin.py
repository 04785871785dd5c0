"""The tools every agent has: hang up, and hand over to a person."""

from __future__ import annotations

from typing import Any

from agent.line import HangUp, Transfer
from agent.tools.base import Leaving, Tool, ToolContext
from agent.tools.decorator import tool


@tool(effect="write")
def hang_up(ctx: ToolContext, reason: str = "done") -> Leaving:
    """End the call. Say goodbye first, in the same reply: the line is left only once that has been heard."""
    return Leaving(HangUp(reason), {"outcome": "leaving"})


@tool(effect="write")
def transfer_to_person(ctx: ToolContext, reason: str = "") -> Any:
    """Hand the caller over to a person, when they ask for one or you cannot help. Tell them so first."""
    if not ctx.transfer_to:
        return {"outcome": "no_one", "message": "No one is available to take the call at the moment."}
    return Leaving(Transfer(ctx.transfer_to, reason), {"outcome": "transferring"})


BUILTIN_TOOLS: tuple[Tool, ...] = (hang_up, transfer_to_person)
