"""The flow engine: answers from the agent's own flow.toml, and streams its words like any model."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import chain, islice, product
from typing import Literal

from agent.context import CallContext
from agent.definition import AgentDefinition
from agent.errors import AgentError
from agent.llm.base import LlmEvent, LlmRequest, Protected, TextDelta, ToolCall
from agent.llm.flow_state import asked_for, fold
from agent.llm.flowfile import read_flow

log = logging.getLogger(__name__)

#: Of "track/find my/the order" so many: a recogniser is helped by the words, not by every way to join them.
WORDINGS = 3

_WORD = re.compile(r"\S+\s*")


class FlowEngine:
    """A conversation from a file: intents by phrases, slots, tools, offers. Needs no network.

    Each request is answered from its messages alone (agent/llm/flow_state.py), so that a call may change workers.
    """

    name = "flow"
    remote = False
    by_rule: Literal[True] = True

    def __init__(self, agent: AgentDefinition, *, file: str = "flow.toml", **unknown: object) -> None:
        """`file` is the flow's file within the agent's folder. Raises AgentError with every mistake in it."""
        if unknown:
            raise AgentError(f"{agent.folder / 'agent.toml'}: [llm] does not know {', '.join(sorted(unknown))}; "
                             'the flow engine has one option: file = "flow.toml"')  # fmt: skip
        flow = read_flow(agent.folder / file, agent.tools)
        self._flow = replace(flow, patience=agent.phrases.take_your_time)
        self._takes = {name: set(tool.parameters.get("properties", {})) for name, tool in agent.tools.items()}

    async def start(self) -> None:
        """Nothing to load: the file was read when the engine was made."""

    async def stream(self, request: LlmRequest, ctx: CallContext) -> AsyncIterator[LlmEvent]:
        """What the answer to the last message asks for; the answer, word by word; the tool call if there is one."""
        state, action = fold(self._flow, request.messages, self._takes)
        if action.problem:
            log.error("flow.toml: %s", action.problem)
        yield asked_for(self._flow, state, action)
        if action.protected:
            yield Protected()
        for word in _WORD.findall(action.say):
            yield TextDelta(word)
        if action.tool:
            yield ToolCall(ctx.new_id("call"), action.tool, action.arguments)

    def hints(self) -> tuple[str, ...]:
        """What its intents are recognised by, spelt out: of each phrase a few of its wordings."""
        patterns = [pattern for intent in self._flow.intents.values() for pattern in intent.heard]
        spelt = (islice(product(*map(sorted, pattern)), WORDINGS) for pattern in patterns)
        return tuple(dict.fromkeys(" ".join(words) for words in chain(*spelt)))

    async def close(self) -> None:
        """Nothing to let go of."""
