"""The look of a call's picture: measures, a line of text, and colours that the colour-blind can tell (Okabe-Ito)."""

from __future__ import annotations

from dataclasses import dataclass

from telephony.replay.picture.typeset import escaped

WIDTH_PX = 1080
MARGIN_PX = 28
LEFT_PX = 88
"""Where time begins: room for the lanes' names."""
RIGHT_PX = WIDTH_PX - MARGIN_PX
ROW_MS = 11_000
"""So many milliseconds in a full row: then words take about the room their sound does."""
PX_PER_MS = (RIGHT_PX - LEFT_PX) / ROW_MS

AXIS_PX = 22
LANE_PX = 46
BAND_PX = 34
"""Between the lanes: the waits."""
FLAG_PX = 22
GAP_PX = 7
ROW_GAP_PX = 22
COLUMN_PX = 3.0

TEXT_PX = 14
LINE_PX = 18
PAD_X_PX = 9
PAD_Y_PX = 5

PAPER = "#fcfcfb"
INK = "#1d2733"
MUTED = "#667180"
RULE = "#e7e8ea"
ALARM = "#c2410c"


@dataclass(frozen=True, slots=True)
class Side:
    """How one of the two looks. `channel` is its place in audio.wav."""

    name: str
    channel: int
    wave: str
    tint: str
    ink: str


SIDES = {
    "caller": Side("Caller", 0, "#5b6573", "#eceef1", "#2b3440"),
    "agent": Side("Agent", 1, "#0072b2", "#e2eff8", "#0b3f61"),
}

STAGE_STYLES = {
    "endpointing_ms": ("endpointing", "#c3c8cf"),
    "stt_ms": ("speech to text", "#56b4e9"),
    "llm_ms": ("reply", "#8a4f9e"),
    "clause_ms": ("clause", "#e8cf3a"),
    "tts_ms": ("voice", "#0b5394"),
    "line_ms": ("line", "#e69f00"),
}
"""Label and colour of each stage. Neighbours differ in lightness, so that they part without colour too."""

FLAG_COLOURS = {
    "failed": ALARM,
    "error": ALARM,
    "cutoff": ALARM,
    "barge-in": ALARM,
    "leave": MUTED,
    "stop": MUTED,
    "line": "#8a5a00",
    "dead": "#8a4f9e",
    "changed": ALARM,
    "better": "#14703f",
}
"""Of a flag's pole and words; INK for any other kind."""
SPAN_COLOURS = {"gap": "#e69f00", "stall": "#e69f00", "dead": "#8a4f9e", "unscored": MUTED}
SPAN_OPACITY = {"gap": 0.2, "stall": 0.2, "dead": 0.16, "unscored": 0.07}
"""What is not scored is to be read all the same."""


def text_svg(
    x: float,
    y: float,
    text: str,
    size_px: float,
    *,
    anchor: str = "start",
    muted: bool = False,
    bold: bool = False,
    fill: str = "",
) -> str:
    """One line of text, its baseline at `y`."""
    colour = fill or (MUTED if muted else "")
    extra = f' fill="{colour}"' if colour else ""
    extra += ' font-weight="600"' if bold else ""
    extra += f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size_px:g}"{extra}>{escaped(text)}</text>'
