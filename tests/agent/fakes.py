"""Engines and lines that do exactly what a test tells them to, and remember what was asked of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from agent.context import CallContext
from agent.errors import EngineError
from agent.line import AudioSink, Decision, Heard, HungUp, LineEvent, LineInfo, TakenBack, TextSpan, WordEnd
from agent.llm.base import LlmEvent, LlmRequest, TextDelta, ToolCall
from agent.slots.base import NOTHING_ASKED, Asks
from agent.stt.base import Partial, Transcript
from agent.tts.base import SpeechChunk
from tests.support.virtual_loop import passes

#: One step of a scripted engine: wait so many seconds; or raise; or give this.
Step = float | Exception | str | ToolCall | Asks


@dataclass
class ScriptedLlm:
    """Each request takes the next script; past its end, the last one again. `open` counts streams not yet closed."""

    scripts: Sequence[Sequence[Step]]
    name: str = "scripted"
    remote: bool = False
    requests: list[LlmRequest] = field(default_factory=list)
    open: int = 0

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def stream(self, request: LlmRequest, ctx: CallContext) -> AsyncIterator[LlmEvent]:
        script = self.scripts[min(len(self.requests), len(self.scripts) - 1)]
        self.requests.append(request)
        self.open += 1
        try:
            for step in script:
                if isinstance(step, float):
                    await passes(step)
                elif isinstance(step, Exception):
                    raise step
                else:
                    yield TextDelta(step) if isinstance(step, str) else step
        finally:
            self.open -= 1


@dataclass
class ScriptedTts:
    """`char_ms` of a loud square wave per character, a word in each chunk; may be slow, or fail at a given text."""

    rate_hz: int = 8000
    char_ms: int = 10
    first_s: float = 0.0
    chunk_s: float = 0.0
    fails: Callable[[str], bool] = lambda text: False
    stalls: Callable[[str], bool] = lambda text: False
    name: str = "scripted-voice"
    identity: str = "scripted-voice"
    remote: bool = False
    spoken: list[str] = field(default_factory=list)
    open: int = 0

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def speak(self, text: str, ctx: CallContext) -> AsyncIterator[SpeechChunk]:
        self.spoken.append(text)
        self.open += 1
        try:
            await passes(self.first_s)
            if self.stalls(text):
                await passes(3600)
            end = 0
            for word in text.split():
                start, end = end, text.index(word, end) + len(word)
                if self.fails(text):
                    raise EngineError(f"the voice broke at {word!r}")
                samples = (end - start) * self.char_ms * self.rate_hz // 1000
                yield SpeechChunk(square(samples), (WordEnd(samples, end),))
                if self.chunk_s:
                    await passes(self.chunk_s)
        finally:
            self.open -= 1


def square(samples: int, level: int = 8000) -> bytes:
    """A square wave of 500 Hz at 8 kHz: loud, and never mistaken for silence."""
    wave = (level.to_bytes(2, "little", signed=True) * 8) + ((-level).to_bytes(2, "little", signed=True) * 8)
    return (wave * (samples // 16 + 1))[: 2 * samples]


@dataclass
class ScriptedStt:
    """Each utterance takes the next text: (seconds until it is there, text or error). `open` must come back to 0."""

    script: Sequence[tuple[float, str | Exception]] = ((0.05, "hello"),)
    name: str = "scripted-ear"
    rate_hz: int = 8000
    begun: int = 0
    open: int = 0
    cancelled: int = 0
    closed: int = 0
    heard_bytes: list[int] = field(default_factory=list)

    async def start(self) -> None: ...

    def call(self, ctx: CallContext, line_hz: int = 8000) -> ScriptedStt:
        return self

    def begin(self, on_partial: Callable[[Partial], None], hint: Asks = NOTHING_ASKED) -> ScriptedUtterance:
        step = self.script[min(self.begun, len(self.script) - 1)]
        self.begun += 1
        self.open += 1
        self.heard_bytes.append(0)
        return ScriptedUtterance(self, *step)

    async def close(self) -> None:
        self.closed += 1


@dataclass
class StreamingStt(ScriptedStt):
    """The same, with its texts so far: `partials` of each utterance, (seconds after it began, text); past their end,
    the last ones again."""

    partials: Sequence[Sequence[tuple[float, str]]] = ((),)

    def begin(self, on_partial: Callable[[Partial], None], hint: Asks = NOTHING_ASKED) -> ScriptedUtterance:
        partials = self.partials[min(self.begun, len(self.partials) - 1)]
        loop = asyncio.get_running_loop()
        for after_s, text in partials:
            loop.call_later(after_s, on_partial, Partial(text, len(text)))
        return super().begin(on_partial, hint)


class ScriptedUtterance:
    def __init__(self, stt: ScriptedStt, delay_s: float, text: str | Exception) -> None:
        self._stt, self._delay_s, self._text = stt, delay_s, text
        self._number = len(stt.heard_bytes) - 1
        self._over = False

    def push(self, pcm: bytes) -> None:
        self._stt.heard_bytes[self._number] += len(pcm)

    async def final(self) -> Transcript:
        await passes(self._delay_s)
        if isinstance(self._text, Exception):
            raise self._text
        self._end()
        return Transcript(self._text, 0.9 if self._text else None)

    async def cancel(self) -> None:
        self._stt.cancelled += not self._over
        self._end()

    def _end(self) -> None:
        if not self._over:
            self._over = True
            self._stt.open -= 1


class LoudVad:
    """Speech is what is loud: exact to the window, for tests that count milliseconds."""

    name = "loud"

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    def stream(self) -> LoudVad:
        return LoudVad()

    def __init__(self) -> None:
        self._rest = b""

    def push(self, pcm: bytes) -> list[float]:
        self._rest += pcm
        windows = []
        while len(self._rest) >= 512:
            window, self._rest = self._rest[:512], self._rest[512:]
            loud = sum(1 for at in range(1, 512, 64) if window[at] not in (0, 255))
            windows.append(1.0 if loud >= 4 else 0.0)
        return windows


class FakeLine:
    """A line that only notes what is played; the caller hears nothing until the test says so by `pending_ms`."""

    def __init__(self, rate_hz: int = 8000) -> None:
        self.info = LineInfo("CA1", rate_hz)
        self.media_ms = 0
        self.pending_ms = 0
        self.played: list[tuple[bytes, TextSpan]] = []
        self.cleared = 0

    def attach(self, sink: AudioSink) -> None: ...

    async def events(self) -> AsyncIterator[LineEvent]:
        yield HungUp("stop", 0)

    def play(self, pcm: bytes, span: TextSpan) -> None:
        self.played.append((pcm, span))
        self.pending_ms += len(pcm) * 500 // self.info.sample_rate_hz

    def stop_playing(self) -> Heard:
        self.take_back()
        return self.heard()

    def take_back(self) -> TakenBack:
        self.cleared += 1
        rest, self.played, self.pending_ms = tuple(self.played), [], 0
        return TakenBack(self.heard(), rest)

    def playing(self, from_ms: int, to_ms: int) -> bytes:
        return bytes(2 * (to_ms - from_ms) * self.info.sample_rate_hz // 1000)

    def heard(self) -> Heard:
        return Heard(self.media_ms, 0, 0, 0, "mark", {})

    async def leave(self, decision: Decision) -> None: ...
