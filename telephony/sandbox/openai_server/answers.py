"""What the stand-in answers: a text and tool calls, from a function of the request; or from an agent's own flow."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

from agent.context import LiveContext
from agent.definition import AgentDefinition
from agent.llm.base import LlmRequest, Message, TextDelta, ToolCall, ToolSpec
from agent.llm.flow import FlowEngine


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call of the model's. `arguments` as a text go out as they are, valid JSON or not; `id` "": one is made."""

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    id: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole completion. `finish` where the model ends otherwise than by having said all."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    finish: Literal["", "length", "content_filter"] = ""


Messages = tuple[Message, ...]
Tools = tuple[ToolSpec, ...]
#: A function of the messages and tools of a request, which are those of the wire in the house's own types. A text
#: alone is an answer, too.
Answering = Callable[[Messages, Tools], Answer | str | Awaitable[Answer | str]]


async def answer_of(answering: Answering, messages: Messages, tools: Tools) -> Answer:
    """What `answering` says to this."""
    made = answering(messages, tools)
    said = await made if inspect.isawaitable(made) else made
    return Answer(said) if isinstance(said, str) else said


def flow_answers(agent: AgentDefinition, *, file: str = "flow.toml") -> Answering:
    """The agent's own flow as a model: it reads the messages, which hold what was heard, and asks for its tools.

    `file` is the flow's file within the agent's folder. Raises AgentError with every mistake in it. Call it where an
    event loop runs.
    """
    engine = FlowEngine(agent, file=file)
    ctx = LiveContext(ThreadPoolExecutor(1))  # the flow hands nothing to the thread, so that none is started

    async def answer(messages: Messages, tools: Tools) -> Answer:
        text, calls = "", []
        async for event in engine.stream(LlmRequest(messages, tools), ctx):
            if isinstance(event, TextDelta):
                text += event.text
            elif isinstance(event, ToolCall):
                calls.append(Call(event.name, event.arguments))
        return Answer(text, tuple(calls))

    return answer
