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
#: A comma is judged by the word behind it; more than so much white space and word is not waited for.
LOOKAHEAD_CHARS = 16

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
            if boundary.end() > LONGEST_CHARS:
                break
            before, mark = self._text[: boundary.start()], boundary.group(1)
            if mark[0] in ",–—":
                shortest = LATER_COMMA_CHARS if self._given else FIRST_COMMA_CHARS
                if len(before.lstrip()) < shortest or _is_number((before.split() or [""])[-1]):
                    continue
                number_follows = _number_follows(self._text[boundary.end() : boundary.end() + LOOKAHEAD_CHARS])
                if number_follows is None:
                    return None
                if number_follows:
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


def _is_number(word: str) -> bool:
    """Whether the word next to a comma belongs to a row of digits: "four, seven, one, two" is one breath."""
    word = word.strip(".,!?").lower()
    return word[:1].isdigit() or word in _NUMBER_WORDS


def _number_follows(ahead: str) -> bool | None:
    """Whether the text behind a comma begins with a number; None as long as more of it could tell otherwise.

    The answer never depends on how much of the text has come: None, or the same as with all of it.
    """
    words = ahead.split(maxsplit=1)
    whole = len(words) > 1 or len(ahead) == LOOKAHEAD_CHARS or (bool(words) and ahead[-1].isspace())
    word = words[0].strip(".,!?").lower() if words else ""
    if whole or word[:1].isdigit():
        return _is_number(word)
    may_become_one = any(number.startswith(word) for number in _NUMBER_WORDS)
    return None if may_become_one else False
