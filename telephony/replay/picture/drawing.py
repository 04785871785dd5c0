"""A call as one picture: both voices on a time line, the words said and heard, and where each answer's time went.

`draw_call` makes one self-contained SVG, from the call's folder alone. The time line breaks into rows, at silences
where it can. In each row stand, from top to bottom: the caller's words, the caller's voice, the wait for each answer
with its stages and what tools ran, the agent's voice as the caller heard it, the agent's words (what was cut off is
struck through).
"""

from __future__ import annotations

from pathlib import Path

import soundfile

from agent.errors import LocalError
from agent.recording.folder import AUDIO, JOURNAL
from agent.summary import parse_journal
from telephony.replay.picture.bubbles import Bubble, bubbles_svg, place_bubbles
from telephony.replay.picture.envelope import Envelope
from telephony.replay.picture.header import header_svg
from telephony.replay.picture.lanes import FlagRow, band_svg, barge_in_svg, flags_svg, keys_svg, lane_svg, place_flags
from telephony.replay.picture.scene import Scene, Speech, break_rows, make_scene, part_of
from telephony.replay.picture.style import (
    AXIS_PX,
    BAND_PX,
    FLAG_PX,
    GAP_PX,
    INK,
    LANE_PX,
    LEFT_PX,
    MARGIN_PX,
    PAPER,
    PX_PER_MS,
    RIGHT_PX,
    ROW_GAP_PX,
    ROW_MS,
    RULE,
    SIDES,
    WIDTH_PX,
    text_svg,
)
from telephony.replay.picture.typeset import FONT, escaped


def draw_call(folder: Path) -> str:
    """The call in `folder` as an SVG document, WIDTH_PX wide. Without audio.wav, voices are drawn as plain spans.

    Raises LocalError if the folder holds no journal, or audio that is none.
    """
    try:
        with (folder / JOURNAL).open("rb") as journal:
            events = list(parse_journal(journal))
    except FileNotFoundError:
        raise LocalError(f"{folder} holds no {JOURNAL}: give the folder of a call, one of those under calls/") from None
    envelope = _envelope(folder / AUDIO)
    scene = make_scene(events, envelope.duration_ms if envelope else 0)
    head, y = header_svg(scene, has_audio=envelope is not None)
    parts = [head]
    for start_ms, end_ms in break_rows(scene, ROW_MS):
        row, y = _Row(scene, envelope, start_ms, end_ms).svg(y)
        parts.append(row)
    return _document(scene, parts, round(y + MARGIN_PX - ROW_GAP_PX))


def _envelope(path: Path) -> Envelope | None:
    if not path.exists():
        return None
    try:
        return Envelope(path)
    except (OSError, soundfile.LibsndfileError) as error:
        raise LocalError(f"{path} cannot be read as audio: {error}; remove it to draw the call without") from None


def _document(scene: Scene, parts: list[str], height_px: int) -> str:
    name = escaped(str(scene.summary["agent"]) or "an agent")
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH_PX}" height="{height_px}" '
            f'viewBox="0 0 {WIDTH_PX} {height_px}" role="img" font-family="{FONT}" fill="{INK}">',
            f"<title>A phone call with {name}: who spoke when, and where the time went</title>",
            f'<rect x="0.5" y="0.5" width="{WIDTH_PX - 1}" height="{height_px - 1}" rx="12" fill="{PAPER}" '
            f'stroke="{RULE}"/>',
            *parts,
            "</svg>\n",
        ]
    )


class _Row:
    """One row of the time line, from `start_ms` to `end_ms`."""

    def __init__(self, scene: Scene, envelope: Envelope | None, start_ms: int, end_ms: int) -> None:
        self._scene = scene
        self._envelope = envelope
        self._start_ms = start_ms
        self._end_ms = end_ms
        self._right = self._x(end_ms)

    def _x(self, at_ms: float) -> float:
        return LEFT_PX + (at_ms - self._start_ms) * PX_PER_MS

    def _inside(self, at_ms: int) -> bool:
        last = self._end_ms >= self._scene.duration_ms
        return self._start_ms <= at_ms < self._end_ms or (last and at_ms >= self._end_ms)

    def svg(self, top: float) -> tuple[str, float]:
        """The row with its upper edge at `top`, and where the next one begins."""
        words = [self._bubbles(who) for who in ("caller", "agent")]
        heights = [max((bubble.height for bubble in side), default=0.0) for side in words]
        flags = self._flags()
        lane_top = top + AXIS_PX + (heights[0] + GAP_PX if heights[0] else 0)
        band_top = lane_top + LANE_PX
        agent_top = band_top + BAND_PX + max((flag.level + 1 for flag in flags), default=0) * FLAG_PX
        bottom = agent_top + LANE_PX
        parts = [
            self._axis(top, bottom),
            self._lane("caller", lane_top),
            self._lane("agent", agent_top),
            band_svg(self._scene.waits, (self._start_ms, self._end_ms), self._x, lane_top, band_top, agent_top),
            flags_svg(flags, band_top + BAND_PX, agent_top),
            keys_svg(
                [(self._x(at), digit) for at, digit in self._scene.keys if self._inside(at)], lane_top + LANE_PX / 2
            ),
            barge_in_svg([self._x(at) for at in self._scene.barge_ins_ms if self._inside(at)], band_top, bottom),
            bubbles_svg(words[0], lane_top - GAP_PX, upwards=True),
            bubbles_svg(words[1], bottom + GAP_PX, upwards=False),
        ]
        return "\n".join(part for part in parts if part), bottom + GAP_PX + heights[1] + ROW_GAP_PX

    def _speeches(self, who: str) -> list[Speech]:
        parts = (part_of(speech, self._start_ms, self._end_ms) for speech in self._scene.speeches if speech.who == who)
        return [part for part in parts if part is not None]

    def _bubbles(self, who: str) -> list[Bubble]:
        spans = [(self._x(part.start_ms), self._x(part.end_ms), part.words) for part in self._speeches(who)]
        return place_bubbles(spans, SIDES[who])

    def _flags(self) -> list[FlagRow]:
        inside = [flag for flag in self._scene.flags if self._inside(flag.at_ms)]
        return place_flags([(min(self._x(flag.at_ms), self._right), flag) for flag in inside])

    def _lane(self, who: str, top: float) -> str:
        spans = [(self._x(part.start_ms), self._x(part.end_ms)) for part in self._speeches(who)]
        return lane_svg(SIDES[who], top, self._start_ms, self._right, self._envelope, spans)

    def _axis(self, top: float, bottom: float) -> str:
        """Seconds: a faint line each, a figure at every other one."""
        out = []
        for second in range(-(-self._start_ms // 1000), self._end_ms // 1000 + 1):
            x = self._x(second * 1000)
            out.append(f'<path d="M{x:.1f} {top + AXIS_PX - 3:.1f}V{bottom:.1f}" stroke="{RULE}" stroke-width="1"/>')
            if second % 2 == 0 and x < RIGHT_PX + 4:
                label = f"{second // 60}:{second % 60:02d}"
                out.append(text_svg(x, top + 11, label, 11, anchor="middle", muted=True))
        return "\n".join(out)
