"""One call of the turn bench: a plan in, what the journal and the caller's side say of it out. In virtual time."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from agent.agents import load_agent
from agent.context import CallContext
from agent.definition import AgentDefinition, EngineChoice, TurnSettings
from agent.kit import EngineKit, build_kit, make_engine
from agent.slots.base import NOTHING_ASKED, Asks
from agent.stt.base import Partial, SttUtterance
from agent.vad.base import VadEngine, VadStream
from agent.virtual_time import VirtualContext
from telephony.bench.turns.caller import BenchCaller, Echo, Heard
from telephony.bench.turns.course import Act, Course, CourseLlm
from telephony.bench.turns.echo import EchoPath, EchoSetting
from telephony.bench.turns.items import EchoItem
from telephony.bench.turns.recorded_echo import RecordedEcho, RecordedVoice
from telephony.bench.turns.released import ReleasedCall, ReleasedStt, Timeline
from telephony.bench.turns.voice import BenchVoice
from telephony.replay.held import Setting, hold_virtually

AGENT = Path(__file__).parents[1] / "agents" / "turns"
#: No call of the bench is longer, in virtual time.
LIMIT_S = 7200
#: What the measures read of a journal; a call's engine results are many times as much.
KINDS = (
    "turn.",
    "barge_in",
    "playout.",
    "agent.clause",
    "agent.heard",
    "agent.asks",
    "reply.heard",
    "silence.prompt",
    "error",
    "key",
    "far_end.",
)

Stt = Literal["released", "embedded", "no partials"]


@dataclass(frozen=True, slots=True)
class CallPlan:
    """One call. `bed`: the noise on its line (PCM16 at 8 kHz, at its level; b"": a quiet line). `settings`: changes to
    the shipped turn settings. `voice`: "bench" (marked words), "espeak" (speech), or "recorded": what the agent says in
    `session` of marked words, of which comes back what came back then, `softer_db` softer. `delay_s`: one way to the
    carrier. `keep`: remember the audio that was played. `tag`: for the measure that made it."""

    name: str
    acts: tuple[Act, ...]
    bed: bytes = b""
    stt: Stt = "released"
    settings: tuple[tuple[str, int], ...] = ()
    voice: str = "bench"
    echo: EchoSetting | None = None
    session: EchoItem | None = None
    softer_db: float = 0.0
    delay_s: float = 0.03
    seed: int = 1
    keep: bool = False
    tag: str = ""


@dataclass(frozen=True, slots=True)
class CallRun:
    """What came of it. `why`: what broke it, or ""; `lasted_ms`: media time; `replies`: the numbers of the
    marked words of each reply that was begun."""

    plan: CallPlan
    events: tuple[dict[str, Any], ...]
    heard: Heard
    lasted_ms: int
    replies: tuple[range, ...] = ()
    why: str = ""
    took_s: float = 0.0

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The events of a kind, in order."""
        return [event for event in self.events if event["kind"] == kind]


@dataclass(slots=True)
class _Engines:
    """The engines of one call (telephony/replay/held.py)."""

    kit: EngineKit
    agent: AgentDefinition

    async def close(self) -> None:
        await self.kit.close()


class _SharedVad:
    """The process's one detector: a call that is over does not take it from the next."""

    def __init__(self, engine: VadEngine) -> None:
        self.name = engine.name
        self._engine = engine

    async def start(self) -> None:
        await self._engine.start()

    def stream(self) -> VadStream:
        return self._engine.stream()

    async def close(self) -> None:
        """It stays."""


class _FinalOnly(ReleasedStt):
    """Gives the true text once the turn is over, and nothing before: silence alone ends a turn."""

    def call(self, ctx: CallContext, line_hz: int = 8000) -> ReleasedCall:
        return _FinalOnlyCall(self._timeline, self._releases)


class _FinalOnlyCall(ReleasedCall):
    def begin(self, on_partial: Callable[[Partial], None], hint: Asks = NOTHING_ASKED) -> SttUtterance:
        return super().begin(lambda partial: None, hint)


class _MediaClock:
    """The line's media time; 0 before there is one."""

    def __init__(self) -> None:
        self.at_ms: Callable[[], int] = lambda: 0

    def __call__(self) -> int:
        return self.at_ms()


def hold(plan: CallPlan) -> CallRun:
    """Hold the call of `plan`. Blocking; what breaks the call is told in `why`."""
    began_s = time.perf_counter()
    course, clock = Course(plan.acts), _MediaClock()
    timeline = Timeline(clock)
    caller = BenchCaller(course, timeline, bed=plan.bed, echo=_echo(plan), keep=plan.keep)
    setting = Setting(seed=plan.seed, delay_s=plan.delay_s)

    async def open_engines(at_ms: Callable[[], int]) -> _Engines:
        clock.at_ms = at_ms
        agent = bench_agent(plan)
        instead: dict[str, Any] = {"vad": _shared_vad(), "llm": CourseLlm(course)}
        if plan.stt != "embedded":
            instead["stt"] = ReleasedStt(timeline) if plan.stt == "released" else _FinalOnly(timeline)
        if plan.voice == "bench":
            instead["tts"] = BenchVoice()
        elif plan.session is not None:
            instead["tts"] = RecordedVoice(plan.session)
        return _Engines(await build_kit(agent, VirtualContext(), instead), agent)

    with tempfile.TemporaryDirectory(prefix="offhook-bench-turns-") as folder:
        held = hold_virtually(caller, open_engines, setting, Path(folder) / "calls", Path(folder), limit_s=LIMIT_S)
    events = tuple(event for event in held.events if str(event.get("kind", "")).startswith(KINDS))
    took_s = time.perf_counter() - began_s
    return CallRun(plan, events, caller.heard, held.caller_ms, tuple(course.replies), held.why, took_s)


def _echo(plan: CallPlan) -> Echo | None:
    if plan.session is not None:
        return RecordedEcho(plan.session, plan.softer_db)
    return EchoPath(plan.echo) if plan.echo is not None else None


def bench_agent(plan: CallPlan) -> AgentDefinition:
    """The bench's agent, with the plan's settings and voice."""
    agent = _agent()
    voice = EngineChoice(plan.voice) if plan.voice == "espeak" else agent.tts
    return replace(agent, tts=voice, turns=replace(agent.turns, **dict(plan.settings)), max_call_s=LIMIT_S)


def shipped_settings() -> TurnSettings:
    """The turn settings that are measured unless a plan changes them."""
    return _agent().turns


@cache
def _agent() -> AgentDefinition:
    return load_agent(str(AGENT))


@cache
def _shared_vad() -> _SharedVad:
    agent = _agent()
    return _SharedVad(make_engine("vad", agent.vad, agent))
