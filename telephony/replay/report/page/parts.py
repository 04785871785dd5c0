"""The parts of a page around its time line: its head and figures, the player, what went wrong, the legend."""

from __future__ import annotations

from collections.abc import Sequence

from telephony.replay.judging.result import Divergence, Run
from telephony.replay.judging.score import Score
from telephony.replay.picture.style import ALARM, SPAN_COLOURS, STAGE_STYLES
from telephony.replay.report.page.html import asset, told, words

MAX_LISTED = 50
OPEN_LOOP = (
    "From here on the recorded caller answers an agent that no longer exists: what follows is shown, not scored."
)
REACTIVE = "From here on it is another conversation: what follows is shown, not scored."

MODES = {
    "same": "engines from the record",
    "rehear": "heard anew",
    "anew": "all engines anew",
    None: "run again",
}


def clock(ms: int) -> str:
    """Media time for people: 1:02.3."""
    tenths = max(ms, 0) // 100
    return f"{tenths // 600}:{tenths // 10 % 60:02d}.{tenths % 10}"


def turn_name(number: int) -> str:
    """ "turn 3"; "greeting" before the first."""
    return f"turn {number}" if number > 0 else "greeting"


def facts(run: Run, *, timing: bool = True) -> list[str]:
    """How the run was made, in short phrases."""
    plan = run.plan
    out = [
        MODES[plan.mode],
        f"{plan.caller} caller" if plan.caller != "open" else "caller as recorded",
    ]
    if plan.agent:
        out.append(f"agent {plan.agent}")
    out += plan.settings
    if plan.fault:
        out.append(f"fault: {plan.fault}")
    if not run.deterministic:
        out.append("not deterministic")
    if timing and run.took_s > 0:
        out.append(f"{run.audio_ms / 1000:.0f} s of audio in {run.took_s:.1f} s")
    return out


def head_html(title: str, about: Sequence[str], back: str = "") -> str:
    """The page's title and what stands under it."""
    link = f'<a class="back" href="{told(back)}">all calls</a>' if back else ""
    items = "".join(f"<li>{told(item, 200)}</li>" for item in about if item)
    return f'<header class="head">{link}<h1>{words(title, 200)}</h1><ul class="facts">{items}</ul></header>'


def tiles_html(score: Score, run: Run) -> str:
    """The run's figures."""
    ended, latency = run.diverged, score.latency
    of_turns = f"{score.scored} of {score.turns} scored" if score.scored != score.turns else "all scored"
    air = score.worst_air
    tiles = [
        ("Turns", str(score.turns), of_turns, False),
        ("Understood", f"{score.turns}/{score.heard}" if score.heard else "–", "of what was spoken or pressed", False),
        ("Wait, median", _ms(latency["p50_ms"]), "voice to voice", False),
        ("Wait, p95", _ms(latency["p95_ms"]), "voice to voice", False),
        ("Cutoffs", str(score.cutoffs), "caller went on", score.cutoffs > 0),
        (
            "Worst dead air",
            f"{air.ms / 1000:.1f} s" if air else "none",
            f"{air.why}, at {clock(air.from_ms)}" if air else "",
            bool(air and air.ms >= 2000),
        ),
        (
            "Divergence",
            turn_name(ended.turn) if ended else "none" if run.recorded is not None else "–",
            f"at {clock(ended.at_ms)}" if ended else "from the record" if run.recorded else "nothing to compare",
            ended is not None,
        ),
    ]
    return figures_html(tiles)


def figures_html(figures: Sequence[tuple[str, str, str, bool]]) -> str:
    """Figures in a row: name, value, note, and whether it is bad."""
    return '<dl class="tiles">' + "".join(_tile(*figure) for figure in figures) + "</dl>"


def _tile(name: str, value: str, note: str, alarm: bool) -> str:
    kind = ' class="alarm"' if alarm else ""
    return f"<div{kind}><dt>{told(name)}</dt><dd>{told(value)}<small>{told(note)}</small></dd></div>"


def _ms(value: int | None) -> str:
    return f"{value} ms" if value is not None else "–"


def failed_html(run: Run) -> str:
    """Why it could not be run, if so."""
    return (
        f'<p class="notice alarm" role="alert"><b>Not run to its end.</b> {words(run.failed)}</p>' if run.failed else ""
    )


def divergence_html(diverged: Divergence | None, *, reactive: bool, before: str = "recorded") -> str:
    """Where the run first was another call than the record."""
    if diverged is None:
        return ""
    rest = f"<p>{REACTIVE if reactive else OPEN_LOOP}</p>"
    return (
        '<section class="notice alarm" aria-label="first divergence"><p><b>First divergence</b>: '
        f'{turn_name(diverged.turn)}, {told(diverged.what, 60)} <button type="button" class="seek" '
        f'data-seek="{max(diverged.at_ms, 0)}">{clock(diverged.at_ms)}</button></p>'
        f'<dl class="pair"><dt>{told(before)}</dt>'
        f"<dd>{words(diverged.recorded) or '–'}</dd><dt>now</dt><dd>{words(diverged.now) or '–'}</dd></dl>{rest}"
        "</section>"
    )


def notes_html(notes: Sequence[str], errors: Sequence[tuple[int, str]]) -> str:
    """What else should be known, and the errors of the call."""
    out = []
    if errors:
        rows = "".join(
            f'<li><button type="button" class="seek" data-seek="{max(at_ms, 0)}">{clock(at_ms)}</button> '
            f"{words(text, 400)}</li>"
            for at_ms, text in errors[:MAX_LISTED]
        )
        more = f"<li>… and {len(errors) - MAX_LISTED} more</li>" if len(errors) > MAX_LISTED else ""
        out.append(f'<section class="errors"><h2>Errors</h2><ul>{rows}{more}</ul></section>')
    if notes:
        rows = "".join(f"<li>{words(note, 400)}</li>" for note in notes[:MAX_LISTED])
        out.append(f'<section class="notes"><h2>Notes</h2><ul>{rows}</ul></section>')
    return "".join(out)


def served_html(run: Run, name: str) -> str:
    """How the engines' results were found; `name`: which run this is, where there are two."""
    if not run.served:
        return ""
    rows = "".join(f"<li>{told(how, 80)} <b>{count}</b></li>" for how, count in sorted(run.served.items())[:MAX_LISTED])
    head = f"Where engine results came from{f': {told(name)}' if name else ''}"
    return f'<details class="served"><summary>{head}</summary><ul>{rows}</ul></details>'


def player_html(titles: Sequence[str]) -> str:
    """Play, position, speed, channels, zoom; which side is heard, if there are two."""
    hear = ""
    if len(titles) > 1:
        options = "".join(f'<option value="{index}">{told(title, 60)}</option>' for index, title in enumerate(titles))
        hear = f'<label class="field">Hear <select id="hear">{options}</select></label>'
    return asset("player.html").replace("<!--hear-->", hear)


def legend_html() -> str:
    """What the colours mean."""
    items = [_swatch(colour, label) for label, colour in STAGE_STYLES.values()]
    items.append(_swatch(SPAN_COLOURS["gap"], "line gap, or late audio", pale=True))
    items.append(_swatch(SPAN_COLOURS["dead"], "dead air", pale=True))
    items.append(_swatch(ALARM, "barge-in, cutoff, error, divergence"))
    return (
        '<ul class="legend" aria-label="colours">'
        "<li class=\"faint\">From the caller's last sound to the agent's first:</li>"
        f"{''.join(items)}</ul>"
        '<p class="keys faint"><kbd>space</kbd> play <kbd>←</kbd> <kbd>→</kbd> 2 s, with <kbd>shift</kbd> 10 s '
        "<kbd>p</kbd> <kbd>n</kbd> turns <kbd>1</kbd> <kbd>2</kbd> channels <kbd>+</kbd> <kbd>−</kbd> zoom</p>"
    )


def _swatch(colour: str, label: str, *, pale: bool = False) -> str:
    opacity = ' fill-opacity="0.35"' if pale else ""
    return (
        f'<li><svg width="11" height="11" aria-hidden="true"><rect width="11" height="11" rx="2" fill="{colour}"'
        f"{opacity}/></svg>{told(label)}</li>"
    )
