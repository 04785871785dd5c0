"""The words of one side in one row: bubbles that begin where their sound does, and never lie over each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from telephony.replay.picture.frame import Frame
from telephony.replay.picture.style import LINE_PX, PAD_X_PX, PAD_Y_PX, TEXT_PX, Side
from telephony.replay.picture.typeset import Word, escaped, line_px, wrap

MIN_PX = 140
"""Narrower than this, text becomes a column of single words."""
MAX_LINES = 8
BETWEEN_PX = 8
STRETCH = 1.3
"""A bubble may be so much wider than its sound if that saves a line."""
EVEN_STEP_PX = 6
ROUNDING_PX = 0.01
DOTS = Word("…")
"""Where there is no room for words."""
WHOLE = Frame()

Span = tuple[float, float, Sequence[Word]]
"""Left and right edge of the sound in pixels, and its words."""


@dataclass(frozen=True, slots=True)
class Bubble:
    """Words in lines, in a box."""

    x: float
    width: float
    lines: list[list[Word]]
    side: Side
    live: bool = False
    left_out: str = ""
    """What would have been said in it, had there been room."""

    @property
    def height(self) -> float:
        return len(self.lines) * LINE_PX + 2 * PAD_Y_PX


def place_bubbles(spans: Sequence[Span], side: Side, frame: Frame = WHOLE) -> list[Bubble]:
    """A bubble for each span, about as wide as its sound; squeezed where the next one begins, moved left at the edge.

    Words stay whole, but for those that are wider than MIN_PX alone. Without room for them there are dots, or nothing.
    """
    out: list[Bubble] = []
    free_from = 0.0
    edge = frame.right_px
    # One that begins near the edge gets room from the one before it.
    begins = [min(left, edge - _least(words) - 2 * PAD_X_PX) for left, _, words in spans]
    for index, (left, right, words) in enumerate(spans):
        limit = edge if index + 1 == len(spans) else min(begins[index + 1] - BETWEEN_PX, edge)
        wanted = min(max(right - left, MIN_PX), line_px(words, TEXT_PX) + 2 * PAD_X_PX)
        x = max(min(left, limit - wanted), free_from)
        room, left_out = limit - x, ""
        least = _least(words)
        if room + 2 * ROUNDING_PX >= least + 2 * PAD_X_PX:
            width, widest = (max(min(each, room) - 2 * PAD_X_PX, least) for each in (wanted, wanted * STRETCH))
            lines = _lines(words, width, widest, least)
        elif room >= line_px([DOTS], TEXT_PX) + 2 * PAD_X_PX:
            lines, left_out = [[DOTS]], " ".join(word.text for word in words)
        else:
            continue
        width = max(line_px(line, TEXT_PX) for line in lines) + 2 * PAD_X_PX
        out.append(Bubble(x, width, lines, side, frame.live, left_out))
        free_from = x + width + BETWEEN_PX
    return out


def _least(words: Sequence[Word]) -> float:
    """Narrower than this, a word would be broken that need not be."""
    return min(max((line_px([word], TEXT_PX) for word in words), default=0.0), MIN_PX - 2 * PAD_X_PX)


def _lines(words: Sequence[Word], width: float, widest: float, least: float) -> list[list[Word]]:
    """As few lines as `widest` allows, within `width` if that takes no more; then evened out, not below `least`."""
    fewest = len(wrap(words, TEXT_PX, widest + ROUNDING_PX, MAX_LINES))
    limit = width if len(wrap(words, TEXT_PX, width + ROUNDING_PX, MAX_LINES)) == fewest else widest
    lines = wrap(words, TEXT_PX, limit + ROUNDING_PX, MAX_LINES)
    while 1 < len(lines) < MAX_LINES and limit - EVEN_STEP_PX >= least:
        limit -= EVEN_STEP_PX
        narrower = wrap(words, TEXT_PX, limit + ROUNDING_PX, MAX_LINES)
        if len(narrower) > fewest:
            break
        lines = narrower
    return lines


def bubbles_svg(bubbles: Sequence[Bubble], edge: float, *, upwards: bool) -> str:
    """The bubbles with their lower (`upwards`) or upper edge at `edge`."""
    return "\n".join(_bubble_svg(bubble, edge - bubble.height if upwards else edge) for bubble in bubbles)


def _bubble_svg(bubble: Bubble, top: float) -> str:
    box = (
        f'<rect x="{bubble.x:.1f}" y="{top:.1f}" width="{bubble.width:.1f}" height="{bubble.height:.1f}" rx="7" '
        f'fill="{bubble.side.tint}"/>'
    )
    lines = [
        f'<text x="{bubble.x + PAD_X_PX:.1f}" y="{top + PAD_Y_PX + 13.5 + LINE_PX * number:.1f}" '
        f'font-size="{TEXT_PX}" fill="{bubble.side.ink}">{_words_svg(line, live=bubble.live)}</text>'
        for number, line in enumerate(bubble.lines)
    ]
    if bubble.left_out:
        return "\n".join(["<g>", f"<title>{escaped(bubble.left_out)}</title>", box, *lines, "</g>"])
    return "\n".join([box, *lines])


def _words_svg(line: Sequence[Word], *, live: bool) -> str:
    if live:
        return " ".join(_live_word_svg(word) for word in line)
    parts = []
    for unheard, words in groupby(line, key=lambda word: word.unheard):
        text = escaped(" ".join(word.text for word in words))
        parts.append(f'<tspan fill-opacity="0.5" text-decoration="line-through">{text}</tspan>' if unheard else text)
    return " ".join(parts)


def _live_word_svg(word: Word) -> str:
    """One word; a page's script reads from it when it is heard (media time, ms)."""
    if word.unheard:
        return f'<tspan class="unheard" fill-opacity="0.5" text-decoration="line-through">{escaped(word.text)}</tspan>'
    if word.span_ms is None:
        return escaped(word.text)
    return f'<tspan data-s="{word.span_ms[0]}" data-e="{word.span_ms[1]}">{escaped(word.text)}</tspan>'
