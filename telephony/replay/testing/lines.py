"""A call in lines, as a failing assertion shows them: who said what and when, with an arrow at the moment. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from telephony.replay.judging.outcome import Outcome, ToolRun
from telephony.terminal import ending, plain

#: So many lines before the moment and after it.
AROUND = 4
#: Of one line so much: a message is to be read, not scrolled.
LONGEST = 160


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened at `at_ms` of media time."""

    at_ms: int
    who: str
    text: str


def clock(media_ms: int) -> str:
    """Media time as m:ss.mmm."""
    minutes, ms = divmod(max(0, media_ms), 60_000)
    return f"{minutes}:{ms // 1000:02}.{ms % 1000:03}"


def lines_of(outcome: Outcome) -> list[Line]:
    """The whole call, in its order."""
    lines = [Line(turn.start_ms, "caller", _quoted(turn.text, turn.source)) for turn in outcome.turns]
    lines += [Line(at_ms, "caller", f"not understood: {why}") for at_ms, _, why in outcome.rejected]
    for said in outcome.said:
        text = f'"{said.text}"' if said.complete else f'"{said.text}" – cut off; all of it: "{said.said}"'
        lines.append(Line(said.start_ms, "agent", text if said.text or said.complete else f'unheard: "{said.said}"'))
    lines += [Line(run.at_ms, "tool", f"{tool_call(run)} -> {tool_result(run)}") for run in outcome.tools]
    lines += [Line(cut.at_ms, "cutoff", f"the caller went on {cut.after_ms} ms later") for cut in outcome.cutoffs]
    lines += [Line(at_ms, "caller", "cuts in") for at_ms in outcome.barge_ins_ms]
    lines += [Line(at_ms, "error", message) for at_ms, message in outcome.errors]
    if outcome.ended_by:
        lines.append(Line(outcome.duration_ms, "end", ending(outcome.ended_by)))
    return sorted(lines, key=lambda line: line.at_ms)


def around(outcome: Outcome, at_ms: int, note: str) -> list[str]:
    """The lines about `at_ms`, as text, with an arrow and `note` at the moment itself. None of a call without any."""
    lines = lines_of(outcome)
    if not lines:
        return []
    before = [line for line in lines if line.at_ms <= at_ms]
    after = lines[len(before) : len(before) + AROUND]
    shown = [*map(_told, before[-AROUND:]), f"--> {clock(at_ms):>9}  {short(note)}", *map(_told, after)]
    if len(before) > AROUND:
        shown.insert(0, f"    … {len(before) - AROUND} more before")
    left = len(lines) - len(before) - len(after)
    return [*shown, *([f"    … {left} more after"] if left else [])]


def tool_call(run: ToolRun) -> str:
    """find_order(order_number="4219")"""
    return call_text(run.name, run.arguments)


def call_text(name: str, arguments: Mapping[str, Any]) -> str:
    """A call as Python writes it."""
    return f"{plain(name)}({', '.join(f'{key}={value_text(value)}' for key, value in arguments.items())})"


def tool_result(run: ToolRun) -> str:
    """What came of it, in a few words."""
    if run.ok is None:
        return "had not returned"
    return value_text(run.result) if run.ok else f"failed: {value_text(run.result)}"


def value_text(value: object) -> str:
    """A value as JSON, harmless on a terminal."""
    try:
        return plain(json.dumps(value, ensure_ascii=False, default=repr))
    except ValueError:
        return plain(repr(value))


def short(text: object) -> str:
    """One line, harmless on a terminal."""
    told = plain(text)
    return told if len(told) <= LONGEST else told[: LONGEST - 1] + "…"


def listed(items: Sequence[str], nothing: str) -> str:
    """What there was instead, in quotes."""
    return ", ".join(f'"{short(item)}"' for item in items) or nothing


def _quoted(text: str, source: str) -> str:
    return f'"{text}"' + (" (keys)" if "key" in source else "")


def _told(line: Line) -> str:
    return f"    {clock(line.at_ms):>9}  {line.who:<7} {short(line.text)}"
