"""LineFaults: the faults of one call's line, applied to the caller's frames one by one. Pure.

What comes out is what Twilio would send. Its frames travel over one WebSocket, which keeps their order (RFC 6455 over
TCP): a frame that is late makes all behind it late, and they come in a burst. Loss and disorder happen before the
carrier, in RTP, and show as time stamps that jump or run backwards: `media.timestamp` is presentation time, whatever
the network does. How much of that Twilio mends by itself, its documentation does not say; so here nothing is mended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from telephony.faults.frames import FRAME_MS, Delivery
from telephony.faults.kinds import (
    Burst,
    Delay,
    Drop,
    Duplicate,
    FrameFault,
    LineFault,
    Lose,
    Reorder,
    Skew,
    Stall,
    Window,
)


class _Stage(Protocol):
    """One fault at work. `end_ms` is that of the window the frame lies in; None outside of any."""

    def push(self, frame: Delivery, end_ms: float | None) -> Sequence[Delivery]: ...


class LineFaults:
    """FrameFaults of one call. The faults work one after another, in the order in which they are given."""

    def __init__(self, faults: Sequence[LineFault]) -> None:
        self._stages: list[tuple[Window, _Stage]] = [
            (fault.window, _stage(fault)) for fault in faults if not isinstance(fault, Skew | Drop)
        ]
        self._skews = [fault for fault in faults if isinstance(fault, Skew)]
        self._drops = [fault for fault in faults if isinstance(fault, Drop)]
        self._frames = 0
        self._last_due_ms = 0.0

    def push(self, media_ms: int, payload: bytes, due_ms: float) -> Sequence[Delivery]:
        frames: Sequence[Delivery] = (Delivery(due_ms, media_ms, payload),)
        for window, stage in self._stages:
            frames = [out for frame in frames for out in stage.push(frame, window.end_ms(frame.media_ms))]
        return [self._behind(frame) for frame in frames]

    def frame_ms(self) -> float:
        at_ms = self._frames * FRAME_MS
        self._frames += 1
        ppm = sum(skew.ppm for skew in self._skews if skew.window.end_ms(at_ms) is not None)
        return FRAME_MS / (1 + ppm / 1e6)

    def dropped(self, now_ms: float) -> str:
        held = [drop.how for drop in self._drops if drop.window.end_ms(now_ms) is not None]
        return "close" if "close" in held else "silence" if held else ""

    def _behind(self, frame: Delivery) -> Delivery:
        """Nothing overtakes on a socket."""
        self._last_due_ms = max(self._last_due_ms, frame.due_ms)
        return frame if frame.due_ms == self._last_due_ms else replace(frame, due_ms=self._last_due_ms)


def _stage(fault: FrameFault) -> _Stage:
    match fault:
        case Lose(lose):
            return _Repeat(lose, 0)
        case Duplicate(duplicate):
            return _Repeat(duplicate, 2)
        case Delay(delays_ms):
            return _Late(delays_ms)
        case Burst(frames):  # the first of them waits for the last
            return _Late(tuple(FRAME_MS * behind for behind in range(frames - 1, -1, -1)))
        case Reorder(order):
            return _Reordered(order)
        case Stall():
            return _Stalled()


class _Repeat:
    """The frames that the pattern marks come `times` times."""

    def __init__(self, pattern: tuple[int, ...], times: int) -> None:
        self._pattern = pattern
        self._times = times
        self._at = 0

    def push(self, frame: Delivery, end_ms: float | None) -> Sequence[Delivery]:
        if end_ms is None:
            return (frame,)
        marked = self._pattern[self._at % len(self._pattern)]
        self._at += 1
        return (frame,) * (self._times if marked else 1)


class _Late:
    def __init__(self, delays_ms: tuple[int, ...]) -> None:
        self._delays_ms = delays_ms
        self._at = 0

    def push(self, frame: Delivery, end_ms: float | None) -> Sequence[Delivery]:
        if end_ms is None:
            return (frame,)
        delay_ms = self._delays_ms[self._at % len(self._delays_ms)]
        self._at += 1
        return (replace(frame, due_ms=frame.due_ms + delay_ms) if delay_ms else frame,)


class _Stalled:
    def push(self, frame: Delivery, end_ms: float | None) -> Sequence[Delivery]:
        return (frame if end_ms is None or frame.due_ms >= end_ms else replace(frame, due_ms=end_ms),)


class _Reordered:
    """Frames wait for those that are to come before them."""

    def __init__(self, order: tuple[int, ...]) -> None:
        self._order = order
        self._arrived = 0
        self._gone = 0
        self._waiting: dict[int, Delivery] = {}

    def push(self, frame: Delivery, end_ms: float | None) -> Sequence[Delivery]:
        if end_ms is None:
            held = [self._waiting[at] for at in self._order if at in self._waiting]
            self._begin()
            return [*(_not_before(frame, each) for each in held), frame]
        self._waiting[self._arrived] = frame
        self._arrived += 1
        out = []
        while self._gone < len(self._order) and self._order[self._gone] in self._waiting:
            out.append(_not_before(frame, self._waiting.pop(self._order[self._gone])))
            self._gone += 1
        if self._arrived == len(self._order):
            self._begin()
        return out

    def _begin(self) -> None:
        self._arrived = self._gone = 0
        self._waiting.clear()


def _not_before(last: Delivery, frame: Delivery) -> Delivery:
    """A frame that has waited for another comes no earlier than that one."""
    return frame if frame.due_ms >= last.due_ms else replace(frame, due_ms=last.due_ms)
