"""The voice asked, under its deadlines and in the journal: speech from memory, asked for now, or asked for ahead."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from agent.context import CallContext
from agent.engines.ahead import Ahead, Spawn, live
from agent.engines.deadlines import bounded
from agent.engines.requests import EngineRequest
from agent.record import input_hash
from agent.speech.cache import PhraseCache
from agent.tts.base import SpeechChunk, TtsEngine

FIRST_AUDIO_S = 4.0
BETWEEN_AUDIO_S = 4.0


@dataclass(frozen=True, slots=True)
class _Asked:
    """A text that is being spoken into memory, and its place in the journal."""

    text: str
    speech: Ahead[SpeechChunk]
    journaled: EngineRequest


class Voice:
    """One call's use of its agent's voice."""

    def __init__(self, tts: TtsEngine, phrases: PhraseCache, ctx: CallContext, journal: Callable[..., None]) -> None:
        self._tts = tts
        self._phrases = phrases
        self._ctx = ctx
        self._journal = journal
        self._ahead: _Asked | None = None

    @property
    def rate_hz(self) -> int:
        return self._tts.rate_hz

    def phrase(self, text: str) -> tuple[SpeechChunk, ...] | None:
        """The whole speech of `text` if it is in memory, journaled: it is going to be said."""
        chunks = self._phrases.get(text)
        if chunks is not None:
            # It asks no engine; that the call can be run again, the journal needs its speech all the same:
            # [samples, words] of each piece, as an engine's results hold them.
            pieces = [_fields(chunk) for chunk in chunks]
            told = [[piece["samples"], piece["words"]] for piece in pieces]
            self._journal("phrase", name=self._tts.name, input_hash=self._hash(text), input=text, pieces=told)
        return chunks

    def ask_ahead(self, text: str, spawn: Spawn) -> None:
        """Speak into memory what is probably said next; what else was asked for ahead is dropped. `spawn` starts a
        task in the call's group."""
        if self._phrases.get(text) is not None or (self._ahead is not None and self._ahead.text == text):
            return
        self.drop_ahead()
        journaled = self._journaled(text, ahead=True)
        self._ahead = _Asked(text, Ahead(self._spoken(text), self._ctx.now_s, spawn), journaled)

    def drop_ahead(self) -> None:
        """What was asked for ahead is not going to be said."""
        asked, self._ahead = self._ahead, None
        if asked is not None:
            asked.speech.drop()
            asked.journaled.dropped()

    async def speech(self, text: str) -> AsyncGenerator[SpeechChunk, None]:
        """The speech of one clause, piece by piece. Raises EngineError where the voice fails or misses a deadline."""
        cached = self.phrase(text)
        if cached is not None:
            for chunk in cached:
                yield chunk
            return
        asked, self._ahead = self._ahead, None
        if asked is not None and asked.text != text:
            self._ahead, asked = asked, None
        if asked is None:
            journaled, results = self._journaled(text), live(self._spoken(text), self._ctx.now_s)
        else:
            journaled, results = asked.journaled, asked.speech.results()
        try:
            async with aclosing(results) as all_of_it:
                async for came in all_of_it:
                    journaled.result(_fields(came.result), final=False, offset_ms=came.offset_ms)
                    yield came.result
            journaled.result({}, final=True)
        finally:
            if asked is not None:
                asked.speech.drop()

    def _spoken(self, text: str) -> AsyncGenerator[SpeechChunk, None]:
        speech = self._tts.speak(text, self._ctx)
        return bounded(speech, engine=self._tts.name, first_s=FIRST_AUDIO_S, between_s=BETWEEN_AUDIO_S)

    def _journaled(self, text: str, *, ahead: bool = False) -> EngineRequest:
        return EngineRequest(
            self._journal, self._ctx, "tts", self._tts.name, input_hash=self._hash(text), input=text, ahead=ahead
        )

    def _hash(self, text: str) -> str:
        return input_hash(self._tts.identity, text)


def _fields(chunk: SpeechChunk) -> dict[str, object]:
    return {"samples": len(chunk.pcm) // 2, "words": [[word.sample, word.chars] for word in chunk.words]}
