"""Stand-ins in a test's call: an ear that understands what is said, a scripted model, tools with given results."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

from agent.context import CallContext
from agent.definition import AgentDefinition
from agent.errors import EngineError, LocalError
from agent.llm.base import LlmEvent, LlmRequest, TextDelta, ToolCall
from agent.slots.base import NOTHING_ASKED, Asks
from agent.stt.base import Partial, Transcript
from agent.tomlfile import did_you_mean
from agent.tools.base import Tool, ToolFunction

#: A recogniser's final text comes so long after the turn's end: what the synthetic engine takes by default.
FINAL_TEXT_MS = 50
#: Of a word there must be so much sound to be heard as one: what begins as the turn ends belongs to the next.
BEGUN_MS = 100
#: A model's first words, and each further one: a fast one over the internet.
FIRST_WORD_MS = 300
NEXT_WORD_MS = 15


@dataclass(frozen=True, slots=True)
class Spoken:
    """What the caller said, and when its sound began and ended, in milliseconds of media time."""

    text: str
    start_ms: float
    end_ms: float


class AsSaidStt:
    """Understands, at the end of a turn, everything that was begun to be said by then. Perfect, but for time: a turn
    that ends too early has only its first part."""

    name = "as said"
    remote = False
    rate_hz = 8000

    def __init__(self, spoken: Callable[[], Sequence[Spoken]], at_ms: Callable[[], int]) -> None:
        self._spoken = spoken
        self._at_ms = at_ms
        self._taken = 0

    async def start(self) -> None:
        """Nothing to load."""

    def call(self, ctx: CallContext, line_hz: int = 8000) -> AsSaidStt:
        """There is one call only."""
        return self

    def begin(self, on_partial: Callable[[Partial], None], hint: Asks = NOTHING_ASKED) -> _AsSaid:
        """Listen."""
        return _AsSaid(self._take)

    async def close(self) -> None:
        """Nothing to let go of."""

    def _take(self) -> str:
        now_ms = self._at_ms()
        begun = [piece.text for piece in self._spoken()[self._taken :] if piece.start_ms + BEGUN_MS <= now_ms]
        self._taken += len(begun)
        return " ".join(text for text in begun if text)


class _AsSaid:
    def __init__(self, take: Callable[[], str]) -> None:
        self._take = take
        self._over = False

    def push(self, pcm: bytes) -> None:
        """The sound does not matter."""

    async def final(self) -> Transcript:
        self._over = True
        text = self._take()
        await asyncio.sleep(FINAL_TEXT_MS / 1000)
        return Transcript(text, 1.0 if text else None)

    async def cancel(self) -> None:
        """What was said is lost, as it is for any ear."""
        if not self._over:
            self._over = True
            self._take()


Reply = str | tuple[str, Mapping[str, Any]] | Sequence["str | tuple[str, Mapping[str, Any]]"]
"""What a model answers to one request: a text, a tool call as (name, arguments), or several of them."""


class ScriptedLlm:
    """Answers the requests of one call in turn, word by word. Past its end it adds nothing to a tool's result, and
    fails, as an engine does, when the caller says more."""

    name = "scripted"
    remote = False

    def __init__(self, replies: Sequence[Reply | Callable[[LlmRequest], Reply]]) -> None:
        self._replies = replies
        self._asked = 0

    async def start(self) -> None:
        """Nothing to load."""

    async def stream(self, request: LlmRequest, ctx: CallContext) -> AsyncIterator[LlmEvent]:
        if self._asked >= len(self._replies):
            last = request.messages[-1]
            if last.role == "tool":
                return
            raise EngineError(
                f"the test's model has {len(self._replies)} replies, and none to {last.content[:80]!r}: write another"
            )
        reply = self._replies[self._asked]
        self._asked += 1
        wait_ms = FIRST_WORD_MS
        for event in _events(reply(request) if callable(reply) else reply, ctx):
            await asyncio.sleep(wait_ms / 1000)
            yield event
            wait_ms = NEXT_WORD_MS

    async def close(self) -> None:
        """Nothing to let go of."""


def _events(reply: Reply, ctx: CallContext) -> Iterator[LlmEvent]:
    for part in [reply] if isinstance(reply, str) or _is_call(reply) else reply:
        if isinstance(part, str):
            for number, word in enumerate(part.split()):
                yield TextDelta(word if number == 0 else f" {word}")
        elif _is_call(part):
            yield ToolCall(ctx.new_id("call"), part[0], dict(part[1]))
        else:
            raise EngineError(f"the test's model cannot answer {part!r}: write a text, or (tool name, arguments)")


def _is_call(reply: object) -> TypeGuard[tuple[str, Mapping[str, Any]]]:
    return isinstance(reply, tuple) and len(reply) == 2 and isinstance(reply[0], str) and isinstance(reply[1], Mapping)


def with_results(agent: AgentDefinition, results: Mapping[str, Any]) -> AgentDefinition:
    """The agent with tools that do not run: each name gives that result. A function is called with the arguments, by
    name; an exception is raised; a `Leaving` leaves the line. Arguments are checked as ever. Raises LocalError for a
    name that no tool has.
    """
    tools = dict(agent.tools)
    for name, result in results.items():
        if name not in tools:
            raise LocalError(f"tools: the agent {agent.name!r} has no tool {name!r}; {did_you_mean(name, tools)}")
        tools[name] = _giving(tools[name], result)
    return replace(agent, tools=tools)


def _giving(tool: Tool, result: Any) -> Tool:
    return replace(tool, function=_stand_in(tool.function, result))


def _stand_in(function: ToolFunction, result: Any) -> ToolFunction:
    @functools.wraps(function)  # its signature is what arguments are checked against
    def give(*context: object, **arguments: Any) -> Any:
        given = result(**arguments) if callable(result) and not isinstance(result, type) else result
        if isinstance(given, BaseException):
            raise given
        return given

    @functools.wraps(function)
    async def give_later(*context: object, **arguments: Any) -> Any:
        given = give(*context, **arguments)
        return await given if inspect.isawaitable(given) else given

    return give_later if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(result) else give
