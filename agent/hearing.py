"""A hearing: one utterance on its way through the recogniser, with its journal lines and the deadline of its text."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable

from agent.audio.resample import StreamResampler
from agent.engines.requests import EngineRequest
from agent.errors import EngineError
from agent.language.words import MAX_CHARS
from agent.stt.base import Partial, SttUtterance, Transcript

#: A recogniser that has not given its final text so long after it was asked for is taken to have failed.
FINAL_TEXT_S = 3.0
#: Of a text so far, so much counts and is kept: a turn of half a minute has a third of it, and such a text comes up to
#: ten times a second. What reads texts looks no further.
PARTIAL_CHARS = MAX_CHARS


class Hearing:
    """One stretch of the caller's speech: `push()` its audio, then `last_word()`, `final()` or `cancel()`, once."""

    def __init__(
        self,
        utterance: SttUtterance,
        resampler: StreamResampler,
        request: EngineRequest,
        on_partial: Callable[[str], None],
        on_over: Callable[[Hearing], None],
    ) -> None:
        self._on_partial = on_partial
        self._utterance = utterance
        self._resampler = resampler
        self._request = request
        self._on_over = on_over
        self._hash = hashlib.sha256()

    def push(self, pcm: bytes) -> None:
        """More audio, at the line's rate."""
        self._hash.update(pcm)
        self._utterance.push(self._resampler.push(pcm))

    def on_partial(self, partial: Partial) -> None:
        """The recogniser's text so far has come."""
        text = partial.text[:PARTIAL_CHARS]
        self._request.result({"text": text, "stable_chars": min(partial.stable_chars, len(text))}, final=False)
        self._on_partial(text)

    async def last_word(self) -> Transcript | EngineError:
        """The recogniser's final text, or why there is none within FINAL_TEXT_S."""
        try:
            async with asyncio.timeout(FINAL_TEXT_S):
                return await self.final()
        except EngineError as error:
            failure = error
        except TimeoutError:
            failure = EngineError(f"no final text within {FINAL_TEXT_S:g} s")
        await self.cancel()
        return failure

    async def final(self) -> Transcript:
        """The recogniser's final text. Raises EngineError."""
        transcript = await self._utterance.final()
        self._on_over(self)
        result: dict[str, object] = {
            "text": transcript.text,
            "confidence": transcript.confidence,
            "input_hash": self._hash.hexdigest()[:16],
        }
        self._request.result(result, final=True)
        return transcript

    async def cancel(self) -> None:
        """No text is wanted any more."""
        await self._utterance.cancel()
        self._on_over(self)
