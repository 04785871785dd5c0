"""A two-channel PCM16 WAV file that grows while it is written, is patched in place, and is valid at any moment.

Left is the caller, right what the caller heard of the agent. Both are placed by media time, on one sample clock. What
the agent said is known late (when a mark proves it played), so a channel is written into the frames that are already
on disk, instead of holding frames back until both channels are known: a crash then loses only what was not flushed.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

CHANNELS = 2
FRAME_BYTES = 2 * CHANNELS
HEADER_BYTES = 44
MAX_FRAMES = (2**32 - 1 - HEADER_BYTES) // FRAME_BYTES
"""RIFF sizes have 32 bits: 37 hours at 8 kHz."""
MAX_GAP_S = 600
"""A jump of the peer's clock beyond this is not a pause but nonsense; it must not make a file of gigabytes."""
PATCH_FRAMES = 65_536
"""Frames patched at a time: 256 KiB, however late and long a piece is."""


def wav_header(rate_hz: int, frames: int) -> bytes:
    """The 44 bytes before the samples of a two-channel PCM16 WAV file."""
    size = frames * FRAME_BYTES
    riff = struct.pack("<4sI4s", b"RIFF", HEADER_BYTES - 8 + size, b"WAVE")
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, CHANNELS, rate_hz, rate_hz * FRAME_BYTES, FRAME_BYTES, 16)
    return riff + form + struct.pack("<4sI", b"data", size)


class Track:
    """Where one channel's pieces belong on the sample clock. Pure.

    Media time is in whole milliseconds; pieces need not be. So a piece that begins within a millisecond of the end of
    the last one follows it without a seam. Any other place is taken at its word: a gap stays silence, and of a piece
    that lies over what is there already, only the part behind it is taken.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._slack = (rate_hz + 999) // 1000
        self.end = 0
        """The frame after the last one placed."""
        self._empty = True
        self.refused = 0
        """Pieces dropped because their time made no sense."""

    def place(self, pcm: bytes, media_ms: int) -> tuple[int, bytes] | None:
        """The frame at which `pcm` begins, and what of it is new; None if nothing is."""
        start = media_ms * self._rate_hz // 1000
        if not self._empty and abs(start - self.end) < self._slack:
            start = self.end
        samples = len(pcm) // 2
        known = max(self.end, 0) - start
        if known >= samples:
            return None
        if start > self.end + MAX_GAP_S * self._rate_hz or start + samples > MAX_FRAMES:
            self.refused += 1
            return None
        if known > 0:
            start += known
            samples -= known
            pcm = pcm[2 * known :]
        self.end = start + samples
        self._empty = False
        return start, pcm[: 2 * samples]

    def runs(self, pieces: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
        """Place (media_ms, pcm) pieces, in order, and join those that follow each other: (first frame, pcm)."""
        first, parts, end = 0, list[bytes](), 0
        for media_ms, pcm in pieces:
            placed = self.place(pcm, media_ms)
            if placed is None:
                continue
            start, fresh = placed
            if parts and start != end:
                yield first, b"".join(parts)
                parts = []
            if not parts:
                first = start
            parts.append(fresh)
            end = self.end
        if parts:
            yield first, b"".join(parts)


class StereoWav:
    """The file itself. One thread at a time. Every method may raise OSError."""

    def __init__(self, fd: int, rate_hz: int) -> None:
        self._fd = fd
        self._rate_hz = rate_hz
        self._tracks = (Track(rate_hz), Track(rate_hz))
        self._frames = 0
        self._told_frames = 0
        _write_at(fd, wav_header(rate_hz, 0), 0)

    @property
    def refused(self) -> int:
        """Pieces dropped because their time made no sense."""
        return self._tracks[0].refused + self._tracks[1].refused

    def write(self, caller: Iterable[tuple[int, bytes]], agent: Iterable[tuple[int, bytes]]) -> None:
        """Put pieces (media_ms, pcm) in their places, then tell the header how long the file now is."""
        for channel, pieces in enumerate((caller, agent)):
            for start, pcm in self._tracks[channel].runs(pieces):
                self._patch(channel, start, np.frombuffer(pcm, dtype="<i2"))
        if self._frames != self._told_frames:
            _write_at(self._fd, wav_header(self._rate_hz, self._frames), 0)
            self._told_frames = self._frames

    def silence(self, from_ms: int, to_ms: int) -> None:
        """Make both channels zero between two media times, as far as the file goes."""
        first = max(0, from_ms * self._rate_hz // 1000)
        last = min(to_ms * self._rate_hz // 1000, self._frames)
        for start in range(first, last, PATCH_FRAMES):
            _write_at(self._fd, bytes(min(PATCH_FRAMES, last - start) * FRAME_BYTES), _offset(start))

    def _patch(self, channel: int, start: int, samples: npt.NDArray[np.int16]) -> None:
        """Write one channel's samples at `start`; frames beyond the end of the file begin as silence (a hole)."""
        for first in range(0, len(samples), PATCH_FRAMES):
            part = samples[first : first + PATCH_FRAMES]
            at = start + first
            block = np.zeros((len(part), CHANNELS), dtype="<i2")
            if at < self._frames:
                there = os.pread(self._fd, min(len(part), self._frames - at) * FRAME_BYTES, _offset(at))
                known = np.frombuffer(there, dtype="<i2").reshape(-1, CHANNELS)
                block[: len(known)] = known
            block[:, channel] = part
            _write_at(self._fd, block.tobytes(), _offset(at))
            self._frames = max(self._frames, at + len(part))


def _offset(frame: int) -> int:
    return HEADER_BYTES + frame * FRAME_BYTES


def _write_at(fd: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        done = os.pwrite(fd, view, offset)
        view, offset = view[done:], offset + done
