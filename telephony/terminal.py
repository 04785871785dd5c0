"""Words for a terminal: any text made harmless, and how a call was left and ended, as people say it."""

from __future__ import annotations

from collections.abc import Mapping

_ENDINGS = {
    "agent: hangup": "the agent hung up",
    "agent: transfer": "the agent transferred the caller",
    "agent: senddigits": "the agent left to send digits",
    "caller: stop": "the caller hung up",
    "caller: closed": "the line was cut",
    "caller: silent": "the line fell silent",
    "caller: left": "the service stopped",
    "cancelled": "the service stopped",
    "error": "an error of ours",
}


def plain(text: object) -> str:
    """Any text, harmless on a terminal: what would move it, or colour it, is shown as a replacement character."""
    return "".join(char if char.isprintable() else " " if char in "\t\n\r" else "\ufffd" for char in str(text))


def ending(reason: str) -> str:
    """Who or what ended a call; `reason` as the journal's `call.ended` has it."""
    if reason.startswith("caller: ") and reason not in _ENDINGS:
        return f"the line failed: {reason.removeprefix('caller: ')}"
    return _ENDINGS.get(reason, reason)


def leaving(decision: Mapping[str, object]) -> str:
    """What the agent does to leave; `decision` as the journal's `leave` has it."""
    reason = decision.get("reason")
    because = f" ({reason})" if reason and reason != "done" else ""
    match decision.get("type"):
        case "HangUp":
            return f"hangs up{because}"
        case "Transfer":
            return f"transfers the caller to {decision.get('to')}{because}"
        case "SendDigits":
            return f"sends the digits {decision.get('digits')}"
        case other:
            return f"leaves: {other}"
