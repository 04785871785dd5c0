"""Whether two texts, or two values, are the same to whoever compares calls: case, punctuation, the spelling of numbers
and what a journal has masked apart. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from agent.language.numbers import digit_runs
from agent.masking import MARK

_TOKEN = re.compile(rf"[^\W_]+|{MARK}")


def plain_words(text: str) -> tuple[str, ...]:
    """The words in small letters, numbers as digits however they are spelled; a run of masked ones is one MARK."""
    lowered = unicodedata.normalize("NFKC", text).casefold().replace("’", "'").replace("'", "")
    said = _TOKEN.findall(lowered)
    out: list[str] = []
    at = 0
    for run in digit_runs(said):
        out += [*said[at : run.start], run.digits]
        at = run.end
    out += said[at:]
    return tuple(word for index, word in enumerate(out) if word != MARK or index == 0 or out[index - 1] != MARK)


def same_text(one: str, other: str) -> bool:
    """The same words; a masked number equals anything in its place."""
    return one == other or _agree(plain_words(one), plain_words(other), part=False)


def begins_alike(one: str, other: str) -> bool:
    """One is the other, or the beginning of it: as when a reply was cut short earlier."""
    return one == other or _agree(plain_words(one), plain_words(other), part=True)


def same_value(one: Any, other: Any) -> bool:
    """The same JSON value; within it a masked text equals anything in its place."""
    try:
        return _same(one, other)
    except RecursionError:  # nested without end: nobody's arguments
        return False


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if any(isinstance(value, str) and MARK in value for value in (one, other)):
        return same_text(str(one), str(other))
    return bool(one == other)


def _agree(one: Sequence[str], other: Sequence[str], *, part: bool) -> bool:
    if MARK not in one and MARK not in other:
        shorter = min(len(one), len(other))
        return one[:shorter] == other[:shorter] if part else one == other
    reached = [True] + [False] * len(other)  # how much of `other` the words of `one` so far can stand for
    for index, word in enumerate(one):
        if part and reached[-1]:
            return True
        now = [False] * (len(other) + 1)
        for place, theirs in enumerate(other, start=1):
            if word == theirs or MARK in (word, theirs):
                before = reached[place - 1]
                now[place] = before or (word == MARK and now[place - 1]) or (theirs == MARK and reached[place])
        reached = now
        if not any(reached):
            return False
        if part and index == len(one) - 1:
            return True
    return reached[-1] or (part and not one)
