"""A run in figures: only what comes before it parts from its record counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from telephony.replay.judging.outcome import Cutoff, DeadAir, Outcome, Turn
from telephony.replay.judging.result import Divergence, Run
from telephony.replay.judging.score import score_of
from telephony.replay.plan import Plan

OUTCOME = Outcome(
    turns=(
        Turn(1, "hello", "voice", 1000, 1500, 2000, voice_to_voice_ms=800),
        Turn(2, "42", "keys", None, None, 5000),
        Turn(3, "goodbye", "voice", 9000, 9400, 9900, voice_to_voice_ms=2000),
    ),
    rejected=((12_000, 4, "empty"),),
    cutoffs=(Cutoff(1, 1900, 400), Cutoff(3, 9800, 400), Cutoff(4, 12_300, 500)),
    dead_air=(DeadAir(1500, 2300, 1, "before the answer"), DeadAir(12_000, 15_000, 4, "before it asked again")),
)
RUN = Run("call", Path("call"), Plan(), None, OUTCOME, None)


def test_all_of_a_run_that_never_parted_counts_what_came_after_its_last_turn_too() -> None:
    score = score_of(RUN)
    assert (score.turns, score.scored, score.heard, score.cutoffs) == (3, 3, 4, 3)
    assert score.waits_ms == (800, 2000)
    assert score.latency == {"n": 2, "p50_ms": 800, "p90_ms": 2000, "p95_ms": 2000, "max_ms": 2000}
    assert score.worst_air == OUTCOME.dead_air[1]


def test_what_comes_after_the_turn_of_the_divergence_does_not_count() -> None:
    score = score_of(replace(RUN, diverged=Divergence(2, 5000, "answered", "yes", "no")))
    assert (score.turns, score.scored, score.heard, score.cutoffs) == (3, 2, 4, 1)
    assert (score.waits_ms, score.worst_air) == ((800,), OUTCOME.dead_air[0])


def test_of_nothing_there_is_nothing() -> None:
    score = score_of(replace(RUN, outcome=Outcome()))
    assert (score.turns, score.heard, score.waits_ms, score.worst_air) == (0, 0, (), None)
    assert score.latency["p50_ms"] is None
