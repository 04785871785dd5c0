"""What `offhook replay` is asked for: which calls, against what, and where its runs may be written."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from agent.agents import agent_folders, load_agent
from agent.errors import LocalError
from telephony.call_folders import show_call
from telephony.faults.plan import load_faults
from telephony.replay.plan import Plan
from telephony.replay.reading.source import agent_of, sources_in

RECORD = "record"
AS_IS = "as-is"
_KINDS = "record, as-is, an agent, or key=value"

#: "a.b=1,c=2" are two settings, "phrases.greeting=Hello, caller" is one.
_SETTINGS = re.compile(r",(?=[\w.-]+=)")


def find_sources(named: Sequence[str], calls_dir: Path) -> list[Path]:
    """The calls that are meant, each once, in the order in which they were named.

    A name is a path, or else a call's id (or the beginning of one), which stands for the folders of all its streams.
    Raises LocalError for what is neither, and for a folder that holds no calls.
    """
    found: list[Path] = []
    for name in named:
        if os.path.exists(name):  # Path.exists raises for a name that is too long
            found.append(Path(name))
        elif "/" in name or Path(name).suffix:
            raise LocalError(f"there is no {name}: give a call's folder or id, a recording, or a folder of them")
        else:
            call = show_call(calls_dir, name)
            found += [calls_dir / stream for stream in call["streams"]]
    return sources_in(found)


def settings_in(option: str, written: Iterable[str]) -> tuple[str, ...]:
    """Checks "key=value" pairs; keys are looked up by whoever loads the agent. Raises LocalError."""
    settings = tuple(written)
    for setting in settings:
        if not re.match(r"[\w.-]+=", setting):
            raise LocalError(f"{option} {setting[:80]!r}: write key=value, such as turns.trailing_ms=700")
    return settings


def base_plan(against: Sequence[str], plan: Plan) -> Plan | None:
    """The plan to compare `plan` with, from what --against was given; None: with the record itself.

    An agent's name or folder stands for that agent as it is, key=value for the same agent with these settings instead.
    Raises LocalError where that makes no sense.
    """
    if not all(against):
        raise LocalError(f"--against is empty: write {_KINDS}")
    words = [word for part in against for word in ([part] if part in (RECORD, AS_IS) else _SETTINGS.split(part))]
    settings = [word for word in words if "=" in word]
    names = [word for word in words if "=" not in word]
    if len(names) > 1 or (settings and names and names[0] in (RECORD, AS_IS)):
        raise LocalError(f"--against {' '.join(against)[:80]!r}: one thing to compare with is enough: {_KINDS}")
    name = names[0] if names else ""
    if name == RECORD:
        return None
    if name == AS_IS:
        base = replace(plan, agent="", named=plan.agent, settings=())
    else:
        base = replace(plan, agent=name or plan.agent, settings=settings_in("--against", settings))
    if base == plan:
        raise LocalError(
            f"--against {' '.join(against)[:80]!r}: that is the run itself; give --set, --agent, or {_KINDS}"
        )
    return base


def check_plans(plans: Iterable[Plan]) -> None:
    """Mistakes that every call would repeat are told once, before any is run: a fault, an agent that is named.

    Raises LocalError. (For the agents that the records name: `check_settings`.)
    """
    for plan in plans:
        if plan.fault:
            load_faults(plan.fault)
        if plan.agent:
            load_agent(plan.agent, plan.agents_dir, plan.settings)


def check_settings(plans: Iterable[Plan], sources: Iterable[Path]) -> None:
    """A setting that none of the records' agents has is told once, before any call is run.

    Raises what `load_agent` does. An agent that cannot be loaded as it is, or is not known, is its own call's matter.
    """
    over = [plan for plan in plans if plan.settings and not plan.agent]
    if not over:
        return
    names: set[str] = set()
    for source in sources:
        with contextlib.suppress(LocalError):
            names.add(agent_of(source))
    for plan in over:
        mistakes = []
        for name in sorted(names):
            try:
                load_agent(name, plan.agents_dir, recorded=True)
            except LocalError:
                continue
            try:
                load_agent(name, plan.agents_dir, plan.settings, recorded=True)
            except LocalError as error:
                mistakes.append(error)
            else:
                break
        else:
            if mistakes:
                raise mistakes[0]


def same_agents(plan: Plan, base: Plan, sources: Iterable[Path]) -> bool:
    """Whether `base`, which is not `plan`, runs every call with the agent that `plan` does. (What a record does not
    tell is no other agent.)"""
    if plan.agent == base.agent or not base.named:
        return plan.agent == base.agent
    agent = load_agent(base.named, base.agents_dir)
    known = {folder.name: folder for folder in agent_folders(base.agents_dir)}
    names: set[str] = set()
    for source in sources:
        with contextlib.suppress(LocalError):
            names.add(agent_of(source))
    found = [known.get(name, agent.folder if name == agent.name else None) for name in names]
    return all(folder is not None and folder.resolve() == agent.folder.resolve() for folder in found)


def check_place(option: str, place: Path, named: Iterable[str | Path]) -> None:
    """What is written must not come among what is read. Raises LocalError if `place` is one of `named`, or inside."""
    where = place.resolve()
    for source in map(Path, named):
        if source.exists() and where.is_relative_to(source.resolve()):
            raise LocalError(
                f"{option} {place} is inside {source}, which is only read here: give a place outside of it"
            )


def new_folder(option: str, folder: Path) -> Path:
    """A folder that is new, or empty: what came of another run would be taken for a part of this one.

    Raises LocalError for any other, and if it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise LocalError(f"{option} {folder} is not empty: give a new folder, or empty this one")
    except OSError as error:
        raise LocalError(f"{option} {folder} cannot be made: {error.strerror}") from None
    return folder
