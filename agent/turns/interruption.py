"""Interruption: is the caller's speech long enough to be meant - so that it stops an agent who is speaking? Pure."""

from __future__ import annotations

from agent.turns.gate import SpeechBegan, SpeechWindow


class Interruption:
    """Counts the speech of one stretch, whoever has the floor: an answer that starts into it must give way too."""

    def __init__(self, barge_in_ms: int, window_ms: int = 32) -> None:
        self._barge_in_ms = barge_in_ms
        self._window_ms = window_ms
        self._speech_ms = 0

    def began(self, event: SpeechBegan) -> bool:
        """A stretch of speech opens; whether it is meant already."""
        self._speech_ms = event.media_ms - event.speech_ms
        return self._speech_ms >= self._barge_in_ms

    def window(self, event: SpeechWindow) -> bool:
        """One more window of it; whether the stretch is meant by now."""
        if event.speech:
            self._speech_ms += self._window_ms
        return self._speech_ms >= self._barge_in_ms
