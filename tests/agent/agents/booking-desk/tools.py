"""The booking desk's tools: they take the values as the flow understood them, and give some back."""

from __future__ import annotations

from agent.tools.base import ToolContext
from agent.tools.decorator import tool


@tool(effect="write")
def book(ctx: ToolContext, day: str, deposit: str, email: str, surname: str, window: bool) -> dict[str, object]:
    """Book a table."""
    return {"outcome": "booked", "rest": f"{40 - float(deposit):.2f}", "code": f"{surname[0]}7"}


@tool(effect="write")
def take_message(ctx: ToolContext, caller: str, message: str) -> dict[str, object]:
    """Write a message down."""
    return {"outcome": "kept"}


@tool(effect="write")
def join(ctx: ToolContext, born: str, private: str, maiden: str) -> dict[str, object]:
    """Make somebody a member; told back as careless systems do."""
    return {"outcome": "joined", "born": born, "file": f"{maiden}, {private}"}


@tool(effect="write")
def pay(ctx: ToolContext, deposit: str) -> dict[str, object]:
    """Pay an amount."""
    return {"outcome": "paid"}
