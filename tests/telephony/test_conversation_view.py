"""The conversation on a terminal: every kind of line, and no text that could move the terminal."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from telephony.conversation_view import ConversationView


def shown(*events: dict[str, Any], folder: Path | None = None) -> str:
    out = StringIO()
    view = ConversationView(Console(file=out, width=200, highlight=False, soft_wrap=True))
    for event in events:
        view.on_event(folder, {"media_ms": 1500, **event})
    return out.getvalue()


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ({"kind": "agent.clause", "text": "Hello."}, "   1.5 s  agent   Hello."),
        ({"kind": "turn.committed", "text": "where is it", "source": "voice"}, "caller  where is it"),
        ({"kind": "turn.committed", "text": "4711", "source": "keys"}, "caller  4711 (keys)"),
        (
            {"kind": "tool.called", "name": "find_order", "arguments": {"order_number": "4711"}},
            "tool    find_order(order_number='4711')",
        ),
        (
            {"kind": "tool.returned", "name": "find_order", "ok": True, "result": {"a": 1}, "took_ms": 3.2},
            'find_order returned after 3 ms: {"a": 1}',
        ),
        ({"kind": "tool.returned", "name": "x", "ok": False, "result": "no", "took_ms": 1}, "x FAILED after 1 ms"),
        (
            {
                "kind": "turn.latency",
                "voice_to_voice_ms": 700,
                "endpointing_ms": 550,
                "stt_ms": 100,
                "llm_ms": 5,
                "clause_ms": 5,
                "tts_ms": 20,
                "line_ms": 20,
            },
            "answered after 700 ms = endpointing 550 + stt 100 + llm 5 + clause 5 + tts 20 + line 20",
        ),
        ({"kind": "agent.heard", "complete": False, "text": "Hello"}, '(cut off; heard was: "Hello")'),
        ({"kind": "error", "where": "stt", "message": "gone"}, "error   stt: gone"),
        ({"kind": "leave", "decision": {"type": "HangUp", "reason": "done"}}, "agent   hangs up\n"),
        (
            {"kind": "leave", "decision": {"type": "Transfer", "to": "+1555", "reason": "trouble"}},
            "transfers the caller to +1555 (trouble)",
        ),
        ({"kind": "call.ended", "reason": "agent: hangup"}, "ended: the agent hung up"),
        ({"kind": "call.ended", "reason": "caller: protocol: x"}, "ended: the line failed: protocol: x"),
        ({"kind": "turn.rejected", "reason": "no text"}, "(a sound, but no words"),
        ({"kind": "turn.rejected", "reason": "backchannel"}, "(listening, not a turn)"),
        ({"kind": "turn.committed", "text": "four 711", "source": "both"}, "caller  four 711 (voice and keys)"),
        ({"kind": "turn.corrected", "text": "four 712"}, "caller  (rather: four 712)"),
        ({"kind": "agent.yielded", "reason": "speech"}, "(the caller speaks: the agent waits)"),
        ({"kind": "agent.took_up", "reason": "backchannel"}, "(the caller is only listening: the agent goes on)"),
        ({"kind": "agent.took_up", "reason": "of tomorrow"}, "(the agent goes on)"),
        ({"kind": "barge_in", "reason": "words"}, "(the caller means it: the agent stops)"),
        ({"kind": "barge_in", "reason": "key"}, "(a key is pressed: the agent stops)"),
        ({"kind": "barge_in"}, "(the caller speaks: the agent stops)"),
        ({"kind": "key", "digit": "4"}, "presses 4"),
    ],
)
def test_each_kind_of_event_has_its_line(event: dict[str, Any], text: str) -> None:
    assert text in shown(event)


@pytest.mark.parametrize("kind", ["tick", "engine.request", "agent.heard", "a kind of tomorrow"])
def test_other_events_say_nothing(kind: str) -> None:
    assert shown({"kind": kind, "complete": True}) == ""


def test_hostile_text_is_harmless() -> None:
    text = shown({"kind": "turn.committed", "text": "\x1b[2J[bold]x[/bold]\n\u202e"})
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[bold]x[/bold]" in text
    assert text.count("\n") == 1


def test_with_two_calls_each_line_says_whose_it_is() -> None:
    out = StringIO()
    view = ConversationView(Console(file=out, width=200, soft_wrap=True))
    for number in (1, 2):
        started = {"kind": "call.started", "media_ms": 0, "call_id": f"CA000{number}", "agent": "a"}
        view.on_event(Path(str(number)), started)
    view.on_event(Path("1"), {"kind": "agent.clause", "media_ms": 0, "text": "one"})
    view.on_event(Path("2"), {"kind": "call.ended", "media_ms": 0, "reason": "x"})
    view.on_event(Path("1"), {"kind": "agent.clause", "media_ms": 0, "text": "two"})
    lines = out.getvalue().splitlines()
    assert lines[2].startswith("0001 ")
    assert not lines[4].startswith("0001 ")
    assert view.folder == Path("2")
