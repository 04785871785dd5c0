"""Completeness: is a speaker done, judged from the words alone? For free speech. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from functools import lru_cache
from math import exp

from agent.turns.unfinished import (
    ANSWERS,
    AUXILIARIES,
    HESITATIONS,
    LEADS,
    OPENERS,
    PARTICLES,
    PREPOSITIONS,
    SUBJECTS,
    TRANSITIVE,
    longest_ending,
)

#: Only the end of what was said counts: junk costs bounded time.
_MAX_CHARS = 400
#: Up to this likelihood the words are unfinished; from COMPLETE_FROM on, complete.
UNFINISHED_UP_TO = 0.3
COMPLETE_FROM = 0.7

_MARKS = ".,?!;:…\"()[]-–—'"
_QUESTIONS = frozenset("what where who when why how which what's where's who's how's when's".split())
_CONDITIONS = frozenset("if when because since unless although while once after before".split())


class Ending(Enum):
    """Whether a speaker is done, judged from the words of free speech."""

    UNFINISHED = auto()
    UNSURE = auto()
    COMPLETE = auto()


@lru_cache(maxsize=1024)
def ending_likelihood(text: str) -> float:
    """How likely the speaker is done after these words, 0 to 1; 0.5: the words do not tell.

    `text` is all that was said in the turn so far, in any case, with or without punctuation. Never raises.
    """
    said = _words(text)
    if not said:
        return 0.5
    return 1.0 / (1.0 + exp(-_odds(said, text)))


def ending(text: str) -> Ending:
    """`ending_likelihood` in three steps."""
    likelihood = ending_likelihood(text)
    if likelihood <= UNFINISHED_UP_TO:
        return Ending.UNFINISHED
    return Ending.COMPLETE if likelihood >= COMPLETE_FROM else Ending.UNSURE


def _words(text: str) -> list[str]:
    plain = text[-_MAX_CHARS:].lower().replace("’", "'").replace("`", "'")
    return [word for word in (piece.strip(_MARKS) for piece in plain.split()) if word]


def _odds(said: Sequence[str], text: str) -> float:
    """The log odds that the speaker is done."""
    return max(-4.0, min(4.0, _rules(said) + _mark(text)))


def _mark(text: str) -> float:
    """A mark that the recogniser set: it guesses too, so it counts a little."""
    last = text.rstrip()[-1:]
    if text.rstrip().endswith("..."):
        return -1.0
    return {"?": 1.0, ".": 0.5, "!": 0.5, ",": -1.0, "…": -1.0, "-": -0.5, ":": -1.0}.get(last, 0.0)


def _rules(said: Sequence[str]) -> float:
    last = said[-1]
    if last in HESITATIONS:
        return -3.0
    if len(said) == 1:
        return 2.0 if last in ANSWERS else (-3.0 if _open(last) else 0.0)
    known = longest_ending(said)
    if known > 0:
        return 2.5
    if known < 0:
        return -3.0
    asks = said[0] in _QUESTIONS
    if last in OPENERS or last in SUBJECTS:
        return -3.0
    if last in PREPOSITIONS:
        return -0.5 if asks else -2.5
    if last in PARTICLES:
        return -0.5
    if last in AUXILIARIES:
        return -2.0
    if last in LEADS:
        return -2.0
    if last in TRANSITIVE:
        return -0.5 if asks else -1.5
    if said[0] in _CONDITIONS and len(said) < 8:
        return -1.0
    return 1.0 if len(said) >= 3 else 0.2


def _open(word: str) -> bool:
    return word in OPENERS or word in PREPOSITIONS or word in AUXILIARIES or word in SUBJECTS or word in LEADS
