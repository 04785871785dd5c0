"""RecordedTts: the voice of a recorded call - a text sounds as it was heard then, and takes as long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import replace

from agent.audio.resample import StreamResampler
from agent.context import CallContext
from agent.errors import EngineError
from agent.line import WordEnd
from agent.speech.cache import PhraseCache
from agent.tts.base import SpeechChunk, TtsEngine
from telephony.replay.engines.embedded import Embedded
from telephony.replay.engines.facts import failures
from telephony.replay.engines.serving import PAST_THE_RECORD_S, Serving
from telephony.replay.engines.speech_audio import SpeechAudio
from telephony.replay.recorded import RecordedSpeech

#: What speaks where the agent's own voice cannot: it is installed with most services, or needs nothing at all.
OTHER_VOICES = ("espeak", "synthetic")


class RecordedTts:
    """Looked up by text: a record holds one voice. The same text said again takes the next recorded time of it; one
    that was said as part of another is cut out of that.
    """

    remote = False

    def __init__(self, serving: Serving, embedded: Embedded) -> None:
        recorded = serving.recorded
        self.name = recorded.engines.get("tts", "recorded")
        self.rate_hz = recorded.voice_hz
        self.identity = f"recorded/{self.name}"
        self.audio = SpeechAudio(recorded)
        self._serving = serving
        self._embedded = embedded
        self._given: set[int] = set()
        # Only what an engine was asked for can have failed, or taken its time.
        asked = [index for index, speech in enumerate(recorded.speeches) if not speech.from_memory]
        failed, requests = failures(recorded.events, "tts")
        self._failed = {asked[number]: failure for number, failure in failed.items()} if requests == len(asked) else {}

    async def start(self) -> None:
        """Nothing to load."""

    async def speak(self, text: str, ctx: CallContext) -> AsyncGenerator[SpeechChunk, None]:
        """The recorded pieces at their recorded offsets. Raises Diverged for a text that the record does not hold."""
        index = self._find(text)
        if index is None:
            async for chunk in self._said_elsewhere(text, ctx):
                yield chunk
            return
        self._serving.served["tts: text"] += 1
        speech, failure = self._to_its_end(index), self._failed.get(index)
        began_s = ctx.now_s()
        for offset_ms, chunk in self.audio.chunks(speech):
            await asyncio.sleep(max(0.0, began_s + offset_ms / 1000 - ctx.now_s()))
            yield chunk
        if failure is not None:
            await asyncio.sleep(max(0.0, began_s + failure.offset_ms / 1000 - ctx.now_s()))
            raise EngineError(failure.message)
        if speech.cut:
            if self._serving.plan.missing == "stop":
                await asyncio.sleep(PAST_THE_RECORD_S)
            known = max((word.chars for piece in speech.pieces for word in piece.words), default=0)
            engine = await self._embedded.get(f"the voice was cut off in the record: {text[:60]!r}")
            async for chunk in self._anew(engine, text, known, ctx):
                yield chunk

    async def close(self) -> None:
        await self._embedded.close()

    async def remembered(self, text: str, ctx: CallContext) -> tuple[SpeechChunk, ...] | None:
        """The whole speech of a fixed phrase: recorded, or, where the plan wants so, by a voice of this process."""
        speech = self.audio.best(text)
        if speech is not None:
            return tuple(chunk for _, chunk in self.audio.chunks(speech))
        if self._serving.plan.missing == "stop":
            return None
        engine = await self._embedded.get(f"the phrase {text[:60]!r}", count=False)
        return tuple([chunk async for chunk in self._anew(engine, text, 0, ctx)])

    async def _said_elsewhere(self, text: str, ctx: CallContext) -> AsyncGenerator[SpeechChunk, None]:
        part = self.audio.part(text)
        if part is not None:
            self._serving.served["tts: part"] += 1
            yield part
            return
        engine = await self._embedded.get(f"the voice did not say this in the record: {text[:60]!r}")
        async for chunk in self._anew(engine, text, 0, ctx):
            yield chunk

    async def _anew(
        self, engine: TtsEngine, text: str, known: int, ctx: CallContext
    ) -> AsyncGenerator[SpeechChunk, None]:
        """The text but for its first `known` characters, said by `engine`, at the recorded voice's rate."""
        if not text[known:].strip():
            return
        resampler = StreamResampler(engine.rate_hz, self.rate_hz)
        speech: AsyncGenerator[SpeechChunk, None] = engine.speak(text[known:], ctx)  # type: ignore[assignment]
        async with aclosing(speech) as chunks:
            async for chunk in chunks:
                pcm = resampler.push(chunk.pcm)
                samples = len(pcm) // 2
                words = tuple(
                    WordEnd(min(word.sample * self.rate_hz // engine.rate_hz, samples), known + word.chars)
                    for word in chunk.words
                )
                yield SpeechChunk(pcm, words)
        if flushed := resampler.flush():
            yield SpeechChunk(flushed)

    def _find(self, text: str) -> int | None:
        """The speech, by its place in the record: the next one that an engine made, else any."""
        alike = [index for index, speech in enumerate(self._serving.recorded.speeches) if speech.text == text]
        for index in alike:
            if index not in self._given and not self._serving.recorded.speeches[index].from_memory:
                self._given.add(index)
                return index
        best = self.audio.best(text)
        return next((index for index in alike if self._serving.recorded.speeches[index] is best), None)

    def _to_its_end(self, index: int) -> RecordedSpeech:
        """A speech that was cut off, and said to its end at another time, is known whole."""
        speech = self._serving.recorded.speeches[index]
        best = self.audio.best(speech.text)
        if not speech.cut or best is None or best.cut or index in self._failed:
            return speech
        late_ms = speech.pieces[-1].offset_ms if speech.pieces else 0.0
        return replace(
            best, pieces=tuple(replace(piece, offset_ms=max(piece.offset_ms, late_ms)) for piece in best.pieces)
        )


class RecordedPhrases(PhraseCache):
    """The phrases that were said then, from memory. One that was not is missed only when it is to be said now."""

    def __init__(self, tts: RecordedTts, serving: Serving) -> None:
        super().__init__(tts)
        self._voice = tts
        self._serving = serving
        self._memory: dict[str, tuple[SpeechChunk, ...] | None] = {}

    def __len__(self) -> int:
        return sum(chunks is not None for chunks in self._memory.values())

    async def warm(self, texts: Iterable[str], ctx: CallContext) -> None:
        """Take what the record has; of the rest, if the plan wants so, what a voice of this process says."""
        for text in texts:
            if text.strip() and text not in self._memory:
                self._memory[text] = await self._voice.remembered(text, ctx)

    def get(self, text: str) -> tuple[SpeechChunk, ...] | None:
        """As PhraseCache.get. Raises Diverged for a phrase that the agent has in memory, and the record has not."""
        if text not in self._memory:
            return None
        chunks = self._memory[text]
        if chunks is None:
            raise self._serving.missing(f"the phrase {text[:60]!r} was not said in the record")
        self._serving.served["tts: memory" if self._voice.audio.best(text) is not None else "tts: embedded"] += 1
        return chunks
