"""Fades: speech that begins in the midst of a sound begins softly, without a click. Pure."""

from __future__ import annotations

import numpy as np


def faded_in(pcm: bytes, samples: int) -> bytes:
    """PCM16 whose first `samples` samples (or all, if there are fewer) rise from silence along half a cosine.

    Half a cosine, because it begins and ends level: a straight ramp's corners can be heard over a quiet line.
    """
    samples = min(samples, len(pcm) // 2)
    if samples <= 0:
        return pcm
    gain = 0.5 - 0.5 * np.cos(np.pi * np.arange(samples) / samples)
    head = np.frombuffer(pcm, "<i2", samples) * gain
    return np.rint(head).astype("<i2").tobytes() + pcm[2 * samples :]
