"""Spelled words and mixed codes: letters and digits one by one, "b as in bravo", "double l", "four two"."""

from __future__ import annotations

from collections.abc import Sequence

from agent.language.numbers import is_digit_word
from agent.language.words import words
from agent.slots.base import Asks, Progress, Reading
from agent.slots.digits import digits_at
from agent.slots.letters import letter_at, looks_like_letter
from agent.slots.parts import Part, read_signs, split
from agent.slots.phrases import CARRIER_WORDS, OBJECTIONS

#: Signs of names: kept where no number of letters was asked for, else the code's letters count.
_SIGNS = {"dash": "-", "hyphen": "-", "apostrophe": "'"}
_VOWELS = frozenset("aeiouy")
#: Without a vowel, and still no letters of a code.
_SHORT = frozenset(("mr", "mrs", "dr", "ms", "nr", "hmm", "mm", "hm", "st", "th", "nd", "rd"))


def read(asks: Asks, text: str) -> Reading:
    """How far `text` has come as `asks.length` (to `asks.longest`) letters and digits, in small letters. Of 0: of a
    word said before its letters ("smith, s m i t h"), until all of it is spelled."""
    said = words(text)
    if 0 < len(said) <= 3 and not any(word in OBJECTIONS or word in CARRIER_WORDS for word in said):
        parts = split(text, _counted_at)
        if len(parts) == 1 and not parts[0].signs:
            return Reading(Progress.PART)  # the word that is going to be spelled
    counted = bool(asks.length or asks.longest)
    reading = read_signs(asks, text, _counted_at if counted else _named_at)
    if counted or reading.progress is not Progress.ENOUGH:
        return reading
    part = split(text, _named_at)[-1]
    names = ["".join(part.before[start:]) for start in range(len(part.before))]
    if any(name.startswith(reading.value) and name != reading.value for name in names):
        return Reading(Progress.PART, reading.value)
    if reading.value in names and not part.tail:
        return Reading(Progress.WHOLE, reading.value)
    return Reading(Progress.PART if len(reading.value) < 2 else Progress.ENOUGH, reading.value)


def _counted_at(said: Sequence[str], at: int, part: Part) -> tuple[str, int, bool]:
    """A letter, digits, or a group of them written together: "b", "forty two", "ab12"."""
    word = said[at]
    beside = bool(part.signs) and not part.tail
    if word == "oh":
        following = said[at + 1] if at + 1 < len(said) else ""
        introduces = looks_like_letter(said, at + 1) or following in ("double", "triple", "a", "i")
        digit = (part.signs[-1:].isdecimal() and beside) or (is_digit_word(following) and following not in ("o", "oh"))
        return ("0" if digit else "o", at + 1, False) if beside or introduces else ("", at, False)
    letters, after, is_open = letter_at(said, at, beside=beside)
    if letters:
        return letters, after, is_open
    if word == "o":
        return "o", at + 1, False
    if len(word) <= 16 and word.isalnum() and word.isascii() and not word.isdecimal() and _is_group(word):
        return word, at + 1, False
    return digits_at(said, at, part)


def _is_group(word: str) -> bool:
    """Whether this is no word of the language: letters and digits, or letters without a vowel."""
    return any(sign.isdecimal() for sign in word) or (len(word) <= 6 and not _VOWELS & set(word) and word not in _SHORT)


def _named_at(said: Sequence[str], at: int, part: Part) -> tuple[str, int, bool]:
    """The same, and the signs of a name between its letters."""
    if said[at] in _SIGNS and part.signs and not part.tail:
        return _SIGNS[said[at]], at + 1, True
    return _counted_at(said, at, part)
