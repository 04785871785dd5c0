"""When the agent was audible, by the audio that is played to the caller. The sandbox's rules, for PCM of any rate."""

from __future__ import annotations

import audioop

import numpy as np

from telephony.sandbox.ear import AUDIBLE_DBFS, Ear

PIECE_MS = 20
_THRESHOLD = round(32768 * 10 ** (AUDIBLE_DBFS / 20))


class AgentEar(Ear):
    """Gathers the bursts of what is played to the caller: PCM16 at `rate_hz`. It hears only what was played: whether
    audible audio still waits in the carrier's buffer, no caller can know."""

    def __init__(self, rate_hz: int) -> None:
        super().__init__()
        self._per_ms = rate_hz // 1000

    def hear(self, start_ms: float, pcm: bytes) -> None:
        """Audio as it is played, ascending in time."""
        if audioop.max(pcm, 2) <= _THRESHOLD:
            return
        piece_bytes = 2 * PIECE_MS * self._per_ms
        for offset in range(0, len(pcm), piece_bytes):
            samples = np.frombuffer(pcm[offset : offset + piece_bytes], "<i2").astype(np.int32)
            loud = np.flatnonzero(np.abs(samples) > _THRESHOLD)
            if len(loud):
                began_ms = start_ms + offset / (2 * self._per_ms)
                self._audible(began_ms + int(loud[0]) / self._per_ms, began_ms + (int(loud[-1]) + 1) / self._per_ms)

    def quiet_ms(self, now_ms: float) -> float:
        """How long the agent has been quiet; since the stream began, if it never spoke."""
        return now_ms - (self.last_audible_ms or 0.0)
