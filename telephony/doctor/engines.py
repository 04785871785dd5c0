"""The engines of every agent that may answer: started once, and let go."""

from __future__ import annotations

import time

from agent.agents import load_agent
from agent.errors import MissingExtra, OffhookError
from agent.kit import try_engines
from telephony.doctor.finding import Finding, failed, ok
from telephony.settings import Settings


def agents_of(settings: Settings) -> list[str]:
    """The agents that the settings name, each once: the service's own, then those of [numbers]."""
    names = [settings.agent, *(route.agent or settings.agent for route in settings.numbers.values())]
    return list(dict.fromkeys(names))


async def check_agent(name: str, settings: Settings) -> Finding:
    """Read the agent's folder, start its engines, speak its phrases. Our errors say what to write or install."""
    check = f"agent {name}"
    began = time.monotonic()
    try:
        agent = load_agent(name, settings.agents_dir)
        await try_engines(agent)
    except MissingExtra as error:
        return failed(check, str(error), "install it into the Python that runs Offhook, and start the service again")
    except OffhookError as error:
        return failed(check, str(error))
    engines = ", ".join(f"{kind} {getattr(agent, kind).engine}" for kind in ("stt", "llm", "tts", "vad"))
    return ok(check, f"{engines}; ready in {time.monotonic() - began:.1f} s")
