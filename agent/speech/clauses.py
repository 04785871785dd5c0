"""Clauses: a stream of text cut into pieces that can be spoken, as early as sounds natural. Pure.

A clause ends at the end of a sentence; at a comma too once it is long enough, the first one sooner than later ones,
because the caller is waiting for it. Never inside a number, an abbreviation, an address, or a row of digits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: The first clause may end at a comma after so many characters: about half a second of speech, enough to cover the
#: synthesis of the next one.
FIRST_COMMA_CHARS = 12
#: Later clauses: longer, because prosody is made per clause.
LATER_COMMA_CHARS = 48
#: Text without any punctuation is cut at a word after so many characters; a voice must not wait forever.
LONGEST_CHARS = 240

_BOUNDARY = re.compile(r"([.!?;:]+[\"')\]]*|[,–—])(?=\s)")
_ABBREVIATIONS = frozenset(
    "mr mrs ms dr st vs etc e.g i.e a.m p.m u.s u.k approx dept est ext inc ltd jr sr prof".split()
)
_NUMBER_WORDS = frozenset(
    "zero oh one two three four five six seven eight nine ten double triple hundred thousand and".split()
)


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of an utterance: `text` as it stands at `start` (characters) of the whole."""

    text: str
    start: int


class ClauseSplitter:
    """Feed it text as it comes; it gives back clauses as soon as they are whole."""

    def __init__(self) -> None:
        self._text = ""
        self._start = 0
        self._given = 0

    def push(self, text: str) -> list[Clause]:
        """More text. A boundary counts once the white space behind it has come."""
        self._text += text
        clauses = []
        while (end := self._find_end()) is not None:
            clauses += self._cut(end)
        return clauses

    def flush(self) -> list[Clause]:
        """No more text: what is left."""
        return self._cut(len(self._text))

    def _find_end(self) -> int | None:
        for boundary in _BOUNDARY.finditer(self._text):
            before, mark = self._text[: boundary.start()], boundary.group(1)
            if mark[0] in ",–—":
                shortest = LATER_COMMA_CHARS if self._given else FIRST_COMMA_CHARS
                rest = self._text[boundary.end() :].split(maxsplit=1)
                if len(before.lstrip()) < shortest or not rest or _is_number(before) or _is_number(rest[0]):
                    continue
            elif mark == "." and _is_abbreviation(before):
                continue
            return boundary.end()
        if len(self._text) > LONGEST_CHARS:
            space = self._text.rfind(" ", 1, LONGEST_CHARS)
            return space if space > 0 else LONGEST_CHARS
        return None

    def _cut(self, end: int) -> list[Clause]:
        piece, self._text = self._text[:end], self._text[end:]
        start, self._start = self._start, self._start + end
        text = piece.strip()
        if not any(character.isalnum() for character in text):
            return []
        self._given += 1
        return [Clause(text, start + len(piece) - len(piece.lstrip()))]


def _is_abbreviation(before: str) -> bool:
    words = before.split()
    last = words[-1].lower().lstrip("(\"'") if words else ""
    return last in _ABBREVIATIONS or (len(last) == 1 and last.isalpha() and last != "i")


def _is_number(text: str) -> bool:
    """Whether the word next to the comma belongs to a row of digits: "four, seven, one, two" is one breath."""
    words = text.split()
    word = (words[-1] if words else "").strip(".,!?").lower()
    return word.isdigit() or word in _NUMBER_WORDS
