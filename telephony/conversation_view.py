"""A conversation as it happens, on a terminal: made of the lines of its journal.

What callers say and tools return is hostile text: it is shown without markup and without control characters.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from agent.summary import STAGES
from telephony.terminal import ending, leaving, plain

#: What a tool returned is shown so far; the journal has all of it.
MAX_RESULT_CHARS = 160


#: Why a stretch of speech was no turn, by the journal's reason.
_REJECTED = {
    "no text": "(a sound, but no words that were understood)",
    "backchannel": "(listening, not a turn)",
    "echo": "(the agent's own voice, come back)",
    "noise": "(a noise)",
    "short": "(a sound, too short to interrupt)",
    "leaving": "(not listened to any more)",
    "stt": "(the recogniser failed)",
}


#: Why the agent goes on after all.
_TOOK_UP = {
    "backchannel": "(the caller is only listening: the agent goes on)",
    "noise": "(a noise: the agent goes on)",
    "echo": "(its own voice, come back: the agent goes on)",
    "silence": "(nothing more is heard: the agent goes on)",
}


class ConversationView:
    """Prints both sides, tool calls, and the latency of each turn with its stages."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.understood = 0
        """Turns of the caller that were understood, over all calls seen."""
        self._calls: dict[object, str] = {}
        self.folder: Path | None = None
        """The folder of the latest call; None if nothing was kept."""

    def on_event(self, folder: Path | None, event: dict[str, Any]) -> None:
        """One line of a call's journal; `folder` is the call's, None if nothing is kept."""
        kind = event["kind"]
        if kind == "turn.committed":
            self.understood += 1
        if kind == "call.started":
            self.folder = folder
            self._calls[folder] = plain(event.get("call_id", ""))[-4:]
        show = _SHOWN.get(kind)
        line = show(event) if show is not None else None
        if line is not None:
            who, text, style = line
            # With several calls at once, each line says whose it is.
            tag = f"{self._calls.get(folder, '')} " if len(self._calls) > 1 else ""
            at_s = event.get("media_ms", 0) / 1000
            self._console.print(
                Text.assemble((f"{tag}{at_s:6.1f} s  ", "dim"), (f"{who:<7} ", style), (plain(text), style))
            )
        if kind == "call.ended":
            self._calls.pop(folder, None)


Line = tuple[str, str, str] | None


def _started(event: dict[str, Any]) -> Line:
    engines = ", ".join(f"{kind} {name}" for kind, name in dict(event.get("engines", {})).items())
    return "call", f"from {event.get('caller') or 'unknown'}, answered by {event.get('agent')} ({engines})", "dim"


def _clause(event: dict[str, Any]) -> Line:
    return "agent", event["text"], "bold blue"


def _heard(event: dict[str, Any]) -> Line:
    return None if event.get("complete", True) else ("", f'(cut off; heard was: "{event["text"]}")', "dim")


def _committed(event: dict[str, Any]) -> Line:
    how = {"keys": " (keys)", "both": " (voice and keys)"}.get(str(event.get("source")), "")
    return "caller", event["text"] + how, "bold"


def _corrected(event: dict[str, Any]) -> Line:
    return "caller", f"(rather: {event['text']})", "dim"


def _rejected(event: dict[str, Any]) -> Line:
    reason = str(event.get("reason", ""))
    return "", _REJECTED.get(reason, f"(a sound, no turn: {reason})"), "dim"


def _tool_called(event: dict[str, Any]) -> Line:
    arguments = ", ".join(f"{name}={value!r}" for name, value in dict(event.get("arguments", {})).items())
    return "tool", f"{event['name']}({arguments})", "magenta"


def _tool_returned(event: dict[str, Any]) -> Line:
    result = json.dumps(event.get("result"), ensure_ascii=False, default=str)
    if len(result) > MAX_RESULT_CHARS:
        result = result[:MAX_RESULT_CHARS] + " …"
    took = event.get("took_ms")
    after = f" after {took:.0f} ms" if isinstance(took, int | float) else ""
    return "tool", f"{event['name']} {'returned' if event.get('ok', True) else 'FAILED'}{after}: {result}", "magenta"


def _latency(event: dict[str, Any]) -> Line:
    stages = " + ".join(f"{name.removesuffix('_ms')} {event[name]:.0f}" for name in STAGES if name in event)
    return "", f"answered after {event['voice_to_voice_ms']:.0f} ms = {stages}", "dim"


def _yielded(event: dict[str, Any]) -> Line:
    return "", "(the caller speaks: the agent waits)", "dim"


def _took_up(event: dict[str, Any]) -> Line:
    return "", _TOOK_UP.get(str(event.get("reason", "")), "(the agent goes on)"), "dim"


def _barge_in(event: dict[str, Any]) -> Line:
    who = "a key is pressed" if event.get("reason") == "key" else "the caller means it" if "reason" in event else ""
    return "", f"({who or 'the caller speaks'}: the agent stops)", "dim"


def _key(event: dict[str, Any]) -> Line:
    return "caller", f"presses {event['digit']}", "bold"


def _silence(event: dict[str, Any]) -> Line:
    return "", "(nothing is heard from the caller)", "dim"


def _leave(event: dict[str, Any]) -> Line:
    return "agent", leaving(dict(event.get("decision", {}))), "dim"


def _error(event: dict[str, Any]) -> Line:
    return "error", f"{event.get('where')}: {event.get('message')}", "bold red"


def _ended(event: dict[str, Any]) -> Line:
    return "call", f"ended: {ending(str(event.get('reason')))}", "dim"


_SHOWN = {
    "call.started": _started,
    "call.ended": _ended,
    "agent.clause": _clause,
    "agent.heard": _heard,
    "turn.committed": _committed,
    "turn.corrected": _corrected,
    "turn.rejected": _rejected,
    "turn.latency": _latency,
    "tool.called": _tool_called,
    "tool.returned": _tool_returned,
    "agent.yielded": _yielded,
    "agent.took_up": _took_up,
    "barge_in": _barge_in,
    "key": _key,
    "silence.prompt": _silence,
    "leave": _leave,
    "error": _error,
}
