"""Interruption: does the caller's speech over the agent stop the agent? Pure."""

from __future__ import annotations

from agent.turns.gate import SpeechBegan, SpeechWindow


class Interruption:
    """Says yes, once per stretch of speech, when `barge_in_ms` of speech lie over the agent."""

    def __init__(self, barge_in_ms: int, window_ms: int = 32) -> None:
        self._barge_in_ms = barge_in_ms
        self._window_ms = window_ms
        self._speech_ms = 0
        self._said = False

    def began(self, event: SpeechBegan) -> bool:
        self._said = False
        self._speech_ms = event.media_ms - event.speech_ms
        return self._judge()

    def window(self, event: SpeechWindow) -> bool:
        if event.speech:
            self._speech_ms += self._window_ms
        return self._judge()

    def _judge(self) -> bool:
        if self._said or self._speech_ms < self._barge_in_ms:
            return False
        self._said = True
        return True
