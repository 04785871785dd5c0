"""Sentence ends: what a table distilled from a language model knows of words at the end of a sentence. Pure data.

The table is scripts/distil_sentence_ends.py's; it is read once, at first use (about 10 ms) or by `load()`.
All odds are natural logarithms.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import NamedTuple

#: The letters' scales: the same as in the script that writes them.
_END_LEAST, _END_STEP = -6.0, 0.25
_VERB_LEAST, _VERB_STEP = -6.25, 0.5


class WordUse(NamedTuple):
    """How one word is used. The first three: log odds that a sentence ends after it."""

    end: float
    end_as_noun: float
    """Where "the" or "of" stands before it."""
    end_as_verb: float
    """Where "they" or "to" stands before it."""
    finite: float
    """How much likelier it is after a subject than after "the"."""
    bare: float
    """How much likelier it is after "to" or "please" than after "the"."""
    quality: float
    """How much likelier it is after "very" or "is" than after "the"."""


#: A word that the table does not have is most likely a noun; with this ending, a verb's past.
RARE = WordUse(-1.7, -1.7, -1.7, -2.0, -3.0, -3.0)
RARE_PAST = WordUse(-2.2, -2.2, -2.2, 1.0, -3.0, 0.0)


class SentenceEnds:
    """The table: uses of words, and the log odds of an end after pairs ("thank you"). Read where asked for."""

    __slots__ = ("_letters", "_uses")

    def __init__(self, lines: Iterable[str]) -> None:
        self._letters = {entry: letters for entry, _, letters in (line.rpartition(" ") for line in lines)}
        self._uses: dict[str, WordUse] = {}

    def __contains__(self, word: str) -> bool:
        return word in self._letters

    def use(self, word: str) -> WordUse:
        """How `word` is used, guessed where the table does not have it."""
        use = self._uses.get(word)
        if use is not None:
            return use
        letters = self._letters.get(word)
        if letters is None or " " in word:
            return RARE_PAST if word.endswith("ed") else RARE
        end, as_noun, as_verb = (_END_LEAST + _END_STEP * _step(letter) for letter in letters[:3])
        finite, bare, quality = (_VERB_LEAST + _VERB_STEP * _step(letter) for letter in letters[3:])
        return self._uses.setdefault(word, WordUse(end, as_noun, as_verb, finite, bare, quality))

    def pair(self, before: str, last: str) -> float | None:
        """The log odds of an end after the two words; None where the last one alone tells the same."""
        letter = self._letters.get(f"{before} {last}")
        return None if letter is None else _END_LEAST + _END_STEP * _step(letter)


def _step(letter: str) -> int:
    return ord(letter) - ord("a")


@cache
def load() -> SentenceEnds:
    """The table, read once."""
    text = files("agent.turns").joinpath("sentence_ends.txt").read_text(encoding="ascii")
    return SentenceEnds(line for line in text.splitlines() if not line.startswith("#"))
