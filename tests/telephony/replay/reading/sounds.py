"""Recordings for tests, made here: voices that sound enough like one, in any coding."""

from __future__ import annotations

import struct
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]


def voice(seconds: float, rate_hz: int = 8000, seed: int = 1) -> Samples:
    """Syllables: a buzz of 120 Hz with two formants, rising and falling, with pauses, over the noise of a line."""
    chance = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    buzz = sum(np.sin(2 * np.pi * 120 * n * time_s + n) / n * (1 + 2 * (n in (4, 5, 9))) for n in range(1, 25))
    syllables = np.clip(np.sin(2 * np.pi * 2.1 * time_s), 0, 1) ** 0.5
    sound = 2500 * buzz * syllables / 3 + chance.normal(0, 12, len(time_s))
    return np.clip(sound, -32768, 32767).astype(np.int16)


def write_wav(path: Path, *channels: Samples, rate_hz: int = 8000) -> Path:
    """A WAV file of PCM16."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(np.stack(channels, axis=1).astype("<i2").tobytes())
    return path


def raw_wav(
    data: bytes, *, rate_hz: int = 8000, channels: int = 1, bits: int = 16, tag: int = 1, promised: int | None = None
) -> bytes:
    """A WAV file's bytes, with whatever header; `promised` bytes of data where it lies about that."""
    block = channels * bits // 8
    size = len(data) if promised is None else promised
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, tag, channels, rate_hz, rate_hz * block & 0xFFFFFFFF, block, bits)
    return (
        struct.pack("<4sI4s", b"RIFF", min(36 + size, 2**32 - 1), b"WAVE")
        + form
        + struct.pack("<4sI", b"data", size)
        + data
    )


def samples_of(pcm: bytes) -> Samples:
    """PCM16 bytes as samples."""
    return np.frombuffer(pcm, "<i2").astype(np.int16)
