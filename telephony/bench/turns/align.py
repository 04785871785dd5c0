"""When each word of a recording is said, from its text: forced alignment by PocketSphinx, checked against the sound.

It takes 10 ms for each second of audio, so nothing is kept between runs. What cannot be right is dropped, with a
reason, rather than measured with.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from agent.audio.levels import PIECE_MS, levels_dbfs
from agent.errors import MissingExtra
from telephony.bench.turns.items import RATE_HZ, Word
from telephony.bench.turns.sounds import Spans, audible, samples_of

MODEL_HZ = 16000
FRAME_MS = 10
NOISES = (3.0, 10.0)
"""Added before it is aligned (in steps of 16 bits): on digital silence the model loses its way. The second is tried
where the first fails."""
LONGEST_MS = 60_000
WORD_MS = (30, 1500)
"""No word is shorter or longer, but one that is drawn out, or swallows a pause."""
ODD_WORDS = 0.1
"""So many of the words may be outside these bounds before the text is taken for another recording's."""
SILENT_WORD = 0.4
"""A word of which less than this is audible was not said there …"""
SILENT_WORDS = 0.1
"""… and so many of them may be."""
OUTSIDE_BELOW_DB = 10.0
"""What lies outside all words is speech, if it is no softer than so much below the words …"""
OUTSIDE = 0.15
"""… and so much of it, beside that of the words, means that the text leaves something out."""
SLACK_MS = 150
"""So far from a word a sound that joins it is its own: its release, the end of an "s" that is taken for noise."""
LOOSE_MS = 60
"""And a sound on its own, so near, is: the burst of a "k" after its closure. Further off it is breath."""
ROOM_PERCENTILE = 80
ROOM_MARGIN_DB = 2.0
"""So much of what lies outside all words is the room's own ups and downs; breath and clicks are above."""
LONGEST_SPELLED = 4
"""A word that no dictionary has and that is no longer is said letter by letter."""
_NOT_WORDS = re.compile(r"<[^>]*>|\[[^\]]*\]|\([^)]*\)")
_TOKEN = re.compile(r"[a-z0-9']+")
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True, slots=True)
class Aligned:
    """Words and speech of a recording, in ms from its first sample."""

    words: tuple[Word, ...]
    speech: Spans


@dataclass(frozen=True, slots=True)
class Dropped:
    """Why a recording cannot be measured with."""

    reason: str


def words_of(transcript: str) -> list[str]:
    """A transcript's words as a recogniser writes them: small, without marks; single digits as words."""
    text = _NOT_WORDS.sub(" ", transcript.lower().replace("’", "'"))
    words = (word.strip("'") if word != "'em" else word for word in _TOKEN.findall(text.replace("-", " ")))
    return [_DIGITS[int(word)] if len(word) == 1 and word.isdigit() else word for word in words if word]


class Aligner:
    """One decoder, for many recordings: 0.1 s to load. Not for several threads."""

    def __init__(self) -> None:
        try:
            import pocketsphinx
        except ImportError:
            raise MissingExtra("pocketsphinx (word times of recordings)", "local") from None
        self._decoder: Any = pocketsphinx.Decoder(lm=None, loglevel="FATAL")

    def align(self, pcm: bytes, words: list[str]) -> Aligned | Dropped:
        """The words' times in PCM16 at 8000 Hz, or why they are not to be had."""
        if not words:
            return Dropped("no words")
        if len(pcm) // 16 > LONGEST_MS:
            return Dropped("longer than a minute")
        if unknown := [word for word in words if not self._known(word)]:
            return Dropped(f"not in the dictionary: {unknown[0]}")
        found = self._decoded(pcm, words)
        return Dropped("the text does not fit the sound") if found is None else _checked(found, pcm)

    def _known(self, word: str) -> bool:
        """Whether the dictionary has it, or two words that make it ("undelete"), or it is spelled ("pbx")."""
        decoder = self._decoder
        if decoder.lookup_word(word) is not None:
            return True
        cuts = [(word[:at], word[at:]) for at in range(2, len(word) - 1)]
        cuts.sort(key=lambda cut: abs(len(cut[0]) - len(cut[1])))
        for parts in cuts if len(word) > LONGEST_SPELLED else [tuple(word)]:
            phones = [decoder.lookup_word(part) for part in parts]
            if None not in phones:
                decoder.add_word(word, " ".join(phones), True)
                return True
        return False

    def _decoded(self, pcm: bytes, words: list[str]) -> list[Word] | None:
        wide = soxr.resample(samples_of(pcm).astype(np.float32), RATE_HZ, MODEL_HZ)
        return next((found for noise in NOISES if (found := self._tried(wide, words, noise)) is not None), None)

    def _tried(self, wide: NDArray[np.float32], words: list[str], noise: float) -> list[Word] | None:
        noisy = wide + np.random.default_rng(1).normal(0, noise, len(wide))
        decoder = self._decoder
        decoder.set_align_text(" ".join(words))
        decoder.start_utt()
        try:
            decoder.process_raw(np.clip(np.round(noisy), -32768, 32767).astype("<i2").tobytes(), full_utt=True)
        finally:
            decoder.end_utt()
        if decoder.hyp() is None:
            return None
        found = [
            Word(segment.word, segment.start_frame * FRAME_MS, (segment.end_frame + 1) * FRAME_MS)
            for segment in decoder.seg()
            if segment.word[0] not in "<["
        ]
        if len(found) != len(words):
            return None
        return [Word(word, at.start_ms, at.end_ms) for word, at in zip(words, found, strict=True)]


def _checked(found: list[Word], pcm: bytes) -> Aligned | Dropped:
    """The words, each cut to what is audible of it, and the stretches of sound that are theirs."""
    levels = levels_dbfs(pcm, RATE_HZ)
    inside, outside = _sides(found, len(levels))
    if not inside.any():
        return Dropped("words where there is no sound")
    room = float(np.percentile(levels[outside], ROOM_PERCENTILE)) + ROOM_MARGIN_DB if outside.any() else None
    loud = levels > float(np.median(levels[inside])) - OUTSIDE_BELOW_DB
    if np.count_nonzero(loud & outside) > OUTSIDE * np.count_nonzero(loud & inside):
        return Dropped("sound that the text does not tell of")
    spans = audible(pcm, room)
    odd = sum(not WORD_MS[0] <= word.end_ms - word.start_ms <= WORD_MS[1] for word in found)
    silent = sum(_overlap(word, spans) < SILENT_WORD * (word.end_ms - word.start_ms) for word in found)
    # Of one or two words, one that is odd is all or half of them.
    if odd > ODD_WORDS * len(found) + 0.5 or silent > SILENT_WORDS * len(found) + 0.5:
        return Dropped("words where there is no sound, or of a length that no word has")
    theirs = [_bounded(span, found) for span in spans if any(_near(word, span) for word in found)]
    return Aligned(tuple(_cut(word, theirs) for word in found), tuple(theirs))


def _sides(found: list[Word], pieces: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which pieces of 10 ms lie in words, and which lie well outside."""
    inside, near = np.zeros(pieces, bool), np.zeros(pieces, bool)
    for word in found:
        inside[word.start_ms // PIECE_MS : word.end_ms // PIECE_MS] = True
        near[max(0, word.start_ms - SLACK_MS) // PIECE_MS : (word.end_ms + SLACK_MS) // PIECE_MS] = True
    return inside, ~near


def _overlap(word: Word, spans: Spans) -> int:
    return sum(max(0, min(word.end_ms, end) - max(word.start_ms, start)) for start, end in spans)


def _near(word: Word, span: tuple[int, int]) -> bool:
    return span[0] < word.end_ms + LOOSE_MS and span[1] > word.start_ms - LOOSE_MS


def _bounded(span: tuple[int, int], words: list[Word]) -> tuple[int, int]:
    """A stretch that runs on far beyond its words runs on in the room."""
    its = [word for word in words if _near(word, span)]
    return max(span[0], its[0].start_ms - SLACK_MS), min(span[1], its[-1].end_ms + SLACK_MS)


def _cut(word: Word, spans: list[tuple[int, int]]) -> Word:
    """A word's time as aligned runs into the quiet beside it: its true end is where its sound ends."""
    its = [span for span in spans if span[0] < word.end_ms and span[1] > word.start_ms]
    return Word(word.text, max(its[0][0], word.start_ms), min(its[-1][1], word.end_ms)) if its else word
