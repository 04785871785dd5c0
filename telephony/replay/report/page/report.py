"""Pages of a run, and of two runs held against each other: written whole, for their owner only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import soundfile

from agent.errors import LocalError
from agent.recording.folder import replace_file
from telephony.replay.judging.result import Run
from telephony.replay.judging.score import score_of
from telephony.replay.report.page.html import base64_block, data_block, page_html
from telephony.replay.report.page.parts import (
    divergence_html,
    facts,
    failed_html,
    head_html,
    legend_html,
    notes_html,
    player_html,
    served_html,
    tiles_html,
)
from telephony.replay.report.page.side import Side, recorded_side, run_side
from telephony.replay.report.page.sound import FLAC_MS, MAX_AUDIO_BYTES, encode_sound
from telephony.replay.report.page.timeline import EDGE_PX, NAMES_PX, overview_svg, paper_html, scales, strip_html
from telephony.replay.report.page.turns import against_record, turns_html

MAX_PAGE_BYTES = 24_000_000
"""With its audio; a page that would be larger is written without."""

FIRST = 1
"""The scale in which a page opens: that of the picture."""

NOW = "now"
RECORDED = "as recorded"


def write_page(run: Run, path: Path, *, back: str = "") -> None:
    """One run as one HTML file, of mode 0600. `back`: the address of an index, beside it.

    Where the run diverged, the recorded call stands under it on the same time scale.
    Raises LocalError if the file cannot be written.
    """
    sides = [run_side(run, NOW)]
    if run.diverged is not None or sides[0] is None:
        sides.append(recorded_side(run, RECORDED))
    body = [
        head_html(title_of(sides), [run.name, *facts(run), _ended(run)], back),
        failed_html(run),
        tiles_html(score_of(run), run),
        divergence_html(run.diverged, reactive=run.plan.caller == "reactive"),
    ]
    tail = [turns_html(run, against_record(run))]
    write_html(path, call_html(f"{run.name}: a call, run again", body, tail, {"": run}, sides))


def title_of(sides: Sequence[Side | None]) -> str:
    agents = [str(side.scene.summary.get("agent") or "") for side in sides if side is not None]
    return f"A call with {next(filter(None, agents), 'an agent')}"


def _ended(run: Run) -> str:
    return f"ended by {run.outcome.ended_by}" if run.outcome.ended_by else ""


def call_html(
    title: str, head: Sequence[str], tail: Sequence[str], runs: Mapping[str, Run], found: Sequence[Side | None]
) -> str:
    """A page of one call: its head, its sides on one time line, what follows it, its runs' notes and errors."""
    sides = [side for side in found if side is not None]
    notes = [note for run in runs.values() for note in run.notes] + [note for side in sides for note in side.notes]
    errors = [error for run in runs.values() for error in run.outcome.errors]
    blocks, heard = _sounds(sides, notes)

    def page() -> str:
        time_line = time_line_html(sides, heard) if sides else '<p class="notice">There is no record to draw.</p>'
        served = [served_html(run, name) for name, run in runs.items()]
        rest = [*tail, notes_html(list(dict.fromkeys(notes)), errors), *served]
        parts = ["<main>", *head, time_line, *rest, "</main>", blocks]
        return page_html(title, "call", "\n".join(part for part in parts if part))

    html = page()
    if len(html) > MAX_PAGE_BYTES and blocks:
        notes.append("with its audio this page would be too large to open: it is left out")
        blocks, heard = "", []
        html = page()
    return html


def time_line_html(sides: Sequence[Side], heard: Sequence[str]) -> str:
    """Player, overview and strips of the sides, one above the other on one scale. `heard`: the ids of their sounds."""
    duration_ms = max(side.scene.duration_ms for side in sides)
    drawn = scales(duration_ms)
    data: dict[str, Any] = {
        "duration_ms": duration_ms,
        "left_px": NAMES_PX + EDGE_PX,
        "scales": [round(scale, 6) for scale in drawn],
        "first": FIRST,
        "sounds": list(heard),
    }
    levels = "".join(
        f'<div class="level" data-level="{level}"{"" if level == data["first"] else " hidden"}>'
        + "".join(strip_html(side, index, duration_ms, scale) for index, side in enumerate(sides))
        + "</div>"
        for level, scale in enumerate(drawn)
    )
    return (
        f'<section class="timeline" aria-label="time line">{player_html([side.title for side in sides])}'
        '<div class="overview" id="overview" role="slider" tabindex="0" aria-label="position in the call" '
        f'aria-valuemin="0" aria-valuemax="{duration_ms // 1000}" aria-valuenow="0">{overview_svg(sides, duration_ms)}'
        '<div class="window"></div><div class="head-line"></div></div>'
        '<div class="scroller" id="scroller" tabindex="0" role="region" aria-label="the call, to scroll">'
        '<div class="canvas">'
        f'{levels}<div class="head-line"></div></div></div>'
        f"{''.join(paper_html(side) for side in sides)}{legend_html()}</section>{data_block('data', data)}"
    )


def _sounds(sides: Sequence[Side], notes: list[str]) -> tuple[str, list[str]]:
    """The sides' audio as blocks, and their ids ("" where there is none)."""
    lossless = sum(side.envelope.duration_ms for side in sides if side.envelope is not None) <= FLAC_MS
    left, blocks, ids = MAX_AUDIO_BYTES, [], []
    for index, side in enumerate(sides):
        ids.append("")
        if side.audio is None:
            continue
        try:
            sound = encode_sound(side.audio, lossless=lossless, max_bytes=left)
        except (OSError, RuntimeError, soundfile.LibsndfileError) as error:
            notes.append(f"{side.title}: the audio could not be put into this page: {error}")
            continue
        if sound is None:
            notes.append(f"{side.title}: the audio is too long for a page; it is in {side.audio}")
            continue
        left -= len(sound.data)
        ids[-1] = f"sound-{index}"
        blocks.append(base64_block(ids[-1], sound.mime, sound.data))
    return "".join(blocks), ids


def write_html(path: Path, page: str) -> None:
    """Write a page for its owner only: it holds what was said. Raises LocalError."""
    try:
        replace_file(path, page.encode("utf-8"))
    except OSError as error:
        raise LocalError(f"{path} cannot be written: {error.strerror}") from None
