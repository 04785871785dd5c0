"""The outline of a call's two-channel audio: lowest and highest sample of each column of a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

PEAK_PERCENTILE = 99.8
"""What counts as full height: one click must not flatten a whole call."""
QUIETEST_PEAK = 0.02
"""Of full scale; a channel quieter than this is drawn quiet, not blown up."""


class Envelope:
    """Outline of a WAV file (left the caller, right the agent); read piece by piece. Raises OSError, RuntimeError."""

    def __init__(self, path: Path) -> None:
        with soundfile.SoundFile(path) as audio:
            self._rate_hz = int(audio.samplerate)
            self._frames = int(audio.frames)
        self._path = path
        self._peaks = self._find_peaks()

    @property
    def duration_ms(self) -> int:
        """How much audio there is."""
        return self._frames * 1000 // self._rate_hz

    def columns(self, channel: int, start_ms: float, column_ms: float, count: int) -> npt.NDArray[np.float64]:
        """(count, 2) lowest and highest of each column from `start_ms` on, in -1…1 of the channel's own peak."""
        edges = np.round((start_ms + column_ms * np.arange(count + 1)) * self._rate_hz / 1000).astype(int)
        samples = self._read(channel, int(edges[0]), int(edges[-1]))
        lows_highs = np.zeros((count, 2))
        for index in range(count):
            part = samples[edges[index] - edges[0] : edges[index + 1] - edges[0]]
            if len(part):
                lows_highs[index] = np.min(part), np.max(part)
        return np.clip(lows_highs / self._peaks[channel], -1.0, 1.0)

    def _read(self, channel: int, start: int, stop: int) -> npt.NDArray[np.float64]:
        stop = min(stop, self._frames)
        if start >= stop:
            return np.zeros(0)
        samples, _ = soundfile.read(self._path, start=start, stop=stop, always_2d=True)
        return np.asarray(samples[:, min(channel, samples.shape[1] - 1)], dtype=np.float64)

    def _find_peaks(self) -> tuple[float, float]:
        """The loudness that fills a lane, per channel: a high percentile of the peaks of 20 ms blocks with sound."""
        block = self._rate_hz // 50
        peaks: tuple[list[float], list[float]] = ([], [])
        for samples in soundfile.blocks(self._path, blocksize=block * 500, always_2d=True):
            for channel, found in enumerate(peaks):
                track = np.abs(samples[:, min(channel, samples.shape[1] - 1)])
                found.extend(float(track[at : at + block].max()) for at in range(0, len(track), block))
        full = [float(np.percentile(found, PEAK_PERCENTILE)) if found else 0.0 for found in peaks]
        return max(full[0], QUIETEST_PEAK), max(full[1], QUIETEST_PEAK)
