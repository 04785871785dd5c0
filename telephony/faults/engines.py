"""Engines and tools with faults: wrappers that keep the engines' Protocols, on a live loop as in virtual time.

They only wait (`asyncio.sleep`) and raise: what comes of it is up to the call's own deadlines, as with a real fault.
An engine keeps its name, so a fault made on purpose says so in its error.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import wraps
from typing import Any, NoReturn, TypeVar
from weakref import WeakKeyDictionary

from agent.context import CallContext
from agent.errors import EngineError, LocalError, RemoteError
from agent.llm.base import Hinting, LlmEngine, LlmEvent, LlmRequest, TextDelta
from agent.slots.base import NOTHING_ASKED, Asks
from agent.stt.base import Partial, SttCall, SttEngine, SttUtterance, Transcript
from agent.tomlfile import did_you_mean
from agent.tools.base import Tool, ToolContext
from agent.tools.builtin import BUILTIN_TOOLS
from agent.tools.registry import call_function
from agent.tts.base import SpeechChunk, TtsEngine
from telephony.faults.kinds import LlmFault, SttFault, ToolFault, TtsFault

T = TypeVar("T")
F = TypeVar("F", SttFault, LlmFault, TtsFault)

#: As good as for ever: every wait of a call has a deadline far below it.
FOR_EVER_S = 3600.0
#: What a model says is counted in these: most engines give a word, or less, at a time; one that gives whole sentences
#: is taken apart.
_PIECE = re.compile(r"\S+\s*|\s+")


async def _hang() -> NoReturn:
    await asyncio.sleep(FOR_EVER_S)
    raise EngineError("hung for an hour, on purpose, and nobody gave it up")


def _broken(name: str, plan: str, step: str) -> EngineError:
    return EngineError(f'engine "{name}": {step} failed, on purpose (faults: {plan})')


def _fault(faults: Sequence[F], number: int) -> F | None:
    """The first of the faults that holds for this one."""
    return next((fault for fault in faults if fault.which.holds(number)), None)


async def _bare(results: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    """The same results; whatever ends this iterator closes them, if they can be closed."""
    try:
        async for result in results:
            yield result
    finally:
        close = getattr(results, "aclose", None)
        if close is not None:
            await close()


class FaultySttCall:
    """One call's ear; utterances are counted from 1."""

    def __init__(self, call: SttCall, name: str, plan: str, faults: Sequence[SttFault]) -> None:
        self._call = call
        self._name, self._plan = name, plan
        self._faults = faults
        self._begun = 0

    def begin(self, on_partial: Callable[[Partial], None], hint: Asks = NOTHING_ASKED) -> SttUtterance:
        self._begun += 1
        fault = _fault(self._faults, self._begun)
        if fault is None:
            return self._call.begin(on_partial, hint)
        partials = on_partial if fault.fault == "slow" else lambda partial: None
        return _FaultyUtterance(self._call.begin(partials, hint), fault, self._name, self._plan)

    async def close(self) -> None:
        await self._call.close()


class _FaultyUtterance:
    def __init__(self, utterance: SttUtterance, fault: SttFault, name: str, plan: str) -> None:
        self._utterance = utterance
        self._fault = fault
        self._name, self._plan = name, plan

    def push(self, pcm: bytes) -> None:
        self._utterance.push(pcm)

    async def final(self) -> Transcript:
        if self._fault.fault == "slow":
            transcript = await self._utterance.final()
            await asyncio.sleep(self._fault.delay_ms / 1000)
            return transcript
        await self._utterance.cancel()
        if self._fault.fault == "fails":
            raise _broken(self._name, self._plan, "the final text")
        await _hang()

    async def cancel(self) -> None:
        await self._utterance.cancel()


class FaultyStt:
    """A recogniser with faults (kinds.py: SttFault)."""

    def __init__(self, engine: SttEngine, plan: str, faults: Sequence[SttFault]) -> None:
        self._engine = engine
        self._plan = plan
        self._faults = faults
        self.name = engine.name
        self.remote = getattr(engine, "remote", False)
        self.rate_hz = engine.rate_hz

    async def start(self) -> None:
        await self._engine.start()

    def call(self, ctx: CallContext, line_hz: int = 8000) -> SttCall:
        return FaultySttCall(self._engine.call(ctx, line_hz), self.name, self._plan, self._faults)

    async def close(self) -> None:
        await self._engine.close()


class FaultyLlm:
    """A model with faults (kinds.py: LlmFault). Answers to the caller are counted, from 1 in each call; what it says
    after a tool's result, and an answer that is asked for again (a noise broke it off), belong to the same one."""

    def __init__(self, engine: LlmEngine, plan: str, faults: Sequence[LlmFault]) -> None:
        self._engine = engine
        self._plan = plan
        self._faults = faults
        self._answers: WeakKeyDictionary[CallContext, tuple[int, object]] = WeakKeyDictionary()
        self.name = engine.name
        self.remote = getattr(engine, "remote", False)

    async def start(self) -> None:
        await self._engine.start()

    async def stream(self, request: LlmRequest, ctx: CallContext) -> AsyncIterator[LlmEvent]:
        fault = _fault(self._faults, self._answer(request, ctx))
        said = 0
        if fault is not None and fault.after == 0 and fault.fault != "slow":
            await self._break(fault)
        async with aclosing(_bare(self._engine.stream(request, ctx))) as events:
            async for event in events:
                if fault is None or not isinstance(event, TextDelta):
                    yield event
                    continue
                for piece in _PIECE.findall(event.text):
                    if said == fault.after > 0 and fault.fault != "slow":
                        await self._break(fault)
                    elif said >= fault.after and fault.fault == "slow":
                        await asyncio.sleep(fault.delay_ms / 1000)
                    said += 1
                    yield TextDelta(piece)

    async def close(self) -> None:
        await self._engine.close()

    async def _break(self, fault: LlmFault) -> None:
        if fault.fault == "fails":
            raise _broken(self.name, self._plan, "the answer")
        if not fault.for_ms:
            await _hang()
        await asyncio.sleep(fault.for_ms / 1000)

    def _answer(self, request: LlmRequest, ctx: CallContext) -> int:
        number, before = self._answers.get(ctx, (0, None))
        of_caller = [message.content for message in request.messages if message.role == "user"]
        if of_caller != before:
            number += 1
            self._answers[ctx] = number, of_caller
        return number


class _HintingLlm(FaultyLlm):
    """Of an engine that gives hints (agent/llm/base.py: Hinting)."""

    def __init__(self, engine: LlmEngine, hints: Hinting, plan: str, faults: Sequence[LlmFault]) -> None:
        super().__init__(engine, plan, faults)
        self._hints = hints

    def hints(self) -> tuple[str, ...]:
        return self._hints.hints()


def faulty_llm(engine: LlmEngine, plan: str, faults: Sequence[LlmFault]) -> LlmEngine:
    """`engine` with faults; it hints at what callers say if the engine does."""
    return _HintingLlm(engine, engine, plan, faults) if isinstance(engine, Hinting) else FaultyLlm(engine, plan, faults)


class FaultyTts:
    """A voice with faults (kinds.py: TtsFault). What it is given to speak is counted, from 1 in each call: clauses,
    not the phrases that are kept in memory."""

    def __init__(self, engine: TtsEngine, plan: str, faults: Sequence[TtsFault]) -> None:
        self._engine = engine
        self._plan = plan
        self._faults = faults
        self._spoken: WeakKeyDictionary[CallContext, int] = WeakKeyDictionary()
        self.name = engine.name
        self.remote = getattr(engine, "remote", False)
        self.rate_hz = engine.rate_hz
        self.identity = engine.identity

    async def start(self) -> None:
        await self._engine.start()

    async def speak(self, text: str, ctx: CallContext) -> AsyncIterator[SpeechChunk]:
        number = self._spoken[ctx] = self._spoken.get(ctx, 0) + 1
        fault = _fault(self._faults, number)
        if fault is not None and fault.fault == "fails":
            raise _broken(self.name, self._plan, "the speech")
        left = fault.after_ms * self.rate_hz // 1000 if fault is not None else 0
        async with aclosing(_bare(self._engine.speak(text, ctx))) as chunks:
            async for chunk in chunks:
                if fault is None:
                    yield chunk
                    continue
                if fault.fault == "slow":
                    await asyncio.sleep(fault.delay_ms / 1000)
                    yield chunk
                    continue
                samples = len(chunk.pcm) // 2
                if samples > left:
                    if left:
                        words = tuple(word for word in chunk.words if word.sample <= left)
                        yield SpeechChunk(chunk.pcm[: 2 * left], words)
                    await self._break(fault)
                left -= samples
                yield chunk

    async def close(self) -> None:
        await self._engine.close()

    async def _break(self, fault: TtsFault) -> NoReturn:
        if fault.fault == "dies":
            raise _broken(self.name, self._plan, "the rest of the speech")
        await _hang()


def faulty_tools(tools: dict[str, Tool], plan: str, faults: Sequence[ToolFault]) -> dict[str, Tool]:
    """The tools, those with faults wrapped. "*" means every tool but the built-in ones, which ask nothing outside.

    Raises LocalError for a name that no tool has.
    """
    own = set(tools) - {tool.name for tool in BUILTIN_TOOLS}
    out = dict(tools)
    for fault in faults:
        if fault.name != "*" and fault.name not in tools:
            raise LocalError(f"faults {plan}: the agent has no tool {fault.name!r}; {did_you_mean(fault.name, tools)}")
        for name in sorted(own) if fault.name == "*" else [fault.name]:
            out[name] = replace(out[name], function=_faulty(out[name], plan, fault))
    return out


def _faulty(tool: Tool, plan: str, fault: ToolFault) -> Callable[..., Any]:
    function = tool.function

    @wraps(function)  # its signature is what the model is told
    async def faulty(ctx: ToolContext, **arguments: Any) -> Any:
        if fault.fault == "hangs":
            await _hang()
        if fault.fault == "fails":
            raise RemoteError(f"the tool failed, on purpose (faults: {plan})")
        await asyncio.sleep(fault.delay_ms / 1000)
        return await call_function(function, ctx, arguments)

    return faulty
