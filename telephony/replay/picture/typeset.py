"""Text in an SVG: how wide it is, where its lines break, and how it is escaped. Pure.

The picture names fonts and holds none, so widths are those of Helvetica, with room for its wider cousins.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from xml.sax.saxutils import escape

FONT = "-apple-system,BlinkMacSystemFont,'Segoe UI',Inter,Roboto,'Helvetica Neue',Arial,'Liberation Sans',sans-serif"
ROOM = 1.07
"""Segoe UI and San Francisco run up to this much wider than Helvetica."""

_BY_WIDTH = {
    191: "'",
    222: "ijl",
    260: "|",
    278: " !,./:;I[\\]ft",
    333: "()-`r",
    355: '"',
    389: "*",
    500: "Jckvsxyz",
    556: "#$0123456789?L_abdeghnopqu",
    584: "+<=>~",
    611: "FTZ",
    667: "&ABEKPSVXY",
    722: "CDHNRUw",
    778: "GOQ",
    833: "Mm",
    889: "%",
    944: "W",
    1015: "@",
}
_WIDTHS = {char: width for width, chars in _BY_WIDTH.items() for char in chars}
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a line; `unheard` if the caller never heard it. `span_ms`: about when it was said (media time)."""

    text: str
    unheard: bool = False
    span_ms: tuple[int, int] | None = field(default=None, compare=False)


def clean(text: str) -> str:
    """The text with white space made plain, and without what XML forbids or what would turn it around."""
    text = _FORBIDDEN.sub("\ufffd", text)
    text = "".join(" " if char in "\t\n\r\u2028\u2029" else char for char in text)
    return "".join(char for char in text if unicodedata.category(char) not in ("Cc", "Cf", "Cs"))


def escaped(text: str) -> str:
    """`text` as it may stand in an element or, within double quotes, in an attribute."""
    return escape(clean(text), {'"': "&quot;"})


def width_px(text: str, size_px: float) -> float:
    """About how wide `text` is."""
    units = 0
    for char in text:
        width = _WIDTHS.get(char)
        units += width if width is not None else (1000 if unicodedata.east_asian_width(char) in "WF" else 610)
    return units * size_px * ROOM / 1000


def wrap(words: Sequence[Word], size_px: float, limit_px: float, max_lines: int) -> list[list[Word]]:
    """The words in lines no wider than `limit_px` (a word that is wider is cut in pieces); at most `max_lines`."""
    lines: list[list[Word]] = [[]]
    used, space = 0.0, width_px(" ", size_px)
    for word in words:
        for piece in _pieces(word, size_px, limit_px):
            width = width_px(piece.text, size_px)
            if lines[-1] and used + space + width > limit_px:
                if len(lines) == max_lines:
                    lines[-1][-1] = replace(lines[-1][-1], text=lines[-1][-1].text + "…")
                    return lines
                lines.append([])
            used = width if not lines[-1] else used + space + width
            lines[-1].append(piece)
    return lines


def line_px(line: Sequence[Word], size_px: float) -> float:
    """How wide a line of words is."""
    return width_px(" ".join(word.text for word in line), size_px)


def _pieces(word: Word, size_px: float, limit_px: float) -> list[Word]:
    if width_px(word.text, size_px) <= limit_px:
        return [word]
    per_piece = max(int(limit_px / size_px), 1)  # no letter is wider than its size, or hardly
    return [replace(word, text=word.text[at : at + per_piece]) for at in range(0, len(word.text), per_piece)]
