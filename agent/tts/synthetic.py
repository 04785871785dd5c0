"""A voice for load tests: an audible warble as long as the text, at a known pace."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from agent.context import CallContext
from agent.definition import AgentDefinition
from agent.engines.options import OPTIONS, read_options
from agent.line import WordEnd
from agent.tts.base import SpeechChunk

#: The warble: well inside the telephone's band, unlike a DTMF or call-progress tone.
_TONE_HZ = 500
#: How often a second it swells: about the rate of syllables.
_SWELL_HZ = 4
#: Peak of the warble: about -20 dBFS active, as telephone speech (telephony-facts I5).
_PEAK = 5200


@dataclass(frozen=True, config=OPTIONS)
class Options:
    """What [tts] may say for this engine. The defaults are the load test's (docs/architecture.md)."""

    first_byte_ms: Annotated[int, Field(ge=0)] = 80
    speed: Annotated[float, Field(gt=0)] = 5.0
    """So many times faster than real time does the audio come."""
    char_ms: Annotated[int, Field(ge=1)] = 60
    chunk_ms: Annotated[int, Field(ge=20)] = 200


class SyntheticTts:
    """Says any text as `char_ms` of warble per character."""

    name = "synthetic"
    remote = False
    rate_hz = 8000

    def __init__(self, agent: AgentDefinition, **options: Any) -> None:
        self._options = read_options(Options, agent, "tts", self.name, options)
        self.identity = f"synthetic/{self._options.char_ms}"
        self._warble = _warble(self.rate_hz)

    async def start(self) -> None:
        """Nothing to load."""

    async def speak(self, text: str, ctx: CallContext) -> AsyncIterator[SpeechChunk]:
        """`char_ms` per character of `text`; a word ends where its last character does."""
        options = self._options
        char_samples = self.rate_hz * options.char_ms // 1000
        chunk_samples = self.rate_hz * options.chunk_ms // 1000
        ends = [match.end() for match in re.finditer(r"\S+", text)]
        total = ends[-1] * char_samples if ends else 0
        began_s = ctx.now_s() + options.first_byte_ms / 1000
        for start in range(0, total, chunk_samples):
            stop = min(start + chunk_samples, total)
            await asyncio.sleep(max(0.0, began_s + start / self.rate_hz / options.speed - ctx.now_s()))
            words = tuple(
                WordEnd(chars * char_samples - start, chars) for chars in ends if start < chars * char_samples <= stop
            )
            yield SpeechChunk(self._audio(start, stop), words)

    async def close(self) -> None:
        """Nothing to let go of."""

    def _audio(self, start: int, stop: int) -> bytes:
        # The warble repeats every second without a seam: any part of it is a slice of two seconds.
        second = 2 * self.rate_hz
        parts = []
        while start < stop:
            at = 2 * start % second
            part = self._warble[at : at + min(2 * (stop - start), second - at)]
            parts.append(part)
            start += len(part) // 2
        return b"".join(parts)


def _warble(rate_hz: int) -> bytes:
    """One second of PCM16 that joins its own start; from the first sample on it is audible."""
    time_s = np.arange(rate_hz) / rate_hz
    swell = 0.7 + 0.3 * np.cos(2 * np.pi * _SWELL_HZ * time_s)
    wave = _PEAK * swell * np.sin(2 * np.pi * _TONE_HZ * time_s)
    return wave.astype("<i2").tobytes()
