"""Words for people: any text made harmless on a terminal, and why a turn, a stop or a call came about."""

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

#: Why a turn was taken to be over, by the journal's `turn.ended`.
_TURN_ENDS = {
    "slot complete": "answer whole",
    "slot enough": "answer may be whole",
    "slot unfinished": "answer not whole, waited long enough",
    "complete": "sentence complete",
    "unsure": "sentence may be complete",
    "unfinished": "sentence not finished, waited long enough",
    "silence": "silence",
    "keys": "keys",
    "noise": "a noise that outlasted the agent",
    "max": "as long as a turn may be",
}
#: What the agent fell silent for, by the journal's `agent.took_up` (it went on) and `barge_in` (it was interrupted).
_STOPS = {
    "backchannel": "the caller was only listening",
    "noise": "a noise",
    "echo": "its own voice, come back",
    "silence": "a sound, and nothing more",
    "words": "the caller's words",
    "long speech": "the caller's speech",
    "key": "a key",
}
#: What a reason may be at most that this Offhook does not know.
_MOST_CHARS = 40


def plain(text: object) -> str:
    """Any text, harmless on a terminal: what would move it, or colour it, is shown as a replacement character."""
    return "".join(char if char.isprintable() else " " if char in "\t\n\r" else "\ufffd" for char in str(text))


def ending(reason: str) -> str:
    """Who or what ended a call; `reason` as the journal's `call.ended` has it."""
    if reason.startswith("caller: ") and reason not in _ENDINGS:
        return f"the line failed: {reason.removeprefix('caller: ')}"
    return _ENDINGS.get(reason, reason)


def turn_end(reason: str) -> str:
    """Why a turn was taken to be over; `reason` as the journal's `turn.ended` has it. Harmless for any."""
    return _TURN_ENDS.get(reason) or plain(reason)[:_MOST_CHARS]


def stopped_for(stop: Mapping[str, object]) -> str:
    """Why the agent fell silent, and what came of it, in one line; `stop` as in a summary (agent/summary.py).
    Harmless for any."""
    why = str(stop.get("why") or "")
    cause = _STOPS.get(why) or plain(why)[:_MOST_CHARS]
    if stop.get("then") == "barge_in" and why == "went on":
        return "interrupted: the caller went on with what they had said"
    if stop.get("then") == "barge_in":
        return f"interrupted by {cause}" if cause else "interrupted"
    silent_ms = stop.get("silent_ms")
    if stop.get("then") == "took_up" and isinstance(silent_ms, int | float):
        return f"silent for {silent_ms / 1000:.1f} s: {cause}"
    return "fell silent for a caller who speaks"


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
