"""The time line of a page: each side as one long row in a few scales, under an overview of the whole call."""

from __future__ import annotations

from collections.abc import Sequence

from telephony.replay.picture.envelope import Envelope
from telephony.replay.picture.frame import Frame
from telephony.replay.picture.row import Row
from telephony.replay.picture.scene import break_rows
from telephony.replay.picture.style import (
    ALARM,
    INK,
    LANE_PX,
    PX_PER_MS,
    ROW_MS,
    SIDES,
    STAGE_STYLES,
    WIDTH_PX,
    text_svg,
)
from telephony.replay.picture.typeset import FONT
from telephony.replay.report.page.html import told
from telephony.replay.report.page.side import Side

SCALES = (0.4 * PX_PER_MS, PX_PER_MS, 2.5 * PX_PER_MS)
"""Pixels of a millisecond: words crowded, words as wide as their sound (as in the picture), single syllables."""
NEAR_MS = 15 * 60 * 1000
"""A longer call is not drawn in the last scale: the page would be slow."""
PAPER_MS = 10 * 60 * 1000
"""A longer call is not drawn for paper: it would be sixty rows."""
EDGE_PX = 24.0
"""Before the first and after the last moment of a strip."""
TOP_PX = 4.0
NAMES_PX = 62.0
OVERVIEW_PX = 1000
OVERVIEW_LANE_PX = 22
MIN_LEVEL = 0.03
"""Quieter than this, of a lane, is not drawn in the overview."""


def scales(duration_ms: int) -> tuple[float, ...]:
    """The scales in which a call of this length is drawn."""
    return SCALES if duration_ms <= NEAR_MS else SCALES[:-1]


def strip_html(side: Side, index: int, duration_ms: int, px_per_ms: float) -> str:
    """One side in one scale: a figure with the lanes' names, which stay in view, and the row."""
    right = EDGE_PX + duration_ms * px_per_ms
    width = round(right + EDGE_PX)
    frame = Frame(0, px_per_ms, EDGE_PX, right, width, live=True)
    row = Row(side.scene, side.envelope, frame, side.scene.duration_ms)
    svg, end = row.svg(TOP_PX)
    height = round(end)
    tops = zip(SIDES.values(), row.lane_tops(TOP_PX), strict=True)
    names = "".join(text_svg(8, top + LANE_PX / 2 + 4, who.name, 12, bold=True, fill=who.wave) for who, top in tops)
    label = told(f"{side.title}: both voices, words, waits and events on a time line")
    return (
        f'<figure class="strip" data-side="{index}"><figcaption>{told(side.title)}</figcaption><div class="row">'
        f'<svg class="names" width="{NAMES_PX:g}" height="{height}" font-family="{FONT}" aria-hidden="true">{names}'
        f'</svg><svg class="long" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{label}" font-family="{FONT}" fill="{INK}">{svg}</svg></div></figure>'
    )


def paper_html(side: Side) -> str:
    """The side as on paper: rows one below the other, as in the picture of a call. "" if it is too long for that."""
    if side.scene.duration_ms > PAPER_MS:
        return ""
    rows = []
    for start_ms, end_ms in break_rows(side.scene, ROW_MS):
        svg, end = Row(side.scene, side.envelope, Frame(start_ms), end_ms).svg(TOP_PX)
        box = f'viewBox="0 0 {WIDTH_PX} {round(end)}"'
        rows.append(f'<svg {box} aria-hidden="true" font-family="{FONT}" fill="{INK}">{svg}</svg>')
    return f'<div class="paper"><h2>{told(side.title)}</h2>{"".join(rows)}</div>'


def overview_svg(sides: Sequence[Side], duration_ms: int) -> str:
    """The whole call, as wide as the page: both voices of each side, and where something happened."""
    lanes = [(side, who) for side in sides for who in SIDES.values()]
    height = OVERVIEW_LANE_PX * len(lanes)
    parts = []
    for number, (side, who) in enumerate(lanes):
        middle = OVERVIEW_LANE_PX * (number + 0.5)
        parts.append(f'<path d="M0 {middle:g}H{OVERVIEW_PX}" stroke="{who.wave}" stroke-opacity="0.3"/>')
        parts.append(_small_voice(side, who.channel, who.wave, middle, duration_ms))
    for number, side in enumerate(sides):
        parts.append(_marks(side, OVERVIEW_LANE_PX * 2 * number, duration_ms))
    return (
        f'<svg viewBox="0 0 {OVERVIEW_PX} {height}" height="{height}" preserveAspectRatio="none" aria-hidden="true">'
        f"{''.join(parts)}</svg>"
    )


def _small_voice(side: Side, channel: int, colour: str, middle: float, duration_ms: int) -> str:
    if side.envelope is None:
        who = "caller" if channel == 0 else "agent"
        spans = [(s.start_ms, s.end_ms) for s in side.scene.speeches if s.who == who]
        scale = OVERVIEW_PX / duration_ms
        return "".join(
            f'<rect x="{start * scale:.1f}" y="{middle - 4:g}" width="{max((end - start) * scale, 1):.1f}" height="8" '
            f'fill="{colour}"/>'
            for start, end in spans
        )
    half = OVERVIEW_LANE_PX / 2 - 2
    steps = []
    for x, level in enumerate(_levels(side.envelope, channel, duration_ms)):
        if level > MIN_LEVEL:
            steps.append(f"M{x}.5 {middle - level * half:.1f}v{2 * level * half:.1f}")
    return f'<path d="{"".join(steps)}" stroke="{colour}" stroke-width="1.05"/>' if steps else ""


def _levels(envelope: Envelope, channel: int, duration_ms: int) -> list[float]:
    columns = envelope.columns(channel, 0, duration_ms / OVERVIEW_PX, OVERVIEW_PX)
    return [float(max(-low, high)) for low, high in columns]


def _marks(side: Side, top: float, duration_ms: int) -> str:
    scale, height = OVERVIEW_PX / duration_ms, 2 * OVERVIEW_LANE_PX
    colour = STAGE_STYLES["line_ms"][1]
    out = [
        f'<rect x="{wait.start_ms * scale:.1f}" y="{top + height / 2 - 2.5:g}" '
        f'width="{max((wait.end_ms - wait.start_ms) * scale, 1.5):.1f}" height="5" fill="{colour}"/>'
        for wait in side.scene.waits
    ]
    alarms = [flag.at_ms for flag in side.scene.flags if flag.kind in ("failed", "error", "cutoff")]
    out += [
        f'<path d="M{at * scale:.1f} {top:g}v{height}" stroke="{ALARM}" stroke-width="1" stroke-opacity="0.6"/>'
        for at in (*alarms, *side.scene.barge_ins_ms)
    ]
    if side.scene.diverged_ms is not None:
        x = side.scene.diverged_ms * scale
        out.append(f'<rect x="{x:.1f}" y="{top:g}" width="{OVERVIEW_PX - x:.1f}" height="{height}" fill="{ALARM}" ')
        out.append('fill-opacity="0.08"/>')
        out.append(f'<path d="M{x:.1f} {top:g}v{height}" stroke="{ALARM}" stroke-width="2.5"/>')
    return "".join(out)
