"""The engines of every agent that may answer: started once, and let go."""

from __future__ import annotations

import time

from agent.agents import load_agent
from agent.errors import MissingExtra, OffhookError
from agent.kit import try_engines
from telephony.doctor.finding import Finding, failed, ok
from telephony.settings import Settings


async def check_agent(name: str, settings: Settings, names: dict[str, str]) -> Finding:
    """Read the agent's folder, start its engines, speak its phrases. Our errors say what to write or install.

    `names`: the agents so far, by their [agent] name, and their folders; this one is added.
    """
    check = f"agent {name}"
    began = time.monotonic()
    try:
        agent = load_agent(name, settings.agents_dir)
        other = names.setdefault(agent.name, str(agent.folder))
        if other != str(agent.folder):
            said = f"{agent.folder} is named {agent.name}, as is {other}: they would share a data folder"
            return failed(check, said, "give one of them another [agent] name; until then the service does not start")
        await try_engines(agent)
    except MissingExtra as error:
        return failed(check, str(error), "install it into the Python that runs Offhook, and start the service again")
    except OffhookError as error:
        return failed(check, str(error))
    engines = ", ".join(f"{kind} {engine}" for kind, engine in agent.engines.items())
    return ok(check, f"{engines}; ready in {time.monotonic() - began:.1f} s")
