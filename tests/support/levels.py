"""How loud PCM16 is: what tests measure of a voice.

dBFS is relative to a full-scale square wave: 0 dBFS is an RMS of 32768.
"""

from __future__ import annotations

import math

import numpy as np

#: What digital silence measures, instead of minus infinity.
SILENCE_DBFS = -100.0
#: "Active" speech: 20 ms blocks no more than this below the loudest one (a simple stand-in for ITU-T P.56).
_ACTIVE_RANGE_DB = 16.0
_BLOCK_S = 0.02


def dbfs(pcm: bytes) -> float:
    """RMS level of all of it; SILENCE_DBFS where there is nothing."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    return _power_dbfs(float(np.mean(samples**2)) if len(samples) else 0.0)


def peak_dbfs(pcm: bytes) -> float:
    """The level of the largest sample."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    return _power_dbfs(float(np.max(samples**2)) if len(samples) else 0.0)


def active_dbfs(pcm: bytes, rate_hz: int) -> float:
    """RMS level of the parts that are speech: pauses do not count. Telephone speech is about -26 to -20."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    size = int(_BLOCK_S * rate_hz)
    if len(samples) < size:
        return dbfs(pcm)
    power = np.mean(samples[: len(samples) // size * size].reshape(-1, size) ** 2, axis=1)
    return _power_dbfs(float(np.mean(power[power >= power.max() * 10 ** (-_ACTIVE_RANGE_DB / 10)])))


def _power_dbfs(power: float) -> float:
    return max(SILENCE_DBFS, 10 * math.log10(power / 32768.0**2)) if power > 0 else SILENCE_DBFS
