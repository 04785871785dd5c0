"""Masking: numbers in a text, in whatever spelling, replaced by a mark. Pure.

"4711", "4 7 1 1", "four, seven, one, one", "forty-seven eleven" and "double" are what agent/language/numbers.py knows
as numbers; each digit group or number word becomes one mark, so that a journal still shows how much was said.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from agent.language.numbers import NUMBER_WORDS, SOUND_ALIKES, digit_runs
from agent.language.words import FILLERS

MARK = "•"
#: A shorter number is not remembered: masking every "twelve" of a call hides nothing, and spoils its record.
MIN_DIGITS = 3
#: So many digits in a row of a remembered number are masked too: the last four of a card, the first part of it.
MIN_PART = 4
#: A caller says a few; a hostile one must not make every later line slow to look through.
MAX_VALUES = 64
MAX_VALUE_DIGITS = 64

_TOKEN = re.compile(r"\d+|[^\W\d_]+")


class _Text:
    """A text with its words and digit groups, each with its place."""

    def __init__(self, text: str) -> None:
        self._text = text if text.isascii() else unicodedata.normalize("NFKC", text)
        found = [(token.start(), token.end(), _plain(token[0])) for token in _TOKEN.finditer(self._text)]
        self._places = [(start, end) for start, end, word in found if word not in FILLERS]
        self.words = [word for _, _, word in found if word not in FILLERS]

    def marked(self, hidden: Iterable[int]) -> str:
        """The text with these of its words replaced."""
        parts, at = [], 0
        for start, end in sorted(self._places[index] for index in hidden):
            parts += [self._text[at:start], MARK]
            at = end
        return "".join([*parts, self._text[at:]])


class KnownNumbers:
    """Numbers that must not be written, found again in any spelling. `lengths`: numbers so long always are such.

    `every`: what is known has been lost, so every number of MIN_DIGITS or more may be one.
    """

    def __init__(self, lengths: Iterable[int] = (), values: Iterable[str] = (), *, every: bool = False) -> None:
        self._lengths = frozenset(lengths)
        self._values = list(values)
        self._every = every

    def __bool__(self) -> bool:
        return bool(self._lengths or self._values or self._every)

    @property
    def values(self) -> tuple[str, ...]:
        """The numbers that were added."""
        return tuple(self._values)

    def add(self, digits: str) -> None:
        """Remember a number. One that was said twice in a row ("1 2 3, 1 2 3") is remembered singly as well."""
        half = len(digits) // 2
        for value in (digits, digits[:half] if digits[:half] == digits[half:] else ""):
            if MIN_DIGITS <= len(value) <= MAX_VALUE_DIGITS and value not in self._values:
                self._values = [*self._values[-MAX_VALUES + 1 :], value]

    def masked(self, text: str) -> str:
        """The text, the numbers masked that are known or have a known number in them."""
        if not self or not text:
            return text
        read = _Text(text)
        hidden: set[int] = set()
        for said in (read.words, _with_sound_alikes(read.words)):
            for run in digit_runs(said):
                if self._holds(run.digits):
                    hidden.update(range(run.start, run.end))
        return read.marked(hidden) if hidden else text

    def _holds(self, digits: str) -> bool:
        if self._every and len(digits) >= MIN_DIGITS:
            return True
        if any(len(digits) == length or (digits[:length] * 2 == digits) for length in self._lengths):
            return True
        part = len(digits) >= MIN_PART
        return any(value in digits or (part and digits in value) for value in self._values)


def numbers_masked(text: str) -> str:
    """The text, everything masked that is a digit, stands for one, or may have been one before it was misheard."""
    read = _Text(text)
    hidden = [index for index, word in enumerate(_with_sound_alikes(read.words)) if _is_number(word)]
    return read.marked(hidden) if hidden else text


def numbers_in(text: str) -> list[str]:
    """The numbers of a text, each as its digits."""
    return [run.digits for run in digit_runs(_with_sound_alikes(_Text(text).words))]


def _is_number(word: str) -> bool:
    return word.isdecimal() or word in NUMBER_WORDS


def _with_sound_alikes(said: Sequence[str]) -> list[str]:
    """ "for", "to", "ate" become numbers beside a number, and where nothing else was said at all."""
    heard = list(said)
    alone = all(word in SOUND_ALIKES for word in heard)
    for order in (range(len(heard)), range(len(heard) - 1, -1, -1)):
        for at in order:
            beside = alone or any(_is_number(word) for word in (*heard[max(0, at - 1) : at], *heard[at + 1 : at + 2]))
            if beside and heard[at] in SOUND_ALIKES:
                heard[at] = SOUND_ALIKES[heard[at]]
    return heard


def _plain(token: str) -> str:
    """Digits of any script as ASCII, words in small letters."""
    return "".join(str(unicodedata.decimal(digit)) for digit in token) if token.isdecimal() else token.lower()
