"""The voices of a row, and what stands between them: waits with their stages, tool flags, keys, barge-ins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
    PAPER,
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
TOLD_PX = 14
"""Below a bar, a line of what is told of it."""
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
    told_rows: Sequence[ToldRow] = (),
) -> str:
    """The row's waits: from the caller's end to the agent's beginning, stage by stage, and what is told of them."""
    out = []
    x_of = frame.x
    top = band_top + (BAND_PX - BAR_PX) / 2
    dashes = f'stroke="{MUTED}" stroke-dasharray="2 3"'
    for wait in waits:
        if wait.end_ms <= row_ms[0] or wait.start_ms >= row_ms[1]:
            continue
        if wait.start_ms >= row_ms[0]:
            out.append(f'<path d="M{x_of(wait.start_ms):.1f} {lane_top + 6:.1f}V{top:.1f}" {dashes}/>')
        out.append(_stages_svg(wait, row_ms, frame, top))
        if wait.end_ms > row_ms[1]:
            continue
        right = x_of(wait.end_ms)
        out.append(f'<path d="M{right:.1f} {top + BAR_PX:.1f}V{agent_top + LANE_PX - 6:.1f}" {dashes}/>')
    out += [_told_svg(told, top + 11 + told.level * TOLD_PX) for told in told_rows]
    return "\n".join(out)


@dataclass(frozen=True, slots=True)
class ToldRow:
    """What is told of a wait, from `x` on: its figure, its reason, or both; on `level` 0 behind the bar, else below."""

    x: float
    figure: str
    reason: str
    level: int

    @property
    def reason_x(self) -> float:
        return self.x + (width_px(self.figure, FLAG_TEXT_PX) + REASON_GAP_PX if self.figure else 0)

    @property
    def right(self) -> float:
        return self.reason_x + width_px(self.reason, REASON_PX)


def place_told(waits: Sequence[Wait], row_ms: tuple[int, int], frame: Frame) -> list[ToldRow]:
    """Figure and reason of each wait that ends in the row: behind its bar where there is room before the next one, else
    (the reason, or both) below it, where they cover nothing."""
    out: list[ToldRow] = []
    ends: list[float] = []
    for index, wait in enumerate(waits):
        if not row_ms[0] < wait.end_ms <= row_ms[1]:
            continue
        later = waits[index + 1].start_ms if index + 1 < len(waits) else row_ms[1]
        room_to = min(frame.x(later), frame.width_px) if later < row_ms[1] else frame.width_px
        whole = ToldRow(frame.x(wait.end_ms) + 7, f"{wait.end_ms - wait.start_ms} ms", wait.reason, 0)
        if whole.right < room_to:
            out.append(whole)
            continue
        below = whole
        if whole.reason_x - REASON_GAP_PX < room_to:
            out.append(replace(whole, reason=""))
            below = replace(whole, figure="")
        if not below.figure and not below.reason:
            continue
        left = max(frame.x(wait.start_ms), frame.left_px)
        x = max(frame.left_px, min(left, frame.right_px - (below.right - below.x)))
        level = next((number for number, end in enumerate(ends, 1) if x >= end + REASON_GAP_PX), len(ends) + 1)
        below = replace(below, x=x, level=level)
        ends[level - 1 : level] = [below.right]
        out.append(below)
    return out


def _told_svg(told: ToldRow, y: float) -> str:
    """Its ground is paper: what stands on a line's way is to be read all the same."""
    size = f'width="{told.right - told.x + 4:.1f}" height="13"'
    ground = f'<rect x="{told.x - 2:.1f}" y="{y - 10:.1f}" {size} fill="{PAPER}"/>'
    figure = text_svg(told.x, y, told.figure, FLAG_TEXT_PX, bold=True) if told.figure else ""
    return ground + figure + (text_svg(told.reason_x, y, told.reason, REASON_PX, muted=True) if told.reason else "")


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


def barge_in_svg(at: Sequence[float], band_top: float, bottom: float) -> str:
    """Where the caller took the word: a mark through the agent's lane. (Its name is a flag: it covers nothing.)"""
    return "\n".join(
        f'<path d="M{x:.1f} {band_top + 5:.1f}V{bottom:.1f}" stroke="{ALARM}" stroke-width="1.6"/>'
        f'<path d="M{x - 4:.1f} {band_top + 3:.1f}h8l-4 7z" fill="{ALARM}"/>'
        for x in at
    )


def keys_svg(keys: Sequence[tuple[float, str]], middle: float) -> str:
    """Keys the caller pressed, as keys."""
    return "\n".join(
        f'<rect x="{x - 8:.1f}" y="{middle - 10:.1f}" width="16" height="20" rx="4" fill="#ffffff" stroke="{INK}"/>'
        + text_svg(x, middle + 4.5, digit, 13, anchor="middle", bold=True)
        for x, digit in keys
    )
