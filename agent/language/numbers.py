"""Spoken digits: "four seven one two", "double five", "forty two", "4711" into digits, and digits into words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: The words of 0 to 9, of 10 to 19, and of 20, 30, to 90.
DIGITS = tuple("zero one two three four five six seven eight nine".split())
TEENS = tuple("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split())
TENS = tuple("twenty thirty forty fifty sixty seventy eighty ninety".split())
_ONES = {word: value for value, word in enumerate(DIGITS)} | {"oh": 0, "o": 0, "nought": 0, "naught": 0, "niner": 9}
_TEENS = {word: value for value, word in enumerate(TEENS, start=10)}
_TENS = {word: value * 10 for value, word in enumerate(TENS, start=2)}
#: So many of the digit or letter that follows.
REPEATS: Mapping[str, int] = {"double": 2, "triple": 3, "treble": 3, "quadruple": 4}
#: "Two fives", "three zeros"; seldom more of them.
_PLURALS = {"zeros": 0, "zeroes": 0} | {
    word: value for value, word in enumerate("ones twos threes fours fives sixes sevens eights nines".split(), start=1)
}
_COUNTS = {"two": 2, "three": 3, "four": 4}
#: Words a recogniser writes for digits; taken as digits only among digits.
_SOUND_ALIKES = {"to": "two", "too": "two", "for": "four", "fore": "four", "ate": "eight", "won": "one"}
#: Words that may stand between digits without ending the number.
_JOINTS = frozenset({"dash", "hyphen", "then", "space"})

#: Every word that stands for digits; and those that do so only beside such words.
NUMBER_WORDS = frozenset({*_ONES, *_TEENS, *_TENS, *REPEATS, *_PLURALS, "hundred", "thousand"})
SOUND_ALIKES: Mapping[str, str] = _SOUND_ALIKES


@dataclass(frozen=True, slots=True)
class DigitRun:
    """Digits said in one go, from word `start` up to word `end` (exclusive)."""

    digits: str
    start: int
    end: int


def spoken_digits(digits: str) -> str:
    """ "4712" -> "four, seven, one, two": one by one, with the small rests a voice makes at commas."""
    return ", ".join(DIGITS[int(digit)] for digit in digits if digit in "0123456789")


def digit_runs(said: Sequence[str]) -> list[DigitRun]:
    """The numbers within normalised words (agent.language.words), each as its digits, in order."""
    said = _heard_as_digits(said)
    runs: list[DigitRun] = []
    at = 0
    while at < len(said):
        digits, end, start = "", at, at
        while end < len(said):
            piece, after = _piece(said, end)
            if after == end and digits and said[end] in _JOINTS and _piece(said, end + 1)[0]:
                piece, after = _piece(said, end + 1)
            if after == end:
                break
            digits, end = digits + piece, after
        if digits:
            runs.append(DigitRun(digits, start, end))
        at = max(end, at + 1)
    return runs


def digit_piece(said: Sequence[str], at: int) -> tuple[str, int]:
    """The digits said in one piece from word `at` ("seven", "double five", "forty two", "four thousand seven"), and
    the word after them; ("", at) where none begin. Words as agent.language.words gives them."""
    return _piece(said, at)


def may_go_on(piece: Sequence[str]) -> bool:
    """Whether the words of a piece may be the beginning of another number: "forty" (two), "four thousand" (twelve)."""
    if not piece:
        return False
    if piece[-1] in _TENS or piece[-1] in ("hundred", "thousand", "and"):
        return True
    return "thousand" in piece and "hundred" not in piece and piece[-1] in _ONES and piece[-2] not in _TENS


def is_digit_word(word: str) -> bool:
    """Whether this word is one digit: "seven", "oh", "7"."""
    return word in _ONES or (len(word) == 1 and word.isdecimal())


def _heard_as_digits(said: Sequence[str]) -> Sequence[str]:
    """Sound-alikes become digits where everything else is digits too: "for seven one to"."""
    digits = [word for word in said if word in _ONES]
    if digits and all(word in _ONES or word in _SOUND_ALIKES for word in said):
        return [_SOUND_ALIKES.get(word, word) for word in said]
    return said


def _piece(said: Sequence[str], at: int) -> tuple[str, int]:
    """The digits that begin at word `at`, and the word after them; ("", at) where none do."""
    if at >= len(said):
        return "", at
    word = said[at]
    if word.isdecimal():
        return word, at + 1
    if word in _COUNTS and at + 1 < len(said) and said[at + 1] in _PLURALS:
        return str(_PLURALS[said[at + 1]]) * _COUNTS[word], at + 2
    if word in REPEATS and at + 1 < len(said):
        nxt = said[at + 1]
        if nxt in _ONES:
            return str(_ONES[nxt]) * REPEATS[word], at + 2
        if len(nxt) == 1 and nxt.isdecimal():
            return nxt * REPEATS[word], at + 2
        return "", at
    value, end = _below_hundred(said, at)
    if end == at:
        return "", at
    if value and end < len(said) and said[end] in ("hundred", "thousand"):
        return _cardinal(said, value, end)
    return str(value), end


def _below_hundred(said: Sequence[str], at: int) -> tuple[int, int]:
    """0 to 99 in words, from word `at`."""
    if at >= len(said):
        return 0, at
    word = said[at]
    if word in _TENS:
        ones = _ONES.get(said[at + 1], 0) if at + 1 < len(said) else 0
        return (_TENS[word] + ones, at + 2) if ones else (_TENS[word], at + 1)
    if word in _TEENS:
        return _TEENS[word], at + 1
    return (_ONES[word], at + 1) if word in _ONES else (0, at)


def _cardinal(said: Sequence[str], value: int, at: int) -> tuple[str, int]:
    """A cardinal number whose first part was `value` and whose word "hundred" or "thousand" stands at `at`."""
    total = 0
    if said[at] == "thousand":
        total, at = value * 1000, at + 1
        value, after = _below_hundred(said, at)
        if after < len(said) and value and after > at and said[after] == "hundred":
            at = after
        else:
            return _with_rest(said, total, at)
    return _with_rest(said, total + value * 100, at + 1)


def _with_rest(said: Sequence[str], total: int, at: int) -> tuple[str, int]:
    """What stands behind "hundred" or "thousand": [and] 1 to 99. Not a digit that others follow: "one eight hundred
    five five five" is 1 800 555."""
    start = at + 1 if at < len(said) and said[at] == "and" else at
    rest, end = _below_hundred(said, start)
    if start == at and end == start + 1 < len(said) and said[start] in _ONES and said[end] in _ONES:
        return str(total), at
    return (str(total + rest), end) if rest and end > start else (str(total), at)
