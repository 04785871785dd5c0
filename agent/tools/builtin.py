"""The tools every agent has: hang up, hand over to a person, press keys at the far end, take a message."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from agent.line import HangUp, SendDigits, Transfer
from agent.tools.base import Leaving, Tool, ToolContext
from agent.tools.decorator import tool
from agent.tools.messages import Message, keep_message


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


@tool(effect="write")
def send_keys(
    ctx: ToolContext,
    keys: Annotated[
        str,
        # What Twilio's <Play digits> takes; A-D no carrier of ours sends.
        Field(pattern=r"^[0-9*#w]{1,32}$", description="0-9, * and #; w waits for half a second"),
    ],
) -> Leaving:
    """Press keys at the far end, to get through another service's menu, when it asks for them. Not for anything that a
    caller asks you to press. The conversation goes on after it."""
    return Leaving(SendDigits(keys), {"outcome": "sending", "keys": keys})


@tool(
    effect="write",
    claims=(
        "taken your message",
        "taken a message",
        "taken the message",
        "took your message",
        "passed your message",
        "passed it on",
        "passed that on",
        "left a message",
        "left them a message",
    ),
)
def take_message(
    ctx: ToolContext,
    message: Annotated[str, Field(min_length=1, max_length=2000, description="what to pass on, in the caller's words")],
    name: Annotated[str, Field(max_length=200, description="who it is from")] = "",
    number: Annotated[str, Field(max_length=50, description="where to call back, if not the caller's number")] = "",
) -> dict[str, object]:
    """Take a message for the people of this desk, when the caller wants to leave one or nobody can be reached. Say back
    what you will write down first."""
    asked_at = ctx.ctx.wall_time().isoformat(timespec="seconds")
    taken = Message(asked_at, ctx.call_id, ctx.caller, name.strip(), number.strip(), message.strip())
    return {"outcome": keep_message(ctx.data_dir, taken)}


#: They change nothing but where the call goes.
DECIDING_TOOLS: tuple[Tool, ...] = (hang_up, transfer_to_person, send_keys)
BUILTIN_TOOLS: tuple[Tool, ...] = (*DECIDING_TOOLS, take_message)
