"""Callers made inside the project: the embedded voice, with the times of its words from its own events.

Several voices, each a little different from the next. What is said in the same order after `begin_anew` is the same
samples in every process.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
import soxr

from agent.tts.espeak_library import LIBRARY_RATE_HZ, EspeakLibrary, Synthesis, Voice, WordStart
from telephony.bench.turns.items import RATE_HZ, Word
from telephony.bench.turns.sounds import PER_MS, Room, Samples, Spans, Voiced, audible, faded
from telephony.bench.turns.strings import DIGITS, LETTERS, Bank

CORPUS = "synthetic"
VOICES = (
    Voice("en-us", 165, 50),
    Voice("en-us+f1", 150, 55),
    Voice("en+m3", 185, 40),
    Voice("en-us+f4", 140, 60),
    Voice("en+m1", 160, 35),
)
"""Slow and quick, high and low; two accents. None of f2, f3 and f5: with these the library gives other samples in every
process."""
LEAST_MS = 20
"""A word that shares less than this with a stretch of sound has no part in it: events are only so exact."""
_TOKEN = re.compile(r"\S+")


class Speaker:
    """One synthetic caller. Raises MissingExtra where the embedded voice is not installed."""

    def __init__(self, voice: Voice) -> None:
        self.voice = voice
        self.name = f"{voice.name}/{voice.rate_wpm}"
        self._library = EspeakLibrary.get()
        missing = self._library.try_voice(voice)
        if missing:
            raise ValueError(f"espeak-ng has no {missing}")

    def say(self, text: str) -> Voiced:
        """A phrase without a pause in it, without quiet around it. Single letters are said by their names."""
        slices: list[Samples] = []
        starts: list[WordStart] = []

        def take(samples: Samples, words: list[WordStart]) -> None:
            slices.append(samples)
            starts.extend(words)

        # A small "a" is the article; a capital is its name.
        spoken = " ".join(token.upper() if len(token) == 1 and token != "i" else token for token in text.split())
        self._library.speak(Synthesis(spoken, self.voice, take))
        wide = np.concatenate(slices).astype(np.float32) if slices else np.zeros(0, np.float32)
        pcm = np.clip(np.round(soxr.resample(wide, LIBRARY_RATE_HZ, RATE_HZ)), -32768, 32767).astype("<i2").tobytes()
        spans = audible(pcm)
        if not spans:
            raise ValueError(f"the embedded voice says nothing at {text!r}")
        begin, end = spans[0][0], spans[-1][1]
        samples = np.frombuffer(pcm, "<i2")[begin * PER_MS : end * PER_MS].astype(np.int16)
        speech = tuple((a - begin, b - begin) for a, b in spans)
        marks = [(start.sample * 1000 // LIBRARY_RATE_HZ - begin, start.chars) for start in starts]
        return Voiced(faded(samples), _words(text, spoken, marks, end - begin, speech), speech)

    def bank(self) -> Bank:
        """Its digits and letters, each said alone."""
        clips = {word: (self.say(word),) for word in (*DIGITS, *LETTERS)}
        return Bank(CORPUS, self.name, clips, self.room())

    def room(self) -> Room:
        """The faint noise of a good line."""
        return Room((), self.name)


def _words(text: str, spoken: str, marks: Sequence[tuple[int, int]], end_ms: int, speech: Spans) -> tuple[Word, ...]:
    """The words with their times. Words that the voice says as one ("of the") share its time by their lengths."""
    places = [found.start() for found in _TOKEN.finditer(spoken)]
    tokens = text.split()
    begun: list[tuple[int, int]] = []  # (token, ms)
    for at_ms, char in marks:
        token = max((at for at, place in enumerate(places) if place <= char), default=0)
        if not begun or token > begun[-1][0]:
            begun.append((token, max(0, at_ms) if begun else 0))
    if not begun or begun[0][0]:
        begun.insert(0, (0, 0))
    words: list[Word] = []
    for (token, from_ms), (next_token, to_ms) in pairwise([*begun, (len(tokens), end_ms)]):
        group = tokens[token:next_token]
        lengths = np.cumsum([0, *(len(word) for word in group)]) / sum(len(word) for word in group)
        for word, (first, last) in zip(group, pairwise(lengths.tolist()), strict=True):
            start = round(from_ms + first * (to_ms - from_ms))
            words.append(Word(word, start, _sound_end(start, round(from_ms + last * (to_ms - from_ms)), speech)))
    return tuple(words)


def _sound_end(start_ms: int, end_ms: int, speech: Spans) -> int:
    """Where the sound of a word ends that is over by `end_ms`."""
    ends = [min(end, end_ms) for start, end in speech if start + LEAST_MS < end_ms and end > start_ms]
    return ends[-1] if ends else end_ms


@lru_cache(maxsize=1)
def speakers() -> tuple[Speaker, ...]:
    """All synthetic callers. Raises MissingExtra."""
    return tuple(Speaker(voice) for voice in VOICES)


def begin_anew() -> None:
    """From here on the voices sound as in a new process."""
    EspeakLibrary.get().rewind()
