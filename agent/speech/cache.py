"""PhraseCache: speech that is always in memory - greetings and fixed phrases, synthesised before they are needed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from agent.context import CallContext
from agent.tts.base import SpeechChunk, TtsEngine

#: A phrase is about 3 s: 48 KB at 8 kHz. So the cache stays under some 12 MB.
MAX_PHRASES = 256


class PhraseCache:
    """What one voice has already said, by text and by the voice's identity: a changed voice finds nothing old."""

    def __init__(self, tts: TtsEngine, max_phrases: int = MAX_PHRASES) -> None:
        self._tts = tts
        self._max_phrases = max_phrases
        self._phrases: OrderedDict[tuple[str, str], tuple[SpeechChunk, ...]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._phrases)

    async def warm(self, texts: Iterable[str], ctx: CallContext) -> None:
        """Synthesise what is not there yet; "" is passed over. Beyond the bound the longest unused goes.

        Raises what the voice raises; phrases done by then stay.
        """
        for text in texts:
            if not text.strip() or self.get(text) is not None:
                continue
            chunks = tuple([chunk async for chunk in self._tts.speak(text, ctx)])
            self._phrases[(self._tts.identity, text)] = chunks
            while len(self._phrases) > self._max_phrases:
                self._phrases.popitem(last=False)

    def get(self, text: str) -> tuple[SpeechChunk, ...] | None:
        """The whole speech of `text` at the voice's rate, or None."""
        key = (self._tts.identity, text)
        chunks = self._phrases.get(key)
        if chunks is not None:
            self._phrases.move_to_end(key)
        return chunks
