"""The voices of a row, and what stands between them: waits with their stages, tool flags, keys, barge-ins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from telephony.replay.picture.envelope import Envelope
from telephony.replay.picture.frame import Frame
from telephony.replay.picture.scene import Flag, Wait
from telephony.replay.picture.style import (
    ALARM,
    BAND_PX,
    COLUMN_PX,
    FLAG_COLOURS,
    FLAG_PX,
    INK,
    LANE_PX,
    MARGIN_PX,
    MUTED,
    RIGHT_PX,
    STAGE_STYLES,
    Side,
    text_svg,
)
from telephony.replay.picture.typeset import escaped, width_px

BAR_PX = 13
SEAM_PX = 0.8
SILENT = 0.025
"""Of a lane's height; anything quieter is drawn as the middle line."""
FLAG_TEXT_PX = 12
REASON_PX, REASON_GAP_PX = 11, 7
BARGE_IN = "barge-in"
PIECE_COLUMNS = 400
"""A voice is drawn in pieces this long: a browser then paints only those in view. A picture's row is one piece."""


def lane_svg(
    side: Side,
    top: float,
    frame: Frame,
    right: float,
    envelope: Envelope | None,
    spans: Sequence[tuple[float, float]],
) -> str:
    """A voice from the frame's left edge to `right`: its outline, or (without audio) the spans it spoke in."""
    middle = top + LANE_PX / 2
    name = "" if frame.live else text_svg(MARGIN_PX, middle + 4, side.name, 13, bold=True, fill=side.wave)
    line = f'<path d="M{frame.left_px} {middle:.1f}H{right:.1f}" stroke="{side.wave}" stroke-opacity="0.35"/>'
    if envelope is None:
        boxes = [
            f'<rect x="{left:.1f}" y="{middle - 9:.1f}" width="{max(end - left, 3):.1f}" height="18" rx="5" '
            f'fill="{side.wave}" fill-opacity="0.75"/>'
            for left, end in spans
        ]
        return "\n".join(part for part in (name, line, *boxes) if part)
    count = max(int((right - frame.left_px) / COLUMN_PX), 1)
    columns = envelope.columns(side.channel, frame.start_ms, frame.column_ms, count)
    waves = [
        f'<path d="{steps}" stroke="{side.wave}" stroke-width="2" stroke-linecap="round"/>'
        for at in range(0, count, PIECE_COLUMNS)
        if (steps := _steps(columns[at : at + PIECE_COLUMNS], frame.left_px + at * COLUMN_PX, middle))
    ]
    return "\n".join(part for part in (name, line, *waves) if part)


def _steps(columns: npt.NDArray[np.float64], left: float, middle: float) -> str:
    """The strokes of a voice's outline: one per column that is not silent."""
    steps = []
    half = LANE_PX / 2 - 1
    for index, (low, high) in enumerate(columns):
        if high - low > 2 * SILENT:
            x = left + (index + 0.5) * COLUMN_PX
            steps.append(f"M{x:.1f} {middle - high * half:.1f}V{middle - low * half:.1f}")
    return "".join(steps)


def band_svg(
    waits: Sequence[Wait],
    row_ms: tuple[int, int],
    frame: Frame,
    lane_top: float,
    band_top: float,
    agent_top: float,
) -> str:
    """The waits in the row: from the caller's end to the agent's beginning, stage by stage."""
    out = []
    x_of = frame.x
    top = band_top + (BAND_PX - BAR_PX) / 2
    dashes = f'stroke="{MUTED}" stroke-dasharray="2 3"'
    for index, wait in enumerate(waits):
        if wait.end_ms <= row_ms[0] or wait.start_ms >= row_ms[1]:
            continue
        if wait.start_ms >= row_ms[0]:
            out.append(f'<path d="M{x_of(wait.start_ms):.1f} {lane_top + 6:.1f}V{top:.1f}" {dashes}/>')
        out.append(_stages_svg(wait, row_ms, frame, top))
        if wait.end_ms > row_ms[1]:
            continue
        right, figure = x_of(wait.end_ms), f"{wait.end_ms - wait.start_ms} ms"
        out.append(f'<path d="M{right:.1f} {top + BAR_PX:.1f}V{agent_top + LANE_PX - 6:.1f}" {dashes}/>')
        room_to = x_of(waits[index + 1].start_ms) if index + 1 < len(waits) else float("inf")
        room_to = min(room_to, frame.width_px)
        if (reason_x := right + 7 + width_px(figure, 12)) < room_to:
            out.append(text_svg(right + 7, top + 11, figure, 12, bold=True))
            if wait.reason and reason_x + REASON_GAP_PX + width_px(wait.reason, REASON_PX) < room_to:
                out.append(text_svg(reason_x + REASON_GAP_PX, top + 11, wait.reason, REASON_PX, muted=True))
    return "\n".join(out)


def _stages_svg(wait: Wait, row_ms: tuple[int, int], frame: Frame, top: float) -> str:
    """What falls into the row of a wait's stages, side by side; their sum is stretched to the wait."""

    def box(start_ms: float, end_ms: float, colour: str) -> str:
        left, right = frame.x(max(start_ms, row_ms[0])), frame.x(min(end_ms, row_ms[1]))
        seam = SEAM_PX if right - left > 4 * SEAM_PX else 0.0
        size = f'width="{right - left - seam:.2f}" height="{BAR_PX}"'
        return f'<rect x="{left:.2f}" y="{top:.1f}" {size} fill="{colour}"/>' if right > left else ""

    scale, at = (wait.end_ms - wait.start_ms) / (sum(ms for _, ms in wait.stages) or 1), float(wait.start_ms)
    out = [] if wait.stages else [box(wait.start_ms, wait.end_ms, MUTED)]
    for stage, ms in wait.stages:
        out.append(box(at, at + ms * scale, STAGE_STYLES[stage][1]))
        at += ms * scale
    bars = "\n".join(part for part in out if part)
    return f"<g><title>{escaped(_stages_told(wait))}</title>{bars}</g>" if frame.live else bars


def _stages_told(wait: Wait) -> str:
    """The wait in words, for who points at it."""
    stages = ", ".join(f"{STAGE_STYLES[stage][0]} {ms} ms" for stage, ms in wait.stages)
    told = f"waited {wait.end_ms - wait.start_ms} ms" + (f": {stages}" if stages else "")
    return f"{told}; turn over: {wait.reason}" if wait.reason else told


@dataclass(frozen=True, slots=True)
class FlagRow:
    """A flag in its place: its pole at `pole`, its cloth from `x` on, on `level` 0 (upper) or below."""

    flag: Flag
    pole: float
    x: float
    width: float
    level: int


def place_flags(flags: Sequence[tuple[float, Flag]], right_px: float = RIGHT_PX) -> list[FlagRow]:
    """Flags (x, flag), ascending, each on the first level where it covers no other."""
    ends: list[float] = []
    out = []
    for pole, flag in flags:
        width = width_px(flag.label, FLAG_TEXT_PX) + 14
        x = min(pole, right_px - width)
        level = next((number for number, end in enumerate(ends) if x >= end + 6), len(ends))
        if level == len(ends):
            ends.append(0.0)
        ends[level] = x + width
        out.append(FlagRow(flag, pole, x, width, level))
    return out


def flags_svg(rows: Sequence[FlagRow], top: float, agent_top: float) -> str:
    """Small flags on poles that stand on the agent's lane."""
    out = []
    for row in rows:
        colour = FLAG_COLOURS.get(row.flag.kind, INK)
        y = top + row.level * FLAG_PX
        out.append(f'<path d="M{row.pole:.1f} {y + 1:.1f}V{agent_top:.1f}" stroke="{colour}" stroke-width="1.3"/>')
        out.append(
            f'<rect x="{row.x:.1f}" y="{y:.1f}" width="{row.width:.1f}" height="{FLAG_PX - 4}" rx="3" '
            f'fill="#ffffff" stroke="{colour}" stroke-width="1"/>'
        )
        out.append(text_svg(row.x + 7, y + 13, row.flag.label, FLAG_TEXT_PX, fill=colour))
    return "\n".join(out)


def barge_in_svg(
    at: Sequence[float],
    band_top: float,
    bottom: float,
    right_px: float = RIGHT_PX,
    figures: Sequence[tuple[float, float]] = (),
) -> str:
    """Where the caller took the word: a mark through the agent's lane. Its name steps below a wait's figure (`figures`:
    their left and right edges) that it would cover."""
    out = []
    width = width_px(BARGE_IN, FLAG_TEXT_PX)
    for x in at:
        anchor, label_x = ("end", x - 7) if x > right_px - 70 else ("start", x + 7)
        left = label_x - width if anchor == "end" else label_x
        covers = any(left < end and start < left + width for start, end in figures)
        out.append(
            f'<path d="M{x:.1f} {band_top + 5:.1f}V{bottom:.1f}" stroke="{ALARM}" stroke-width="1.6"/>'
            f'<path d="M{x - 4:.1f} {band_top + 3:.1f}h8l-4 7z" fill="{ALARM}"/>'
        )
        label_y = band_top + (BAND_PX - 2 if covers else 14)
        out.append(text_svg(label_x, label_y, BARGE_IN, FLAG_TEXT_PX, bold=True, fill=ALARM, anchor=anchor))
    return "\n".join(out)


def figure_edges(waits: Sequence[Wait], frame: Frame) -> list[tuple[float, float]]:
    """Where the waits' bars, figures and reasons stand, from left to right."""
    figures = [
        width_px(f"{wait.end_ms - wait.start_ms} ms", FLAG_TEXT_PX)
        + (REASON_GAP_PX + width_px(wait.reason, REASON_PX) if wait.reason else 0)
        for wait in waits
    ]
    return [
        (frame.x(wait.start_ms), frame.x(wait.end_ms) + 7 + figure) for wait, figure in zip(waits, figures, strict=True)
    ]


def keys_svg(keys: Sequence[tuple[float, str]], middle: float) -> str:
    """Keys the caller pressed, as keys."""
    return "\n".join(
        f'<rect x="{x - 8:.1f}" y="{middle - 10:.1f}" width="16" height="20" rx="4" fill="#ffffff" stroke="{INK}"/>'
        + text_svg(x, middle + 4.5, digit, 13, anchor="middle", bold=True)
        for x, digit in keys
    )
