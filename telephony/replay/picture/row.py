"""One row of a call's time line: both voices, both sides' words, and what stands between them."""

from __future__ import annotations

from telephony.replay.picture.bubbles import Bubble, bubbles_svg, place_bubbles
from telephony.replay.picture.envelope import Envelope
from telephony.replay.picture.frame import Frame
from telephony.replay.picture.lanes import (
    TOLD_PX,
    FlagRow,
    band_svg,
    barge_in_svg,
    flags_svg,
    keys_svg,
    lane_svg,
    place_flags,
    place_told,
)
from telephony.replay.picture.scene import Flag, Scene, Speech, part_of
from telephony.replay.picture.spans import divergence_svg, spans_svg
from telephony.replay.picture.style import (
    AXIS_PX,
    BAND_PX,
    FLAG_PX,
    GAP_PX,
    LANE_PX,
    ROW_GAP_PX,
    RULE,
    SIDES,
    text_svg,
)

LABEL_PX = 40
"""Figures of the time axis stand at least so far apart."""
LABEL_STEPS_S = (2, 5, 10, 30, 60)


class Row:
    """What of a scene lies between the frame's start and `end_ms`; all of the scene, if the frame is as long."""

    def __init__(self, scene: Scene, envelope: Envelope | None, frame: Frame, end_ms: int) -> None:
        self._scene = scene
        self._envelope = envelope
        self._frame = frame
        self._start_ms = frame.start_ms
        self._end_ms = end_ms
        self._right = frame.x(end_ms)
        self._x = frame.x
        self._bubbles = {who: self._place_bubbles(who) for who in SIDES}
        self._flags = self._place_flags()
        self._told = place_told(scene.waits, (frame.start_ms, end_ms), frame)
        self._told_px = max((told.level for told in self._told), default=0) * TOLD_PX

    def _inside(self, at_ms: int) -> bool:
        last = self._end_ms >= self._scene.duration_ms
        return self._start_ms <= at_ms < self._end_ms or (last and at_ms >= self._end_ms)

    def lane_tops(self, top: float) -> tuple[float, float]:
        """The upper edges of the caller's and the agent's lane, if the row's is at `top`."""
        above = self._bubbles_px("caller")
        caller_top = top + AXIS_PX + (above + GAP_PX if above else 0)
        flags_px = max((flag.level + 1 for flag in self._flags), default=0) * FLAG_PX
        return caller_top, caller_top + LANE_PX + BAND_PX + self._told_px + flags_px

    def svg(self, top: float) -> tuple[str, float]:
        """The row with its upper edge at `top`, and where the next one begins."""
        lane_top, agent_top = self.lane_tops(top)
        band_top, bottom = lane_top + LANE_PX, agent_top + LANE_PX
        end = bottom + GAP_PX + self._bubbles_px("agent") + ROW_GAP_PX
        row_ms = self._start_ms, self._end_ms
        keys = [(self._x(at), digit) for at, digit in self._scene.keys if self._inside(at)]
        barge_ins = [self._x(at) for at in self._scene.barge_ins_ms if self._inside(at)]
        parts = [
            spans_svg(self._scene.spans, row_ms, self._x, top + AXIS_PX, bottom),
            self._axis(top, bottom),
            self._lane("caller", lane_top),
            self._lane("agent", agent_top),
            barge_in_svg(barge_ins, band_top, bottom),
            band_svg(self._scene.waits, row_ms, self._frame, lane_top, band_top, agent_top, self._told),
            flags_svg(self._flags, band_top + BAND_PX + self._told_px, agent_top),
            keys_svg(keys, lane_top + LANE_PX / 2),
            bubbles_svg(self._bubbles["caller"], lane_top - GAP_PX, upwards=True),
            bubbles_svg(self._bubbles["agent"], bottom + GAP_PX, upwards=False),
        ]
        if self._scene.diverged_ms is not None and self._inside(self._scene.diverged_ms):
            parts.append(divergence_svg(self._x(self._scene.diverged_ms), top, end))
        return "\n".join(part for part in parts if part), end

    def _speeches(self, who: str) -> list[Speech]:
        parts = (part_of(speech, self._start_ms, self._end_ms) for speech in self._scene.speeches if speech.who == who)
        return [part for part in parts if part is not None]

    def _place_bubbles(self, who: str) -> list[Bubble]:
        spans = [(self._x(part.start_ms), self._x(part.end_ms), part.words) for part in self._speeches(who)]
        return place_bubbles(spans, SIDES[who], self._frame)

    def _bubbles_px(self, who: str) -> float:
        return max((bubble.height for bubble in self._bubbles[who]), default=0.0)

    def _place_flags(self) -> list[FlagRow]:
        inside = [flag for flag in self._scene.flags if self._inside(flag.at_ms)]
        inside += [Flag(at, "barge-in", "barge-in") for at in self._scene.barge_ins_ms if self._inside(at)]
        inside.sort(key=lambda flag: flag.at_ms)
        placed = [(min(self._x(flag.at_ms), self._right), flag) for flag in inside]
        return place_flags(placed, self._frame.right_px)

    def _lane(self, who: str, top: float) -> str:
        spans = [(self._x(part.start_ms), self._x(part.end_ms)) for part in self._speeches(who)]
        return lane_svg(SIDES[who], top, self._frame, self._right, self._envelope, spans)

    def _axis(self, top: float, bottom: float) -> str:
        """Seconds: a faint line each, a figure at every other one (or as the scale allows)."""
        out = []
        step_px = 1000 * self._frame.px_per_ms
        every = next((step for step in LABEL_STEPS_S if step * step_px >= LABEL_PX), LABEL_STEPS_S[-1])
        for second in range(-(-self._start_ms // 1000), self._end_ms // 1000 + 1):
            x = self._x(second * 1000)
            out.append(f'<path d="M{x:.1f} {top + AXIS_PX - 3:.1f}V{bottom:.1f}" stroke="{RULE}" stroke-width="1"/>')
            if second % every == 0 and x < self._frame.right_px + 4:
                label = f"{second // 60}:{second % 60:02d}"
                out.append(text_svg(x, top + 11, label, 11, anchor="middle", muted=True))
        return "\n".join(out)
