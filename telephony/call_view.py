"""Calls on a terminal: a line for each, and one call's whole page.

What callers said is hostile text: it is shown without markup, and without the control characters that move a terminal.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from agent.recording.folder import AUDIO
from telephony.terminal import ending, plain, stopped_for, turn_end

#: Columns of terminal on which a call's whole line fits, its id of 34 characters included.
WIDE = 120


def calls_table(calls: list[dict[str, Any]], width: int) -> Table:
    """One line a call, its id whole. On less than WIDE columns of terminal: what tells calls apart, no more."""
    wide = width >= WIDE
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("call", no_wrap=True, min_width=max((len(call["folder"]) for call in calls), default=0))
    table.add_column("started", no_wrap=True)
    for name in ("length", "turns", "p50"):
        table.add_column(name, justify="right", no_wrap=True)
    if wide:
        for name in ("agent", "caller", "ended by"):
            table.add_column(name, overflow="fold")
    for call in calls:
        p50_ms = _dig(call, "latency", "p50_ms")
        row = [call["folder"], _when(call)[: None if wide else len("2026-01-31 12:00")], _length(call)]
        row += [_dig(call, "counts", "turns") or 0, f"{p50_ms} ms" if p50_ms else ""]
        if wide:
            row += [call.get("agent", ""), call.get("caller", ""), _ended(call)]
        table.add_row(*map(_plain, row))
    return table


def call_view(call: dict[str, Any], folder: Path) -> Group:
    """One call: its facts, its transcript, its tools, its latencies."""
    facts = Table.grid(padding=(0, 2))
    for name, value in (
        ("call", call["folder"]),
        ("started", f"{_when(call)}, {_length(call)}"),
        ("agent", call.get("agent", "")),
        # A browser calls no number, but an agent.
        ("from, to", f"{call.get('caller') or '?'} -> {call.get('called') or call.get('agent') or '?'}"),
        ("ended by", _ended(call)),
        *([("streams", _streams(call))] if len(call.get("streams", ())) > 1 else []),
        ("audio", folder / AUDIO if (folder / AUDIO).exists() else "none kept"),
    ):
        facts.add_row(Text(name, "dim"), _plain(value))
    parts: list[Table | Text] = [facts, Text(), _transcript(call)]
    if call.get("tools"):
        parts += [Text(), _tools(call)]
    latency = call["latency"]
    if isinstance(latency, dict) and latency.get("n"):
        figures = "  ".join(f"{name[:-3]} {latency.get(name)} ms" for name in ("p50_ms", "p90_ms", "p95_ms", "max_ms"))
        parts += [Text(), Text(f"voice to voice, {latency['n']} turns:  {figures}")]
    return Group(*parts)


def _transcript(call: dict[str, Any]) -> Table:
    """Both sides, with why each turn of the caller's was taken to be over, and what the agent fell silent for."""
    turns = {turn.get("turn"): turn for turn in call.get("turns", [])}
    stops = [stop for stop in call.get("stops", []) if isinstance(stop, dict)]
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right", style="dim")
    table.add_column()
    table.add_column(overflow="fold")
    table.add_column(justify="right", style="dim")
    for line in call["transcript"]:
        start_ms = line.get("start_ms", 0)
        while stops and _at_ms(stops[0]) <= start_ms:
            _add_stop(table, stops.pop(0))
        caller = line.get("who") == "caller"
        text = _plain(line.get("text", ""))
        if not line.get("complete", True):
            text.append(" [the rest was not heard]" if text.plain.strip() else "[nothing of it was heard]", "dim")
        turn = turns.get(line.get("turn"), {}) if caller else {}
        if note := _turn_note(turn):
            text.append(f" [{note}]", "dim")
        wait_ms = turn.get("voice_to_voice_ms")
        name = Text("caller", "bold") if caller else Text("agent", "bold blue")
        table.add_row(f"{start_ms / 1000:.1f} s", name, text, f"{wait_ms} ms" if wait_ms is not None else "")
    for stop in stops:
        _add_stop(table, stop)
    return table


def _turn_note(turn: dict[str, Any]) -> str:
    """Why the turn was taken to be over, and which one it goes on; "" of older summaries, which do not say."""
    goes_on = turn.get("goes_on")
    notes = [turn_end(str(turn["end_reason"]))] if turn.get("end_reason") else []
    notes += ["one turn with the one before"] if goes_on is not None else []
    return "; ".join(notes)


def _add_stop(table: Table, stop: dict[str, Any]) -> None:
    table.add_row(f"{_at_ms(stop) / 1000:.1f} s", Text("agent", "bold blue"), Text(f"({stopped_for(stop)})", "dim"), "")


def _at_ms(stop: dict[str, Any]) -> int:
    at_ms = stop.get("at_ms")
    return at_ms if isinstance(at_ms, int) else 0


def _tools(call: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("tool", "arguments", "effect", "ok", "took"):
        table.add_column(name, overflow="fold")
    for tool in call["tools"]:
        ok, took_ms = tool.get("ok"), tool.get("took_ms")
        table.add_row(
            _plain(tool.get("name", "")),
            _plain(json.dumps(tool.get("arguments"), ensure_ascii=False)),
            _plain(tool.get("effect") or ""),
            {True: "yes", False: "no"}.get(ok, "?") if isinstance(ok, bool) else "?",
            f"{took_ms:.0f} ms" if isinstance(took_ms, int | float) else "",
        )
    return table


def _plain(value: object) -> Text:
    return Text(plain(value))


def _when(call: dict[str, Any]) -> str:
    return str(call["started_at"])[:19].replace("T", " ")


def _length(call: dict[str, Any]) -> str:
    value = call.get("duration_ms")
    seconds = round(value / 1000) if isinstance(value, int | float) else 0
    return f"{seconds // 60}:{seconds % 60:02d}"


def _ended(call: dict[str, Any]) -> str:
    if call.get("ended_by"):
        return ending(str(call["ended_by"]))
    streams = call.get("streams", [])
    if later := streams[streams.index(call["folder"]) + 1 :] if call["folder"] in streams else []:
        return f"cut off; goes on in …-{later[0].rpartition('-')[2]}"
    return "not ended (running, or cut off)" if call.get("rebuilt") else "unknown"


def _streams(call: dict[str, Any]) -> str:
    return ", ".join(f"{name} (this one)" if name == call["folder"] else name for name in call["streams"])


def _dig(call: dict[str, Any], outer: str, inner: str) -> Any:
    values = call.get(outer)
    return values.get(inner) if isinstance(values, dict) else None
