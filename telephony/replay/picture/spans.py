"""What lies over a stretch of a picture: silences that should not be, gaps in the line, and all that is not scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from telephony.replay.picture.scene import Span
from telephony.replay.picture.style import ALARM, SPAN_COLOURS, SPAN_OPACITY, text_svg

DIVERGED = "first divergence"


def spans_svg(
    spans: Sequence[Span], row_ms: tuple[int, int], x_of: Callable[[float], float], top: float, bottom: float
) -> str:
    """The stretches that fall into the row, as tinted areas behind everything else."""
    out = []
    for span in spans:
        start_ms, end_ms = max(span.start_ms, row_ms[0]), min(span.end_ms, row_ms[1])
        if end_ms <= start_ms:
            continue
        left, width = x_of(start_ms), max(x_of(end_ms) - x_of(start_ms), 1.5)
        out.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{bottom - top:.1f}" '
            f'fill="{SPAN_COLOURS[span.kind]}" fill-opacity="{SPAN_OPACITY[span.kind]}"/>'
        )
    return "\n".join(out)


def divergence_svg(x: float, top: float, bottom: float) -> str:
    """A line across the whole row, and its name."""
    line = f'<path d="M{x:.1f} {top:.1f}V{bottom:.1f}" stroke="{ALARM}" stroke-width="2" stroke-dasharray="7 4"/>'
    return line + text_svg(x + 6, bottom - 6, DIVERGED, 12, bold=True, fill=ALARM)
