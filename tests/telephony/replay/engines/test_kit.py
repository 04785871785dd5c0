"""replay_kit: what each mode takes from the record, and what becomes of engines outside this process."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.definition import EngineChoice
from agent.errors import LocalError
from agent.kit import ENGINES
from agent.llm.synthetic import SyntheticLlm
from agent.speech.for_ear import ForEar
from telephony.replay.engines.kit import ReplayKit, replay_kit
from telephony.replay.engines.real import RealLlm, RealStt, RealTts
from telephony.replay.engines.recorded_llm import RecordedLlm
from telephony.replay.engines.recorded_stt import RecordedStt
from telephony.replay.engines.recorded_tts import RecordedPhrases, RecordedTts
from telephony.replay.plan import Plan
from telephony.replay.recorded import Recorded
from tests.agent.support import make_agent
from tests.support.virtual_loop import VirtualContext, virtual
from tests.telephony.replay.engines.far import FarLlm
from tests.telephony.replay.engines.given import STARTED, a_record, now_ms, plain

CALL = a_record()
FAR = {"stt": "FarStt", "llm": "FarLlm", "tts": "FarTts"}


@pytest.fixture(autouse=True)
def far(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, class_name in FAR.items():
        monkeypatch.setitem(ENGINES[kind], "far", ("tests.telephony.replay.engines.far", class_name))
    FarLlm.log.clear()


async def kit(plan: Plan, recorded: Recorded = CALL, **agent: Any) -> ReplayKit:
    return await replay_kit(
        make_agent(**agent), plan, recorded, VirtualContext(), at_ms=now_ms, recorded_ms=lambda media_ms: media_ms
    )


@pytest.mark.parametrize(
    ("plan", "recorded", "classes"),
    [
        (Plan(), CALL, (RecordedStt, RecordedLlm, RecordedTts)),
        (Plan(mode="same"), CALL, (RecordedStt, RecordedLlm, RecordedTts)),
        (Plan(mode="rehear"), CALL, (RealStt, RecordedLlm, RecordedTts)),
        (Plan(mode="anew"), CALL, (RealStt, SyntheticLlm, ForEar)),
        (Plan(), plain(), (RealStt, SyntheticLlm, ForEar)),
    ],
)
@virtual
async def test_what_comes_from_the_record(plan: Plan, recorded: Recorded, classes: tuple[type, ...]) -> None:
    made = await kit(plan, recorded)
    assert (type(made.kit.stt), type(made.kit.llm), type(made.kit.tts)) == classes
    assert isinstance(made.kit.phrases, RecordedPhrases) == (classes[2] is RecordedTts)
    assert made.kit.vad.name == "energy"
    assert (made.served, made.diverged, made.notes) == ({}, None, ())
    await made.close()


@pytest.mark.parametrize("mode", ["same", "rehear"])
@virtual
async def test_a_plain_recording_has_nothing_to_give(mode: Any) -> None:
    with pytest.raises(LocalError, match=r"a\.wav: a plain recording holds no engine results; run it with --mode anew"):
        await kit(Plan(mode=mode), plain())


@pytest.mark.parametrize(("kind", "recorded"), [("stt", RecordedStt), ("llm", RecordedLlm), ("tts", RecordedTts)])
@virtual
async def test_an_engine_outside_this_process_is_not_asked(kind: str, recorded: type) -> None:
    made = await kit(Plan(mode="anew"), **{kind: EngineChoice("far")})
    assert isinstance(getattr(made.kit, kind), recorded)
    assert made.notes == (f'{kind}: "far" is not in this process, so its results came from the record',)
    await made.close()
    assert FarLlm.log == []


@virtual
async def test_for_a_plain_recording_it_must_be_really_asked_or_another() -> None:
    with pytest.raises(LocalError, match=r'agent\.toml: \[llm\] engine "far" is not in this process.*--real'):
        await kit(Plan(), plain(), llm=EngineChoice("far"))


@pytest.mark.parametrize(("kind", "real"), [("stt", RealStt), ("llm", RealLlm), ("tts", RealTts)])
@virtual
async def test_unless_the_plan_says_that_it_is_really_asked(kind: str, real: type) -> None:
    made = await kit(Plan(mode="anew", real=True), **{kind: EngineChoice("far")})
    assert isinstance(getattr(made.kit, kind), real)
    assert getattr(made.kit, kind).remote
    await made.close()
    assert FarLlm.log == ["start", "close"]


@pytest.mark.parametrize(
    ("then", "settings", "mode"),
    [("full", (), "full"), ("off", (), "off"), ("full", ("record=journal",), "journal"), ("often", (), "journal")],
)
@virtual
async def test_the_call_is_said_to_be_recorded_if_it_was(then: str, settings: tuple[str, ...], mode: str) -> None:
    recorded = replace(CALL, events=({**STARTED, "record": then},))
    made = await kit(Plan(settings=settings), recorded, record="journal")
    assert made.agent.record == mode
    await made.close()


@virtual
async def test_the_agents_own_engines_are_not_even_made_in_the_same_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGINES, "stt", {})
    made = await kit(Plan(missing="stop"), llm=EngineChoice("nonesuch"), tts=EngineChoice("nonesuch"))
    await made.close()
