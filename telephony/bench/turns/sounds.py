"""Pieces of speech cut, measured and joined so that the times of all words stay true. Samples are PCM16 at 8000 Hz."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.audio.levels import PIECE_MS, levels_dbfs
from telephony.bench.turns.items import RATE_HZ, Word

Samples = NDArray[np.int16]
Spans = tuple[tuple[int, int], ...]

PER_MS = RATE_HZ // 1000
FLOOR_DBFS = -50.0
"""A piece of 10 ms below this is not audible on a phone …"""
BELOW_LOUDEST_DB = 35.0
"""… nor one this far below the loudest: the room …"""
ABOVE_ROOM_DB = 6.0
"""… nor one that is no louder than the room, which is taken to be the 10th percentile of the pieces …"""
ROOM_BELOW_LOUDEST_DB = 20.0
"""… but never more than so close to the loudest: a clip that is cut close holds no room."""
CLOSURE_MS = 100
"""A shorter gap is part of a word: the closure of a "t" or "p"."""
CLICK_MS = 30
"""A shorter sound on its own is no speech."""
FADE_MS = 4
"""At each cut; without it a step clicks, and a click is audible where nobody spoke."""
GRAIN_MS = 40
GRAINS = 100
SMOOTH_BINS = 9
"""Of 25 Hz: wider than a voice's pitch."""
FALLS_FROM_BIN = 4
"""A phone carries little below 100 Hz."""
FAINT_DBFS = -68.0
"""Where a recording has no quiet at all: the noise of a quiet telephone line."""
SAME_DB = 3.0
"""Two grains of one room differ by no more than this."""
DECAY_MS = 60
"""So long after a word its end may still be heard."""
ROOM_MS = 120
"""Quiet that is shorter lies between two words, and belongs to them."""
CREST_DB = 14.0
"""Noise has no peaks further above its level than this."""
DIGITAL = 2
"""Samples no larger: silence that was put there, and no room."""
LEAD_MS = TAIL_MS = 300
"""Of the room, before and after each turn."""


def samples_of(pcm: bytes) -> Samples:
    return np.frombuffer(pcm, "<i2").astype(np.int16)


def audible(pcm: bytes, room_dbfs: float | None = None) -> Spans:
    """Where something is to be heard: (start, end) in ms, to 10 ms. `room_dbfs`: how loud the room
    becomes, where that is known."""
    levels = levels_dbfs(pcm, RATE_HZ)
    if not len(levels):
        return ()
    loudest = float(levels.max())
    room = float(np.percentile(levels, 10)) + ABOVE_ROOM_DB if room_dbfs is None else room_dbfs
    room = min(room, loudest - ROOM_BELOW_LOUDEST_DB)
    loud = levels > max(FLOOR_DBFS, loudest - BELOW_LOUDEST_DB, room)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], loud, [False])))) * PIECE_MS
    end_ms = len(pcm) // (2 * PER_MS)
    spans: list[tuple[int, int]] = []
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if spans and start - spans[-1][1] < CLOSURE_MS:
            spans[-1] = (spans[-1][0], min(end, end_ms))
        else:
            spans.append((start, min(end, end_ms)))
    return tuple(span for span in spans if span[1] - span[0] >= CLICK_MS)


def active_dbfs(pcm: bytes, speech: Spans) -> float:
    """The level of the speech itself, its pauses left out. -120 where there is none."""
    samples = samples_of(pcm).astype(np.float64) / 32768
    parts = [samples[start * PER_MS : end * PER_MS] for start, end in speech]
    spoken = np.concatenate(parts) if parts else np.zeros(0)
    return float(10 * np.log10(np.mean(spoken**2) + 1e-12)) if len(spoken) else -120.0


def faded(samples: Samples) -> Samples:
    """The same with its edges rounded off."""
    count = min(FADE_MS * PER_MS, len(samples) // 2)
    out = samples.astype(np.float32)
    if count:
        ramp = np.linspace(0, 1, count, endpoint=False, dtype=np.float32)
        out[:count] *= ramp
        out[-count:] *= ramp[::-1]
    return np.round(out).astype(np.int16)


class Room:
    """A recording's room, as long as it is wanted: noise of the colour and level of its quiet.

    Its quiet itself, repeated, would not do: what is left of words and breath in it sounds like a voice.
    """

    LOUDEST_DBFS = -45.0
    """What is louder is no room but the end of a word, unless the recording is known to be noisier."""

    def __init__(
        self, quiet: Sequence[Samples], seed: str, loudest_dbfs: float = LOUDEST_DBFS, softest: float = 0.25
    ) -> None:
        """`softest`: the share of the grains that is certainly room; what is louder than these may be a word's end, or
        breath."""
        self._random = random.Random(seed)
        size = GRAIN_MS * PER_MS
        grains = [piece[at : at + size] for piece in quiet for at in range(0, len(piece) - size + 1, size // 2)]
        grains = [grain for grain in grains if np.abs(grain).max() > DIGITAL]
        levels = [_peak_dbfs(grain) for grain in grains]
        loudest_dbfs = min(loudest_dbfs, float(np.quantile(levels, softest)) + SAME_DB) if levels else loudest_dbfs
        room = [grain for grain, level in zip(grains, levels, strict=True) if level <= loudest_dbfs]
        self._grains = _noise_like(room, np.random.default_rng(self._random.getrandbits(32)))

    def ms(self, length_ms: int) -> Samples:
        """So much of the room."""
        grain, wanted = GRAIN_MS * PER_MS, length_ms * PER_MS
        half = grain // 2
        # Squares of these windows add up to one: noise keeps its level where two grains overlap.
        window = np.sin(np.pi * (np.arange(grain) + 0.5) / grain).astype(np.float32)
        out = np.zeros(wanted + 2 * grain, np.float32)
        for at in range(0, wanted + half, half):
            out[at : at + grain] += self._random.choice(self._grains) * window
        return np.round(out[half : half + wanted]).clip(-32768, 32767).astype(np.int16)


def _noise_like(room: Sequence[Samples], chance: np.random.Generator) -> list[NDArray[np.float32]]:
    """Grains of noise with the mean spectrum of these, smoothed so that no voice is left in it; of a quiet room's at
    FAINT_DBFS, if there are none."""
    size = GRAIN_MS * PER_MS
    # As rooms do: the power falls with the frequency.
    fall = 1 / np.maximum(np.arange(size // 2 + 1), FALLS_FROM_BIN)
    power = fall / np.mean(fall) * size * (32768 * 10 ** (FAINT_DBFS / 20)) ** 2
    if room:
        power = np.mean([np.abs(np.fft.rfft(grain.astype(np.float64))) ** 2 for grain in room], axis=0)
        power = np.convolve(np.pad(power, SMOOTH_BINS // 2, "edge"), np.ones(SMOOTH_BINS) / SMOOTH_BINS, "valid")
    parts = chance.standard_normal((2, GRAINS, len(power))) * np.sqrt(power / 2)
    return list(np.fft.irfft(parts[0] + 1j * parts[1], size).astype(np.float32))


def _peak_dbfs(piece: Samples) -> float:
    """Of its loudest 10 ms; a click counts, however short."""
    level = float(levels_dbfs(piece.astype("<i2").tobytes(), RATE_HZ).max(initial=-120.0))
    peak = 20 * np.log10(max(1, int(np.abs(piece.astype(np.int32)).max(initial=0))) / 32768)
    return max(level, float(peak) - CREST_DB)


def quiet_parts(pcm: bytes, spans: Spans) -> list[Samples]:
    """The room: what lies between the audible stretches and around them, where it is long enough to be no word's end.
    Made of words' ends, pauses sound like a voice: a detector takes every eighth window of them for speech."""
    samples = samples_of(pcm)
    edges = [0, *(at for start, end in spans for at in (start - DECAY_MS, end + DECAY_MS)), len(samples) // PER_MS]
    pairs = ((max(0, start), end) for start, end in zip(edges[::2], edges[1::2], strict=True))
    return [samples[start * PER_MS : end * PER_MS] for start, end in pairs if end - start >= ROOM_MS]


@dataclass(frozen=True, slots=True)
class Voiced:
    """A piece of speech without quiet around it. `words` and `speech` count from its first sample."""

    samples: Samples
    words: tuple[Word, ...]
    speech: Spans


def trimmed(pcm: bytes, text: str) -> Voiced | None:
    """One word's recording, cut to what is audible; None where nothing is."""
    spans = audible(pcm)
    if not spans:
        return None
    start, end = spans[0][0], spans[-1][1]
    cut = samples_of(pcm)[start * PER_MS : end * PER_MS]
    return Voiced(faded(cut), (Word(text, 0, end - start),), tuple((a - start, b - start) for a, b in spans))


@dataclass(frozen=True, slots=True)
class Joined:
    """Speech in its room, as an Item takes it."""

    pcm: bytes
    words: tuple[Word, ...]
    speech: Spans


def joined(parts: Sequence[Voiced], pauses_ms: Sequence[int], room: Room) -> Joined:
    """The parts one after the other, `pauses_ms` between them (one fewer than parts), with room around all."""
    out: list[Samples] = [room.ms(LEAD_MS)]
    words: list[Word] = []
    spans: list[tuple[int, int]] = []
    at_ms = LEAD_MS
    for part, pause_ms in zip(parts, (*pauses_ms, TAIL_MS), strict=True):
        words += [moved(word, at_ms) for word in part.words]
        spans += [(start + at_ms, end + at_ms) for start, end in part.speech]
        whole_ms = -(-len(part.samples) // PER_MS)
        filler = room.ms(pause_ms + 1)
        short = whole_ms * PER_MS - len(part.samples)
        out += [part.samples, filler[: short + pause_ms * PER_MS]]
        at_ms += whole_ms + pause_ms
    return Joined(np.concatenate(out).astype("<i2").tobytes(), tuple(words), _merged(spans))


def moved(word: Word, by_ms: int) -> Word:
    return Word(word.text, word.start_ms + by_ms, word.end_ms + by_ms)


def _merged(spans: Sequence[tuple[int, int]]) -> Spans:
    out: list[tuple[int, int]] = []
    for start, end in spans:
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return tuple(out)
