"""An agent that asks the stand-in: its own flow, but over a socket, by the engine "openai", as a model is asked."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import replace

from agent.definition import AgentDefinition, EngineChoice
from agent.errors import LocalError
from telephony.logs.context import event
from telephony.sandbox.openai_server.answers import Answering, flow_answers
from telephony.sandbox.openai_server.reading import load_behaviour
from telephony.sandbox.openai_server.server import StandIn, open_stand_in

log = logging.getLogger("offhook.sandbox")


def answers_of(agent: AgentDefinition) -> Answering:
    """The agent's flow as a model. Raises AgentError for a flow with mistakes, LocalError where there is none."""
    if not (agent.folder / "flow.toml").is_file():
        raise LocalError(
            f"agent {agent.name}: the stand-in for a model answers from the agent's flow.toml, and {agent.folder} has "
            "none; take the stand-in out, or name an agent with a flow, as parcel-desk"
        )
    return flow_answers(agent)


@contextlib.asynccontextmanager
async def opened(agent: AgentDefinition, behaviour: str, *, port: int = 0) -> AsyncIterator[StandIn]:
    """A stand-in that answers as this agent's flow does. `behaviour`: a pattern's name, or a file.

    Raises AgentError or LocalError for what cannot be read, and for a port that is taken.
    """
    read = load_behaviour(behaviour)
    made = open_stand_in(answers_of(agent), faults=read.faults, pace=read.pace, quirks=read.quirks, port=port)
    async with made as server:
        yield server


@contextlib.asynccontextmanager
async def asking_stand_in(agent: AgentDefinition, behaviour: str) -> AsyncIterator[AgentDefinition]:
    """The agent with a stand-in for its model, as long as the block runs. Arguments and errors: as of `opened`."""
    async with opened(agent, behaviour) as server:
        choice = EngineChoice("openai", {"model": server.model, "base_url": server.base_url})
        log.info(
            "agent %s asks a stand-in for a model: %s at %s",
            agent.name,
            behaviour,
            server.base_url,
            extra=event("sandbox.model"),
        )
        yield replace(agent, llm=choice)
