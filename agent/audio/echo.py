"""EchoMeter: how much of what comes in is what was played, come back over a hybrid or a loudspeaker. Pure; numpy.

First the delay: the cross-correlation of what came in with what was played, whitened (so that a vowel's own period
does not count) and summed over the last second, has one sharp peak if there is an echo, and none if not. Then the
path: per frequency, a filter of a few frames behind that delay, by least squares over the last second; every frame
weighs about the same, however loud, so that a caller who speaks over the echo hardly bends it. What the filter, learnt
before, does not predict of the newest frames is somebody else's: the score is the share that it does predict. Where it
suddenly predicts nothing, the reference may have leapt: then the path is looked for a little earlier or later
(agent/audio/echo_shape.py). Where there is nothing yet to predict with, at an echo's very first windows, or too little,
because it is faint, its loudness tells.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agent.audio.echo_shape import PathShape
from agent.audio.whitened import HIGH_HZ, LOW_HZ, whitened

#: `score` looks at so much of the inbound audio, and of what was played by the same moment.
INBOUND_MS = 512
REFERENCE_MS = 1200
#: Echoes up to so late are found: a mobile network's two ways and a jitter buffer.
MAX_DELAY_MS = 600

_FRAME_MS, _HOP_MS = 32, 16
#: So many frames of the path are learnt: 96 ms from its delay on. The late echo of a large room is beyond it.
_TAPS = 5
#: The newest frames that are scored: 64 ms, which is the window asked about and the half before it.
_SCORED = 3
#: The path begins a little before the peak of its delay.
_LEAD_MS = 3
#: The delay is looked for, and the filter solved, at every so many windows (128 ms): both cost more than the rest.
_SEARCH_EVERY = 4
#: What a search keeps of the ones before, and a window of the frames before: about a second, each.
_SEARCH_MEMORY, _MEMORY = 0.8, 0.97
#: A peak so high over the median is an echo's: measured 5 to 130 with one, 2 to 4.5 with a caller alone.
_PEAK = 4.5
#: A new delay must be so much surer than the one in use.
_SURER = 1.2
#: A window of which so much is predicted is an echo, and its path is where it was.
_KNOWN = 0.3
#: The first so many windows in a row that are none are looked at more closely, each: then it is a caller.
_LOOKED_AT = 4
#: A path that was just found predicts nothing yet: it is learnt, and looked for, at each of so many windows; until then
#: what comes in is an echo if its loudness goes up and down as that of what was played does, so much later.
_FRESH = 4
#: Spent on a caller's voice that only seemed to have a path, these windows come again one by one.
_FRESH_AGAIN = 64
_ALIKE = 0.75
#: Of a faint echo the line's coding keeps little that can be predicted. What is no louder (by 5 dB) than such an echo
#: has been is taken for it, below -42 dBFS: who speaks into a telephone is 10 dB louder, or more.
_FAINT_SHARE, _FAINT = 3.0, (32768 * 10 ** (-42 / 20)) ** 2
_FAINT_MEMORY = 0.99
#: So many windows must have been predicted before that: one may be, of a caller's, by chance.
_PROOFS = 4
#: Ridge, as a share of the power played: what little it was has taught little.
_RIDGE = 0.1
#: Frames that are 20 dB quieter than those of the last second, and more, do not weigh more for being quiet: of the
#: silence between words the telephone keeps its own quantisation, and that would rule the path. (Of a loud and clean
#: echo 4 to 43 % of the windows were known without it, all of them with it.) In digital silence: 1, a rounding.
_QUIET, _FLOOR = 0.01, 1.0

#: So much of the echo's power of the last half second is taken for echo that the filter cannot predict: a room's long
#: end, the line's noise while the detector still believes in the last vowel. A caller is louder.
_BLUR, _ECHOED_MEMORY = 0.2, 0.9
#: The line's noise is the least that was there, rising by so much a window; frames stray so far above it. It is
#: nobody's.
_NOISE_RISES, _NOISE_STRAYS = 1.01, 3.0

_Floats = NDArray[np.float32]
_Complexes = NDArray[np.complex64]


class EchoMeter:
    """One call's. Cheap where nothing comes back: then only the delay is looked for.

    Measured in whole calls at 8 kHz, over a reference that leaps by 20 ms at a time, through seven rooms, 10 to 30 dB
    down, 80 to 400 ms late: 99 % of the windows with an echo score 0.3 or more, of a caller's over an echo 4 %, of a
    caller's alone none, or the first four.
    """

    def __init__(self, rate_hz: int) -> None:
        if rate_hz < 8000 or rate_hz % 1000:
            raise ValueError(f"an echo is measured at whole kHz from 8000 Hz on, not at {rate_hz} Hz")
        per_ms = rate_hz // 1000
        self._frame, self._hop, self._lead = _FRAME_MS * per_ms, _HOP_MS * per_ms, _LEAD_MS * per_ms
        self._inbound, self._lags = INBOUND_MS * per_ms, MAX_DELAY_MS * per_ms
        self._reference = REFERENCE_MS * per_ms
        self._window = np.hanning(self._frame + 1)[:-1].astype(np.float32)
        self._bins = slice(LOW_HZ * self._frame // rate_hz, HIGH_HZ * self._frame // rate_hz)
        self._rate_hz = rate_hz
        self._fft = 9 << (per_ms * 128 - 1).bit_length()  # 9216 at 8 kHz: holds both, and is quick
        self._peak_width = np.ones(2 * per_ms, np.float32)
        self._cross: _Complexes = np.zeros(self._fft // 2 + 1, np.complex64)
        self._shape = PathShape(rate_hz, self._lead)
        self._asked = 0
        self._strange = 0  # so many windows in a row, until now, were no echo
        self._proofs = 0  # so many windows the path in use has predicted
        self._fresh = _FRESH  # so many windows more for paths that have not
        self._loudest = 0.0  # the power of a window of the echo, the most of late
        self._found = False
        self._delay: int | None = None  # in samples
        bins = self._bins.stop - self._bins.start
        self._played = np.zeros((bins, _TAPS, _TAPS), np.complex64)  # frames played, times themselves, and
        self._came = np.zeros((bins, _TAPS, 1), np.complex64)  # times what came in
        self._filter = np.zeros((bins, _TAPS, 1), np.complex64)
        self._loud: float | None = None  # the power of a frame, as of late
        self._echoed: _Floats = np.zeros(bins, np.float32)
        self._usual: _Floats = np.zeros(bins, np.float32)
        self._noise: _Floats = np.full(bins, np.inf, np.float32)

    @property
    def delay_ms(self) -> float | None:
        """How late the echo comes back behind the reference; None as long as there is none."""
        return self._delay * _FRAME_MS / self._frame if self._found and self._delay is not None else None

    def score(self, inbound_pcm: bytes, reference_pcm: bytes) -> float:
        """The share (0..1) of the newest 32 ms of `inbound_pcm` that is `reference_pcm` come back.

        Both are PCM16 at `rate_hz` and end at the same moment of media time: what came in (the last INBOUND_MS count)
        and what the far end heard of us (the last REFERENCE_MS). What is missing before is taken for silence. Call it
        for the windows in which a voice is heard while the agent can be: it learns from each.
        """
        came, played = _samples(inbound_pcm, self._inbound), _samples(reference_pcm, self._reference)
        if not played.any() or not came.any():
            return 0.0
        due = self._asked % _SEARCH_EVERY == 0 or (self._found and not self._proofs and self._fresh > 0)
        self._asked += 1
        moved = (due or (not self._found and self._strange < _LOOKED_AT)) and self._search(came, played)
        if moved:
            self._proofs = 0
            share = self._learn_anew(came, played)
        elif self._found:
            share = self._known_share(came, played, due)
        else:
            share = 0.0
        self._strange = 0 if share >= _KNOWN else self._strange + 1
        power = float(np.mean(came[-self._frame :] ** 2))
        self._loudest *= _FAINT_MEMORY
        self._fresh += self._asked % _FRESH_AGAIN == 0 and self._fresh < _FRESH
        if share >= _KNOWN:
            self._proofs += 1
            self._loudest = max(self._loudest, power)
        elif self._found and not self._proofs and self._fresh:
            self._fresh -= 1
            share = max(share, self._loudness_alike(came, played))
        elif self._proofs >= _PROOFS and power < min(_FAINT, _FAINT_SHARE * self._loudest):
            share = _KNOWN
        return share

    def _loudness_alike(self, came: _Floats, played: _Floats) -> float:
        """Whether what came in is as loud, piece by piece, as what was played the path's delay before: _KNOWN or 0."""
        if not self._found or self._delay is None:
            return 0.0
        end = len(played) - self._delay
        echo = played[end - len(came) : end]
        loudness = np.sqrt(np.stack([np.mean(x.reshape(-1, self._hop) ** 2, axis=1) for x in (came, echo)]))
        loudness -= loudness.mean(axis=1, keepdims=True)
        alike = float(np.dot(*loudness)) / (float(np.prod(np.linalg.norm(loudness, axis=1))) + 1e-9)
        return _KNOWN if alike >= _ALIKE else 0.0

    def _known_share(self, came: _Floats, played: _Floats, due: bool) -> float:
        """The score by the path that is known; and what there is to be learnt. `due`: also what costs more."""
        inbound, taps = self._frames(came, played, _SCORED)
        share = self._share(inbound, taps)
        if share < _KNOWN and self._strange < _LOOKED_AT and self._leap(came, played):
            inbound, taps = self._frames(came, played, _SCORED)
            share = self._share(inbound, taps)
        self._played *= _MEMORY
        self._came *= _MEMORY
        self._learn(inbound[-2:], taps[-2:])
        if due:
            self._solve()
            if share >= _KNOWN and self._delay is not None:
                self._shape.learn(came, played, self._delay)
        return share

    def _leap(self, came: _Floats, played: _Floats) -> bool:
        """Whether the reference has leapt: the path, the same, is somewhere else."""
        if self._delay is None:
            return False
        leap = self._shape.leap(came, played, self._delay)
        delay = min(self._lags - 1, max(0, self._delay + leap))
        if delay == self._delay:
            return False
        turns = (delay - self._delay) / self._fft * np.arange(len(self._cross))
        self._cross *= np.exp(-2j * np.pi * turns).astype(np.complex64)
        self._delay = delay
        return True

    def _search(self, came: _Floats, played: _Floats) -> bool:
        """Look for the delay; whether it is another one, whose path is to be learnt."""
        cross = whitened(came, played[-self._inbound - self._lags :], self._fft, self._rate_hz)
        self._cross = (_SEARCH_MEMORY * self._cross + cross).astype(np.complex64)
        lags = np.abs(np.fft.irfft(self._cross)[-self._lags :])
        peaks = np.convolve(lags, self._peak_width, "same")
        at = int(np.argmax(peaks))
        was_found, self._found = self._found, bool(peaks[at] >= _PEAK * np.median(peaks))
        if not self._found:
            return False
        if self._delay is not None and was_found:
            if self._strange < 2:  # a room has several peaks, and the path that is known fits
                return False
            near = slice(max(0, self._delay - 2 * self._lead), self._delay + 2 * self._lead)
            if near.start <= at < near.stop or peaks[at] < _SURER * peaks[near].max():
                return False
        self._delay = at
        self._shape.forget()
        return True

    def _learn_anew(self, came: _Floats, played: _Floats) -> float:
        """The path from all that is at hand, but for the newest frames, which are scored by it."""
        inbound, taps = self._frames(came, played, (self._inbound - self._frame) // self._hop + 1)
        self._played[:] = 0
        self._came[:] = 0
        power = _power(inbound)
        self._usual = np.mean(power, axis=0)
        for at in range(0, len(power) - _SCORED, _SCORED):
            self._noise = np.minimum(self._noise, power[at : at + _SCORED].mean(axis=0))
        self._learn(inbound[:-_SCORED], taps[:-_SCORED])
        self._solve()
        return self._share(inbound[-_SCORED:], taps[-_SCORED:])

    def _frames(self, came: _Floats, played: _Floats, count: int) -> tuple[_Complexes, _Complexes]:
        """The newest `count` frames that came in, [frame, bin], and what was played by then, [frame, bin, tap]."""
        inbound = self._spectra(came, len(came), count)
        end = len(played) - max(0, (self._delay or 0) - self._lead)
        reference = self._spectra(played, end, count + _TAPS - 1)
        taps = np.stack([reference[_TAPS - 1 - tap : _TAPS - 1 - tap + count] for tap in range(_TAPS)], axis=2)
        return inbound, taps

    def _spectra(self, samples: _Floats, end: int, count: int) -> _Complexes:
        piece = samples[end - self._frame - self._hop * (count - 1) : end]
        frames = np.lib.stride_tricks.sliding_window_view(piece, self._frame)[:: self._hop]
        return np.fft.rfft(frames * self._window)[:, self._bins].astype(np.complex64)

    def _learn(self, inbound: _Complexes, taps: _Complexes) -> None:
        power = np.mean(_power(inbound), axis=1)
        loud = float(power.mean())
        self._loud = loud if self._loud is None else _MEMORY * self._loud + (1 - _MEMORY) * loud
        weights = 1 / (power + _QUIET * self._loud + _FLOOR)
        weighted = np.conj(taps * weights[:, None, None]).transpose(1, 2, 0)
        self._played += weighted @ taps.transpose(1, 0, 2)
        self._came += weighted @ inbound.T[:, :, None]

    def _solve(self) -> None:
        power = np.einsum("bii->b", self._played).real / _TAPS
        ridge = _RIDGE * (power + 0.2 * power.mean()) + 1e-9
        self._filter = np.linalg.solve(
            self._played + ridge[:, None, None] * np.eye(_TAPS, dtype=np.float32), self._came
        )

    def _share(self, inbound: _Complexes, taps: _Complexes) -> float:
        """What the filter predicts of these frames. Loud and quiet frequencies are brought nearer to one another."""
        power = _power(inbound)
        self._usual = 0.8 * self._usual + 0.2 * power[-2:].mean(axis=0)
        weights = 1 / np.sqrt(self._usual + 0.05 * self._usual.mean() + 1)
        predicted = np.einsum("fbt,bt->fb", taps, self._filter[:, :, 0])
        self._echoed = np.maximum(_ECHOED_MEMORY * self._echoed, _power(predicted).mean(axis=0))
        self._noise = np.minimum(_NOISE_RISES * self._noise, power.mean(axis=0))
        nobodys = _BLUR * self._echoed + _NOISE_STRAYS * self._noise
        rest = np.maximum(0, _power(inbound - predicted) - nobodys)
        total = float((power * weights).sum())
        return min(1.0, max(0.0, 1 - float((rest * weights).sum()) / total)) if total > 0 else 0.0


def _samples(pcm: bytes, count: int) -> _Floats:
    """The last `count` samples of PCM16; silence where there are fewer."""
    samples = np.frombuffer(pcm[: len(pcm) // 2 * 2][-2 * count :], "<i2").astype(np.float32)
    return samples if len(samples) == count else np.concatenate((np.zeros(count - len(samples), np.float32), samples))


def _power(spectra: _Complexes) -> _Floats:
    return spectra.real**2 + spectra.imag**2
