"""The index of a batch of runs: one sortable table, and a page for each call beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from agent.recording.folder import folder_name
from telephony.replay.judging.compare import Comparison, Summary
from telephony.replay.judging.result import Run
from telephony.replay.judging.score import Score, score_of
from telephony.replay.judging.turn_changes import DEFAULT
from telephony.replay.report.page.comparison import BASE, write_comparison
from telephony.replay.report.page.html import page_html, told, words
from telephony.replay.report.page.parts import head_html, turn_name
from telephony.replay.report.page.report import write_html, write_page

INDEX = "index.html"
MAX_NOTES = 3
"""So many notes of a call stand in its row; its page has more."""
NONE_LAST = -1
"""What is not there sorts before any figure."""

Step = Callable[[], object]
"""Called after each page that has been written."""


def write_index(runs: Sequence[Run], folder: Path, *, step: Step = lambda: None) -> Path:
    """Write `folder`/index.html and one page per run; the index's path. Raises LocalError if that cannot be done."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [_page_name(run.name, number) for number, run in enumerate(runs, 1)]
    for run, name in zip(runs, names, strict=True):
        write_page(run, folder / name, back=INDEX)
        step()
    index = folder / INDEX
    write_html(index, index_html(runs, names))
    return index


def index_html(runs: Sequence[Run], pages: Sequence[str]) -> str:
    """The index as HTML; `pages` are the addresses of the runs' pages."""
    failed = sum(bool(run.failed) for run in runs)
    diverged = sum(run.diverged is not None for run in runs)
    counts = [f"{len(runs)} calls", f"{diverged} diverged", f"{failed} failed"]
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
    return _table_page("Calls, run again", counts, columns, rows)


def write_comparison_index(summary: Summary, folder: Path, *, base_name: str = BASE, step: Step = lambda: None) -> Path:
    """Write `folder`/index.html and one page per call: of both its runs, or of the one that there is; the index's path.
    Raises LocalError if that cannot be done."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, one in enumerate(summary.comparisons, 1):
        name = _page_name(one.name, number)
        run = one.now or one.base
        if one.base is not None and one.now is not None:
            write_comparison(one.base, one.now, folder / name, comparison=one, back=INDEX, base_name=base_name)
        elif run is not None:
            write_page(run, folder / name, back=INDEX)
        step()
        rows.append(_compared_row(one, name))
    columns = [
        ("Call", "text"),
        ("Turns", "number"),
        ("p50", "number"),
        ("p50 by", "number"),
        ("p95", "number"),
        ("p95 by", "number"),
        ("Words", "number"),
        ("Tools", "number"),
        ("New cutoffs", "number"),
        ("Divergence", "number"),
    ]
    facts = [f"{len(summary.comparisons)} calls, against {base_name}", summary.verdict, *summary.reasons]
    index = folder / INDEX
    write_html(index, _table_page("Calls, run again and compared", facts, columns, "".join(rows)))
    return index


def _compared_row(one: Comparison, page: str) -> str:
    was, is_now = one.latency
    words_changed = sum(turn.heard or turn.said for turn in one.scored)
    tools_changed = sum(turn.tools for turn in one.scored)
    turn = one.diverged.turn if one.diverged is not None else NONE_LAST
    run = one.now or one.base
    notes = run.notes if run is not None else ()
    cells = [_call_cell(one.name, page, one.failed, notes), _figure("Turns", len(one.scored), str(len(one.scored)))]
    for label, key in (("p50", "p50_ms"), ("p95", "p95_ms")):
        before_ms, now_ms = was[key], is_now[key]
        cells.append(_ms(label, now_ms))
        by_ms = now_ms - before_ms if now_ms is not None and before_ms is not None else None
        text = f"{by_ms:+d} ms" if by_ms is not None else "–"
        cells.append(_figure(f"{label} by", by_ms or 0, text, alarm=(by_ms or 0) > DEFAULT.p50_ms))
    cells += [
        _figure("Words", words_changed, str(words_changed), alarm=words_changed > 0),
        _figure("Tools", tools_changed, str(tools_changed), alarm=tools_changed > 0),
        _figure("New cutoffs", len(one.new_cutoffs), str(len(one.new_cutoffs)), alarm=bool(one.new_cutoffs)),
        _figure("Divergence", turn, turn_name(turn) if turn >= 0 else "–", alarm=turn >= 0),
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _table_page(title: str, facts: Sequence[str], columns: Sequence[tuple[str, str]], rows: str) -> str:
    heads = "".join(
        f'<th aria-sort="none" data-by="{kind}"><button type="button" class="sort">{name}</button></th>'
        for name, kind in columns
    )
    return page_html(
        title,
        "index",
        f'<main>{head_html(title, facts)}<section><div class="bar"><label class="field">Find <input id="find" '
        'type="search" placeholder="a call" autocomplete="off"></label><output id="shown" class="faint"></output></div>'
        f'<div class="wide"><table id="calls"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
        "</section></main>",
    )


def _page_name(name: str, number: int) -> str:
    return f"{folder_name(Path(name).stem or 'call')}-{number}.html"


def _call_cell(name: str, page: str, failed: str, notes: Sequence[str]) -> str:
    cell = f'<a href="{told(page)}">{words(name, 120) or "a call"}</a>'
    if failed:
        cell += f'<div class="failed"><span class="chip alarm">failed</span> {words(failed, 300)}</div>'
    for note in notes[:MAX_NOTES]:
        cell += f'<div class="faint">{words(note, 300)}</div>'
    if len(notes) > MAX_NOTES:
        cell += f'<div class="faint">… and {len(notes) - MAX_NOTES} more notes</div>'
    return f'<td data-label="Call" data-v="{told(name, 120)}">{cell}</td>'


def _row(run: Run, page: str) -> str:
    score = score_of(run)
    share = score.turns / score.heard if score.heard else float(NONE_LAST)
    turn = run.diverged.turn if run.diverged is not None else NONE_LAST
    cells = [
        _call_cell(run.name, page, run.failed, run.notes),
        _figure("Turns", score.turns, str(score.turns)),
        _figure("Understood", share, f"{score.turns}/{score.heard}" if score.heard else "–"),
        _ms("p50", score.latency["p50_ms"]),
        _ms("p95", score.latency["p95_ms"]),
        _figure("Cutoffs", score.cutoffs, str(score.cutoffs), alarm=score.cutoffs > 0),
        _figure("Divergence", turn, turn_name(turn) if turn >= 0 else "–", alarm=turn >= 0),
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
