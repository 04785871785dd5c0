"""Matching what a test expects with what was said: case, punctuation and the way of saying a number aside. Pure."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence

from agent.language.numbers import digit_runs
from agent.language.words import MAX_CHARS, words

#: Less alike than this is no "did you mean".
ALIKE = 0.4
#: Stands for the end of what was said, where a text is looked for within a longer one: so that "for two" in the middle
#: of a sentence is not taken for the number 42, which alone it would be.
_MORE = "\n"

_WORD = re.compile(r"\w+")


def spoken(text: str, *, within: bool = False) -> tuple[str, ...]:
    """`text` as the words that count, each number in one piece: "It's four two … 19!" -> it, is, 4219.

    `within`: it is a part of something longer. Fillers ("um", "please") do not count, unless there is nothing else. A
    language that is not written in plain Latin letters has its words compared as they are, case aside.
    """
    found = [word for piece in _pieces(text) for word in words(piece)] if _plain(text) else []
    if not found:
        found = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    told: list[str] = []
    at = 0
    for run in digit_runs([*found, _MORE] if within else found):
        told += [*found[at : run.start], run.digits]
        at = run.end
    return (*told, *found[at:])


def same(one: str, other: str) -> bool:
    """Whether two whole utterances say the same."""
    return spoken(one) == spoken(other)


def contains(text: str, part: str) -> bool:
    """Whether `part` is within `text`, word for word. A number counts whole: "42" is not within "4219"."""
    long, short = spoken(text, within=True), spoken(part, within=True)
    return any(long[at : at + len(short)] == short for at in range(len(long) - len(short) + 1))


def closest(text: str, choices: Iterable[str]) -> str | None:
    """Of `choices` the one most like `text` (or with a part most like it); None if none is."""
    wanted = spoken(text, within=True)
    scored = [(_likeness(wanted, spoken(choice, within=True)), choice) for choice in choices]
    best = max(scored, key=lambda pair: pair[0], default=(0.0, ""))
    return best[1] if best[0] >= ALIKE else None


def _likeness(wanted: Sequence[str], there: Sequence[str]) -> float:
    """How much of `wanted` is there, letter for letter: 0 to 1; what stands around it counts against it a little."""
    one, other = " ".join(wanted), " ".join(there)
    if not one or not other:
        return 0.0
    blocks = difflib.SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
    # A few letters are found in any long text: only pieces of some length say that it is the same.
    found = sum(block.size for block in blocks if block.size >= min(3, len(one)))
    return found / len(one) - 0.1 * (1 - min(1.0, len(one) / len(other)))


def _plain(text: str) -> bool:
    """Whether agent.language.words reads all of it."""
    return all(char.isascii() or not char.isalpha() for char in unicodedata.normalize("NFKC", text))


def _pieces(text: str) -> Iterable[str]:
    """`text` in pieces that agent.language.words reads whole, broken at spaces."""
    piece: list[str] = []
    chars = 0
    for word in text.split():
        if piece and chars + len(word) + 1 > MAX_CHARS // 2:
            yield " ".join(piece)
            piece, chars = [], 0
        piece.append(word)
        chars += len(word) + 1
    if piece:
        yield " ".join(piece)
