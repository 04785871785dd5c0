"""SpeechShaper: what espeak-ng makes, made fit for the phone - 8 kHz, level, trimmed ends, word ends. Sans-IO."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from agent.audio.resample import StreamResampler
from agent.line import WordEnd
from agent.tts.base import SpeechChunk
from agent.tts.espeak_library import LIBRARY_RATE_HZ, WordStart

#: The telephone's rate: a third of the bytes to carry, and the line has nothing to resample.
RATE_HZ = 8000
#: No sample goes beyond -3 dBFS: louder provokes echo (telephony-facts I5). The library's volume keeps speech under
#: it (espeak_library._VOLUME); this only catches a voice that is louder than those measured.
_PEAK = 23197
#: Above this a sample is sound: -50 dBFS, 30 dB under the voice.
_SOUND = 100
#: Silence left before the first sound and after the last. It all counts in voice-to-voice latency.
_LEAD_SAMPLES = RATE_HZ * 10 // 1000
_TAIL_SAMPLES = RATE_HZ * 30 // 1000


class SpeechShaper:
    """Takes slices at 22.05 kHz with word starts; gives SpeechChunks at 8 kHz to `give`.

    Silence is held back until sound follows it, so that the silence at the end can be dropped. A word ends with the
    last sound before the next word's start: a pause after a comma belongs to no word.
    """

    def __init__(self, text: str, give: Callable[[SpeechChunk], None]) -> None:
        self._give = give
        self._token_ends = [match.end() for match in re.finditer(r"\S+", text)]
        self._token_starts = [match.start() for match in re.finditer(r"\S+", text)]
        self._resampler = StreamResampler(LIBRARY_RATE_HZ, RATE_HZ)
        self._held = np.zeros(0, "<i2")
        #: Sample, counted at 8 kHz from the library's first, at which `_held` begins.
        self._held_at = 0
        self._leading = True
        self._token = -1
        self._starts: list[tuple[int, int]] = []
        self._words: list[WordEnd] = []
        self._last_sound = 0

    def take(self, samples: NDArray[np.int16], words: list[WordStart]) -> None:
        """The next slice; `words` start in or after it."""
        for word in words:
            token = bisect_right(self._token_starts, word.chars) - 1
            # Several events in one token ("4712" is four) are one word; so is a token without any and the one before.
            if token > self._token:
                self._starts.append((word.sample * RATE_HZ // LIBRARY_RATE_HZ, token))
                self._token = token
        self._shape(self._resampler.push(samples.tobytes()))

    def finish(self) -> None:
        """The text is over: give the rest, with the end of the last word."""
        self._shape(self._resampler.flush())
        if self._leading:
            return  # nothing but silence: nothing was to be said
        self._held = self._held[:_TAIL_SAMPLES]
        stop = self._held_at + len(self._held)
        self._words.append(WordEnd(stop, self._token_ends[-1]))
        self._release(stop)

    def _shape(self, pcm: bytes) -> None:
        self._held = np.concatenate((self._held, np.clip(np.frombuffer(pcm, "<i2"), -_PEAK, _PEAK)))
        sounds = np.flatnonzero(np.abs(self._held.astype(np.int32)) > _SOUND) + self._held_at
        if not len(sounds):
            return
        if self._leading:
            self._skip(max(0, int(sounds[0]) - self._held_at - _LEAD_SAMPLES))
            self._leading = False
        self._end_words(sounds)
        self._last_sound = int(sounds[-1])
        self._release(self._last_sound + 1)

    def _skip(self, count: int) -> None:
        self._held = self._held[count:]
        self._held_at += count

    def _end_words(self, sounds: NDArray[np.int64]) -> None:
        """A word that started ends once there is sound past the next word's start."""
        while len(self._starts) > 1 and self._starts[1][0] <= sounds[-1]:
            (_, token), (next_start, _) = self._starts[0], self._starts[1]
            before = sounds[sounds < next_start]
            end = int(before[-1]) + 1 if len(before) else self._last_sound + 1
            self._words.append(WordEnd(max(end, self._held_at + 1), self._token_ends[token]))
            self._starts.pop(0)

    def _release(self, stop: int) -> None:
        """Give everything up to `stop`, with the words that ended by then."""
        count = stop - self._held_at
        if count <= 0:
            return
        words = tuple(WordEnd(word.sample - self._held_at, word.chars) for word in self._words)
        pcm = self._held[:count].tobytes()
        self._skip(count)
        self._words.clear()
        self._give(SpeechChunk(pcm, words))
