"""Language models: messages and tools in, text and tool calls out, streamed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from agent.context import CallContext
from agent.slots.base import Asks


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model wants a tool run. `arguments` is the decoded JSON object."""

    id: str
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the conversation, as chat models know them.

    An assistant message holds what was HEARD of it; `tool_calls` only on assistant messages; a tool message carries the
    JSON text of its result in `content`, and the call it answers in `tool_call_id` and `name`.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as told to the model; `parameters` is a JSON Schema of type "object"."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LlmRequest:
    """What the model is asked. The last message is the caller's, or a tool's result."""

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A few more characters of what is to be said."""

    text: str


@dataclass(frozen=True, slots=True)
class Protected:
    """What this completion says cannot be interrupted (a legal notice). It comes before the first text."""


LlmEvent = TextDelta | ToolCall | Asks | Protected


@runtime_checkable
class Hinting(Protocol):
    """An engine that knows what callers are likely to say."""

    def hints(self) -> tuple[str, ...]:
        """Phrases for somebody else's recogniser, the most telling first."""


@runtime_checkable
class ByRule(Protocol):
    """An engine that answers at once, by a rule of the agent's own, from the request alone: dialogue, not a model."""

    by_rule: Literal[True]


class LlmEngine(Protocol):
    """One for the whole worker (or per agent, where a flow binds it). Keeps no state between requests."""

    name: str
    #: Whether it waits for something outside this process: such an engine cannot run in virtual time unattended.
    remote: bool

    async def start(self) -> None:
        """Load, connect, warm. Idempotent."""

    def stream(self, request: LlmRequest, ctx: CallContext) -> AsyncIterator[LlmEvent]:
        """One completion. Tool calls come whole. Closing the iterator cancels the request."""

    async def close(self) -> None:
        """Let go of everything."""
