"""EngineKit: engines by name, started and warm; mistakes are told; what fails half-way leaves nothing open."""

from __future__ import annotations

import importlib
import sys

import pytest

from agent.definition import EngineChoice
from agent.errors import LocalError, MissingExtra
from agent.kit import ENGINES, build_kit, make_engine
from agent.speech.cache import PhraseCache
from agent.stt.synthetic import SyntheticStt
from tests.agent.support import make_agent, make_context


async def test_a_kit_is_started_and_warm() -> None:
    agent = make_agent(tts=EngineChoice("synthetic", {"first_byte_ms": 0, "speed": 1000.0}))
    kit = await build_kit(agent, make_context())
    assert [engine.name for engine in (kit.vad, kit.stt, kit.llm, kit.tts)] == ["energy"] + ["synthetic"] * 3
    assert all(kit.phrases.get(phrase) for phrase in agent.phrases.all())
    await kit.close()
    await kit.close()


async def test_an_engine_given_is_started_in_place_of_the_agents_and_a_memory_is_warmed() -> None:
    agent = make_agent(stt=EngineChoice("nonesuch"))
    stt = SyntheticStt(agent)
    voice = make_engine("tts", EngineChoice("synthetic", {"first_byte_ms": 0, "speed": 1000.0}), agent)
    memory = PhraseCache(voice)
    kit = await build_kit(agent, make_context(), {"stt": stt, "tts": voice}, memory)
    assert (kit.stt, kit.tts, kit.phrases) == (stt, voice, memory)
    assert memory.get(agent.phrases.greeting)
    await kit.close()


def test_every_engine_says_whether_it_is_remote() -> None:
    for engines in (ENGINES["stt"], ENGINES["llm"], ENGINES["tts"]):
        for module, class_name in engines.values():
            assert getattr(importlib.import_module(module), class_name).remote in (True, False)


def test_every_engine_named_is_there() -> None:
    for kind, engines in ENGINES.items():
        for name, (module, class_name) in engines.items():
            assert getattr(importlib.import_module(module), class_name).name == name, kind


async def test_an_unknown_engine_names_the_known_ones() -> None:
    with pytest.raises(LocalError, match=r'agent\.toml: \[stt\] engine "whisper" .* pocketsphinx, synthetic'):
        await build_kit(make_agent(stt=EngineChoice("whisper")), make_context())


@pytest.mark.parametrize(
    ("kind", "engine", "package", "grammar"),
    [
        ("vad", "silero", "onnxruntime", False),
        ("stt", "pocketsphinx", "pocketsphinx", True),
        ("tts", "espeak", "espeakng_loader", False),
    ],
)
async def test_a_missing_package_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, kind: str, engine: str, package: str, grammar: bool
) -> None:
    from agent.tts.espeak_library import EspeakLibrary
    from agent.vad import silero
    from tests.agent.stt.test_contract import GRAMMAR

    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr(EspeakLibrary, "_only", None)
    monkeypatch.setattr(silero, "_sessions", {})
    made = make_engine(kind, EngineChoice(engine), make_agent(grammar=GRAMMAR if grammar else None))
    with pytest.raises(MissingExtra, match=r"pip install 'offhook\[local\]'"):
        await made.start()


async def test_what_fails_half_way_closes_what_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []

    async def close(self: SyntheticStt) -> None:
        closed.append(self)

    monkeypatch.setattr(SyntheticStt, "close", close)
    with pytest.raises(LocalError, match="klingonese"):
        await build_kit(make_agent(tts=EngineChoice("espeak", {"voice": "klingonese"})), make_context())
    assert len(closed) == 1
