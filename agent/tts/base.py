"""Voices: text in, speech out piece by piece, with the ends of its words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from agent.context import CallContext
from agent.line import WordEnd


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """A piece of speech: PCM16 mono at the engine's rate. `words`: the words whose END lies in this piece.

    Within WordEnd, `sample` counts in THIS piece at the engine's rate and `chars` counts in the text given to `speak`.
    An engine that knows no word times leaves `words` empty, except that the last piece ends with the whole text.
    """

    pcm: bytes
    words: tuple[WordEnd, ...] = ()


class TtsEngine(Protocol):
    """One for the whole worker."""

    name: str
    #: Whether it waits for something outside this process: such an engine cannot run in virtual time unattended.
    remote: bool
    rate_hz: int
    #: What, with the text, decides the audio (voice, rate, pitch, version): part of the phrase cache's key.
    identity: str

    async def start(self) -> None:
        """Load the voice, warm connections. Idempotent."""

    def speak(self, text: str, ctx: CallContext) -> AsyncIterator[SpeechChunk]:
        """Speak one clause. Closing the iterator early stops the synthesis."""

    async def close(self) -> None:
        """Let go of everything."""
