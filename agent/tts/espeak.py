"""espeak-ng in this process, through ctypes: the embedded voice. A piece of speech some 0.2 ms after it is asked for.

The library has one global state, so one synthesis runs at a time in the whole process; it takes about 1 ms per second
of speech, off the event loop and with the GIL released. Its flutter goes on from one text to the next, so that the same
text never gives quite the same samples (nor, within 1 ms, the same length). GPL-3.0: part of the extra "local"
(docs/licences.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from agent.context import CallContext
from agent.definition import AgentDefinition
from agent.engines.options import OPTIONS, read_options
from agent.errors import LocalError
from agent.tts.base import SpeechChunk
from agent.tts.espeak_library import EspeakLibrary, Synthesis, Voice
from agent.tts.espeak_speech import RATE_HZ, SpeechShaper

#: Charged in virtual time: what a clause costs on a laptop.
_COST_MS = 3.0


@dataclass(frozen=True, config=OPTIONS)
class Options:
    """What [tts] may say for this engine."""

    voice: Annotated[str, Field(min_length=1)] = "en-us"
    variant: str = ""
    """A timbre that espeak-ng carries, e.g. "f2", "m3"."""
    rate_wpm: Annotated[int, Field(ge=80, le=400)] = 165
    pitch: Annotated[int, Field(ge=0, le=99)] = 50


class EspeakTts:
    """One per worker; all of a process share the library. Yields 8 kHz, at telephone level."""

    name = "espeak"
    remote = False
    rate_hz = RATE_HZ

    def __init__(self, agent: AgentDefinition, **options: Any) -> None:
        chosen = read_options(Options, agent, "tts", self.name, options)
        name = f"{chosen.voice}+{chosen.variant}" if chosen.variant else chosen.voice
        self._voice = Voice(name, chosen.rate_wpm, chosen.pitch)
        self._where = f"{agent.folder / 'agent.toml'}: [tts]"
        self._library: EspeakLibrary | None = None
        # Calls wait for their turn here, on the loop, and not in the threads that all blocking work shares.
        self._turn = asyncio.Lock()
        self.identity = f"espeak/{name}/{chosen.rate_wpm}/{chosen.pitch}"

    async def start(self) -> None:
        """Load library and voice (about 5 ms). Raises MissingExtra, or LocalError for a voice that is not there."""
        library = EspeakLibrary.get()
        unknown = library.try_voice(self._voice)
        if unknown:
            raise LocalError(f'{self._where} espeak-ng has no {unknown}; write e.g. voice = "en-us", variant = "f2"')
        self._library = library
        self.identity = f"espeak-{library.version}/{self._voice.name}/{self._voice.rate_wpm}/{self._voice.pitch}"

    async def speak(self, text: str, ctx: CallContext) -> AsyncIterator[SpeechChunk]:
        """Speak `text`: pieces of about 50 ms as they are made. A word's end is where its sound ends."""
        if self._library is None:
            raise LocalError("the espeak voice has not been started: await start() first")
        chunks: asyncio.Queue[SpeechChunk | None] = asyncio.Queue()
        shaper = SpeechShaper(text, lambda chunk: ctx.hand_over(chunks.put_nowait, chunk))
        synthesis = Synthesis(text, self._voice, shaper.take)
        work = asyncio.create_task(self._synthesise(self._library, synthesis, shaper, ctx, chunks))
        try:
            while (chunk := await chunks.get()) is not None:
                yield chunk
            await work
        finally:
            # The library's next callback, within a millisecond, sees this and stops.
            synthesis.cancelled = True
            work.cancel()
            await asyncio.wait([work])

    def rewind(self) -> None:
        """Speak from here on as a new process would: a call that is run again is to sound the same every time."""
        EspeakLibrary.get().rewind()

    async def close(self) -> None:
        """The library stays loaded: it belongs to the process."""
        self._library = None

    async def _synthesise(
        self,
        library: EspeakLibrary,
        synthesis: Synthesis,
        shaper: SpeechShaper,
        ctx: CallContext,
        chunks: asyncio.Queue[SpeechChunk | None],
    ) -> None:
        def work() -> None:
            library.speak(synthesis)
            if not synthesis.cancelled:
                shaper.finish()

        try:
            async with self._turn:
                await ctx.offload(work, cost_ms=_COST_MS)
        finally:
            chunks.put_nowait(None)
