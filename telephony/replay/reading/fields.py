"""The fields of a journal's events, checked: a damaged journal may hold anything. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from agent.continuation import MAX_DEPTH
from agent.line import WordEnd

Event = Mapping[str, Any]

#: A time beyond this is damage: no call lasts 24 days.
LONGEST_MS = 2**31
#: One piece of speech, or one phrase, of more samples is damage: 20 minutes at 48 kHz.
MOST_SAMPLES = 60_000_000


def number(value: Any, least: float = 0, most: float = LONGEST_MS) -> float:
    """A finite number from `least` to `most`. Raises TypeError or ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("no number")
    if not least <= value <= most:  # NaN among what is not
        raise ValueError("out of range")
    return float(value)


def whole(value: Any, least: int = 0, most: int = LONGEST_MS) -> int:
    """The same, whole."""
    return round(number(value, least, most))


def text(value: Any) -> str:
    """A text. Raises TypeError."""
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def mapping(value: Any) -> Mapping[str, Any]:
    """An object. Raises TypeError."""
    if not isinstance(value, Mapping):
        raise TypeError("no object")
    return value


def shallow(value: Any, depth: int = MAX_DEPTH) -> bool:
    """Whether a value is nested at most `depth` deep, and so can be written, compared and handed to other processes."""
    if not isinstance(value, Mapping | list):
        return True
    if depth == 0:
        return False
    return all(shallow(item, depth - 1) for item in (value.values() if isinstance(value, Mapping) else value))


def writable(value: Any) -> bool:
    """Whether every text in it is one: JSON can hold half a character (a lone surrogate), which no file takes."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def word_ends(value: Any, samples: int) -> tuple[WordEnd, ...]:
    """[[sample, chars], …] of a piece of speech with so many samples. Raises TypeError or ValueError."""
    if not isinstance(value, list):
        raise TypeError("no list")
    return tuple(WordEnd(whole(sample, 0, samples), whole(chars)) for sample, chars in value)


def media_ms(event: Event) -> int:
    """When an event happened, in media time; raises TypeError or ValueError where that is damaged."""
    return whole(event.get("media_ms"))


def call_ms(event: Event) -> float:
    """The same by the call's clock, in milliseconds since its record was opened."""
    return number(event.get("call_ms"))
