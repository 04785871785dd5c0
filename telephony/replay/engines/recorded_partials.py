"""RecordedPartials: the partial texts of one new utterance, each shown with the frame with which it came then.

A frame decides much: with a text that comes one frame early a turn goes on that had ended before it came. So the audio
that has come says when a text is due. Where none comes media time goes on by the clock, but only once it is asked for:
that is done where the clock stands as it stood with that text then, not before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agent.stt.base import Partial
from telephony.replay.engines.serving import Serving
from telephony.replay.recorded import RecordedPartial, RecordedUtterance

#: Media time goes by the frame.
FRAME_MS = 20
#: Late audio comes again when it came, to this (agent/late_audio.py, TOGETHER_MS): so does the clock of a stall stand.
CLOCK_MS = 2
#: When a frame comes that is due is not known to the clock: it is looked for so often.
LOOK_MS = 1


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be shown, and what it was on the recording."""

    utterance: RecordedUtterance
    recorded: RecordedPartial
    partial: Partial


class RecordedPartials:
    """`due` in their order; the utterance begins now, at `began_ms` on the recording. `on_partial` is given each."""

    def __init__(
        self, serving: Serving, due: Iterator[Due], began_ms: int, on_partial: Callable[[Partial], None]
    ) -> None:
        self._serving = serving
        self._due = due
        self._began_ms = began_ms
        self._on_partial = on_partial
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()
        self._heard_to_ms = serving.audio_ms()
        self.shown: RecordedUtterance | None = None
        """Whose text was shown last."""
        self._timer: asyncio.TimerHandle | None = None
        self._next: Due | None = None
        self._due_s = 0.0
        self._await_next()

    def heard(self) -> None:
        """More audio of this utterance has come."""
        self._heard_to_ms = self._serving.audio_ms()
        if self._next is not None and self._next.recorded.at_ms <= self._heard_to_ms:
            self._look_in(0)  # not at once: what the frame brings about comes first

    def end(self) -> None:
        """No more of them."""
        self._next = None
        if self._timer is not None:
            self._timer.cancel()

    def _await_next(self) -> None:
        self._next = due = next(self._due, None)
        if due is not None:
            later_ms = due.utterance.began_ms - self._began_ms  # the recorded one began so much later than this one
            self._due_s = self._began_s + (later_ms + due.recorded.offset_ms) / 1000
            self._look_when_due(due.recorded.at_ms - self._serving.audio_ms())

    def _look_when_due(self, ahead_ms: int) -> None:
        """It is due with audio that is still `ahead_ms` away; late audio may come all at once, though."""
        if ahead_ms <= FRAME_MS:
            self._look_in(LOOK_MS if ahead_ms > 0 else 0)
        else:
            left_ms = 1000 * (self._due_s - self._loop.time())
            self._look_in(min(left_ms, ahead_ms - FRAME_MS) if left_ms > LOOK_MS else FRAME_MS)

    def _look_in(self, delay_ms: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(delay_ms / 1000, self._look)

    def _look(self) -> None:
        due = self._next
        if due is None:
            return
        ahead_ms = due.recorded.at_ms - self._serving.audio_ms()
        if ahead_ms > 0 and not self._due_by_clock(due):  # the caller is later than then, or the line stalls
            self._look_when_due(ahead_ms)
        elif due.utterance.speech_start_ms <= self._heard_to_ms:  # else it is the next one's
            self.shown = due.utterance
            self._on_partial(due.partial)
            self._await_next()

    def _due_by_clock(self, due: Due) -> bool:
        return self._loop.time() >= self._due_s and due.recorded.at_ms <= self._serving.now_ms() + CLOCK_MS
