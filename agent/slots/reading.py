"""Reads what was said as an answer to what was asked: how far it has come, and its value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache

from agent.language.words import MAX_CHARS, words
from agent.slots import date, digits, email, money, name, spelled, yes_no
from agent.slots.asides import asks_patience, is_aside
from agent.slots.base import Asks, Progress, Reading
from agent.slots.courtesy import Courtesy, courtesy
from agent.slots.phrases import CARRIER_WORDS

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
#: Kinds whose value is its own signs: said again from its beginning it is recognised by its length.
_SIGNS = ("digits", "spelled")
_ANSWERED = (Progress.PART, Progress.ENOUGH)


def read_answer(asks: Asks, text: str) -> Reading:
    """How far `text` (all that was said in this turn so far, keys as digits) has come as an answer to `asks`.

    Small or capital letters, with punctuation or without, digits as words or as figures: all are read alike. With
    `asks.before`, the two together may be the value; a rest of digits or letters is never WHOLE, for it may be all of
    them from the beginning. Pure, never raises; of a text MAX_CHARS are read.
    """
    if asks.kind not in _READERS:
        return Reading(Progress.BESIDE)
    return (_read_on if asks.before else _read)(asks, text[:MAX_CHARS])


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


def _read_on(asks: Asks, text: str) -> Reading:
    """As an answer in parts: this part, and the one that was heard before."""
    plain = replace(asks, before="")
    alone = _read(plain, text)
    if asks_patience(text) or is_aside(asks.kind, text) or (alone.progress is Progress.NOTHING and _polite(text)):
        return alone
    if asks.kind in _SIGNS:
        if alone.progress is not Progress.PART or _repeats(asks.before, alone.value):
            return alone
    elif _first(asks.before) == _first(text):
        return alone
    before = " ".join(asks.before) if asks.kind == "spelled" else asks.before
    both = _read(plain, f"{before} {text}")
    if both.progress in (Progress.NOTHING, Progress.BESIDE) or (both.progress is Progress.PART and _says_more(alone)):
        return alone
    if asks.kind in _SIGNS and both.progress is Progress.WHOLE:
        return Reading(Progress.ENOUGH, both.value)  # or the number anew, of which more comes
    return both


def _repeats(before: str, value: str) -> bool:
    """Whether these signs are said anew: more than the first of them are the same."""
    return value.startswith(before) or (len(value) > 1 and before.startswith(value))


def _says_more(alone: Reading) -> bool:
    """Whether the part is more than a part by itself."""
    return alone.progress is Progress.ENOUGH or (alone.progress is not Progress.PART and bool(alone.value))


def _first(text: str) -> str:
    return next((word for word in words(text) if word not in CARRIER_WORDS), "")


def _polite(text: str) -> bool:
    return courtesy(text) is not Courtesy.NOT
