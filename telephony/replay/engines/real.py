"""The agent's own engines in a run: what they hear places the run in the record, and what they wait for is charged.

An engine that waits for something outside this process (`remote`) is waited for with the clock standing still
(agent/virtual_time.py, charged): then the time it took is charged to the call.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from agent.context import CallContext
from agent.llm.base import LlmEngine, LlmEvent, LlmRequest
from agent.slots.base import NOTHING_ASKED, Asks
from agent.stt.base import Partial, SttCall, SttEngine, SttUtterance, Transcript
from agent.tts.base import SpeechChunk, TtsEngine
from agent.virtual_time import charged
from telephony.replay.engines.serving import Serving

T = TypeVar("T")


async def _plain(real: Awaitable[T]) -> T:
    return await real


class RealStt:
    """The agent's recogniser; `charge` if it is remote."""

    def __init__(self, engine: SttEngine, serving: Serving, *, charge: bool) -> None:
        self.name, self.rate_hz, self.remote = engine.name, engine.rate_hz, charge
        self._engine = engine
        self._serving = serving
        self._wait = charged if charge else _plain

    async def start(self) -> None:
        await self._wait(self._engine.start())

    def call(self, ctx: CallContext, line_hz: int = 8000) -> SttCall:
        return _RealSttCall(self._engine.call(ctx, line_hz), self._serving, self._wait)

    async def close(self) -> None:
        await self._wait(self._engine.close())


class _RealSttCall:
    def __init__(self, call: SttCall, serving: Serving, wait: Callable[[Awaitable[Any]], Awaitable[Any]]) -> None:
        self._call = call
        self._serving = serving
        self._wait = wait

    def begin(self, on_partial: Callable[[Partial], None], hint: Asks = NOTHING_ASKED) -> SttUtterance:
        def shows(partial: Partial) -> None:
            utterance.has_words = utterance.has_words or bool(partial.text.strip())
            on_partial(partial)

        utterance = _RealUtterance(self._call.begin(shows, hint), self._serving, self._wait)
        return utterance

    async def close(self) -> None:
        await self._wait(self._call.close())


class _RealUtterance:
    def __init__(
        self, utterance: SttUtterance, serving: Serving, wait: Callable[[Awaitable[Any]], Awaitable[Any]]
    ) -> None:
        self._utterance = utterance
        self._serving = serving
        self._wait = wait
        self._from_ms = serving.now_ms()
        self._heard_at_ms = serving.at_ms()
        self.has_words = False

    def push(self, pcm: bytes) -> None:
        self._heard_at_ms = self._serving.at_ms()
        self._utterance.push(pcm)

    async def final(self) -> Transcript:
        here = self._serving.overlapping(self._from_ms, self._serving.recorded_ms(self._heard_at_ms))
        if self.has_words and here:
            self._serving.understood(self._serving.recorded.utterances[here[-1]])
        transcript: Transcript = await self._wait(self._utterance.final())
        if transcript.text and here:
            self._serving.understood(self._serving.recorded.utterances[here[-1]])
        return transcript

    async def cancel(self) -> None:
        await self._utterance.cancel()


class RealLlm:
    """A remote model, really asked."""

    remote = True

    def __init__(self, engine: LlmEngine) -> None:
        self.name = engine.name
        self._engine = engine

    async def start(self) -> None:
        await charged(self._engine.start())

    async def stream(self, request: LlmRequest, ctx: CallContext) -> AsyncGenerator[LlmEvent, None]:
        async for event in _each_charged(self._engine.stream(request, ctx)):
            yield event

    async def close(self) -> None:
        await charged(self._engine.close())


class RealTts:
    """A remote voice, really asked."""

    remote = True

    def __init__(self, engine: TtsEngine) -> None:
        self.name, self.rate_hz, self.identity = engine.name, engine.rate_hz, engine.identity
        self._engine = engine

    async def start(self) -> None:
        await charged(self._engine.start())
        self.identity = self._engine.identity

    async def speak(self, text: str, ctx: CallContext) -> AsyncGenerator[SpeechChunk, None]:
        async for chunk in _each_charged(self._engine.speak(text, ctx)):
            yield chunk

    async def close(self) -> None:
        await charged(self._engine.close())


async def _each_charged(results: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    """Every wait for a result charged; whatever ends this closes `results`."""
    try:
        while True:
            try:
                result = await charged(_next(results))
            except StopAsyncIteration:
                return
            yield result
    finally:
        close = getattr(results, "aclose", None)
        if close is not None:
            await charged(close())


async def _next(results: AsyncIterator[T]) -> T:
    return await anext(results)
