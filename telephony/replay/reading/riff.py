"""What the header of a WAV file says, before any library makes the best of it. Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_UNKNOWN = 0xFFFFFFFF
"""What a program writes for a length that it does not know yet."""


@dataclass(frozen=True, slots=True)
class RiffFacts:
    """`frames` the header promises, None if it does not say; `there`: whole frames that the file holds."""

    rate_hz: int
    channels: int
    frames: int | None = None
    there: int = 0


def riff_facts(head: bytes, size: int) -> RiffFacts | None:
    """The facts of a file that begins with `head` and has `size` bytes; None if it is no WAV, or its format is not in
    `head`."""
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    at = 12
    form: tuple[int, int, int] | None = None
    while at + 8 <= len(head):
        name, length = struct.unpack_from("<4sI", head, at)
        at += 8
        if name == b"fmt " and at + 16 <= len(head):
            channels, rate_hz, _, block = struct.unpack_from("<HIIH", head, at + 2)
            form = rate_hz, channels, block
        elif name == b"data" and form is not None:
            rate_hz, channels, block = form
            compressed = struct.unpack_from("<H", head, head.index(b"fmt ") + 8)[0] not in (1, 3, 6, 7, 0xFFFE)
            if compressed or not block or length in (0, _UNKNOWN):
                return RiffFacts(rate_hz, channels)
            return RiffFacts(rate_hz, channels, length // block, max(0, size - at) // block)
        at += length + length % 2
    return RiffFacts(form[0], form[1]) if form is not None else None
