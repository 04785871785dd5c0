"""How loud PCM16 is, piece by piece. Pure."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

PIECE_MS = 10
BLOCK_PIECES = 6000
"""A minute of pieces at a time: hours of audio are not held as floats."""


def dbfs(level: int) -> float:
    """The level of PCM16 whose root mean square is `level`; -90 dBFS of digital silence."""
    return 20 * math.log10(max(level, 1) / 32768)


def levels_dbfs(pcm: bytes, rate_hz: int) -> NDArray[np.float32]:
    """The level of each 10 ms of PCM16; the last piece is filled up with silence."""
    samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2")
    piece = rate_hz * PIECE_MS // 1000
    levels = []
    for start in range(0, len(samples), piece * BLOCK_PIECES):
        block = samples[start : start + piece * BLOCK_PIECES].astype(np.float32) / 32768
        block = np.pad(block, (0, -len(block) % piece)).reshape(-1, piece)
        levels.append(10 * np.log10(np.mean(block * block, axis=1) + 1e-12))
    return np.concatenate(levels).astype(np.float32) if levels else np.empty(0, np.float32)
