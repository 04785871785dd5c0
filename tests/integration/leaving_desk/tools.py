"""The leaving desk's one tool of its own."""

from agent.line import SendDigits
from agent.tools.base import Leaving, ToolContext
from agent.tools.decorator import tool


@tool(effect="write")
def press_keys(ctx: ToolContext) -> Leaving:
    """Press keys, then come back."""
    return Leaving(SendDigits("ww12#"), {"outcome": "pressing"})
