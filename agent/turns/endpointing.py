"""Endpointing: when is the caller's turn over? Pure. By silence for now, behind the interface that will stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from agent.turns.gate import SpeechBegan, SpeechWindow


@dataclass(frozen=True, slots=True)
class EndOfTurn:
    """The turn is over. `speech_end_ms` is the end of its last speech; `reason` is "silence" or "max"."""

    speech_end_ms: int
    media_ms: int
    reason: str


class Endpointer(Protocol):
    """What the session asks of an endpointer. All times are media time."""

    def began(self, event: SpeechBegan) -> None:
        """A turn opens."""

    def window(self, event: SpeechWindow) -> EndOfTurn | None:
        """One more VAD window within the turn."""

    def partial(self, text: str, media_ms: int) -> EndOfTurn | None:
        """What has been recognised so far."""

    def tick(self, media_ms: int) -> EndOfTurn | None:
        """No audio came, and media time went on by the clock."""


class SilenceEndpointer:
    """The turn ends after `trailing_ms` without speech, or after `max_turn_ms` whatever happens."""

    def __init__(self, trailing_ms: int, max_turn_ms: int) -> None:
        self._trailing_ms = trailing_ms
        self._max_turn_ms = max_turn_ms
        self._began_ms = 0
        self._speech_end_ms = 0

    def began(self, event: SpeechBegan) -> None:
        self._began_ms = event.speech_ms
        self._speech_end_ms = event.media_ms

    def window(self, event: SpeechWindow) -> EndOfTurn | None:
        if event.speech and not event.quiet:
            self._speech_end_ms = event.media_ms
        return self.tick(event.media_ms)

    def partial(self, text: str, media_ms: int) -> EndOfTurn | None:
        return None

    def tick(self, media_ms: int) -> EndOfTurn | None:
        if media_ms - self._speech_end_ms >= self._trailing_ms:
            return EndOfTurn(self._speech_end_ms, media_ms, "silence")
        if media_ms - self._began_ms >= self._max_turn_ms:
            return EndOfTurn(self._speech_end_ms, media_ms, "max")
        return None
