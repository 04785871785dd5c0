"""OpenLoop: a caller who says what was recorded, when it was recorded, whatever the agent does."""

from __future__ import annotations

from collections import deque

from telephony.faults.frames import FRAME_MS
from telephony.replay.callers.agent_ear import AgentEar
from telephony.replay.callers.leaving import Leaving, way_out
from telephony.replay.callers.line_quiet import quiet_frame
from telephony.replay.callers.loudness import loud_stretches
from telephony.replay.recorded import Recorded

DEAD_LINE_MS = 10_000
"""A recorded line that fell silent ("caller: silent") is ended by our own watchdog, after 5 s; if not, it is dropped
so long after the record's end."""
PADDING_MS = 1_000
"""The audio on record may be longer than the call by so much: the agent's side of it goes on by the clock."""


class OpenLoop:
    """A Caller (phone.py). Sends `recorded.caller` sample for sample; nothing where the record has a gap.

    Then it leaves as the recorded caller did. If it was the agent who ended the call, or the source is a plain
    recording, the line is quiet until the agent ends it, or Leaving (leaving.py) says that nobody waits any longer.
    """

    def __init__(self, recorded: Recorded) -> None:
        self.ended: str | None = None
        self.ear = AgentEar(recorded.rate_hz)
        self._recorded = recorded
        self._bytes_per_ms = 2 * recorded.rate_hz // 1000
        self._gaps = deque(sorted(recorded.gaps))
        self._keys = deque(sorted(recorded.keys, key=lambda key: key[0]))
        self._keys_out: list[str] = []
        self._way_out = way_out(recorded)
        self._caller = recorded.caller
        if self._way_out is not None and recorded.audio_end_ms is not None:  # what comes after is padding, on disk only
            self._caller = recorded.caller[: recorded.audio_end_ms * self._bytes_per_ms]
        self._end_ms = -(-len(recorded.caller) // self._bytes_per_ms)
        if self._way_out is not None and recorded.ended_ms > recorded.duration_ms - PADDING_MS:
            self._end_ms = recorded.ended_ms or self._end_ms
        self._leaving = Leaving(recorded, self.ear)
        self._speech_end_ms = self._last_speech_ms()

    def _last_speech_ms(self) -> int:
        """Where the caller last spoke: only after a plain recording does anything hang on it."""
        if self._recorded.has_journal:
            return self._recorded.duration_ms
        loud = loud_stretches(self._recorded.caller, self._recorded.rate_hz)
        return loud[-1][1] if loud else 0

    def frame(self, now_ms: float) -> bytes | None:
        start_ms = int(now_ms)
        end_ms = start_ms + FRAME_MS
        while self._keys and self._keys[0][0] <= end_ms:  # the journal's media time of a key: audio had come up to it
            self._keys_out.append(self._keys.popleft()[1])
        pcm = self._caller[start_ms * self._bytes_per_ms : end_ms * self._bytes_per_ms]
        if not pcm or (self._way_out is not None and start_ms >= self._end_ms):
            return self._after(start_ms)
        while self._gaps and self._gaps[0][1] < end_ms:
            self._gaps.popleft()
        if self._gaps and self._gaps[0][0] <= start_ms:
            return None
        if len(pcm) < FRAME_MS * self._bytes_per_ms:
            pcm += quiet_frame(self._recorded.rate_hz, now_ms)[len(pcm) :]
        return pcm

    def _after(self, now_ms: int) -> bytes | None:
        """The record is over."""
        if self._way_out is None:
            if self._leaving.due(now_ms, self._end_ms, self._speech_end_ms):
                self.ended = "hang up"
            return quiet_frame(self._recorded.rate_hz, now_ms)
        watched_ms = DEAD_LINE_MS if self._recorded.ended_by == "caller: silent" else 0
        if now_ms >= self._end_ms + watched_ms:
            self.ended = self._way_out
        return None  # what the record has nothing of, did not come

    def take_keys(self) -> list[str]:
        keys, self._keys_out = self._keys_out, []
        return keys

    def hear(self, start_ms: float, pcm: bytes) -> None:
        self.ear.hear(start_ms, pcm)

    def cleared(self, now_ms: float) -> None:
        """Nothing that the agent does changes what this caller says."""

    def recorded_ms(self, media_ms: int) -> int:
        return media_ms


def open_loop(recorded: Recorded) -> OpenLoop:
    """The caller of `recorded`, as recorded. Its line's rate is `recorded.rate_hz`."""
    return OpenLoop(recorded)
