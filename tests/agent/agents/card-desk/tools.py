"""The card desk's tools: a payment that tells the number back, as careless systems do."""

from __future__ import annotations

from agent.tools.base import ToolContext
from agent.tools.decorator import tool


@tool(effect="irreversible")
def charge(ctx: ToolContext, card: str) -> dict[str, object]:
    """Charge a card."""
    if card.endswith("0"):
        raise ValueError(f"no such card: {card}")
    return {"outcome": "charged", "card": card, "digits": [int(digit) for digit in card], "receipt": 88213}


@tool(effect="write")
def note(ctx: ToolContext, consent: bool) -> dict[str, object]:
    """Write an answer down."""
    return {"outcome": "noted", "consent": consent}
