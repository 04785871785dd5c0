"""ForEar: a voice that is given the words of a text instead of its signs, and counts what it said in the written text.

All others (history, journal, phrase cache, replay) deal in the written text; only the engine gets the spoken one.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

from agent.context import CallContext
from agent.line import WordEnd
from agent.speech.spoken import RULES, Spoken, spoken, warm
from agent.tts.base import SpeechChunk, TtsEngine


class ForEar:
    """A TtsEngine around another. `language` is a tag ("en-US") and decides how signs are said.

    Its identity holds the rules' version: speech that was made by other rules is not this voice's. What else the engine
    can do (`rewind`, its options) is asked of it.
    """

    def __init__(self, engine: TtsEngine, language: str) -> None:
        self.name, self.remote = engine.name, engine.remote
        self._engine = engine
        self._language = language
        self._take_over()

    async def start(self) -> None:
        """Start the engine, and read what the language needs."""
        warm(self._language)
        await self._engine.start()
        self._take_over()

    async def speak(self, text: str, ctx: CallContext) -> AsyncGenerator[SpeechChunk, None]:
        """Speak `text` as it is said; WordEnd.chars count in `text`. Where nothing of it can be said, nothing comes."""
        said = spoken(text, self._language)
        if not any(sign.isalnum() for sign in said.text):
            return
        speech = cast("AsyncGenerator[SpeechChunk, None]", self._engine.speak(said.text, ctx))
        async with aclosing(speech) as chunks:
            counted = 0
            async for chunk in chunks:
                if said.text == text:
                    yield chunk
                    continue
                words = _in_written(chunk.words, said, text, counted)
                counted = words[-1].chars if words else counted
                yield SpeechChunk(chunk.pcm, words)

    async def close(self) -> None:
        await self._engine.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def _take_over(self) -> None:
        """A voice may know its rate and identity only once it has started."""
        self.rate_hz = self._engine.rate_hz
        self.identity = f"{self._engine.identity}/{RULES}/{self._language}"


def _in_written(words: tuple[WordEnd, ...], said: Spoken, text: str, counted: int) -> tuple[WordEnd, ...]:
    """The ends of written words: where a number of several words has only begun, none."""
    ends, end = [], len(text.rstrip())
    for word in words:
        chars = min(said.written_chars(word.chars), end)
        if any(sign.isalnum() for sign in text[counted:chars]) or (chars == end > counted):
            ends.append(WordEnd(word.sample, chars))
            counted = chars
    return tuple(ends)
