"""Marked words: text and audio that tell which word is played, so that the carrier's own record can be read.

A marked word names its number (`word(17)`), so its audio does too: before its end, which is short and loud, stand two
pieces whose loudness and pitch are the number's code. Whoever finds an end in what was played knows that this word was
played to its end - also after a cut, a fade or a word that was said twice. Pure.
"""

from __future__ import annotations

import re
from functools import cache

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 8000
#: Half periods of the body, in samples: 1333 to 500 Hz, well apart, and none of them a DTMF pair.
_HALF_PERIODS = (3, 4, 6, 8)
#: Levels of the body on the 16-bit scale, 1.12 apart: mu-law moves a sample by at most 3 %.
_LEVELS = tuple(round(1200 * 1.12**step) for step in range(20))
_CODES = len(_HALF_PERIODS) * len(_LEVELS)
WORDS = _CODES**2
"""So many words there are, numbered from 0: more than one call says."""
_END_LEVEL = 22_000
_END_THRESHOLD = 17_000
END_SAMPLES = 48
"""The loud end of a word, 6 ms."""
_CODE_SAMPLES = 120
"""Each of the two pieces, 15 ms."""
_LETTERS = "bcdfghjklmnprstv"
_WORD = re.compile(rf"\bw[{_LETTERS}]{{4}}\b")


def word(number: int) -> str:
    """The word that has this number (0 to WORDS - 1): of no language, so that nothing takes it for a name."""
    return "w" + "".join(_LETTERS[number >> shift & 15] for shift in (12, 8, 4, 0))


def numbers(text: str) -> list[int]:
    """The numbers of the marked words in a text, in its order."""
    return [_number(found.group()) for found in _WORD.finditer(text.lower())]


def _number(text: str) -> int:
    number = 0
    for letter in text[1:]:
        number = number << 4 | _LETTERS.index(letter)
    return number


def marked_text(first: int, count: int, clause_words: int = 8) -> str:
    """`count` marked words from number `first` on, as sentences of `clause_words` words."""
    words = [word(first + at) for at in range(count)]
    for at in range(clause_words - 1, count - 1, clause_words):
        words[at] += "."
    return " ".join(words) + "."


@cache
def word_audio(number: int, duration_ms: int) -> bytes:
    """PCM16 at 8 kHz: the word's body, its code, and its end; of at least 40 ms."""
    high, low = divmod(number % WORDS, _CODES)
    samples = duration_ms * RATE_HZ // 1000 - END_SAMPLES - _CODE_SAMPLES
    end = np.where(np.arange(END_SAMPLES) // 2 % 2, -_END_LEVEL, _END_LEVEL)
    return np.concatenate([_piece(high, samples), _piece(low, _CODE_SAMPLES), end]).astype("<i2").tobytes()


def _piece(code: int, samples: int) -> NDArray[np.int64]:
    half, level = _HALF_PERIODS[code // len(_LEVELS)], _LEVELS[code % len(_LEVELS)]
    return np.where(np.arange(samples) // half % 2, -level, level)


def words_in(pcm: bytes) -> list[int]:
    """The numbers of the words that were played to their end in this PCM16, in the order played."""
    samples = np.frombuffer(pcm, "<i2").astype(np.int64)
    loud = np.flatnonzero(np.abs(samples) > _END_THRESHOLD)
    if not len(loud):
        return []
    breaks = np.flatnonzero(np.diff(loud) > 1)
    begins = loud[np.concatenate(([0], breaks + 1))]
    ends = loud[np.concatenate((breaks, [len(loud) - 1]))] + 1
    found = []
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        middle = begin - _CODE_SAMPLES
        if end - begin >= END_SAMPLES and middle >= _CODE_SAMPLES:
            high, low = _code(samples[middle - _CODE_SAMPLES : middle]), _code(samples[middle:begin])
            found.append(high * _CODES + low)
    return found


def _code(piece: NDArray[np.int64]) -> int:
    level = max(1.0, float(np.median(np.abs(piece))))
    half = len(piece) / max(1, int(np.count_nonzero(np.diff(np.sign(piece)))))
    at = int(np.argmin([abs(half - known) for known in _HALF_PERIODS]))
    step = int(np.argmin([abs(np.log(level / known)) for known in _LEVELS]))
    return at * len(_LEVELS) + step
