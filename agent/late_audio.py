"""LateAudio: which of the caller's audio came late, and when it came. Pure.

A call that is run again needs it: what is decided in a stall is decided by when its audio came. Late is told against
the earliest that any audio came, by its own time stamps. A far end that paused, or a path that has grown longer, is
late for ever: after MOST_PIECES without any audio in time, what is the earliest is reckoned anew, and that is no stall.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

#: More than this is a stall: a frame, and half a millisecond for rounding. Alone, less moves nothing by more than a
#: frame.
LATE_MS = 20.5
#: Audio that comes within this is told as one piece: it was read from the socket all at once. Within a stall whatever
#: is later than this is told: while none comes, media time goes on by the clock from when the last audio came.
TOGETHER_MS = 2.0
#: A line whose audio has come in time for so long is over its stall. Until then what comes late belongs to it, so that
#: a line that is unsteady throughout is told in few words.
STEADY_MS = 1000
#: What comes first may be late, and nothing has come in time yet to tell it by: it is kept for so long, by the clock.
OPENING_MS = 1000
#: A line that is unsteady for longer is told of so often: a crash costs no more.
LONGEST_MS = 10_000
#: In one journal line, at most: five seconds of frames that come late one after the other. A stall that ends so slowly
#: is none.
MOST_PIECES = 250
#: In one call, at most: a megabyte of journal. A line that is late so often is told no further.
MOST_PIECES_IN_ALL = 40_000


@dataclass(slots=True)
class _Piece:
    """Audio that came at once; `came_ms` by the call's clock. `late_ms`: how late its first frame was, by that."""

    from_ms: int
    to_ms: int
    came_ms: float
    late_ms: float


class LateAudio:
    """One call's. Asked only about audio that is earlier than `least_ms` or later than `most_ms` (the call's clock less
    the audio's end, in media time): for the others that comparison is all there is to do.

    `tell(from_ms=, to_ms=, late_ms=, came=)` is called once per stall: `came` is [[from_ms, to_ms, arrived_ms], …],
    audio and the media time at which it was there; audio in time arrives at its own end.
    """

    def __init__(self, tell: Callable[..., None]) -> None:
        self.least_ms = math.inf
        self.most_ms = -math.inf
        self._tell = tell
        self._pieces: list[_Piece] = []
        self._late_until_ms = 0
        self._least_late_ms = math.inf  # of this stall's audio
        self._any_in_time = False  # since this stall began
        self._told = 0
        self._opens = True
        self._first_came_ms = math.inf

    def came(self, from_ms: int, to_ms: int, late_ms: float) -> None:
        """Audio of [from_ms, to_ms) came `late_ms` after its end, by the call's clock."""
        self.least_ms = min(self.least_ms, late_ms)
        if self._opens and not self._open(to_ms + late_ms):
            self._opened()
        if self._opens or late_ms > self.least_ms + LATE_MS:
            self._late(from_ms, to_ms, late_ms)
        elif self._pieces:
            self._any_in_time = True
            if late_ms > self.least_ms + TOGETHER_MS:
                self._add(from_ms, to_ms, late_ms)
            if to_ms - self._late_until_ms >= STEADY_MS or to_ms - self._pieces[0].from_ms >= LONGEST_MS:
                self.over()
        if self._told >= MOST_PIECES_IN_ALL:
            self.least_ms, self.most_ms = -math.inf, math.inf
        else:
            self.most_ms = -math.inf if self._pieces else self.least_ms + LATE_MS

    def _open(self, came_ms: float) -> bool:
        """Whether the line has only just begun to be heard."""
        self._first_came_ms = min(self._first_came_ms, came_ms)
        self._opens = came_ms - self._first_came_ms < OPENING_MS
        return self._opens

    def _opened(self) -> None:
        """By now it is known what of the beginning was late: a stall may have begun with it."""
        late = [piece.late_ms > self.least_ms + LATE_MS for piece in self._pieces]
        first = late.index(True) if any(late) else len(late)
        self._pieces = self._pieces[first:]
        self._any_in_time = not all(late[first:])
        self._least_late_ms = min((piece.late_ms for piece in self._pieces), default=math.inf)

    def _late(self, from_ms: int, to_ms: int, late_ms: float) -> None:
        self._add(from_ms, to_ms, late_ms)
        self._late_until_ms = to_ms
        self._least_late_ms = min(self._least_late_ms, late_ms)

    def _add(self, from_ms: int, to_ms: int, late_ms: float) -> None:
        came_ms = to_ms + late_ms
        last = self._pieces[-1] if self._pieces else None
        if last is not None and came_ms - last.came_ms <= TOGETHER_MS:
            last.to_ms = to_ms
        else:
            if len(self._pieces) == MOST_PIECES:
                self.over()
            self._pieces.append(_Piece(from_ms, to_ms, came_ms, late_ms))

    def over(self) -> None:
        """The stall is over, or the call: what is known of it is told."""
        if not self._any_in_time and len(self._pieces) == MOST_PIECES:
            self.least_ms = self._least_late_ms
        stalled = any(piece.late_ms > self.least_ms + LATE_MS for piece in self._pieces)
        late = [piece for piece in self._pieces if piece.late_ms > self.least_ms + TOGETHER_MS]
        self._pieces.clear()
        self._least_late_ms, self._any_in_time = math.inf, False
        if stalled:
            self._told += len(late)
            self._tell(
                from_ms=late[0].from_ms,
                to_ms=late[-1].to_ms,
                late_ms=round(max(piece.late_ms for piece in late) - self.least_ms),
                came=[[piece.from_ms, piece.to_ms, round(piece.came_ms - self.least_ms, 1)] for piece in late],
            )
