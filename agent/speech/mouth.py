"""The mouth: clauses through the voice to the line, in order, a bounded distance ahead of what is heard.

It can be HELD, when the caller may be interrupting: it is silent at once, and what had not been heard is kept, with
what the voice still gives behind it. Then either it was nothing, and the mouth takes up where it broke off; or it was
meant, and what is held is dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing

from agent.audio.fade import faded_in
from agent.audio.resample import StreamResampler
from agent.line import Heard, Line, TextSpan, WordEnd
from agent.speech.clauses import Clause
from agent.speech.voice import Voice
from agent.tts.base import SpeechChunk

#: The voice may run so far ahead of the caller's ear: the next clause is ready, an interruption wastes little.
AHEAD_MS = 2500
#: No clause is so long: a voice that gives more is not asked for the rest before so much has been heard.
CLAUSE_AHEAD_MS = 30_000
#: Held, the voice that has run far enough ahead looks again so often whether it may go on.
HELD_WAIT_MS = 50
#: Speech that is taken up again begins with so much silence: a start, not a splice. Not with the sound of what was
#: heard already: in a row of digits, the end of one would be heard as one more.
LEAD_IN_MS = 80


class Mouth:
    """Speaks for one call. One clause at a time; cancelling `say` leaves nothing behind but what is queued already.

    `on_first_audio` is called when the voice has given audio, held or not; never for audio that is played again.
    """

    def __init__(self, line: Line, voice: Voice, on_first_audio: Callable[[], None]) -> None:
        self._line = line
        self._voice = voice
        self._on_first_audio = on_first_audio
        self._held: list[tuple[bytes, TextSpan]] | None = None
        self._held_samples = 0
        self._run_in_ms = 0
        self._broken_off = False
        self._heard: Heard | None = None  # at the hold

    @property
    def held(self) -> bool:
        """Whether it is silent until `take_up`, `drop` or `stop`."""
        return self._held is not None

    @property
    def pending_ms(self) -> int:
        """How much of what was said the caller has not yet heard: on the line, and held."""
        return self._line.pending_ms - (-self._held_samples * 1000 // self._line.info.sample_rate_hz)

    def hold(self) -> Heard:
        """Silent at once; what was not heard is kept, and what the voice still gives goes behind it. Says what had
        been heard. Held already: nothing changes."""
        if self._held is None or self._heard is None:
            taken = self._line.take_back()
            self._held = list(taken.rest)
            self._held_samples = sum(len(pcm) // 2 for pcm, _ in taken.rest)
            self._run_in_ms = taken.run_in_ms
            self._broken_off = bool(taken.rest)
            self._heard = taken.heard
        return self._heard

    def take_up(self) -> bool:
        """Go on where `hold` broke off, from the last heard word. False if nothing was held: then all had been heard,
        and the line will not say so again."""
        held, broken_off = self._held, self._broken_off
        self.drop()
        if not held:
            return False
        if broken_off:
            held[0] = self._led_in(*held[0])
        for pcm, span in held:
            self._line.play(pcm, span)
        return True

    def drop(self) -> None:
        """What is held will not be said. End what still speaks first: what it gives from now on goes to the line."""
        self._held, self._heard, self._held_samples, self._broken_off = None, None, 0, False

    def stop(self) -> Heard:
        """Silent for good: nothing of what was queued or held will be said. Says what had been heard."""
        heard = self._heard
        self.drop()
        return heard or self._line.stop_playing()

    async def say(self, utterance: int, clause: Clause) -> None:
        """Speak one clause behind what is queued. Raises EngineError when the voice fails or misses a deadline."""
        await self._near(AHEAD_MS)
        resampler = self._resampler()
        async with aclosing(self._voice.speech(clause.text)) as chunks:
            async for chunk in chunks:
                self._play_chunk(utterance, clause.start, chunk, resampler)
                await self._near(CLAUSE_AHEAD_MS)
        self._play_rest(utterance, clause, resampler)

    async def _near(self, most_ms: int) -> None:
        """Returns when no more than this waits to be heard, on the line or held."""
        ahead_ms = self.pending_ms - most_ms
        while ahead_ms > 0:
            await asyncio.sleep((max(ahead_ms, HELD_WAIT_MS) if self.held else ahead_ms) / 1000)
            ahead_ms = self.pending_ms - most_ms

    def play_phrase(self, utterance: int, text: str) -> bool:
        """Queue a phrase from memory at once, without awaiting anything; False if it is not in memory."""
        chunks = self._voice.phrase(text)
        if chunks is None:
            return False
        resampler = self._resampler()
        for chunk in chunks:
            self._play_chunk(utterance, 0, chunk, resampler)
        self._play_rest(utterance, Clause(text, 0), resampler)
        return True

    def _resampler(self) -> StreamResampler:
        return StreamResampler(self._voice.rate_hz, self._line.info.sample_rate_hz)

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
        if not pcm and not span.words:
            return
        if self._held is None:
            self._line.play(pcm, span)
        else:
            self._held.append((pcm, span))
            self._held_samples += len(pcm) // 2

    def _led_in(self, pcm: bytes, span: TextSpan) -> tuple[bytes, TextSpan]:
        """A piece broken off, fit to begin with: silence before it, its run-in faded in, its word ends where they are
        now. What it has of silence already (it was led in before, and not heard) counts."""
        per_ms = self._line.info.sample_rate_hz // 1000
        silent = (len(pcm) - len(pcm.lstrip(b"\0"))) // 2
        lead_in = max(0, LEAD_IN_MS * per_ms - silent)
        words = tuple(WordEnd(word.sample + lead_in, word.chars) for word in span.words)
        return bytes(2 * lead_in) + faded_in(pcm, self._run_in_ms * per_ms), TextSpan(span.utterance, words)
