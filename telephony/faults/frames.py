"""FrameFaults: the seam between a carrier's side of the wire and what goes wrong on it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

FRAME_MS = 20


@dataclass(frozen=True, slots=True)
class Delivery:
    """A frame that reaches the service's side of the wire at `due_ms`, stamped `media_ms`."""

    due_ms: float
    media_ms: int
    payload: bytes


class FrameFaults(Protocol):
    """What happens to the caller's frames on their way. One call's; frames are given in order."""

    def push(self, media_ms: int, payload: bytes, due_ms: float) -> Sequence[Delivery]:
        """What becomes of a frame that would have been due at `due_ms`: nothing, itself, later, with others."""

    def frame_ms(self) -> float:
        """How long the next frame of 20 ms really takes: asked once for each, from the stream's first on."""

    def dropped(self, now_ms: float) -> str:
        """ "close" or "silence" while the line has dropped, in either way; "" otherwise."""


class NoFaults:
    """A perfect line."""

    def push(self, media_ms: int, payload: bytes, due_ms: float) -> Sequence[Delivery]:
        return (Delivery(due_ms, media_ms, payload),)

    def frame_ms(self) -> float:
        return FRAME_MS

    def dropped(self, now_ms: float) -> str:
        return ""


class OneAfterTheOther:
    """Two wires in a row: what comes out of the first goes into the second."""

    def __init__(self, first: FrameFaults, second: FrameFaults) -> None:
        self._first = first
        self._second = second

    def push(self, media_ms: int, payload: bytes, due_ms: float) -> Sequence[Delivery]:
        return [
            delivery
            for each in self._first.push(media_ms, payload, due_ms)
            for delivery in self._second.push(each.media_ms, each.payload, each.due_ms)
        ]

    def frame_ms(self) -> float:
        return self._first.frame_ms() * self._second.frame_ms() / FRAME_MS

    def dropped(self, now_ms: float) -> str:
        return self._first.dropped(now_ms) or self._second.dropped(now_ms)
