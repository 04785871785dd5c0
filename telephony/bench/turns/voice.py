"""The bench's voice: marked words as their own audio, any other text as a warble; word times are known exactly."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

from agent.context import CallContext
from agent.line import WordEnd
from agent.tts.base import SpeechChunk
from telephony.bench.turns.marks import RATE_HZ, numbers, word_audio

#: A word lasts so long for each of its characters and the space behind it: 300 ms for a marked word, as people speak.
CHAR_MS = 50
FIRST_BYTE_MS = 80
#: The audio comes so many times faster than it is played.
SPEED = 5.0
_WORD = re.compile(r"\S+")


class BenchVoice:
    """A TtsEngine (agent/tts/base.py)."""

    name = "bench"
    remote = False
    rate_hz = RATE_HZ
    identity = f"bench/{CHAR_MS}"

    async def start(self) -> None:
        """Nothing to load."""

    async def speak(self, text: str, ctx: CallContext) -> AsyncIterator[SpeechChunk]:
        """One piece for each word."""
        await asyncio.sleep(FIRST_BYTE_MS / 1000)
        for found in _WORD.finditer(text):
            pcm = spoken(found.group())
            yield SpeechChunk(pcm, (WordEnd(len(pcm) // 2, found.end()),))
            await asyncio.sleep(len(pcm) / (2 * RATE_HZ * SPEED))

    async def close(self) -> None:
        """Nothing to let go of."""


def spoken(text: str) -> bytes:
    """One word's audio, PCM16 at RATE_HZ."""
    marked = numbers(text)
    duration_ms = CHAR_MS * (len(text.rstrip(".,?!")) + 1)
    # A word that bears no mark sounds like word 0 without its end.
    return word_audio(marked[0], duration_ms) if marked else _plain(duration_ms)


def _plain(duration_ms: int) -> bytes:
    return word_audio(0, duration_ms + 10)[: -2 * RATE_HZ // 100]
