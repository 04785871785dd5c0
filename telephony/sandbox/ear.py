"""The caller's ear: when the agent was audible, from the audio as it is played. Pure; times are call time in ms."""

from __future__ import annotations

from dataclasses import dataclass

from telephony import g711

AUDIBLE_DBFS = -45.0
"""A sample above this is heard; line noise and comfort noise lie below it."""
SAME_BURST_MS = 200
"""Audible audio with at most this much quiet between is one burst: words of one phrase, not two answers."""
PIECE_BYTES = 160

_THRESHOLD = round(32768 * 10 ** (AUDIBLE_DBFS / 20))
# For bytes.translate: 1 for a mu-law byte whose sample is audible. Finding the first one then runs in C.
_AUDIBLE = bytes(
    abs(int.from_bytes(g711.ulaw_to_pcm(bytes((code,))), "little", signed=True)) > _THRESHOLD for code in range(256)
)


@dataclass(slots=True)
class Burst:
    """The agent was audible from `start_ms` (its first audible sample) to `end_ms` (after its last)."""

    start_ms: float
    end_ms: float


def audible(ulaw: bytes) -> bool:
    """Whether any sample of it would be heard."""
    return 1 in ulaw.translate(_AUDIBLE)


class Ear:
    """Gathers the bursts of what is played to the caller."""

    def __init__(self) -> None:
        self.bursts: list[Burst] = []

    def hear(self, start_ms: float, ulaw: bytes) -> None:
        """Audio as it is played, ascending in time."""
        for offset in range(0, len(ulaw), PIECE_BYTES):
            loud = ulaw[offset : offset + PIECE_BYTES].translate(_AUDIBLE)
            first = loud.find(1)
            if first >= 0:
                self._audible(start_ms + (offset + first) / 8, start_ms + (offset + loud.rfind(1) + 1) / 8)

    def _audible(self, start_ms: float, end_ms: float) -> None:
        if self.bursts and start_ms - self.bursts[-1].end_ms <= SAME_BURST_MS:
            self.bursts[-1].end_ms = end_ms
        else:
            self.bursts.append(Burst(start_ms, end_ms))

    @property
    def last_audible_ms(self) -> float | None:
        """The end of the last audible sample so far."""
        return self.bursts[-1].end_ms if self.bursts else None

    def speaking_at(self, at_ms: float) -> Burst | None:
        """The burst that covers `at_ms`, if there is one."""
        return next((b for b in reversed(self.bursts) if b.start_ms <= at_ms < b.end_ms), None)

    def answer(self, speech_start_ms: float, speech_end_ms: float, until_ms: float | None = None) -> Burst | None:
        """The agent's answer to speech: the first burst that began after the speech began and outlasts it.

        (A burst that lay under the speech's beginning was interrupted; one that begins and ends within the speech was
        the agent's false start.) `until_ms`: only bursts that began before.
        """
        for burst in self.bursts:
            if burst.start_ms >= speech_start_ms and burst.end_ms > speech_end_ms:
                return burst if until_ms is None or burst.start_ms < until_ms else None
        return None
