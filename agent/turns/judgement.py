"""What the words say about the end of a turn, given what was asked. Pure; knows no time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from agent.slots.base import Asks, Progress, Reading
from agent.slots.reading import read_answer
from agent.turns.completeness import ending, ending_likelihood


class Waiting(Enum):
    """What to do when the caller falls silent."""

    #: What was asked for is there: end as soon as it is quiet and the words stand.
    END = auto()
    #: It has begun, or must be about to begin: wait long for the rest.
    HOLD = auto()
    #: Wait for as long as the words make it likely that more comes.
    BY_WORDS = auto()
    #: There are no words to judge by.
    SILENCE = auto()


@dataclass(frozen=True, slots=True)
class Judgement:
    """`likelihood` (0..1) that the speaker is done counts for BY_WORDS; `reason` is the journal's word for an end."""

    waiting: Waiting
    reason: str
    reading: Reading
    likelihood: float = 0.5


NOTHING = Reading(Progress.NOTHING)
#: Given piece by piece, with pauses between the pieces, which say nothing about the end.
_PIECES = ("digits", "spelled")
#: Where nobody knows how many pieces there are, the next is likelier than the end after each of them.
_MORE_PIECES = 0.3
#: A value that may be all, or go on ("june the third"): no more than words that do not tell.
_MAY_BE_ALL = 0.5


def expects(asks: Asks) -> bool:
    """Whether `asks` says how an answer looks."""
    return asks.kind not in ("", "free")


def judge(asks: Asks, text: str, gives_words: bool) -> Judgement:
    """`text`: all that was said in the turn. `gives_words`: the recogniser is known to give words before its final."""
    if not text:
        if expects(asks) and gives_words:
            return Judgement(Waiting.HOLD, "slot unfinished", NOTHING)
        return Judgement(Waiting.SILENCE, "silence", NOTHING)
    reading = read_answer(asks, text) if expects(asks) else Reading(Progress.BESIDE)
    match reading.progress:
        case Progress.WHOLE:
            return Judgement(Waiting.END, "slot complete", reading)
        case Progress.NOTHING | Progress.PART:
            return Judgement(Waiting.HOLD, "slot unfinished", reading)
        case Progress.ENOUGH:
            return Judgement(Waiting.BY_WORDS, "slot enough", reading, _enough(asks, text))
    return Judgement(Waiting.BY_WORDS, ending(text).name.lower(), reading, ending_likelihood(text))


def _enough(asks: Asks, text: str) -> float:
    if asks.kind in _PIECES:
        return _MAY_BE_ALL if asks.length else _MORE_PIECES
    return min(_MAY_BE_ALL, ending_likelihood(text))
