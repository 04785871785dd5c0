"""The last seconds of a stream of samples, by offset, and by the media time at which each stretch was heard. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stretch:
    """Samples `start` to `end` were heard without a gap, the first of them at `start_ms` of media time."""

    start: int
    end: int
    start_ms: float


class RecentAudio:
    """PCM16 at one rate, kept in the pieces in which it came: adding copies nothing."""

    def __init__(self, rate_hz: int) -> None:
        self._per_ms = rate_hz // 1000
        self._pieces: deque[tuple[int, bytes]] = deque()
        self._heard: deque[Stretch] = deque()

    def add(self, offset: int, pcm: bytes, keep_from: int) -> None:
        """The stream's next piece, behind all others; what ends before `keep_from` may go."""
        pieces = self._pieces
        while pieces and pieces[0][0] + len(pieces[0][1]) // 2 <= keep_from:
            pieces.popleft()
        pieces.append((offset, pcm))

    def heard(self, stretch: Stretch, keep_from_ms: float) -> None:
        """A stretch is over, and placed for good; what was over before `keep_from_ms` may go."""
        while self._heard and self._end_ms(self._heard[0]) <= keep_from_ms:
            self._heard.popleft()
        if stretch.end > stretch.start:
            self._heard.append(stretch)

    def cut(self, start: int, end: int) -> bytes:
        """Samples `start` to `end`, as many as there are: what is no longer kept is missing at the front."""
        return b"".join(
            pcm[2 * max(0, start - offset) : 2 * (end - offset)]
            for offset, pcm in self._pieces
            if offset < end and offset + len(pcm) // 2 > start
        )

    def between(self, from_ms: int, to_ms: int, present: Stretch | None) -> bytes:
        """What was heard from `from_ms` to `to_ms`, of that exact length: silence where nothing was, or it is no longer
        kept. `present` is the stretch that is not over."""
        out = bytearray(2 * self._per_ms * max(0, to_ms - from_ms))
        for stretch in (*self._heard, *((present,) if present else ())):
            first = stretch.start + round((from_ms - stretch.start_ms) * self._per_ms)  # the offset heard at `from_ms`
            start, end = max(first, stretch.start), min(first + len(out) // 2, stretch.end)
            if start < end:
                pcm = self.cut(start, end)
                at = 2 * (end - first) - len(pcm)
                out[at : at + len(pcm)] = pcm
        return bytes(out)

    def __len__(self) -> int:
        """How many things are kept."""
        return len(self._pieces) + len(self._heard)

    def _end_ms(self, stretch: Stretch) -> float:
        return stretch.start_ms + (stretch.end - stretch.start) / self._per_ms
