"""Reads what was said as an answer to what was asked: how far it has come, and its value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from agent.language.words import MAX_CHARS
from agent.slots import date, digits, email, money, name, spelled, yes_no
from agent.slots.asides import asks_patience, is_aside
from agent.slots.base import Asks, Progress, Reading
from agent.slots.courtesy import Courtesy, courtesy

_READERS: Mapping[str, Callable[[Asks, str], Reading]] = {
    "digits": digits.read,
    "spelled": spelled.read,
    "date": lambda asks, text: date.read(text),
    "money": lambda asks, text: money.read(text),
    "email": lambda asks, text: email.read(text),
    "name": lambda asks, text: name.read(text),
    "yes_no": lambda asks, text: yes_no.read(text),
}

#: Of these any word may be a value, thanks too.
_ANYTHING = ("spelled", "email", "name")
_ANSWERED = (Progress.PART, Progress.ENOUGH)


def read_answer(asks: Asks, text: str) -> Reading:
    """How far `text` (all that was said in this turn so far, keys as digits) has come as an answer to `asks`.

    Small or capital letters, with punctuation or without, digits as words or as figures: all are read alike. Pure,
    never raises; of a text MAX_CHARS are read.
    """
    reader = _READERS.get(asks.kind)
    return _read(asks, text[:MAX_CHARS]) if reader else Reading(Progress.BESIDE)


@lru_cache(maxsize=1024)
def _read(asks: Asks, text: str) -> Reading:
    """A recogniser repeats its partial until a word is added."""
    reading = _READERS[asks.kind](asks, text)
    if reading.progress is Progress.WHOLE or (asks.kind == "yes_no" and reading.progress in _ANSWERED):
        return reading
    if asks_patience(text):
        return Reading(Progress.NOTHING)
    if asks.kind == "yes_no" and reading.value:
        return reading
    if is_aside(asks.kind, text):
        return Reading(Progress.BESIDE)
    polite = asks.kind in _ANYTHING and reading.progress is not Progress.BESIDE and courtesy(text) is Courtesy.ALONE
    return Reading(Progress.NOTHING) if polite else reading
