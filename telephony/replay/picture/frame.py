"""Where a stretch of a call lies in a picture: its scale, its edges, and whether the picture is for a live page."""

from __future__ import annotations

from dataclasses import dataclass

from telephony.replay.picture.style import COLUMN_PX, LEFT_PX, PX_PER_MS, RIGHT_PX, WIDTH_PX


@dataclass(frozen=True, slots=True)
class Frame:
    """Media time `start_ms` is at `left_px`. `live`: words carry their times, waits their stages, for a page's script
    and tooltips; the lanes' names are the page's matter then."""

    start_ms: int = 0
    px_per_ms: float = PX_PER_MS
    left_px: float = LEFT_PX
    right_px: float = RIGHT_PX
    """Nothing that has a choice goes beyond it."""
    width_px: float = WIDTH_PX
    live: bool = False

    def x(self, at_ms: float) -> float:
        """Where a media time lies."""
        return self.left_px + (at_ms - self.start_ms) * self.px_per_ms

    @property
    def column_ms(self) -> float:
        """So much sound is one stroke of a voice's outline."""
        return COLUMN_PX / self.px_per_ms
