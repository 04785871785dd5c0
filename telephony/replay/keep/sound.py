"""The sound of a kept call: where the record is silent for what was confidential, other speech of the same shape.

So the caller's turns still happen. Everything else is what it was, to the sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.audio.resample import StreamResampler
from agent.errors import LocalError
from telephony.replay.keep.marks import Event, masks
from telephony.replay.testing.voices import RATE_WPM, words_pcm

Samples = npt.NDArray[np.int16]

VOICE_HZ = 8000
SLOWEST_WPM, FASTEST_WPM = 80, 400
"""What the embedded voice can do."""
SOUND = 300
"""Below it the voice only breathes."""
LONGEST_GAP_MS = 250
"""Words further apart than this may be taken for two turns."""
LEAST_SILENT = 0.5
"""Of a turn's speech so much must be nothing but zeros: then it was silenced, and is no soft voice."""

#: A hum with the resonances of an open vowel, four syllables a second: nobody's voice, but a voice to a detector.
_PITCH_HZ, _SYLLABLES_HZ = 125, 4
_FORMANTS_HZ = ((700, 130, 1.0), (1220, 170, 0.6), (2600, 250, 0.25))
_HUM_PEAK = 9000


@dataclass(frozen=True, slots=True)
class Silenced:
    """A stretch of a turn's speech that the record silenced, in samples, and what was said in it (now)."""

    start: int
    end: int
    text: str


def silenced_turns(masked: Sequence[Event], fresh: Sequence[Event], caller: Samples, rate_hz: int) -> list[Silenced]:
    """The turns of the journal `masked` whose speech is missing in `caller`; `fresh`: the same without marks."""
    if not masks(masked):
        return []
    texts = {
        str(event.get("turn")): str(event.get("text", "")) for event in fresh if event.get("kind") == "turn.committed"
    }
    found = []
    for turn, start_ms, end_ms in _speech(masked):
        first, last = start_ms * rate_hz // 1000, min(len(caller), end_ms * rate_hz // 1000)
        zeros = _longest_zeros(caller[first:last])
        if zeros is not None and zeros[1] - zeros[0] > LEAST_SILENT * (last - first):
            found.append(Silenced(first + zeros[0], first + zeros[1], texts.get(turn, "")))
    return found


def refilled(caller: Samples, turns: Sequence[Silenced], rate_hz: int, *, language: str, voice: bool) -> Samples:
    """`caller` with speech in the silenced turns: the embedded voice says their texts, or, if `voice` is False, where
    there is no text or it does not fit, a hum that a detector takes for a voice."""
    fresh = caller.copy()
    for turn in turns:
        size = (turn.end - turn.start) * VOICE_HZ // rate_hz
        said = _said(turn.text, size, language) if voice and turn.text.strip() else None
        pcm = _at_rate(hum(size) if said is None else said, rate_hz)[: turn.end - turn.start]
        fresh[turn.start : turn.start + len(pcm)] = pcm
    return fresh


def hum(size: int) -> Samples:
    """So many samples, at VOICE_HZ, of something like a voice that says nothing."""
    time_s = np.arange(size) / VOICE_HZ
    wave = np.zeros(size)
    for harmonic in range(1, VOICE_HZ // 2 // _PITCH_HZ):
        hz = harmonic * _PITCH_HZ
        weight = sum(gain / (1 + ((hz - centre) / width) ** 2) for centre, width, gain in _FORMANTS_HZ)
        wave += weight * np.sin(2 * np.pi * hz * time_s + harmonic * harmonic)
    wave *= 0.35 + 0.65 * np.sin(np.pi * _SYLLABLES_HZ * time_s) ** 2
    peak = float(np.abs(wave).max(initial=0.0)) or 1.0
    return (wave * (_HUM_PEAK / peak)).astype(np.int16)


def _speech(events: Sequence[Event]) -> Iterator[tuple[str, int, int]]:
    """(turn, from, to) of each stretch of the caller's speech."""
    begun: dict[str, int] = {}
    last_ms = 0
    for event in events:
        kind, turn = event.get("kind"), str(event.get("turn"))
        last_ms = max(last_ms, _ms(event.get("media_ms")))
        if kind == "turn.started":
            begun[turn] = _ms(event.get("speech_ms"))
        elif kind == "turn.ended" and turn in begun:
            yield turn, begun.pop(turn), _ms(event.get("speech_end_ms"))
    for turn, start_ms in begun.items():
        yield turn, start_ms, last_ms


def _ms(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _longest_zeros(samples: Samples) -> tuple[int, int] | None:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], (samples == 0).astype(np.int8), [0]))))
    runs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return max(runs, key=lambda run: run[1] - run[0], default=None)


def _said(text: str, size: int, language: str) -> Samples | None:
    """`text` in exactly `size` samples at VOICE_HZ; None if it does not fit, or there is no voice here."""
    try:
        pcm = _trimmed(words_pcm(text, language))
        wpm = min(FASTEST_WPM, max(SLOWEST_WPM, round(RATE_WPM * len(pcm) / max(1, size))))
        if abs(len(pcm) - size) > size // 50:
            pcm = _trimmed(words_pcm(text, language, wpm))
        if len(pcm) > size:
            return pcm[:size]
        return pcm if size - len(pcm) <= size // 20 else _spaced(text.split(), size, language)
    except LocalError:
        return None


def _spaced(words: Sequence[str], size: int, language: str) -> Samples | None:
    """Word by word, evenly, the last one at the end."""
    spoken = [_trimmed(words_pcm(word, language, SLOWEST_WPM)) for word in words]
    left = size - sum(map(len, spoken))
    gaps = len(spoken) - 1
    if left < 0 or left > gaps * LONGEST_GAP_MS * VOICE_HZ // 1000:
        return None
    fresh = np.zeros(size, np.int16)
    at = 0
    for number, word in enumerate(spoken):
        fresh[at : at + len(word)] = word
        at += len(word) + left * (number + 1) // gaps - left * number // gaps if gaps else 0
    return fresh


def _trimmed(pcm: bytes) -> Samples:
    samples = np.frombuffer(pcm, "<i2")
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > SOUND)
    return samples[loud[0] : loud[-1] + 1] if len(loud) else samples


def _at_rate(samples: Samples, rate_hz: int) -> Samples:
    resampler = StreamResampler(VOICE_HZ, rate_hz)
    return np.frombuffer(resampler.push(samples.astype("<i2").tobytes()) + resampler.flush(), "<i2")
