"""FrameCounter: how many WebSocket frames a stream of bytes holds (RFC 6455, 5.2). Pure; looks at headers only.

The smallest frame has six bytes, and costs the server as much as one of a thousand: bytes alone are no measure of what
a peer asks of us. Pings and pieces of messages never reach the app, so they are counted here.
"""

from __future__ import annotations

_EXTENDED = {126: 2, 127: 8}


class FrameCounter:
    """Counts the frames of one direction of one connection."""

    __slots__ = ("_begun", "_skip")

    def __init__(self) -> None:
        self._begun = b""  # of a header that is not whole
        self._skip = 0  # of the frame that goes on

    def feed(self, data: bytes) -> int:
        """How many frames begin in the next bytes; a header counts when its length is known."""
        if self._begun:
            data, self._begun = self._begun + data, b""
        at, size, frames = self._skip, len(data), 0
        while at < size:
            if size - at < 2:
                self._begun = data[at:]
                at = size
                break
            second = data[at + 1]
            length = second & 0x7F
            header = 2
            if length > 125:
                header += _EXTENDED[length]
                if size - at < header:
                    self._begun = data[at:]
                    at = size
                    break
                length = int.from_bytes(data[at + 2 : at + header], "big")
            at += header + length + (4 if second & 0x80 else 0)
            frames += 1
        self._skip = at - size
        return frames
