"""Whitened correlation: how alike two pieces of sound are at each delay, whatever their spectra. Pure; numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: The telephone's band; outside of it there is nothing but noise.
LOW_HZ, HIGH_HZ = 250, 3400
#: All whitened, a frequency without sound would count like any other; a little of its weight is left to each.
_WHITE = 0.8

Samples = NDArray[np.float32]
Spectrum = NDArray[np.complex64]


def whitened(came: Samples, played: Samples, size: int, rate_hz: int) -> Spectrum:
    """The cross-spectrum of two pieces at `rate_hz`, of mean power 1, for an inverse FFT of `size` samples.

    There, sample k says how much `came[t]` is like `played[t - k]`; k below 0 counts from the end.
    """
    spectrum = np.fft.rfft(came, size) * np.conj(np.fft.rfft(played, size))
    cross = np.zeros_like(spectrum)
    band = slice(LOW_HZ * size // rate_hz, HIGH_HZ * size // rate_hz)
    cross[band] = spectrum[band]
    magnitude = np.abs(cross)
    cross /= (magnitude + 1e-9 * magnitude.max() + 1e-20) ** _WHITE
    cross /= np.sqrt(np.mean(np.abs(cross) ** 2)) + 1e-12
    return cross.astype(np.complex64)
