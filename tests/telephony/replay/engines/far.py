"""Engines that wait for something outside this process: a server on this machine, asked over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, ClassVar

from agent.context import CallContext
from agent.definition import AgentDefinition
from agent.line import WordEnd
from agent.llm.base import LlmEvent, LlmRequest, TextDelta
from agent.slots.base import NOTHING_ASKED, Asks
from agent.stt.base import Partial, Transcript
from agent.tts.base import SpeechChunk


class _Far:
    """Asks the server at `port`, if there is one; each question takes the server a moment. Counts what was closed."""

    remote = True
    port: ClassVar[int] = 0
    log: ClassVar[list[str]] = []

    def __init__(self, agent: AgentDefinition, **options: Any) -> None:
        self.name = "far"

    async def start(self) -> None:
        self.log.append("start")
        await self._ask("start")

    async def close(self) -> None:
        self.log.append("close")
        await self._ask("close")

    async def _ask(self, question: str) -> str:
        if not self.port:
            return ""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(question.encode() + b"\n")
            return (await reader.readline()).decode().strip()
        finally:
            writer.close()


class FarLlm(_Far):
    async def stream(self, request: LlmRequest, ctx: CallContext) -> AsyncIterator[LlmEvent]:
        for number in range(3):
            yield TextDelta(await self._ask(f"token {number}") + " ")


class FarTts(_Far):
    rate_hz = 8000
    identity = "far"

    async def speak(self, text: str, ctx: CallContext) -> AsyncIterator[SpeechChunk]:
        await self._ask("voice")
        yield SpeechChunk(bytes(320), (WordEnd(160, len(text.rstrip())),))


class FarStt(_Far):
    rate_hz = 8000

    def call(self, ctx: CallContext, line_hz: int = 8000) -> FarStt:
        return self

    def begin(self, on_partial: Callable[[Partial], None], hint: Asks = NOTHING_ASKED) -> FarUtterance:
        return FarUtterance(self)


class FarUtterance:
    def __init__(self, stt: FarStt) -> None:
        self._stt = stt

    def push(self, pcm: bytes) -> None: ...

    async def final(self) -> Transcript:
        return Transcript(await self._stt._ask("text"), None)

    async def cancel(self) -> None: ...
