"""The index of a batch of runs: one sortable table, and a page for each call beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agent.recording.folder import folder_name
from telephony.replay.page.html import page_html, told, words
from telephony.replay.page.report import write_html, write_page
from telephony.replay.page.score import Score, score_of
from telephony.replay.result import Run

INDEX = "index.html"
NONE_LAST = -1
"""What is not there sorts before any figure."""


def write_index(runs: Sequence[Run], folder: Path) -> Path:
    """Write `folder`/index.html and one page per run; the index's path. Raises LocalError if that cannot be done."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{folder_name(Path(run.name).stem or 'call', 1)}-{number}.html" for number, run in enumerate(runs, 1)]
    for run, name in zip(runs, names, strict=True):
        write_page(run, folder / name, back=INDEX)
    index = folder / INDEX
    write_html(index, index_html(runs, names))
    return index


def index_html(runs: Sequence[Run], pages: Sequence[str]) -> str:
    """The index as HTML; `pages` are the addresses of the runs' pages."""
    failed = sum(bool(run.failed) for run in runs)
    diverged = sum(run.diverged is not None for run in runs)
    told_counts = f"<li>{len(runs)} calls</li><li>{diverged} diverged</li><li>{failed} failed</li>"
    rows = "".join(_row(run, page) for run, page in zip(runs, pages, strict=True))
    columns = [
        ("Call", "text"),
        ("Turns", "number"),
        ("Understood", "number"),
        ("p50", "number"),
        ("p95", "number"),
        ("Cutoffs", "number"),
        ("Divergence", "number"),
        ("Dead air", "number"),
    ]
    heads = "".join(
        f'<th aria-sort="none" data-by="{kind}"><button type="button" class="sort">{name}</button></th>'
        for name, kind in columns
    )
    return page_html(
        f"{len(runs)} calls, run again",
        "index",
        f'<main><header class="head"><h1>Calls, run again</h1><ul class="facts">{told_counts}</ul></header>'
        '<section><div class="bar"><label class="field">Find <input id="find" type="search" placeholder="a call" '
        'autocomplete="off"></label><output id="shown" class="faint"></output></div><div class="wide">'
        f'<table id="calls"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div></section></main>',
    )


def _row(run: Run, page: str) -> str:
    score = score_of(run)
    name = f'<a href="{told(page)}">{words(run.name, 120)}</a>'
    if run.failed:
        name += f'<div class="failed"><span class="chip alarm">failed</span> {words(run.failed, 300)}</div>'
    share = score.turns / score.heard if score.heard else float(NONE_LAST)
    turn = run.diverged.turn if run.diverged is not None else NONE_LAST
    cells = [
        f'<td data-label="Call" data-v="{told(run.name, 120)}">{name}</td>',
        _figure("Turns", score.turns, str(score.turns)),
        _figure("Understood", share, f"{score.turns}/{score.heard}" if score.heard else "–"),
        _ms("p50", score.p50_ms),
        _ms("p95", score.p95_ms),
        _figure("Cutoffs", score.cutoffs, str(score.cutoffs), alarm=score.cutoffs > 0),
        _figure("Divergence", turn, f"turn {turn}" if turn >= 0 else "–", alarm=turn >= 0),
        _air(score),
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _figure(label: str, value: float, text: str, *, alarm: bool = False) -> str:
    kind = ' class="figure alarm"' if alarm else ' class="figure"'
    return f'<td data-label="{label}" data-v="{value:g}"{kind}>{told(text)}</td>'


def _ms(label: str, value: int | None) -> str:
    return _figure(label, NONE_LAST if value is None else value, "–" if value is None else f"{value} ms")


def _air(score: Score) -> str:
    air = score.worst_air
    if air is None:
        return _figure("Dead air", 0, "–")
    return _figure("Dead air", air.ms, f"{air.ms / 1000:.1f} s", alarm=air.ms >= 2000)
