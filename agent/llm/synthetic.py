"""A language model for load tests: a fixed answer, token by token, at a known pace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from agent.context import CallContext
from agent.definition import AgentDefinition
from agent.engines.options import OPTIONS, read_options
from agent.llm.base import LlmEvent, LlmRequest, TextDelta

_WORDS = ("certainly", "the", "parcel", "that", "you", "asked", "about", "left", "our", "house", "this", "morning")


@dataclass(frozen=True, config=OPTIONS)
class Options:
    """What [llm] may say for this engine. The defaults are the load test's (docs/architecture.md)."""

    first_token_ms: Annotated[int, Field(ge=0)] = 100
    token_ms: Annotated[int, Field(ge=0)] = 10
    tokens: Annotated[int, Field(ge=1)] = 30
    clause_tokens: Annotated[int, Field(ge=1)] = 8
    """The first clause ends, with a comma, at this token."""


class SyntheticLlm:
    """Answers every request with the same `tokens` words. No tool calls."""

    name = "synthetic"
    remote = False

    def __init__(self, agent: AgentDefinition, **options: Any) -> None:
        self._options = read_options(Options, agent, "llm", self.name, options)
        self.tokens = tuple(self._token(index) for index in range(self._options.tokens))

    async def start(self) -> None:
        """Nothing to load."""

    async def stream(self, request: LlmRequest, ctx: CallContext) -> AsyncIterator[LlmEvent]:
        """The fixed answer; each token at its own due time, so that a late one does not delay the next."""
        began_s = ctx.now_s()
        for index, token in enumerate(self.tokens):
            due_s = began_s + (self._options.first_token_ms + index * self._options.token_ms) / 1000
            await asyncio.sleep(max(0.0, due_s - ctx.now_s()))
            yield TextDelta(token)

    async def close(self) -> None:
        """Nothing to let go of."""

    def _token(self, index: int) -> str:
        word = _WORDS[index % len(_WORDS)]
        text = word.capitalize() if index == 0 else f" {word}"
        if index == self._options.tokens - 1:
            return text + "."
        return text + "," if index == self._options.clause_tokens - 1 else text
