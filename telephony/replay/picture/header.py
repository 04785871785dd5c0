"""The head of a call's picture: what call it is, how fast its answers were, and what the colours mean."""

from __future__ import annotations

import statistics

from telephony.replay.picture.scene import Scene
from telephony.replay.picture.style import MARGIN_PX, MUTED, RIGHT_PX, STAGE_STYLES, text_svg
from telephony.replay.picture.typeset import width_px

LEGEND_PX = 12


def header_svg(scene: Scene, *, has_audio: bool) -> tuple[str, float]:
    """The head, and where the first row begins."""
    summary, latency = scene.summary, scene.summary["latency"]
    turns = summary["counts"]["turns"]
    facts = [f"{scene.duration_ms / 1000:.0f} s", f"{turns} turn{'' if turns == 1 else 's'}"]
    if not has_audio:
        facts.append("no audio was kept: voices drawn from the journal")
    parts = [
        text_svg(MARGIN_PX, 44, f"A call with {summary['agent'] or 'an agent'}", 21, bold=True),
        text_svg(MARGIN_PX, 66, " · ".join(facts), 13, muted=True),
    ]
    if latency["n"]:
        parts.append(text_svg(RIGHT_PX, 44, f"{latency['p50_ms']} ms", 21, bold=True, anchor="end"))
        label = f"voice to voice, median · slowest {latency['max_ms']} ms"
        parts.append(text_svg(RIGHT_PX, 66, label, 13, muted=True, anchor="end"))
        parts.append(_legend(scene, 94))
        return "\n".join(parts), 116
    return "\n".join(parts), 88


def _legend(scene: Scene, y: float) -> str:
    """A swatch for each stage that took time, with its median; laid out from the left."""
    x = MARGIN_PX
    intro = "The caller's last sound to the agent's first:"
    out = [text_svg(x, y, intro, LEGEND_PX, muted=True)]
    at = x + width_px(intro, LEGEND_PX) + 10
    for stage, (label, colour) in STAGE_STYLES.items():
        took = [dict(wait.stages).get(stage, 0) for wait in scene.waits]
        if not any(took):
            continue
        text = f"{label} {statistics.median(took):.0f}"
        out.append(f'<rect x="{at:.1f}" y="{y - 10:.1f}" width="11" height="11" rx="2" fill="{colour}"/>')
        out.append(text_svg(at + 16, y, text, LEGEND_PX))
        at += 16 + width_px(text, LEGEND_PX) + 16
    out.append(text_svg(at - 8, y, "ms (medians)", LEGEND_PX, fill=MUTED))
    return "\n".join(out)
