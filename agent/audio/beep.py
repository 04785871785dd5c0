"""Beeps: one steady tone, then quiet - what an answering machine gives when it begins to record. Pure.

Two counts for each 20 ms (level, zero crossings) say whether the sound is the same as just before; only a stretch that
stays the same for 80 ms and ends in quiet is looked at closely, once: is nearly all of it at one frequency? Keys, dial
and busy tones are two frequencies at once; music and speech do not stay the same and then fall silent. A tone that
comes again and again (ringing, fax) is no beep.
"""

from __future__ import annotations

import audioop
import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: What is heard, whatever the line: the detector's rate.
RATE_HZ = 8000
_BLOCK_MS = 20
_BLOCK = RATE_HZ * _BLOCK_MS // 1000
_BLOCK_BYTES = 2 * _BLOCK
#: Recorders' beeps are recordings of a tone, and come at a telephone's level; what is fainter is in somebody's room.
_LEAST_DBFS = -35.0
_LEAST_RMS = 32768 * 10 ** (_LEAST_DBFS / 20)
#: Lower ones are hum, higher ones the answer tones of fax and modem (2100 Hz), which are longer, too.
HZ = (350.0, 2200.0)
LENGTH_MS = (95, 2500)
#: The same sound: 4.5 dB (a mobile's codec lets a tone's level waver), and so many crossings of zero, of which line
#: noise makes some.
_SAME_LEVEL = 10 ** (4.5 / 20)
_SAME_CROSSINGS = 3
#: At least so many blocks are the same; the first and the last of a tone are cut somewhere.
_LEAST_BLOCKS = 3
_MOST_BLOCKS = LENGTH_MS[1] // _BLOCK_MS + 1
#: So much of a long one is looked at: 400 ms tell tones 40 Hz apart (ringing) from one.
_KEPT_BLOCKS = 20
#: Of its power so much lies around one frequency: what is left is noise, a codec's work, an overtone.
_SHARE = 0.88
_AROUND_HZ = 20.0
#: From one 20 ms to the next its frequency moves no more than this: a call or a laugh, which may be as pure, moves 3 Hz
#: at least; a tape's flutter 1 Hz. (The median: one lost packet breaks no beep.)
_MOST_GLIDE_HZ = 2.0
#: Quiet: 15 dB below the tone, for so long. Syllables are not parted by as much, and two short beeps are one signal.
_QUIET_SHARE = 10 ** (-15 / 20)
_QUIET_BLOCKS = 6
#: The same tone again, so soon, is a cadence: ringing comes every 6 s at the latest.
_AGAIN_MS = 6500
_SAME_HZ = 0.03
#: Another tone of 100 ms, so shortly before: a tune, or the three tones of "not in service". (What is steady, but no
#: tone, is the last word's end: the n of "after the tone".)
_TUNE_BLOCKS = 5
_TUNE_GAP_MS = 60


@dataclass(frozen=True, slots=True)
class Tone:
    """A beep: from when to when (ms since the stream began), and its frequency."""

    start_ms: int
    end_ms: int
    hz: float

    @property
    def length_ms(self) -> int:
        return self.end_ms - self.start_ms


class BeepDetector:
    """Listens to one line. About 2 us for 20 ms, and 60 us once for a tone."""

    def __init__(self, start_ms: int = 0) -> None:
        """`start_ms`: when the audio that is pushed first begins."""
        self._end_ms = start_ms
        self._rest = b""
        self._run: deque[bytes] = deque(maxlen=_KEPT_BLOCKS)
        self._blocks = 0  # in the run, those no longer kept included
        self._rms = 0.0
        self._crossings = 0
        self._this_rms = self._last_rms = 0.0
        self._before_rms = 0.0  # of the block before the run, where the tone may have begun
        self._run_end_ms = 0
        self._quiet = 0
        self._tail_rms = 0.0  # of the first block that was not the same
        self._tune_ms = start_ms - 2 * _TUNE_GAP_MS  # when another tone ended
        self._last: Tone | None = None

    @property
    def sounding(self) -> bool:
        """Whether the same sound has lasted long enough to become a beep, and is not over."""
        return self._blocks >= _LEAST_BLOCKS

    def push(self, pcm: bytes) -> Tone | None:
        """PCM16 at 8 kHz, any length; the beep that has just ended, if one has."""
        data = self._rest + pcm if self._rest else pcm
        found = None
        whole = len(data) - len(data) % _BLOCK_BYTES
        if whole == _BLOCK_BYTES == len(data):
            self._rest = b""
            return self._block(data)
        for at in range(0, whole, _BLOCK_BYTES):
            found = self._block(data[at : at + _BLOCK_BYTES]) or found
        self._rest = data[whole:]
        return found

    def _block(self, block: bytes) -> Tone | None:
        self._end_ms += _BLOCK_MS
        rms, self._last_rms = audioop.rms(block, 2), self._this_rms
        self._this_rms = rms
        if self._quiet:
            return self._after(block, rms)
        if rms < _LEAST_RMS:
            if self._blocks >= _LEAST_BLOCKS:
                return self._after(block, rms)
            self._drop()
            return None
        crossings = audioop.cross(block, 2)
        same = (
            self._blocks > 0
            and abs(crossings - self._crossings) <= _SAME_CROSSINGS
            and self._rms <= rms * _SAME_LEVEL
            and rms <= self._rms * _SAME_LEVEL
        )
        if same:
            if self._blocks == 1:
                self._rms, self._crossings = rms, crossings
            self._run.append(block)
            self._blocks += 1
            self._run_end_ms = self._end_ms
        elif self._blocks >= _LEAST_BLOCKS and rms < self._rms:
            return self._after(block, rms)  # its end, within this block, or something else
        else:
            self._begin(block, rms, crossings)
        return None

    def _begin(self, block: bytes, rms: float, crossings: int) -> None:
        self._before_rms = self._last_rms
        if self._blocks >= _TUNE_BLOCKS and _only_hz(np.frombuffer(b"".join(self._run), "<i2").astype(np.float64)):
            self._tune_ms = self._run_end_ms
        self._run.clear()
        self._run.append(block)
        self._blocks, self._rms, self._crossings = 1, rms, crossings
        self._run_end_ms = self._end_ms
        self._quiet = 0

    def _drop(self) -> None:
        self._blocks, self._rms, self._quiet = 0, 0.0, 0
        self._run.clear()

    def _after(self, block: bytes, rms: float) -> Tone | None:
        """A block behind a run: the first may hold the end of the tone, the others must be quiet."""
        if self._quiet == 0:
            self._tail_rms = rms
        elif rms > self._rms * _QUIET_SHARE:
            if rms < _LEAST_RMS:
                self._drop()
            else:
                self._begin(block, rms, audioop.cross(block, 2))
            return None
        self._quiet += 1
        if self._quiet < _QUIET_BLOCKS:
            return None
        tone = self._judged()
        self._drop()
        return tone

    def _judged(self) -> Tone | None:
        start_ms = self._run_end_ms - self._blocks * _BLOCK_MS
        if self._blocks > _MOST_BLOCKS or start_ms - self._tune_ms <= _TUNE_GAP_MS:
            return None
        samples = np.frombuffer(b"".join(self._run), "<i2").astype(np.float64)
        hz = _only_hz(samples)
        if not HZ[0] <= hz <= HZ[1] or _glide_hz(samples, hz) > _MOST_GLIDE_HZ:
            return None
        before, after = (_part_ms(edge, self._rms) for edge in (self._before_rms, self._tail_rms))
        end_ms = self._run_end_ms + after
        tone = Tone(start_ms - before, end_ms, round(hz, 1))
        if not LENGTH_MS[0] <= tone.length_ms <= LENGTH_MS[1]:
            return None
        last, self._last = self._last, tone
        again = last is not None and tone.start_ms - last.end_ms < _AGAIN_MS and abs(hz - last.hz) < _SAME_HZ * hz
        return None if again else tone


def _part_ms(edge_rms: float, rms: float) -> int:
    """How much of a block at the tone's edge is the tone."""
    return round(_BLOCK_MS * min(1.0, (edge_rms / rms) ** 2))


def _only_hz(samples: NDArray[np.float64]) -> float:
    """The frequency (Hz) that has nearly all the power; 0 if none has."""
    size = len(samples)
    powers = np.abs(np.fft.rfft(samples * np.hanning(size))) ** 2
    powers[: max(1, round(60 * size / RATE_HZ))] = 0.0  # an offset, or mains hum beside the tone
    total = float(powers.sum())
    peak = int(np.argmax(powers))
    reach = max(2, math.ceil(_AROUND_HZ * size / RATE_HZ))
    near = powers[max(0, peak - reach) : peak + reach + 1]
    power = float(near.sum())
    if total <= 0 or power < _SHARE * total:
        return 0.0
    bins = np.arange(max(0, peak - reach), max(0, peak - reach) + len(near))
    return float((bins * near).sum() / power) * RATE_HZ / size


def _glide_hz(samples: NDArray[np.float64], hz: float) -> float:
    """How much the frequency, about `hz`, changes from block to block (the median)."""
    turns = np.exp(-2j * np.pi * hz / RATE_HZ * np.arange(len(samples)))
    phases = np.angle((samples * turns).reshape(-1, _BLOCK).sum(axis=1))
    steps = np.diff(np.unwrap(phases))  # how far off `hz` each block is
    changes = np.angle(np.exp(1j * np.diff(steps)))
    return float(np.median(np.abs(changes))) / (2 * np.pi * _BLOCK_MS / 1000) if len(changes) else 0.0
