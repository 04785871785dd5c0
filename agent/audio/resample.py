"""StreamResampler: PCM16 from one rate to another, in pieces of any size, without losing or doubling a sample.

A polyphase FIR of our own, because streaming asks for three things at once: the same bytes whatever the chunk
sizes, at most 2 ms held back, and a filter good enough that a voice at 22.05 or 24 kHz does not fold back into the
telephone's band. soxr's low-delay quality ("QQ") has hardly any filter, and its good ones hold back 40 to 115 ms
(telephony-facts I4).
"""

from __future__ import annotations

from functools import cache
from math import gcd

import numpy as np
from numpy.typing import NDArray

#: Half the filter's length. What is held back is this and less than one input sample: under 2 ms.
HALF_LENGTH_S = 0.0017
#: Kaiser's window for about 50 dB of rejection.
_BETA = 4.55
#: The filter's -6 dB point, as a share of the lower rate's half: 3.76 kHz at 8 kHz.
_CUTOFF_SHARE = 0.94
#: Coefficients are whole numbers of 1/2**14. Products and sums of whole numbers are exact in float64, in whatever
#: order they are added: so any chunking gives the same bytes.
_SCALE = 1 << 14

_Floats = NDArray[np.float64]


@cache
def _filter(in_hz: int, out_hz: int) -> tuple[_Floats, int]:
    """Rows of taps, one per phase, and how many taps lie at or before an output's base sample, less one."""
    up = out_hz // gcd(in_hz, out_hz)
    half = max(2, int(HALF_LENGTH_S * in_hz))
    cutoff = _CUTOFF_SHARE * min(in_hz, out_hz) / in_hz
    # Output of phase p lies p/up after its base sample; tap j hears the sample j - (half - 1) after the base.
    offset = np.arange(2 * half)[None, :] - (half - 1) - np.arange(up)[:, None] / up
    window = np.i0(_BETA * np.sqrt(np.clip(1 - (offset / half) ** 2, 0, 1))) / np.i0(_BETA)
    taps = cutoff * np.sinc(cutoff * offset) * window
    # Each phase passes a constant unchanged: no hum at the rate of the phases.
    taps /= taps.sum(axis=1, keepdims=True)
    return np.rint(taps * _SCALE), half


class StreamResampler:
    """From `in_hz` to `out_hz`; equal rates pass through untouched.

    After `flush`, exactly ceil(samples_in * out_hz / in_hz) samples have come out, with no shift in time.

    Measured at 22.05 -> 8 kHz: 3.4 kHz passes within 0.2 dB, 3.7 kHz loses 4 dB; tones at 4.4, 5 and 6 kHz come out
    65, 57 and 70 dB down (soxr "QQ": 5 kHz 0.5 dB down, that is, all of it as an alias). Held back: 1.71 to 1.75 ms.
    Cost: 17 to 25 us per 20 ms.
    """

    def __init__(self, in_hz: int, out_hz: int) -> None:
        if in_hz <= 0 or out_hz <= 0:
            raise ValueError(f"rates must be positive, not {in_hz} and {out_hz}")
        self.in_hz = in_hz
        self.out_hz = out_hz
        common = gcd(in_hz, out_hz)
        self._up = out_hz // common
        self._down = in_hz // common
        self._same = in_hz == out_hz
        self._taps, self._half = _filter(in_hz, out_hz)
        # Where an output's window begins: silence before the first sample.
        self._kept: _Floats = np.zeros(self._half - 1)
        self._samples_in = 0
        self._base = 0
        self._phase = 0

    @property
    def held_back_ms(self) -> float:
        """At most so much input has come in and not yet out."""
        return 0.0 if self._same else 1000 * (self._half + 1) / self.in_hz

    def push(self, pcm: bytes) -> bytes:
        """The next PCM16 at `in_hz`, any number of whole samples; gives what is ready at `out_hz`, maybe nothing."""
        if self._same or not pcm:
            return pcm
        samples = np.frombuffer(pcm, "<i2")
        self._samples_in += len(samples)
        self._kept = np.concatenate((self._kept, samples), dtype=np.float64)
        # An output needs `half` samples after its base: those are there for bases below `samples_in - half`.
        return self._until(self._samples_in - self._half)

    def flush(self) -> bytes:
        """The rest, as if silence followed. The resampler is then as new."""
        if self._same:
            return b""
        self._kept = np.concatenate((self._kept, np.zeros(self._half)))
        rest = self._until(self._samples_in)
        self._reset()
        return rest

    def _reset(self) -> None:
        self._kept = np.zeros(self._half - 1)
        self._samples_in = self._base = self._phase = 0

    def _until(self, bases: int) -> bytes:
        """All outputs whose base sample's index is below `bases`."""
        count = -(-((bases - self._base) * self._up - self._phase) // self._down)
        if count <= 0:
            return b""
        steps = self._phase + self._down * np.arange(count + 1)
        starts, phases = np.divmod(steps, self._up)
        windows = np.lib.stride_tricks.sliding_window_view(self._kept, 2 * self._half)
        if self._up == 1:
            sums = windows[:: self._down][:count] @ self._taps[0]
        else:
            sums = np.einsum("ij,ij->i", windows[starts[:-1]], self._taps[phases[:-1]])
        moved = int(starts[-1])
        self._kept = self._kept[moved:]
        self._base += moved
        self._phase = int(phases[-1])
        whole = np.clip(np.floor((sums + _SCALE / 2) / _SCALE), -32768, 32767).astype("<i2")
        return bytes(whole.tobytes())
