"""RecordedTts: the voice of a recorded call - a text sounds as it was heard then, and takes as long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing

from agent.audio.resample import StreamResampler
from agent.context import CallContext
from agent.line import WordEnd
from agent.speech.cache import PhraseCache
from agent.tts.base import SpeechChunk, TtsEngine
from telephony.replay.engines.embedded import Embedded
from telephony.replay.engines.serving import PAST_THE_RECORD_S, Serving
from telephony.replay.recorded import Recorded, RecordedSpeech

#: What speaks where the agent's own voice cannot: it is installed with most services, or needs nothing at all.
OTHER_VOICES = ("espeak", "synthetic")


class RecordedTts:
    """Looked up by text: a record holds one voice. The same text said again takes the next recorded time of it.

    Its pieces have the journaled number of samples, at the journaled rate; their sound is cut from what the caller
    heard, and is silence where that is not known.
    """

    remote = False

    def __init__(self, serving: Serving, embedded: Embedded) -> None:
        recorded = serving.recorded
        self.name = recorded.engines.get("tts", "recorded")
        self.rate_hz = recorded.voice_hz
        self.identity = f"recorded/{self.name}"
        self._serving = serving
        self._embedded = embedded
        self._given: dict[int, bool] = {}
        self._audio = _Audio(recorded)

    async def start(self) -> None:
        """Nothing to load."""

    async def speak(self, text: str, ctx: CallContext) -> AsyncGenerator[SpeechChunk, None]:
        """The recorded pieces at their recorded offsets. Raises Diverged for a text that the record does not hold."""
        speech = self._find(text)
        if speech is None:
            async for chunk in self.anew(text, 0, ctx, f"the voice did not say this in the record: {text[:60]!r}"):
                yield chunk
            return
        self._serving.served["tts: text"] += 1
        began_s = ctx.now_s()
        for offset_ms, chunk in self.chunks(speech):
            await asyncio.sleep(max(0.0, began_s + offset_ms / 1000 - ctx.now_s()))
            yield chunk
        if speech.cut:
            if self._serving.plan.missing == "stop":
                await asyncio.sleep(PAST_THE_RECORD_S)
            known = max((word.chars for piece in speech.pieces for word in piece.words), default=0)
            async for chunk in self.anew(text, known, ctx, f"the voice was cut off in the record: {text[:60]!r}"):
                yield chunk

    async def close(self) -> None:
        await self._embedded.close()

    def chunks(self, speech: RecordedSpeech) -> Iterator[tuple[float, SpeechChunk]]:
        """(offset, piece) of a recorded speech."""
        pcm = self._audio.of(speech)
        at = 0
        for piece in speech.pieces:
            yield piece.offset_ms, SpeechChunk(pcm[2 * at : 2 * (at + piece.samples)], piece.words)
            at += piece.samples

    def whole(self, text: str) -> RecordedSpeech | None:
        """A recorded speech of the text that is known to its end, the one that was heard best."""
        whole = [speech for speech in self._serving.recorded.speeches if speech.text == text and not speech.cut]
        return max(whole, key=self._audio.heard_samples, default=None)

    async def anew(self, text: str, known: int, ctx: CallContext, what: str) -> AsyncGenerator[SpeechChunk, None]:
        """The text but for its first `known` characters, said by a voice of this process, at this one's rate."""
        engine: TtsEngine = await self._embedded.get(what)
        rest = text[known:]
        if not rest.strip():
            return
        resampler = StreamResampler(engine.rate_hz, self.rate_hz)
        speech: AsyncGenerator[SpeechChunk, None] = engine.speak(rest, ctx)  # type: ignore[assignment]
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

    def _find(self, text: str) -> RecordedSpeech | None:
        alike = [(index, speech) for index, speech in enumerate(self._serving.recorded.speeches) if speech.text == text]
        for index, speech in alike:
            if index not in self._given and not speech.from_memory:
                self._given[index] = True
                return speech
        return self.whole(text) or (alike[-1][1] if alike else None)


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
            if not text.strip() or text in self._memory:
                continue
            speech = self._voice.whole(text)
            if speech is not None:
                self._memory[text] = tuple(chunk for _, chunk in self._voice.chunks(speech))
            elif self._serving.plan.missing == "stop":
                self._memory[text] = None
            else:
                said = [chunk async for chunk in self._voice.anew(text, 0, ctx, f"the phrase {text[:60]!r}")]
                self._memory[text] = tuple(said)

    def get(self, text: str) -> tuple[SpeechChunk, ...] | None:
        """As PhraseCache.get. Raises Diverged for a phrase that the agent has in memory, and the record has not."""
        if text not in self._memory:
            return None
        chunks = self._memory[text]
        if chunks is None:
            raise self._serving.missing(f"the phrase {text[:60]!r} was not said in the record")
        self._serving.served["tts: memory"] += 1
        return chunks


class _Audio:
    """Cuts speeches out of what the caller heard."""

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded
        self._starts = sorted({each.heard_ms for each in recorded.speeches if each.heard_ms is not None})

    def heard_samples(self, speech: RecordedSpeech) -> int:
        """How many samples of the recording are this speech: up to the next one, and no more than it has."""
        recorded = self._recorded
        if recorded.heard is None or speech.heard_ms is None:
            return 0
        samples = sum(piece.samples for piece in speech.pieces)
        wanted = -(-samples * recorded.rate_hz // recorded.voice_hz)
        later = [start for start in self._starts if start > speech.heard_ms]
        if later:
            wanted = min(wanted, (later[0] - speech.heard_ms) * recorded.rate_hz // 1000)
        return min(wanted, max(0, len(recorded.heard) // 2 - speech.heard_ms * recorded.rate_hz // 1000))

    def of(self, speech: RecordedSpeech) -> bytes:
        """All samples of a speech at the voice's rate, silent where it was not heard."""
        recorded = self._recorded
        size = 2 * sum(piece.samples for piece in speech.pieces)
        count = self.heard_samples(speech)
        if not count or recorded.heard is None or speech.heard_ms is None:
            return bytes(size)
        at = 2 * (speech.heard_ms * recorded.rate_hz // 1000)
        resampler = StreamResampler(recorded.rate_hz, recorded.voice_hz)
        pcm = resampler.push(recorded.heard[at : at + 2 * count]) + resampler.flush()
        return pcm[:size].ljust(size, b"\0")
