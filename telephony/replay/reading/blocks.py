"""A sound as blocks of PCM16, and blocks of PCM16 from one rate to another: memory is bounded by the block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray

Samples = NDArray[np.int16]
BLOCK_FRAMES = 65_536
_PIECE_FRAMES = 4096
"""So much is asked of the library at once: of a piece in which a damaged file ends, it gives nothing."""


class Sound(sf.SoundFile):  # type: ignore[misc]  # the library is not typed
    """A sound that is read once, from its beginning: else each read ends with a seek, which fails at the end of a FLAC
    that was written into a pipe, whose header cannot say how long it is."""

    def seekable(self) -> bool:
        return False


class Blocks:
    """The frames of a sound as int16 (frames, channels), a block at a time, `most` in all.

    `read`: so many there were. `capped`: there may be more. `broke`: the file could not be read to its end. `damaged`:
    so many samples were no numbers.
    """

    def __init__(self, sound: sf.SoundFile, most: int) -> None:
        self._sound = sound
        self._most = most
        # Whole numbers come as they are; of floats, and of what is wider than 16 bits, the nearest are taken.
        self._exact = sound.subtype in ("PCM_16", "PCM_U8", "PCM_S8", "ULAW", "ALAW")
        self.read = 0
        self.capped = False
        self.broke = False
        self.damaged = 0

    def __iter__(self) -> Iterator[Samples]:
        while True:
            block = self._block(min(BLOCK_FRAMES, self._most - self.read + 1))
            if not len(block):
                return
            if self.read + len(block) > self._most:
                self.capped = True
                block = block[: self._most - self.read]
            self.read += len(block)
            yield block if self._exact else self._rounded(block)
            if self.capped:
                return

    def _block(self, frames: int) -> NDArray[Any]:
        """The next `frames`, or fewer at the end."""
        pieces: list[NDArray[Any]] = []
        while frames and not self.broke:
            asked = min(_PIECE_FRAMES, frames)
            try:
                piece = self._sound.read(asked, dtype="int16" if self._exact else "float32", always_2d=True)
            except (sf.SoundFileError, OverflowError, ValueError):  # what the library says of a damaged file
                self.broke = True
                break
            pieces.append(piece)
            frames -= len(piece)
            if len(piece) < asked:
                break
        return np.concatenate(pieces) if pieces else np.zeros((0, self._sound.channels), np.int16)

    def _rounded(self, block: NDArray[np.float32]) -> Samples:
        bad = ~np.isfinite(block)
        if bad.any():
            self.damaged += int(bad.sum())
            block = np.where(bad, np.float32(0), block)
        return _nearest(block * np.float32(32768))


def _nearest(samples: NDArray[np.float32]) -> Samples:
    whole: Samples = np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
    return whole


class Resampler:
    """PCM16 from one rate to another, a block at a time, by soxr's high quality; equal rates pass through untouched."""

    def __init__(self, in_hz: int, out_hz: int) -> None:
        self.out_hz = out_hz
        self._stream = soxr.ResampleStream(in_hz, out_hz, 1, dtype="float32") if in_hz != out_hz else None

    def push(self, samples: Samples) -> bytes:
        """The next samples; gives what is ready, as bytes, little-endian."""
        return self._through(samples, last=False)

    def rest(self) -> bytes:
        """What was held back; nothing may follow."""
        return self._through(np.zeros(0, np.int16), last=True)

    def _through(self, samples: Samples, *, last: bool) -> bytes:
        if self._stream is not None:
            samples = _nearest(self._stream.resample_chunk(samples.astype(np.float32), last=last))
        return samples.astype("<i2", copy=False).tobytes()
