"""Completeness: is a speaker done, judged from the words alone? For free speech. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from math import exp
from operator import mul

from agent.language.numbers import NUMBER_WORDS
from agent.language.words import HESITATIONS
from agent.turns.clause import Clause, read_clause
from agent.turns.sentence_ends import load
from agent.turns.unfinished import (
    ANSWERS,
    AUXILIARIES,
    GREETINGS,
    LEADS,
    OPENERS,
    PREPOSITIONS,
    REPLIES,
    SUBJECTS,
    is_short_answer,
    is_stranded,
    longest_ending,
)

#: Only the end of what was said counts: junk costs bounded time.
_MAX_CHARS = 400
_MAX_WORDS = 16
#: Up to this likelihood the words are unfinished; from COMPLETE_FROM on, complete.
UNFINISHED_UP_TO = 0.3
COMPLETE_FROM = 0.6

_MARKS = ".,?!;:…\"()[]-–—'"
#: Log odds where a rule decides alone.
_CLOSED, _REPLY, _STRANDED, _ALONE, _LEADS_ON, _OPEN, _THINKING = 2.5, 1.2, 1.0, -0.2, -2.0, -3.5, -4.0
#: Words alone never say more than this.
_MOST = 4.0

#: The weights of the evidence, and where it starts from: by logistic regression on one half of the Harvard sentences
#: and of the telephone turns in tests/agent/turns/spoken_turns.txt (inner gaps against ends), rounded. By hand, since
#: that material says little of them: `length` (sentences read aloud are all of one length, which a fitted weight
#: learns), `hanging`, `condition`, `asks`, `fronted`, `rare`; and the start, higher: few people pause just anywhere.
_START = -1.1
_WEIGHTS = Clause(
    end=0.95,
    beyond=1.9,
    length=1.5,
    hanging=-1.8,
    condition=-1.6,
    asks=0.3,
    preposition=-0.9,
    auxiliary=-0.2,
    bare_quality=-1.2,
    fronted=1.5,
    rare=-0.2,
)


class Completeness(Enum):
    """Whether a speaker is done, judged from the words of free speech."""

    UNFINISHED = auto()
    UNSURE = auto()
    COMPLETE = auto()


def ending_likelihood(text: str) -> float:
    """How likely the speaker is done after these words, 0 to 1; 0.5: the words do not tell.

    `text` is all that was said in the turn so far, in any case, with or without punctuation. Never raises; below 30 us.
    """
    said = _words(text)
    if not said:
        return 0.5
    return 1.0 / (1.0 + exp(-_odds(said, text)))


def completeness(text: str) -> Completeness:
    """`ending_likelihood` in three steps."""
    likelihood = ending_likelihood(text)
    if likelihood <= UNFINISHED_UP_TO:
        return Completeness.UNFINISHED
    return Completeness.COMPLETE if likelihood >= COMPLETE_FROM else Completeness.UNSURE


def ends_in_number(text: str) -> bool:
    """Whether the last of these words is a number."""
    said = _words(text)
    return bool(said) and _is_number(said[-1])


def _words(text: str) -> list[str]:
    plain = text[-_MAX_CHARS:].lower().replace("’", "'").replace("`", "'")
    return [word for word in (piece.strip(_MARKS) for piece in plain.split()[-_MAX_WORDS:]) if word]


def _odds(said: Sequence[str], text: str) -> float:
    """The log odds that the speaker is done."""
    return max(-_MOST, min(_MOST, _rules(said) + _mark(text)))


def _mark(text: str) -> float:
    """A mark that the recogniser set: it guesses too, so it counts a little."""
    last = text.rstrip()[-1:]
    if text.rstrip().endswith("..."):
        return -1.0
    return {"?": 1.0, ".": 0.5, "!": 0.5, ",": -1.0, "…": -1.0, "-": -0.5, ":": -1.0}.get(last, 0.0)


def _rules(said: Sequence[str]) -> float:
    """The log odds by what English leaves open or closes; by the evidence of the clause where that says nothing."""
    last = said[-1]
    if last in HESITATIONS:
        return _THINKING
    if len(said) == 1:
        return _of_one(last)
    known = longest_ending(said)
    if known:
        return _CLOSED if known > 0 or is_short_answer(said) else _OPEN
    if is_short_answer(said):
        return _CLOSED
    if is_stranded(said):
        return _STRANDED
    if last in OPENERS or last in SUBJECTS:
        return _OPEN
    if last in LEADS:
        return _LEADS_ON
    odds: float = _START + sum(map(mul, read_clause(said, load()), _WEIGHTS))
    if _is_number(last):  # more of it may come: nobody knows how long it is
        return min(odds, 0.0)
    return odds


def _of_one(word: str) -> float:
    """One word alone: an answer, a beginning, or a name or command that nobody here knows."""
    if word in ANSWERS:
        return _CLOSED
    if word in REPLIES:
        return _REPLY
    if word in GREETINGS:
        return 0.0
    if word in OPENERS or word in SUBJECTS or word in PREPOSITIONS or word in AUXILIARIES:
        return _OPEN
    return _LEADS_ON if word in LEADS else _ALONE


def _is_number(word: str) -> bool:
    return word in NUMBER_WORDS or word.isdecimal()
