"""The table of a page's turns: what was understood, what was answered and heard, which tools ran, how long it took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from telephony.replay.judging.outcome import Outcome, Said, ToolRun, Turn
from telephony.replay.judging.result import Divergence, Run
from telephony.replay.judging.turn_changes import DEFAULT, TurnChange, signed, turn_changes
from telephony.replay.picture.style import STAGE_STYLES
from telephony.replay.report.page.html import short, told, words
from telephony.replay.report.page.parts import clock

MAX_ROWS = 2000
BAR_PX_PER_MS = 0.08
BAR_MOST_PX = 120.0
MAX_ARGUMENTS = 160
NOTHING = "<i>nothing</i>"

MARK_CLASSES = {
    "cut off": "alarm",
    "interrupted": "plain",
    "no answer": "alarm",
    "diverged": "alarm",
    "not scored": "faint",
}


@dataclass(frozen=True, slots=True)
class Against:
    """What a run is held against: its `name`, its turns beside the run's, and where the two part."""

    name: str
    changes: tuple[TurnChange, ...]
    diverged: Divergence | None


def against_record(run: Run) -> Against | None:
    """A run beside its own record; None where there is none."""
    if run.recorded is None:
        return None
    reactive = run.plan.caller == "reactive"
    return Against("the record", turn_changes(run.recorded, run.outcome, run.diverged, reactive, DEFAULT), run.diverged)


def turns_html(run: Run, against: Against | None) -> str:
    """The table with its filters."""
    if against is None:
        changes = tuple(TurnChange(None, turn, scored=True) for turn in run.outcome.turns)
    else:
        changes = against.changes
    rows = [_turn(run, change, against) for change in changes[:MAX_ROWS]]
    rows += _greeting(run, against)
    columns = 5 if against is None else 6
    rows += [_rejected(at_ms, turn, reason, columns) for at_ms, turn, reason in run.outcome.rejected[:MAX_ROWS]]
    rows.sort(key=lambda row: row[0])
    choices = [("", "all turns")]
    if against is not None:
        choices += [("differs", f"other than {against.name}"), ("scored", "scored")]
    choices += [("tools", "with tools"), ("odd", "with something odd")]
    options = "".join(f'<option value="{value}">{told(text)}</option>' for value, text in choices)
    head = f"<th>Against {told(against.name)}</th>" if against is not None else ""
    return (
        '<section class="turns" aria-labelledby="turns-title"><div class="bar"><h2 id="turns-title">Turns</h2>'
        '<label class="field">Find <input id="find" type="search" placeholder="a word, a tool" autocomplete="off">'
        f'</label><label class="field">Show <select id="show">{options}</select></label>'
        '<output id="shown" class="faint"></output></div><div class="wide">'
        '<table id="turns"><thead><tr><th>At</th><th>Understood</th><th>Answered, as heard</th><th>Wait</th>'
        f"{head}<th>Note</th></tr></thead><tbody>{''.join(row for _, row in rows)}</tbody></table></div></section>"
    )


def _greeting(run: Run, against: Against | None) -> list[tuple[int, str]]:
    said = [one for one in run.outcome.said if one.turn == 0 and (one.text or one.said)]
    if not said:
        return []
    start_ms = max(said[0].start_ms, 0)
    diverged = against.diverged if against is not None else None
    cells = [_at_cell(start_ms, "greeting"), _cell("Understood", ""), _cell("Answered", _replies(said))]
    cells += ["<td></td>"] * (1 if against is None else 2)
    cells.append(_notes(_marks(run, 0, diverged, scored=True)))
    return [(start_ms, _row(start_ms, cells, ["scored"]))]


def _turn(run: Run, change: TurnChange, against: Against | None) -> tuple[int, str]:
    turn = change.now
    if turn is None:
        return _gone(change.base, against.name if against is not None else "")
    start_ms = max(turn.start_ms, 0)
    said = [one for one in run.outcome.said if one.turn == turn.number and (one.text or one.said)]
    tools = [tool for tool in run.outcome.tools if tool.turn == turn.number]
    keys = '<span class="chip">keys</span> ' if turn.source not in ("voice", "") else ""
    cells = [
        _at_cell(start_ms, f"turn {turn.number}"),
        _cell("Understood", keys + words(turn.text)),
        _cell("Answered", _replies(said) + "".join(_tool(tool) for tool in tools)),
        _cell("Wait", _wait(turn)),
    ]
    if against is not None:
        cells.append(_cell(f"Against {against.name}", _difference(change)))
    marks = _marks(run, turn.number, against.diverged if against is not None else None, scored=change.scored)
    cells.append(_notes(marks))
    odd = set(marks) & {"cut off", "no answer", "diverged"} or any(tool.ok is False for tool in tools)
    tags = {"differs": against is not None and is_change(change), "tools": tools, "odd": odd, "scored": change.scored}
    return start_ms, _row(start_ms, cells, [tag for tag, on in tags.items() if on], unscored=not change.scored)


def _gone(turn: Turn | None, name: str) -> tuple[int, str]:
    """A turn that only the other side has."""
    if turn is None:
        return 0, ""
    start_ms = max(turn.start_ms, 0)
    cells = [
        _at_cell(start_ms, "no such turn"),
        _cell("Understood", '<span class="chip alarm">not there</span>'),
        "<td></td><td></td>",
        _cell(f"Against {name}", f"{words(turn.text)}<div>answered {words(turn.reply) or NOTHING}</div>"),
        _notes(["not scored"]),
    ]
    return start_ms, _row(start_ms, cells, ["differs", "odd"], unscored=True)


def _row(start_ms: int, cells: list[str], tags: list[str], *, unscored: bool = False) -> str:
    kind = ' class="unscored"' if unscored else ""
    return f'<tr data-s="{start_ms}" data-tags="{" ".join(tags)}"{kind}>{"".join(cells)}</tr>'


def _marks(run: Run, turn: int, diverged: Divergence | None, *, scored: bool) -> list[str]:
    """What stands out of a turn, each a key of MARK_CLASSES."""
    outcome = run.outcome
    marks = []
    if any(cutoff.turn == turn for cutoff in outcome.cutoffs):
        marks.append("cut off")
    if any(one.turn == turn and not one.complete for one in outcome.said):
        marks.append("interrupted")
    if turn and not _answered(outcome, turn):
        marks.append("no answer")
    if diverged is not None and diverged.turn == turn:
        marks.append("diverged")
    if not scored:
        marks.append("not scored")
    return marks


def _answered(outcome: Outcome, turn: int) -> bool:
    return any(one.turn == turn and one.text.strip() for one in outcome.said)


def _notes(marks: list[str]) -> str:
    return _cell("Note", " ".join(f'<span class="chip {MARK_CLASSES[mark]}">{mark}</span>' for mark in marks))


def _rejected(at_ms: int, turn: int, reason: str, columns: int) -> tuple[int, str]:
    cells = [
        _at_cell(max(at_ms, 0), f"speech {turn}"),
        f'<td colspan="{columns - 1}" class="faint">not taken for a turn: {told(reason, 120)}</td>',
    ]
    return at_ms, _row(max(at_ms, 0), cells, ["odd", "scored"])


def _at_cell(at_ms: int, what: str) -> str:
    return (
        f'<td class="at"><button type="button" class="seek" data-seek="{at_ms}" aria-label="go to {told(what)}, '
        f'at {clock(at_ms)}">{clock(at_ms)}</button><span class="faint">{told(what)}</span></td>'
    )


def _cell(label: str, content: str) -> str:
    return f'<td data-label="{told(label)}">{content}</td>'


def _replies(said: list[Said]) -> str:
    """What was heard; what the caller never heard of it is struck through."""
    parts = []
    for place, one in enumerate(said):
        rest = one.said[len(one.text) :].strip() if not one.complete and one.said.startswith(one.text) else ""
        if any(later.said.strip().startswith(rest) for later in said[place + 1 :]):
            rest = ""  # it went on from there, and what follows tells how far
        struck = f"<s>{words(rest)}</s>" if rest else ""
        kind = ' class="aside"' if one.aside else ""
        parts.append(f"<span{kind}>{words(one.text)} {struck}</span>")
    return " ".join(parts)


def _tool(tool: ToolRun) -> str:
    state = "" if tool.ok is None else "failed" if tool.ok is False else "ok"
    given = short(_arguments(tool.arguments), MAX_ARGUMENTS)
    result = "not returned" if tool.ok is None else told(short(str(tool.result), 400))
    kind = "alarm" if tool.ok is False else "plain"
    return (
        f'<details class="tool {kind}"><summary><code>{told(tool.name, 80)}({told(given)})</code> '
        f"{state}</summary><p>{result}</p></details>"
    )


def _arguments(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())


def _wait(turn: Turn) -> str:
    if turn.voice_to_voice_ms is None:
        return '<span class="faint">none heard</span>'
    parts, x = [], 0.0
    scale = min(BAR_PX_PER_MS, BAR_MOST_PX / max(sum(turn.stages.values()), 1))
    for stage, (_, colour) in STAGE_STYLES.items():
        width = turn.stages.get(stage, 0) * scale
        if width > 0:
            parts.append(f'<rect x="{x:.1f}" width="{width:.1f}" height="8" fill="{colour}"/>')
            x += width
    detail = ", ".join(f"{name} {turn.stages[key]}" for key, (name, _) in STAGE_STYLES.items() if turn.stages.get(key))
    bar = (
        f'<svg class="bar" width="{x:.0f}" height="8" role="img" aria-label="{told(detail)}"><title>{told(detail)}'
        f"</title>{''.join(parts)}</svg>"
        if parts
        else ""
    )
    return f"<b>{turn.voice_to_voice_ms} ms</b>{bar}"


def is_change(change: TurnChange) -> bool:
    """Whether anything of the turn is other than it was, beyond noise."""
    return change.heard or change.said or change.tools or change.moved or change.base is None


def _difference(change: TurnChange) -> str:
    """What of a turn was otherwise."""
    base, now = change.base, change.now
    if base is None or now is None:
        return '<span class="chip alarm">not there</span>'
    parts = []
    if change.heard:
        parts.append(f"<div>understood {words(base.text) or NOTHING}</div>")
    if change.said:
        parts.append(f"<div>answered {words(base.reply) or NOTHING}</div>")
    if change.tools:
        parts.append("<div>other tools</div>")
    if change.moved:
        kind = "slower" if (change.wait_ms or 0) > 0 else "faster"
        was = f"was {base.voice_to_voice_ms} ms " if base.voice_to_voice_ms is not None else ""
        delta = signed(change.wait_ms) if change.wait_ms is not None else ""
        parts.append(f'<div>{was}<span class="{kind}">{delta}</span></div>')
        if change.label:
            parts.append(f'<div class="faint">{told(change.label)}</div>')
    return "".join(parts) or '<span class="faint same">same</span>'
