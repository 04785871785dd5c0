"""replay_kit: the engines of one run - from the record, the agent's own, or both, as the plan says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.context import CallContext
from agent.definition import AgentDefinition
from agent.errors import LocalError
from agent.kit import EngineKit, build_kit, make_engine
from agent.llm.base import ByRule, LlmEngine
from agent.stt.base import SttEngine
from agent.tts.base import TtsEngine
from telephony.replay.engines.embedded import Embedded
from telephony.replay.engines.facts import record_mode
from telephony.replay.engines.real import RealLlm, RealStt, RealTts
from telephony.replay.engines.recorded_llm import RecordedLlm
from telephony.replay.engines.recorded_stt import RecordedStt
from telephony.replay.engines.recorded_tools import with_recorded_tools
from telephony.replay.engines.recorded_tts import OTHER_VOICES, RecordedPhrases, RecordedTts
from telephony.replay.engines.ruled_llm import RuledLlm
from telephony.replay.engines.serving import Serving
from telephony.replay.plan import Mode, Plan
from telephony.replay.recorded import Diverged, Recorded

Engine = SttEngine | LlmEngine | TtsEngine

#: What comes from the record, mode by mode. The voice activity detector never does: it is turn logic.
FROM_RECORD: dict[Mode, tuple[str, ...]] = {"same": ("stt", "llm", "tts"), "rehear": ("llm", "tts"), "anew": ()}


@dataclass(slots=True)
class ReplayKit:
    """One run's engines, and its agent, whose tools are the replay's."""

    kit: EngineKit
    agent: AgentDefinition
    _serving: Serving

    @property
    def served(self) -> Counter[str]:
        """How results were found: "stt: hash", "stt: time", "stt: part", "llm: hash", "llm: turn", "llm: rules",
        "tts: text", "tts: memory", "stt: embedded" (llm, tts too), "tool: record", "tool: run", "tool: refused"."""
        return self._serving.served

    @property
    def diverged(self) -> Diverged | None:
        """What stopped the run, or would have: the first thing that the record had not got."""
        return self._serving.diverged

    @property
    def notes(self) -> tuple[str, ...]:
        """For the report."""
        return tuple(self._serving.notes)

    async def close(self) -> None:
        await self.kit.close()


def mode_of(plan: Plan, recorded: Recorded) -> Mode:
    """The mode of the plan, or the one that suits the source. Raises LocalError where the plan asks for a record and
    there is none."""
    mode = plan.mode or ("same" if recorded.has_journal else "anew")
    if FROM_RECORD[mode] and not recorded.has_journal:
        raise LocalError(f"{recorded.source}: a plain recording holds no engine results; run it with --mode anew")
    return mode


async def replay_kit(
    agent: AgentDefinition,
    plan: Plan,
    recorded: Recorded,
    ctx: CallContext,
    *,
    at_ms: Callable[[], int],
    recorded_ms: Callable[[int], int],
    audio_ms: Callable[[], int] | None = None,
) -> ReplayKit:
    """Make, start and warm what the call is to be run with. `at_ms` is the line's media time, `recorded_ms` where on
    the recording a media time lies, `audio_ms` where the caller's audio ends that has come (else as `at_ms`); none is
    asked before the call begins.

    Raises what mode_of and build_kit raise.
    """
    mode = mode_of(plan, recorded)
    serving = Serving(plan, recorded, at_ms=at_ms, recorded_ms=recorded_ms, audio_ms=audio_ms)
    agent = with_recorded_tools(_recording_as_then(agent, plan, recorded), serving)
    engines = {kind: _engine(kind, kind in FROM_RECORD[mode], agent, serving) for kind in ("stt", "llm", "tts")}
    for engine in engines.values():
        if rewind := getattr(engine, "rewind", None):
            rewind()
    voice = engines["tts"]
    phrases = RecordedPhrases(voice, serving) if isinstance(voice, RecordedTts) else None
    return ReplayKit(await build_kit(agent, ctx, engines, phrases), agent, serving)


def _recording_as_then(agent: AgentDefinition, plan: Plan, recorded: Recorded) -> AgentDefinition:
    """Whether a call is recorded decides whether the caller is told so: what was said then is to be said now."""
    if any(setting.partition("=")[0].strip() == "record" for setting in plan.settings):
        return agent
    return replace(agent, record=record_mode(recorded.events) or agent.record)


def _engine(kind: str, from_record: bool, agent: AgentDefinition, serving: Serving) -> Engine:
    """What stands for the agent's engine of a kind, not yet started."""
    if from_record:
        return _recorded(kind, agent, serving)
    engine = make_engine(kind, getattr(agent, kind), agent)
    remote = bool(getattr(engine, "remote", False))
    if remote and not serving.plan.real:
        if not serving.recorded.has_journal:
            raise LocalError(
                f'{agent.folder / "agent.toml"}: [{kind}] engine "{engine.name}" is not in this process, and a plain '
                "recording holds no engine results; run it with --real, or with another engine"
            )
        serving.note(f'{kind}: "{engine.name}" is not in this process, so its results came from the record')
        return _recorded(kind, agent, serving)
    if kind == "stt":
        return RealStt(engine, serving, charge=remote)
    if remote:
        return RealLlm(engine) if kind == "llm" else RealTts(engine)
    made: Engine = engine
    return made


def _rules(agent: AgentDefinition, recorded: Recorded) -> LlmEngine | None:
    """The agent's model, if it is one that answers by rules, and did so in the record."""
    try:
        engine: LlmEngine = make_engine("llm", agent.llm, agent)
    except LocalError:  # it is not needed for what the record holds
        return None
    answered_then = recorded.engines.get("llm", engine.name) == engine.name
    return engine if isinstance(engine, ByRule) and answered_then else None


def _recorded(kind: str, agent: AgentDefinition, serving: Serving) -> Engine:
    if kind == "stt":
        return RecordedStt(serving, Embedded(kind, agent, serving))
    if kind == "llm":
        recorded = RecordedLlm(serving, Embedded(kind, agent, serving))
        rules = _rules(agent, serving.recorded)
        return recorded if rules is None else RuledLlm(rules, recorded, serving)
    return RecordedTts(serving, Embedded(kind, agent, serving, OTHER_VOICES))
