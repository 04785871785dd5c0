"""The mouth: clauses through the voice to the line, in order, a bounded distance ahead of what is heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from agent.audio.resample import StreamResampler
from agent.context import CallContext
from agent.engines.deadlines import bounded
from agent.engines.requests import EngineRequest
from agent.line import Line, TextSpan, WordEnd
from agent.record import input_hash
from agent.speech.cache import PhraseCache
from agent.speech.clauses import Clause
from agent.tts.base import SpeechChunk, TtsEngine

#: The voice may run so far ahead of the caller's ear: the next clause is ready, an interruption wastes little.
AHEAD_MS = 2500
FIRST_AUDIO_S = 4.0
BETWEEN_AUDIO_S = 4.0


class Mouth:
    """Speaks for one call. One clause at a time; cancelling `say` leaves nothing behind but what is queued already."""

    def __init__(
        self,
        line: Line,
        tts: TtsEngine,
        phrases: PhraseCache,
        ctx: CallContext,
        journal: Callable[..., None],
        on_first_audio: Callable[[], None],
    ) -> None:
        self._line = line
        self._tts = tts
        self._phrases = phrases
        self._ctx = ctx
        self._journal = journal
        self._on_first_audio = on_first_audio

    async def say(self, utterance: int, clause: Clause) -> None:
        """Speak one clause behind what is queued. Raises EngineError when the voice fails or misses a deadline."""
        ahead_ms = self._line.pending_ms - AHEAD_MS
        while ahead_ms > 0:
            await asyncio.sleep(ahead_ms / 1000)
            ahead_ms = self._line.pending_ms - AHEAD_MS
        resampler = self._resampler()
        async with aclosing(self._speech(clause.text)) as chunks:
            async for chunk in chunks:
                self._play_chunk(utterance, clause.start, chunk, resampler)
        self._play_rest(utterance, clause, resampler)

    def play_phrase(self, utterance: int, text: str) -> bool:
        """Queue a phrase from memory at once, without awaiting anything; False if it is not in memory."""
        chunks = self._phrases.get(text)
        if chunks is None:
            return False
        self._journal_phrase(text, chunks)
        resampler = self._resampler()
        for chunk in chunks:
            self._play_chunk(utterance, 0, chunk, resampler)
        self._play_rest(utterance, Clause(text, 0), resampler)
        return True

    def _resampler(self) -> StreamResampler:
        return StreamResampler(self._tts.rate_hz, self._line.info.sample_rate_hz)

    def _play_chunk(self, utterance: int, start: int, chunk: SpeechChunk, resampler: StreamResampler) -> None:
        pcm = resampler.push(chunk.pcm)
        words = tuple(
            WordEnd(min(word.sample * resampler.out_hz // resampler.in_hz, len(pcm) // 2), start + word.chars)
            for word in chunk.words
        )
        self._play(pcm, TextSpan(utterance, words))

    def _play_rest(self, utterance: int, clause: Clause, resampler: StreamResampler) -> None:
        self._play(resampler.flush(), TextSpan(utterance))
        # White space and punctuation after the last word count as said with it.
        self._play(b"", TextSpan(utterance, (WordEnd(0, clause.start + len(clause.text)),)))

    def _play(self, pcm: bytes, span: TextSpan) -> None:
        if pcm:
            self._on_first_audio()
        if pcm or span.words:
            self._line.play(pcm, span)

    def _journal_phrase(self, text: str, chunks: tuple[SpeechChunk, ...]) -> None:
        """A phrase from memory asks no engine; that the call can be run again, the journal needs its speech all the
        same: [samples, words] of each piece, as an engine's results hold them."""
        pieces = [[len(chunk.pcm) // 2, [[word.sample, word.chars] for word in chunk.words]] for chunk in chunks]
        named = input_hash(self._tts.identity, text)
        self._journal("phrase", name=self._tts.name, input_hash=named, input=text, pieces=pieces)

    async def _speech(self, text: str) -> AsyncGenerator[SpeechChunk, None]:
        cached = self._phrases.get(text)
        if cached is not None:
            self._journal_phrase(text, cached)
            for chunk in cached:
                yield chunk
            return
        named = input_hash(self._tts.identity, text)
        request = EngineRequest(self._journal, self._ctx, "tts", self._tts.name, input_hash=named, input=text)
        speech = bounded(
            self._tts.speak(text, self._ctx), engine=self._tts.name, first_s=FIRST_AUDIO_S, between_s=BETWEEN_AUDIO_S
        )
        async with aclosing(speech) as chunks:
            async for chunk in chunks:
                result = {
                    "samples": len(chunk.pcm) // 2,
                    "words": [[word.sample, word.chars] for word in chunk.words],
                }
                request.result(result, final=False)
                yield chunk
        request.result({}, final=True)
