"""What changed in one call, turn by turn, between two runs of it. Pure; differences are now minus base."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agent.summary import STAGES
from telephony.replay.judging.divergence import SPEECH_SLACK_MS, paired, same_reply, same_tools, slots_of
from telephony.replay.judging.outcome import Cutoff, Outcome, Turn
from telephony.replay.judging.result import Divergence
from telephony.replay.judging.sameness import same_text


@dataclass(frozen=True, slots=True)
class Bounds:
    """What counts as a change, and as a change for the worse."""

    noise_ms: int = 40
    """A turn has not moved by less: a window of the voice activity detector (32 ms), and a rounding."""
    p50_ms: int = 60
    """The median of the answers may become so much slower. Above the noise; half of what people begin to notice."""
    p95_ms: int = 100
    """The slow ones scatter more."""
    words: bool = True
    """Whether changed words and tools are for the worse. Not if that was the purpose: another agent, another voice."""


DEFAULT = Bounds()


@dataclass(frozen=True, slots=True)
class TurnChange:
    """One turn on both sides (None: on that side there is none). Differences are now minus base.

    `stages` holds those of the latency's stages that changed beyond the noise ("commit_ms", from the end of speech to
    the accepted turn, where the answer was not heard on both sides); `stage` is the one that changed most, "" if none.
    """

    base: Turn | None
    now: Turn | None
    scored: bool
    wait_ms: int | None = None
    stages: Mapping[str, int] = field(default_factory=dict)
    stage: str = ""
    heard: bool = False
    """The words that were heard of the caller changed."""
    said: bool = False
    """The words of the answer changed."""
    tools: bool = False
    moved: bool = False

    @property
    def label(self) -> str:
        """ "endpointing +200 ms"; "" if nothing moved."""
        return f"{stage_name(self.stage)} {signed(self.stages[self.stage])}" if self.stage else ""


def stage_name(stage: str) -> str:
    """ "endpointing" of "endpointing_ms"."""
    return stage.removesuffix("_ms")


def signed(ms: int) -> str:
    """ "+200 ms", "-40 ms"."""
    return f"{ms:+d} ms"


def turn_changes(
    base: Outcome, now: Outcome, diverged: Divergence | None, reactive: bool, bounds: Bounds
) -> tuple[TurnChange, ...]:
    """Every turn of both sides, matched; scored until `diverged`, which is where `now` parts from `base`."""
    slots, slots_now = slots_of(base), slots_of(now)
    changes: list[TurnChange] = []
    scored = True
    for one, other in paired(base.turns, now.turns, reactive=reactive):
        if one is None or other is None:
            scored = False
            changes.append(TurnChange(one, other, scored))
            continue
        scored = scored and (diverged is None or other.number <= diverged.turn)
        slot, slot_now = slots[one.number], slots_now[other.number]
        waits = one.voice_to_voice_ms, other.voice_to_voice_ms
        wait_ms = waits[1] - waits[0] if waits[0] is not None and waits[1] is not None else None
        stages = {stage: ms for stage, ms in _stages(one, other).items() if abs(ms) > bounds.noise_ms}
        change = TurnChange(
            base=one,
            now=other,
            scored=scored,
            wait_ms=wait_ms,
            stages=stages,
            stage=max(stages, key=lambda stage: abs(stages[stage]), default=""),
            heard=not same_text(one.text, other.text),
            said=not same_reply(slot, slot_now),
            tools=not same_tools(slot, slot_now),
            moved=bool(stages) or (wait_ms is not None and abs(wait_ms) > bounds.noise_ms),
        )
        changes.append(change)
    return tuple(changes)


def _stages(one: Turn, other: Turn) -> dict[str, int]:
    """What each stage changed by; without both latencies, what the wait for the accepted turn did."""
    if one.stages and other.stages:
        return {stage: other.stages.get(stage, 0) - one.stages.get(stage, 0) for stage in STAGES}
    if one.speech_end_ms is None or other.speech_end_ms is None:
        return {}
    return {"commit_ms": (other.committed_ms - other.speech_end_ms) - (one.committed_ms - one.speech_end_ms)}


def changed_cutoffs(
    base: Outcome, now: Outcome, turns: Sequence[TurnChange], diverged: Divergence | None
) -> tuple[tuple[Cutoff, ...], tuple[Cutoff, ...]]:
    """Those that only `now` has, and those that only `base` has, as far as turns are scored."""
    same = {turn.now.number: turn.base.number for turn in turns if turn.base and turn.now}
    until: list[float] = [math.inf, math.inf]
    if diverged is not None:
        last = next((turn for turn in reversed(turns) if turn.scored), None)
        until = [last.base.number, last.now.number] if last and last.base and last.now else [0, 0]

    def known(cutoff: Cutoff, others: Sequence[Cutoff], numbers: Mapping[int, int]) -> bool:
        if cutoff.turn in numbers:
            return any(other.turn == numbers[cutoff.turn] for other in others)
        end_ms = cutoff.at_ms - cutoff.after_ms  # of what was rejected: by its place
        return any(abs(other.at_ms - other.after_ms - end_ms) <= SPEECH_SLACK_MS for other in others)

    back = {number: other for other, number in same.items()}
    new = tuple(one for one in now.cutoffs if one.turn <= until[1] and not known(one, base.cutoffs, same))
    gone = tuple(one for one in base.cutoffs if one.turn <= until[0] and not known(one, now.cutoffs, back))
    return new, gone
