"""The table of a page's turns: what was understood, what was answered and heard, which tools ran, how long it took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from telephony.replay.outcome import Outcome, Said, ToolRun, Turn
from telephony.replay.page.html import short, told, words
from telephony.replay.page.score import seconds, turn_marks, turn_start_ms
from telephony.replay.picture.style import STAGE_STYLES
from telephony.replay.result import Run

MAX_ROWS = 2000
BAR_PX_PER_MS = 0.08
BAR_MOST_MS = 2500
MAX_ARGUMENTS = 160

MARK_CLASSES = {
    "cut off": "alarm",
    "interrupted": "plain",
    "no answer": "alarm",
    "diverged": "alarm",
    "not scored": "faint",
}


def turns_html(run: Run, before: Outcome | None, before_name: str) -> str:
    """The table with its filters. `before` is what the run is held against ("recorded", or another run)."""
    rows = [_turn(run, turn, before, before_name) for turn in run.outcome.turns[:MAX_ROWS]]
    rows += _greeting(run, before)
    rows += [_rejected(at_ms, turn, reason) for at_ms, turn, reason in run.outcome.rejected[:MAX_ROWS]]
    rows.sort(key=lambda row: row[0])
    choices = [("", "all turns")]
    if before is not None:
        choices.append(("differs", f"other than {before_name}"))
    choices += [("tools", "with tools"), ("odd", "with something odd"), ("scored", "scored")]
    options = "".join(f'<option value="{value}">{told(text)}</option>' for value, text in choices)
    against = f"<th>Against {told(before_name)}</th>" if before is not None else ""
    return (
        '<section class="turns" aria-labelledby="turns-title"><div class="bar"><h2 id="turns-title">Turns</h2>'
        '<label class="field">Find <input id="find" type="search" placeholder="a word, a tool" autocomplete="off">'
        f'</label><label class="field">Show <select id="show">{options}</select></label>'
        '<output id="shown" class="faint"></output></div><div class="wide">'
        '<table id="turns"><thead><tr><th>At</th><th>Understood</th><th>Answered, as heard</th><th>Wait</th>'
        f"{against}<th>Note</th></tr></thead><tbody>{''.join(row for _, row in rows)}</tbody></table></div></section>"
    )


def _greeting(run: Run, before: Outcome | None) -> list[tuple[int, str]]:
    said = [one for one in run.outcome.said if one.turn == 0 and (one.text or one.said)]
    if not said:
        return []
    start_ms = max(said[0].start_ms, 0)
    cells = [_at_cell(start_ms, "greeting"), _cell("Understood", ""), _cell("Answered", _replies(said))]
    return [(start_ms, _row(start_ms, cells, [], run, 0, missing=1 if before is None else 2))]


def _turn(run: Run, turn: Turn, before: Outcome | None, before_name: str) -> tuple[int, str]:
    start_ms = max(turn_start_ms(turn), 0)
    said = [one for one in run.outcome.said if one.turn == turn.number and (one.text or one.said)]
    tools = [tool for tool in run.outcome.tools if tool.turn == turn.number]
    other = next((one for one in before.turns if one.number == turn.number), None) if before is not None else None
    keys = '<span class="chip">keys</span> ' if turn.source not in ("voice", "") else ""
    cells = [
        _at_cell(start_ms, f"turn {turn.number}"),
        _cell("Understood", keys + words(turn.text)),
        _cell("Answered", _replies(said) + "".join(_tool(tool) for tool in tools)),
        _cell("Wait", _wait(turn)),
    ]
    differs = ""
    if before is not None:
        differs = _difference(turn, other)
        cells.append(_cell(f"Against {before_name}", differs or '<span class="faint">same</span>'))
    marks = turn_marks(run, turn.number)
    odd = bool(set(marks) - {"not scored", "interrupted"}) or any(tool.ok is False for tool in tools)
    tags = [name for name, on in (("differs", differs), ("tools", tools), ("odd", odd)) if on]
    return start_ms, _row(start_ms, cells, tags, run, turn.number)


def _row(start_ms: int, cells: list[str], tags: list[str], run: Run, turn: int, *, missing: int = 0) -> str:
    marks = turn_marks(run, turn)
    if "not scored" not in marks:
        tags.append("scored")
    notes = " ".join(f'<span class="chip {MARK_CLASSES[mark]}">{mark}</span>' for mark in marks)
    cells += ["<td></td>"] * missing
    unscored = ' class="unscored"' if "not scored" in marks else ""
    return f'<tr data-s="{start_ms}" data-tags="{" ".join(tags)}"{unscored}>{"".join(cells)}{_cell("Note", notes)}</tr>'


def _rejected(at_ms: int, turn: int, reason: str) -> tuple[int, str]:
    cells = [
        _at_cell(max(at_ms, 0), f"speech {turn}"),
        _cell("Understood", f'<span class="faint">not taken for a turn: {told(reason, 120)}</span>'),
    ]
    return at_ms, f'<tr data-s="{max(at_ms, 0)}" data-tags="odd scored" class="rejected">{"".join(cells)}</tr>'


def _at_cell(at_ms: int, what: str) -> str:
    return (
        f'<td class="at"><button type="button" class="seek" data-seek="{at_ms}" aria-label="go to {told(what)}, '
        f'at {seconds(at_ms)}">{seconds(at_ms)}</button><span class="faint">{told(what)}</span></td>'
    )


def _cell(label: str, content: str) -> str:
    return f'<td data-label="{told(label)}">{content}</td>'


def _replies(said: list[Said]) -> str:
    """What was heard; what the caller never heard of it is struck through."""
    parts = []
    for one in said:
        rest = one.said[len(one.text) :] if not one.complete and one.said.startswith(one.text) else ""
        struck = f"<s>{words(rest.strip())}</s>" if rest.strip() else ""
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
    for stage, (_, colour) in STAGE_STYLES.items():
        width = min(turn.stages.get(stage, 0), BAR_MOST_MS) * BAR_PX_PER_MS
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


def _difference(turn: Turn, other: Turn | None) -> str:
    """What of a turn is other than it was; "" if nothing is (its latency is told, not judged)."""
    if other is None:
        return '<span class="chip alarm">was not there</span>'
    parts = []
    if other.text != turn.text:
        parts.append(f"<div>understood {words(other.text) if other.text else '<i>nothing</i>'}</div>")
    if other.reply != turn.reply:
        parts.append(f"<div>answered {words(other.reply) if other.reply else '<i>nothing</i>'}</div>")
    if other.voice_to_voice_ms != turn.voice_to_voice_ms:
        parts.append(f"<div>{_moved(turn.voice_to_voice_ms, other.voice_to_voice_ms)}</div>")
    return "".join(parts)


def _moved(now_ms: int | None, then_ms: int | None) -> str:
    if now_ms is None or then_ms is None:
        return "was not answered" if then_ms is None else f"was {then_ms} ms"
    kind = "slower" if now_ms > then_ms else "faster"
    return f'was {then_ms} ms <span class="{kind}">{now_ms - then_ms:+d} ms</span>'
