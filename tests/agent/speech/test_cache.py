"""PhraseCache: said once, had ever after; by voice and text; bounded."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from agent.context import CallContext
from agent.speech.cache import PhraseCache
from agent.tts.base import SpeechChunk
from tests.agent.support import make_context


class CountingVoice:
    """Says a text as its own bytes, in two pieces."""

    name = "counting"
    rate_hz = 8000

    def __init__(self) -> None:
        self.identity = "counting/1"
        self.said: list[str] = []

    async def start(self) -> None:
        pass

    async def speak(self, text: str, ctx: CallContext) -> AsyncIterator[SpeechChunk]:
        self.said.append(text)
        if text == "bad":
            raise ZeroDivisionError
        yield SpeechChunk(text.encode())
        yield SpeechChunk(b"--")

    async def close(self) -> None:
        pass


async def test_said_once() -> None:
    voice = CountingVoice()
    cache = PhraseCache(voice)
    assert cache.get("hello") is None
    await cache.warm(["hello", "bye", "hello", "", "  "], make_context())
    await cache.warm(["bye"], make_context())
    assert voice.said == ["hello", "bye"]
    assert cache.get("hello") == (SpeechChunk(b"hello"), SpeechChunk(b"--"))
    assert cache.get("Hello") is None


async def test_another_voice_finds_nothing_old() -> None:
    voice = CountingVoice()
    cache = PhraseCache(voice)
    await cache.warm(["hello"], make_context())
    voice.identity = "counting/2"
    assert cache.get("hello") is None


async def test_bounded_and_the_longest_unused_goes() -> None:
    cache = PhraseCache(CountingVoice(), max_phrases=2)
    await cache.warm(["a", "b"], make_context())
    cache.get("a")
    await cache.warm(["c"], make_context())
    assert len(cache) == 2
    assert cache.get("b") is None
    assert cache.get("a")


async def test_what_was_said_before_a_failure_stays() -> None:
    cache = PhraseCache(CountingVoice())
    with pytest.raises(ZeroDivisionError):
        await cache.warm(["a", "bad", "c"], make_context())
    assert cache.get("a")
    assert cache.get("bad") is None
