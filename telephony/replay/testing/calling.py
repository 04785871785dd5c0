"""Holding a scripted call: the agent with its stand-ins, a caller who follows a script, in virtual time."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.agents import load_agent
from agent.definition import AgentDefinition, EngineChoice
from agent.errors import LocalError
from agent.kit import EngineKit, build_kit, make_engine
from agent.llm.base import LlmEngine
from agent.stt.base import SttEngine
from agent.virtual_time import SOME_DAY, VirtualContext
from telephony.faults.plan import load_faults
from telephony.replay.callers.scripted import ScriptedCaller
from telephony.replay.held import Setting, hold_virtually
from telephony.replay.judging.outcome import outcome_of
from telephony.replay.judging.result import Run
from telephony.replay.plan import Plan
from telephony.replay.testing.script import HangsUp, Pauses, Plays, Presses, Says, Stays, Step, Wish
from telephony.replay.testing.stand_ins import AsSaidStt, ScriptedLlm, Spoken, with_results
from telephony.replay.testing.voices import RATE_HZ, words_pcm

CALL_ID = "CA-test"
#: No test's call is longer; in virtual time that is a minute or two of work.
LONGEST_S = 3600


@dataclass(slots=True)
class Engines:
    """What the agent of one call hears, thinks and speaks with."""

    kit: EngineKit
    agent: AgentDefinition

    async def close(self) -> None:
        await self.kit.close()


def hold_script(
    steps: Sequence[Step], wish: Wish, *, name: str, agents_dir: Sequence[Path], folder: Path
) -> tuple[Run, frozenset[str]]:
    """Hold the call of a script; its record is made in `folder`, where the tools' own data is too. Blocking.

    Gives the run, and the names of the agent's tools. What breaks the call is in `Run.failed`. Raises LocalError where
    the test itself is wrong: no such agent, file, tool or fault.
    """
    agent = with_results(load_agent(wish.agent, tuple(agents_dir), wish.settings), wish.tools or {})
    faults = load_faults(wish.fault) if wish.fault else None
    caller = scripted(steps, agent.language)
    as_said = _as_said(steps, wish)

    async def open_engines(at_ms: Callable[[], int]) -> Engines:
        instead: dict[str, SttEngine | LlmEngine] = {}
        if as_said:
            instead["stt"] = AsSaidStt(lambda: [Spoken(*said) for said in caller.spoken], at_ms)
        if wish.model is not None:
            instead["llm"] = ScriptedLlm(wish.model)
        return Engines(await build_kit(agent, VirtualContext(), _engines(agent, instead)), agent)

    setting = Setting(
        rate_hz=RATE_HZ,
        call_id=CALL_ID,
        caller_number=wish.caller_number,
        called_number=wish.called_number,
        seed=wish.seed,
        began_at=_moment(wish.on),
        faults=faults,
    )
    data = folder / "data"
    data.mkdir(parents=True)
    began_s = time.perf_counter()
    held = hold_virtually(caller, open_engines, setting, folder / "calls", data, limit_s=LONGEST_S)
    run = Run(
        name=name,
        source=folder,
        plan=Plan(mode="anew", agent=wish.agent, settings=wish.settings, fault=wish.fault, tools="run"),
        folder=held.folder,
        outcome=outcome_of(held.events),
        recorded=None,
        failed=held.why,
        deterministic=not held.touched_reality,
        notes=(*caller.errors, *caller.notes, *_unsaid(steps, caller), *held.notes),
        audio_ms=held.caller_ms,
        took_s=time.perf_counter() - began_s,
    )
    return run, frozenset(agent.tools)


def scripted(steps: Sequence[Step], language: str) -> ScriptedCaller:
    """The caller that follows the steps."""
    caller = ScriptedCaller()
    for step in steps:
        match step:
            case Says(pieces, pause_s, after_ms):
                caller.says(words_pcm(pieces[0], language), pieces[0], interrupt_after_ms=after_ms)
                for piece in pieces[1:]:
                    caller.pauses(pause_s).says(words_pcm(piece, language), piece)
            case Plays(path, text, after_ms):
                caller.plays(path, text, interrupt_after_ms=after_ms)
            case Pauses(seconds):
                caller.pauses(seconds)
            case Presses(keys):
                caller.presses(keys)
            case Stays(seconds):
                caller.waits_for_hang_up(seconds)
            case HangsUp():
                caller.hangs_up()
    return caller


def _unsaid(steps: Sequence[Step], caller: ScriptedCaller) -> list[str]:
    words = [text for step in steps for text in (step.pieces if isinstance(step, Says) else _words(step))]
    return [f'the call was over before the caller could say "{text}"' for text in words[len(caller.spoken) :]]


def _words(step: Step) -> tuple[str, ...]:
    return (step.text or step.path.name,) if isinstance(step, Plays) else ()


def _as_said(steps: Sequence[Step], wish: Wish) -> bool:
    """Whether what is said is understood as it is said. "auto": unless all of it is recordings of unknown words."""
    silent = [step.path for step in steps if isinstance(step, Plays) and not step.text]
    if wish.ear == "as said" and silent:
        raise LocalError(f'{silent[0]}: what is said in it? plays(…, text="…"), or ear="real"')
    if wish.ear != "auto":
        return wish.ear == "as said"
    if silent and any(isinstance(step, Says) for step in steps):
        raise LocalError(
            f'{silent[0]}: what is said in it? plays(…, text="…"); or ear="real", which hears the other words too'
        )
    return not silent


def _engines(agent: AgentDefinition, instead: Mapping[str, Any]) -> dict[str, Any]:
    """The call's engines: those given, else the agent's own. Of the others in this process only, but for the voice:
    where the agent's own is not, a synthetic one speaks."""
    engines = dict(instead)
    for kind in ("stt", "llm", "tts"):
        if kind in engines:
            continue
        engine = make_engine(kind, getattr(agent, kind), agent)
        if getattr(engine, "remote", False):
            if kind != "tts":
                way = 'ear="as said"' if kind == "stt" else "model=[…]"
                raise LocalError(
                    f'{agent.folder / "agent.toml"}: [{kind}] engine "{engine.name}" is not in this process, and a '
                    f"test's call asks nobody outside: give {way}"
                )
            engine = make_engine(kind, EngineChoice("synthetic"), agent)
        if rewind := getattr(engine, "rewind", None):
            rewind()  # the same samples in every run
        engines[kind] = engine
    return engines


def _moment(on: str) -> dt.datetime:
    """When the call begins. Without a zone it is UTC's: a test says the same everywhere."""
    if not on:
        return SOME_DAY
    try:
        moment = dt.datetime.fromisoformat(on)
    except ValueError:
        raise LocalError(f'on={on!r} is no date and time: write e.g. on="2026-12-24 10:00"') from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)
