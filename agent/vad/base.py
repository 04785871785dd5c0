"""Voice activity: audio in, speech probabilities out, one per 32 ms window at 8 kHz."""

from __future__ import annotations

from typing import Protocol

#: All detectors hear 8 kHz, whatever the line: one model, one set of thresholds.
VAD_RATE_HZ = 8000
#: Silero's window at 8 kHz: 256 samples = 32 ms (telephony-facts E2).
WINDOW_SAMPLES = 256
WINDOW_MS = 32
#: Below this probability a window is certainly no speech: the floor of the line may rise to it.
NO_SPEECH = 0.15
#: Within a stretch: Silero's own advice: enter at 0.5, leave 0.15 lower, so that a syllable's dip is no pause.
ENTER = 0.5
LEAVE = 0.35


class VadStream(Protocol):
    """One call's detector. Cheap: some KiB of state."""

    def push(self, pcm: bytes) -> list[float]:
        """PCM16 at 8 kHz, any length; one probability (0..1) for each window that this completes. Never blocks."""


class VadEngine(Protocol):
    """One for the whole worker."""

    name: str

    async def start(self) -> None:
        """Load the model. Idempotent."""

    def stream(self) -> VadStream:
        """A detector with fresh state."""

    async def close(self) -> None:
        """Let go of the model."""
