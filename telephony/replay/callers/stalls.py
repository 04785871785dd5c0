"""RecordedStalls: the wire of a recorded call - what came late comes late again, and a dead line dies again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from telephony.faults.frames import FRAME_MS, Delivery
from telephony.media_stream.line import DEAD_S, WATCHDOG_S
from telephony.replay.recorded import Recorded, Stall


class RecordedStalls:
    """FrameFaults (faults/frames.py) of one call. `silent_from_ms`: from then on nothing goes either way."""

    def __init__(self, stalls: Iterable[Stall], silent_from_ms: int | None = None) -> None:
        self._stalls = tuple(sorted(stalls, key=lambda stall: stall.from_ms))
        self._silent_from_ms = silent_from_ms
        self._next = 0
        self._last_due_ms = 0.0

    def push(self, media_ms: int, payload: bytes, due_ms: float) -> Sequence[Delivery]:
        """The frame, once the stall that held it is over. On a TCP connection none overtakes what came before."""
        stalls = self._stalls
        while self._next < len(stalls) and stalls[self._next].to_ms <= media_ms:
            self._next += 1
        if self._next < len(stalls) and stalls[self._next].from_ms <= media_ms:
            due_ms = max(due_ms, stalls[self._next].arrived_ms)
        self._last_due_ms = max(self._last_due_ms, due_ms)
        return (Delivery(self._last_due_ms, media_ms, payload),)

    def frame_ms(self) -> float:
        return FRAME_MS

    def dropped(self, now_ms: float) -> str:
        return "silence" if self._silent_from_ms is not None and now_ms > self._silent_from_ms else ""


def recorded_wire(recorded: Recorded) -> RecordedStalls:
    """The wire of `recorded`: its stalls, and the silence in which it ended if our own watchdog ended it.

    Where that silence began the journal says; of an older one it is told by the watchdog's patience: the audio on
    record may be longer than what came, for the agent's side of it goes on by the clock.
    """
    if recorded.ended_by != "caller: silent":
        return RecordedStalls(recorded.stalls)
    last_ms = recorded.audio_end_ms
    if last_ms is None:
        last_ms = min(recorded.duration_ms, max(0, recorded.ended_ms - round(1000 * (DEAD_S + WATCHDOG_S))))
    return RecordedStalls(recorded.stalls, -(-last_ms // FRAME_MS) * FRAME_MS)
