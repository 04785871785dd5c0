"""Tones: does a stretch of sound consist of steady sinusoids - keys, progress tones, mains hum - or of a voice? Pure.

A sum of a few steady sinusoids can be foretold from what was heard some milliseconds earlier; a voice cannot, because
its pitch and its mouth move: over the first windows of several hundred recorded words, one in fifty was foretold to
within 17 dB, and those for no longer than a window or two.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

HEARD_SAMPLES = 512
"""How much is looked at: 64 ms at 8 kHz."""
#: What is not foretold of a tone: 17 dB less than the tone.
_SHARE = 10 ** (-17 / 10)
#: And the line's noise, which cannot be foretold, where what sounds is clearly louder (12 dB) than it.
_NOISE_SHARE = 1.5
_CLEAR = 16.0
#: The loudest 24 ms of what is looked at: a key of 40 ms is known by its middle, and after its end.
_PIECE = 192
_STEP = 32
#: Samples before the one that is foretold are left out, and how many before those are weighed. Two tones need four
#: weights; more serve those with overtones. All 64 ms are needed where tones lie close together (350 and 440 Hz).
_SHORT = (48, 12)
_LONG = (64, 24)
#: The long look is taken only where the short one leaves it open.
_UNDECIDED = 0.25
#: For 24 ms a vowel, too, can be foretold. What sounds all through the 64 ms (no 8 ms of it, but for the quietest, 6 dB
#: below the loudest) is no key's edge: of such a tone the long look leaves no more than this.
_THROUGH = 10 ** (-6 / 10)
_THROUGH_PIECE = 64
_THROUGH_SHARE = 0.1
#: Mains hum and its overtones repeat after one period of 50 Hz, three of 120 Hz, three of 60 Hz. A difference carries
#: what is not steady twice.
_MAINS_LAGS = (160, 200, 400)
_MAINS_COMPARED = HEARD_SAMPLES - max(_MAINS_LAGS)


def is_tone(heard: NDArray[np.float32], noise_power: float = 0.0) -> bool:
    """Whether what sounds in these 512 samples (8 kHz, -1..1) are steady tones, over noise of so much power.

    About 40 us for a voice.
    """
    samples = heard.astype(np.float64)
    piece = _loudest(samples)
    share = _SHARE
    power = float(piece @ piece) / _PIECE
    if power > _CLEAR * noise_power:
        share += _NOISE_SHARE * noise_power / power
    if any(_unlike(samples, lag) <= 2 * share for lag in _MAINS_LAGS):
        return True
    short = _unforetold(piece, *_SHORT)
    if short > _UNDECIDED or (short <= share and not _sounds_through(samples)):
        return short <= share
    return _unforetold(samples, *_LONG) <= (_THROUGH_SHARE if short <= share else share)


def _sounds_through(samples: NDArray[np.float64]) -> bool:
    energies = np.square(samples).reshape(-1, _THROUGH_PIECE).sum(axis=1)
    return bool(np.partition(energies, 1)[1] > _THROUGH * energies.max())


def _loudest(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    energies = np.square(samples).reshape(-1, _STEP).sum(axis=1)
    start = int(np.argmax(np.convolve(energies, np.ones(_PIECE // _STEP), "valid"))) * _STEP
    return samples[start : start + _PIECE]


def _unforetold(samples: NDArray[np.float64], gap: int, taps: int) -> float:
    """The share of power that the best weights for what was `gap` samples earlier do not foretell."""
    rows = sliding_window_view(samples, taps)[: len(samples) - gap - taps + 1]
    wanted = samples[gap + taps - 1 :]
    square = rows.T @ rows
    # A little is added on the diagonal: without it the equations of a pure tone have no single answer.
    square[np.diag_indices(taps)] += 1e-4 * square[0, 0] + 1e-9
    missed = wanted - rows @ np.linalg.solve(square, rows.T @ wanted)
    return float(missed @ missed) / (float(wanted @ wanted) + 1e-12)


def _unlike(samples: NDArray[np.float64], lag: int) -> float:
    now = samples[-_MAINS_COMPARED:]
    missed = now - samples[-_MAINS_COMPARED - lag : -lag]
    return float(missed @ missed) / (float(now @ now) + 1e-12)
