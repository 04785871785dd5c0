"""A run in figures: what of it counts, and how it did. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from agent.summary import latency_figures
from telephony.replay.judging.divergence import scored_turns
from telephony.replay.judging.outcome import DeadAir
from telephony.replay.judging.result import Run


@dataclass(frozen=True, slots=True)
class Score:
    """`turns` of the whole run; `scored` of them count, and only they are in the latencies, cutoffs and silences.
    `heard`: what was spoken or pressed; `turns` of it were taken for turns, the rest for nothing."""

    turns: int
    scored: int
    heard: int
    waits_ms: tuple[int, ...]
    """From the caller's last sound to the agent's first, of each turn that was answered."""
    cutoffs: int
    worst_air: DeadAir | None
    """The longest stretch in which nobody was heard though the agent owed something."""

    @property
    def latency(self) -> dict[str, int | None]:
        """The waits in figures (agent/summary.py, latency_figures)."""
        return latency_figures(self.waits_ms)


def score_of(run: Run) -> Score:
    """The figures of a run."""
    outcome, until = run.outcome, scored_turns(run)
    counted = [turn for turn in outcome.turns if turn.number <= until]
    # Without a divergence all counts, what came after the last turn too.
    counts_all = run.diverged is None
    air = [gap for gap in outcome.dead_air if counts_all or gap.turn <= until]
    return Score(
        turns=len(outcome.turns),
        scored=len(counted),
        heard=len(outcome.turns) + len(outcome.rejected),
        waits_ms=tuple(turn.voice_to_voice_ms for turn in counted if turn.voice_to_voice_ms is not None),
        cutoffs=sum(counts_all or cutoff.turn <= until for cutoff in outcome.cutoffs),
        worst_air=max(air, key=lambda gap: gap.ms, default=None),
    )
