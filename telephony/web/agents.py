"""The agents that a service answers with: each loaded once, its engines warm, found by how the settings name it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from agent.agents import load_agent
from agent.context import CallContext
from agent.definition import AgentDefinition
from agent.errors import LocalError
from agent.kit import EngineKit, build_kit
from telephony.faults.plan import FaultPlan
from telephony.sandbox.openai_server.instead import asking_stand_in
from telephony.settings import Settings


@dataclass(frozen=True, slots=True)
class ServedAgent:
    """One agent, ready for calls. `data_dir` is its own folder for databases and files."""

    definition: AgentDefinition
    kit: EngineKit
    data_dir: Path


class ServedAgents:
    """The agents, by the names (or folders) that the settings use for them."""

    def __init__(self, default: str, agents: dict[str, ServedAgent]) -> None:
        self._default = default
        self._agents = agents

    def get(self, name: str) -> ServedAgent:
        """The agent of this name; "" is the service's own. Raises LocalError for one that is not served."""
        try:
            return self._agents[name or self._default]
        except KeyError:
            raise LocalError(f"agent {name!r} is not served: give it a number, or set OFFHOOK_AGENT to it") from None

    @property
    def default(self) -> ServedAgent:
        return self._agents[self._default]

    def all(self) -> tuple[ServedAgent, ...]:
        """The service's own agent first."""
        return tuple(self._agents.values())

    def names(self) -> dict[str, str]:
        """How the settings write each agent, and what its own file calls it."""
        return {written: agent.definition.name for written, agent in self._agents.items()}


@contextlib.asynccontextmanager
async def open_agents(
    settings: Settings, ctx: CallContext, faults: FaultPlan | None = None
) -> AsyncIterator[ServedAgents]:
    """Load and warm every agent that the settings name; close their engines at the end.

    `faults`: what goes wrong, on purpose, in the engines and tools of the service's own agent.
    Raises LocalError (AgentError among it) for one that cannot be served, and for faults, or a stand-in for a model,
    where strangers may call.
    """
    if faults is not None and settings.public_origin:
        raise LocalError("a service with a public origin takes real calls: nothing is broken there on purpose")
    if settings.stand_in_model and settings.public_origin:
        raise LocalError(
            "a service with a public origin takes real calls: no stand-in answers them; take OFFHOOK_STAND_IN_MODEL "
            "(or --stand-in-model) out"
        )
    async with contextlib.AsyncExitStack() as stack:
        served: dict[str, ServedAgent] = {}
        for written in settings.agents():
            # Off the loop: an agent's own tools.py may take its time to import.
            definition = await asyncio.to_thread(load_agent, written, settings.agents_dir)
            same = next((other for other in served.values() if other.definition.folder == definition.folder), None)
            if same is not None:  # once by its name and once by its folder
                served[written] = same
                continue
            _check_name(definition, served)
            data_dir = settings.agent_data_dir(definition.name)
            make_private_folder(data_dir)
            if settings.stand_in_model:
                definition = await stack.enter_async_context(asking_stand_in(definition, settings.stand_in_model))
            kit = await build_kit(definition, ctx)
            stack.push_async_callback(kit.close)
            if faults is not None and written == settings.agent:  # what is closed at the end is the kit itself
                definition, kit = faults.tools(definition), faults.engines(kit)
            served[written] = ServedAgent(definition, kit, data_dir)
        yield ServedAgents(settings.agent, served)


def _check_name(definition: AgentDefinition, served: dict[str, ServedAgent]) -> None:
    for other in served.values():
        if other.definition.name == definition.name:
            raise LocalError(
                f"two agents are named {definition.name}: {other.definition.folder} and {definition.folder}; "
                "they would share a data folder: give one another [agent] name"
            )


def make_private_folder(path: Path) -> None:
    """Make a folder that only its owner may enter, unless it is there."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LocalError(
            f"{path} cannot be made: {error.strerror}; set OFFHOOK_CALLS_DIR and OFFHOOK_DATA_DIR"
        ) from None
