"""A run in figures: what of it counts, and how it did. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from agent.summary import latency_figures
from telephony.replay.judging.divergence import scored_turns
from telephony.replay.judging.outcome import DeadAir, Outcome, Turn
from telephony.replay.judging.result import Divergence, Run


@dataclass(frozen=True, slots=True)
class Score:
    """`turns` of the whole run; `scored` of them count, and only they are in the latencies. `heard`: what was spoken
    or pressed; `turns` of it were taken for turns, the rest for nothing."""

    turns: int
    scored: int
    heard: int
    p50_ms: int | None
    p95_ms: int | None
    cutoffs: int
    worst_air: DeadAir | None


def score_of(run: Run) -> Score:
    """The figures of a run."""
    outcome = run.outcome
    counted = [turn for turn in outcome.turns if is_scored(run, turn.number)]
    waits = latency_figures([turn.voice_to_voice_ms for turn in counted if turn.voice_to_voice_ms is not None])
    return Score(
        turns=len(outcome.turns),
        scored=len(counted),
        heard=len(outcome.turns) + len(outcome.rejected),
        p50_ms=waits["p50_ms"],
        p95_ms=waits["p95_ms"],
        cutoffs=sum(is_scored(run, cutoff.turn) for cutoff in outcome.cutoffs),
        worst_air=max((air for air in outcome.dead_air if is_scored(run, air.turn)), key=_length_ms, default=None),
    )


def is_scored(run: Run, turn: int) -> bool:
    """Whether a turn counts: it is not after the one of the run's first divergence."""
    return run.diverged is None or turn <= scored_turns(run)


def seconds(ms: int) -> str:
    """Media time for people: 1:02.3."""
    tenths = max(ms, 0) // 100
    return f"{tenths // 600}:{tenths // 10 % 60:02d}.{tenths % 10}"


def turn_name(number: int) -> str:
    """ "turn 3"; "greeting" before the first."""
    return f"turn {number}" if number > 0 else "greeting"


def turn_start_ms(turn: Turn) -> int:
    """Where a turn begins, for who jumps to it."""
    starts = (turn.speech_start_ms, turn.speech_end_ms, turn.committed_ms)
    return next(at for at in starts if at is not None)


def turn_marks(run: Run, turn: int, diverged: Divergence | None, *, scored: bool) -> list[str]:
    """What stands out of a turn: "cut off", "interrupted", "no answer", "diverged", "not scored"."""
    outcome = run.outcome
    marks = []
    if any(cutoff.turn == turn for cutoff in outcome.cutoffs):
        marks.append("cut off")
    if any(one.turn == turn and not one.complete for one in outcome.said):
        marks.append("interrupted")
    if turn and not _answered(outcome, turn):
        marks.append("no answer")
    if diverged is not None and diverged.turn == turn:
        marks.append("diverged")
    if not scored:
        marks.append("not scored")
    return marks


def _answered(outcome: Outcome, turn: int) -> bool:
    return any(one.turn == turn and one.text.strip() for one in outcome.said)


def _length_ms(air: DeadAir) -> int:
    return air.ms
