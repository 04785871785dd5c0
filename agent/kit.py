"""EngineKit: an agent's engines - found by name, started, and warm."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from agent.context import CallContext, LiveContext
from agent.definition import AgentDefinition, EngineChoice
from agent.engines.deadlines import within
from agent.errors import LocalError
from agent.llm.base import LlmEngine
from agent.speech.cache import PhraseCache
from agent.speech.for_ear import ForEar
from agent.stt.base import SttEngine
from agent.tts.base import TtsEngine
from agent.turns import sentence_ends
from agent.vad.base import VadEngine

#: kind -> name -> where its class stands. Loaded only when an agent asks for it: extras stay optional.
ENGINES: dict[str, dict[str, tuple[str, str]]] = {
    "vad": {
        "silero": ("agent.vad.silero", "SileroVad"),
        "energy": ("agent.vad.energy", "EnergyVad"),
    },
    "stt": {
        "pocketsphinx": ("agent.stt.pocketsphinx", "PocketSphinxStt"),
        "synthetic": ("agent.stt.synthetic", "SyntheticStt"),
    },
    "llm": {
        "flow": ("agent.llm.flow", "FlowEngine"),
        "openai": ("agent.llm.openai_chat", "OpenAiChat"),
        "synthetic": ("agent.llm.synthetic", "SyntheticLlm"),
    },
    "tts": {
        "espeak": ("agent.tts.espeak", "EspeakTts"),
        "synthetic": ("agent.tts.synthetic", "SyntheticTts"),
    },
}

#: Loading models from a cold disk, on a slow machine, stays well under this.
START_DEADLINE_S = 30.0
#: All fixed phrases of an agent, with the slowest voice.
WARM_DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True)
class EngineKit:
    """What a call hears, thinks and speaks with. Shared by all calls of one agent in this worker."""

    vad: VadEngine
    stt: SttEngine
    llm: LlmEngine
    tts: TtsEngine
    phrases: PhraseCache

    async def close(self) -> None:
        """Let go of all engines; the first error is raised once all were closed."""
        await _close_all([self.tts, self.llm, self.stt, self.vad])


def make_engine(kind: str, choice: EngineChoice, agent: AgentDefinition) -> Any:
    """The engine that `choice` names, not yet started.

    Raises LocalError for an unknown name or option (naming the agent's file), MissingExtra where a package is missing,
    AgentError where the agent's own files are wrong.
    """
    known = ENGINES[kind]
    if choice.engine not in known:
        raise LocalError(
            f'{agent.folder / "agent.toml"}: [{kind}] engine "{choice.engine}" is not known; '
            f"write one of: {', '.join(sorted(known))}"
        )
    module_name, class_name = known[choice.engine]
    engine_class = getattr(importlib.import_module(module_name), class_name)
    engine = engine_class(agent, **choice.options)
    return ForEar(engine, agent.language) if kind == "tts" else engine


async def build_kit(
    agent: AgentDefinition,
    ctx: CallContext,
    instead: Mapping[str, Any] | None = None,
    phrases: PhraseCache | None = None,
) -> EngineKit:
    """Make and start the agent's engines, and synthesise its fixed phrases. On any error everything made is closed.

    `instead`: by kind, engines to be started in place of the agent's; `phrases`: a memory in place of an empty one.
    """
    made: list[Any] = []
    given = instead or {}
    try:
        for kind, choice in (("vad", agent.vad), ("stt", agent.stt), ("llm", agent.llm), ("tts", agent.tts)):
            engine = given[kind] if kind in given else make_engine(kind, choice, agent)
            made.append(engine)
            await within(engine.start(), engine=choice.engine, step=f"starting ({kind})", deadline_s=START_DEADLINE_S)
        vad, stt, llm, tts = made
        sentence_ends.load()  # once: not in the first call
        kit = EngineKit(vad, stt, llm, tts, PhraseCache(tts) if phrases is None else phrases)
        await within(
            kit.phrases.warm(agent.fixed_phrases, ctx),
            engine=agent.tts.engine,
            step="speaking the fixed phrases",
            deadline_s=WARM_DEADLINE_S,
        )
    except BaseException:
        await _close_all(made)
        raise
    return kit


async def try_engines(agent: AgentDefinition) -> None:
    """Make and start an agent's engines, and let them go. Raises what `build_kit` raises: a folder that reads well may
    still hold a grammar, an option or a voice that its engine cannot use.
    """
    with ThreadPoolExecutor(1) as executor:
        await (await build_kit(agent, LiveContext(executor))).close()


async def _close_all(engines: list[Any]) -> None:
    failed: Exception | None = None
    for engine in engines:
        try:
            await engine.close()
        except Exception as error:  # noqa: BLE001 - the others must be closed too; raised below
            failed = failed or error
    if failed is not None:
        raise failed
