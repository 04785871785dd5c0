"""What the words say about the end of a turn, given what was asked. Pure; knows no time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from agent.slots.asides import asks_patience
from agent.slots.base import Asks, Progress, Reading
from agent.slots.courtesy import Courtesy, courtesy
from agent.slots.reading import read_answer
from agent.turns.completeness import completeness, ending_likelihood, ends_in_number


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
    """`likelihood` (0..1) that the speaker is done counts for BY_WORDS; `reason` is the journal's word for an end.
    `lingers`: the answer is whole, and more is often said after it: it is waited for as after a whole sentence."""

    waiting: Waiting
    reason: str
    reading: Reading
    likelihood: float = 0.5
    lingers: bool = False


NOTHING = Reading(Progress.NOTHING)
#: Where nobody knows how many pieces there are, the next is likelier than the end after each of them.
_MORE_PIECES = 0.3
#: A value that may be all, or go on ("next friday"): no more than words that do not tell.
_MAY_BE_ALL = 0.5
#: One to which something is often added: a day its year, a first name the last one. Of made-up callers who pause there
#: (0.3 to 1.2 s) half as many are cut as at 0.5; who adds nothing waits 0.3 s more.
_OFTEN_MORE = 0.4
#: Dollars to which cents may be added; seldomer.
_WITHOUT_CENTS = 0.45
#: A day without its month ("the twenty second"), an amount without its unit ("one hundred and twenty"): either may be
#: all where the rest goes without saying, but who is asked for a date or an amount mostly says it.
_LACKS = 0.35
#: "Yes", "okay", where a value was asked for: it opens the answer oftener than it is one.
_OPENS = 0.3
#: A number that nobody asked for now, as long as one that this agent asks for: it is all of it, and what it is for may
#: follow. By the words alone a number ends anywhere, and would be waited for as if half of it were missing.
_AS_LONG_AS_ASKED = 0.5
#: A name of two words or more is mostly all of it.
_FULL_NAME = 0.65
#: An amount whose cents were said: only "fifty" may become "fifty five".
_WITH_CENTS = 0.65


def expects(asks: Asks) -> bool:
    """Whether `asks` says how an answer looks."""
    return asks.kind not in ("", "free")


def judge(asks: Asks, text: str, known: Sequence[Asks] = ()) -> Judgement:
    """`text`: all that was said in the turn. `known`: what this agent asks for at some time, if not now."""
    if not text:
        return Judgement(Waiting.SILENCE, "silence", NOTHING)
    reading = read_answer(asks, text) if expects(asks) else Reading(Progress.BESIDE)
    if asks.kind == "free" and asks_patience(text):  # "let me look": what was asked for is still to come
        return Judgement(Waiting.HOLD, "slot unfinished", NOTHING)
    match reading.progress:
        case Progress.WHOLE:
            # "Yes": please, but, that is right.
            return Judgement(Waiting.END, "slot complete", reading, lingers=asks.kind == "yes_no")
        case Progress.NOTHING if (polite := courtesy(text)) is not Courtesy.NOT:
            most = _OPENS if polite is Courtesy.OPENING else _MAY_BE_ALL
            reason = "unfinished" if polite is Courtesy.OPENING else "unsure"
            return Judgement(Waiting.BY_WORDS, reason, reading, min(most, ending_likelihood(text)))
        case Progress.NOTHING | Progress.PART if asks.kind == "yes_no" and not asks_patience(text):
            # Of a yes or no so little is missing that nobody rests before it ("not", misheard, is held for nothing).
            return Judgement(Waiting.BY_WORDS, "unfinished", reading, min(_OPENS, ending_likelihood(text)))
        case Progress.NOTHING | Progress.PART:
            return Judgement(Waiting.HOLD, "slot unfinished", reading)
        case Progress.ENOUGH:
            return Judgement(Waiting.BY_WORDS, "slot enough", reading, _enough(asks, text, reading.value))
    likelihood, reason = ending_likelihood(text), completeness(text).name.lower()
    if likelihood < _AS_LONG_AS_ASKED and _is_as_long(known, text):
        likelihood, reason = _AS_LONG_AS_ASKED, "unsure"
    return Judgement(Waiting.BY_WORDS, reason, reading, likelihood)


def _is_as_long(known: Sequence[Asks], text: str) -> bool:
    """Whether `text` ends in a number that is whole by what this agent asks for, and by none of it the beginning."""
    if not known or not ends_in_number(text):
        return False
    read = [read_answer(asks, text).progress for asks in known if asks.kind == "digits"]
    return Progress.WHOLE in read and all(progress in (Progress.WHOLE, Progress.BESIDE) for progress in read)


def _enough(asks: Asks, text: str, value: str) -> float:
    """The likelihood that `value` is all."""
    match asks.kind:
        case "digits" | "spelled" if asks.before and asks.length:  # the rest of it, or all of it from the beginning
            return _LACKS
        case "digits" | "spelled":  # piece by piece, with pauses between them which say nothing about the end
            return _MAY_BE_ALL if asks.length else _MORE_PIECES
        case "name":
            return _FULL_NAME if " " in value else _OFTEN_MORE
        case "date" if value.startswith("---"):
            return _LACKS
        case "date" if not value[:1].isalpha():  # the year, or the rest of it
            return min(_OFTEN_MORE, ending_likelihood(text))
        case "money" if not value.endswith(".00") and ends_in_number(text):
            return _WITH_CENTS
        case "money":
            return min(_LACKS if ends_in_number(text) else _WITHOUT_CENTS, ending_likelihood(text))
    return min(_MAY_BE_ALL, ending_likelihood(text))
