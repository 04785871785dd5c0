"""Two runs of the same calls side by side (`--against`): what moved, which words changed, which cutoffs appeared. Pure.

Only turns before the first difference between the two are scored: after it the recorded caller answers an agent that
one of them no longer is. The turn of the difference itself still counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agent.summary import STAGES, latency_figures, percentile
from telephony.replay.judging.divergence import first_divergence
from telephony.replay.judging.outcome import Cutoff
from telephony.replay.judging.result import Divergence, Run
from telephony.replay.judging.turn_changes import (
    DEFAULT,
    Bounds,
    TurnChange,
    changed_cutoffs,
    signed,
    stage_name,
    turn_changes,
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One call on both sides. `failed`: why it is not compared, or only as far as both came; "" if it is. `vanished`:
    `now` has failed, or is not there, where `base` did well."""

    name: str
    base: Run | None
    now: Run | None
    turns: tuple[TurnChange, ...] = ()
    diverged: Divergence | None = None
    new_cutoffs: tuple[Cutoff, ...] = ()
    gone_cutoffs: tuple[Cutoff, ...] = ()
    barge_ins: tuple[int, int] = (0, 0)
    false_stops: tuple[int, int] = (0, 0)
    """Of both: how many each side has, until they part."""
    failed: str = ""
    vanished: bool = False

    @property
    def scored(self) -> tuple[TurnChange, ...]:
        return tuple(turn for turn in self.turns if turn.scored)

    @property
    def latency(self) -> tuple[dict[str, int | None], dict[str, int | None]]:
        """Voice to voice on each side (agent/summary.py latency_figures), of the scored turns answered on both."""
        return latencies([self])

    @property
    def stage_medians(self) -> dict[str, tuple[int, int]]:
        """The median of each stage on each side, of the same turns."""
        both = [(turn.base.stages, turn.now.stages) for turn in self.scored if turn.base and turn.now]
        both = [(one, other) for one, other in both if one and other]
        medians = {}
        for stage in STAGES:
            sides = [percentile([side.get(stage, 0) for side in column], 50) for column in zip(*both, strict=True)]
            if sides and sides[0] is not None and sides[1] is not None:
                medians[stage] = sides[0], sides[1]
        return medians


@dataclass(frozen=True, slots=True)
class Summary:
    """All calls. `worse` with its `reasons` is what an exit status goes by."""

    comparisons: tuple[Comparison, ...]
    verdict: str
    worse: bool
    reasons: tuple[str, ...]

    @property
    def latency(self) -> tuple[dict[str, int | None], dict[str, int | None]]:
        return latencies(self.comparisons)


def compare(base: Run | None, now: Run | None, bounds: Bounds = DEFAULT) -> Comparison:
    """One call's two runs; None where a side has none. Raises ValueError for two of them."""
    some = base or now
    if some is None:
        raise ValueError("nothing to compare: neither side has this call")
    states = {"base": _state(base), "now": _state(now)}
    failed = "; ".join(f"{side} {state}" for side, state in states.items() if state)
    if states["base"] == states["now"] != "":
        failed = f"both {states['now']}"
    vanished = bool(states["now"]) and not states["base"]
    if base is None or now is None or (failed and not (base.outcome.turns and now.outcome.turns)):
        return Comparison(some.name, base, now, failed=failed, vanished=vanished)
    reactive = "reactive" in (base.plan.caller, now.plan.caller)
    diverged = first_divergence(base.outcome, now.outcome, reactive=reactive)
    turns = turn_changes(base.outcome, now.outcome, diverged, reactive, bounds)
    new, gone = changed_cutoffs(base.outcome, now.outcome, turns, diverged)
    until_ms = max(base.outcome.duration_ms, now.outcome.duration_ms) if diverged is None else diverged.at_ms
    barge_ins = [sum(at_ms <= until_ms for at_ms in run.outcome.barge_ins_ms) for run in (base, now)]
    stops = [sum(stop.at_ms <= until_ms for stop in run.outcome.false_stops) for run in (base, now)]
    counts = (barge_ins[0], barge_ins[1]), (stops[0], stops[1])
    return Comparison(some.name, base, now, turns, diverged, new, gone, *counts, failed, vanished)


def compare_all(pairs: Iterable[tuple[Run | None, Run | None]], bounds: Bounds = DEFAULT) -> Summary:
    """All calls' two runs, with one line that says what came of the change."""
    comparisons = tuple(compare(base, now, bounds) for base, now in pairs)
    counts = _Counts(comparisons)
    reasons = tuple(_reasons(comparisons, counts, bounds))
    return Summary(comparisons, _verdict(counts), bool(reasons), reasons)


def latencies(comparisons: Iterable[Comparison]) -> tuple[dict[str, int | None], dict[str, int | None]]:
    """Voice to voice on each side, over the scored turns that were answered on both."""
    waits = [
        (turn.base.voice_to_voice_ms, turn.now.voice_to_voice_ms)
        for comparison in comparisons
        for turn in comparison.scored
        if turn.base and turn.now
    ]
    both = [(one, other) for one, other in waits if one is not None and other is not None]
    return latency_figures([one for one, _ in both]), latency_figures([other for _, other in both])


def _state(run: Run | None) -> str:
    if run is None:
        return "has no such call"
    return f"failed: {run.failed}" if run.failed else ""


# --- all calls ------------------------------------------------------------------------------------------------------


class _Counts:
    """What is counted over all calls; of turns, the scored ones."""

    def __init__(self, comparisons: tuple[Comparison, ...]) -> None:
        scored = [(number, turn) for number, one in enumerate(comparisons) for turn in one.scored]
        self.calls = sum(bool(one.turns) or not one.failed for one in comparisons)
        self.turns = len(scored)
        self.unscored = sum(not turn.scored for one in comparisons for turn in one.turns)
        self.heard = sum(turn.heard for _, turn in scored)
        self.said = sum(turn.said for _, turn in scored)
        self.words = sum(turn.heard or turn.said for _, turn in scored)
        self.tools = sum(turn.tools for _, turn in scored)
        self.new_cutoffs = sum(len(one.new_cutoffs) for one in comparisons)
        self.gone_cutoffs = sum(len(one.gone_cutoffs) for one in comparisons)
        self.vanished = sum(one.vanished for one in comparisons)
        self.uncompared = sum(bool(one.failed) and not one.vanished for one in comparisons)
        """Not, or not to its end."""
        parted = [one for one in comparisons if one.diverged is not None and not one.failed]
        plainly = [one for one in parted if not any(turn.heard or turn.said or turn.tools for turn in one.scored)]
        self.interrupted = sum(one.diverged is not None and one.diverged.what == "interrupted" for one in plainly)
        self.elsewhere = len(plainly) - self.interrupted
        self.stages: dict[str, list[tuple[int, int]]] = {}
        for number, turn in scored:
            for stage, ms in turn.stages.items():
                self.stages.setdefault(stage, []).append((number, ms))


def _verdict(counts: _Counts) -> str:
    parts = [_stage_phrase(stage, found, counts.turns) for stage, found in _heaviest(counts.stages)]
    if not parts:
        parts.append(f"no turn moved ({_many(counts.turns, 'turn')}, {_many(counts.calls, 'call')})")
    parts.append(_many(counts.new_cutoffs, "new cutoff"))
    if counts.gone_cutoffs:
        parts.append(f"{_many(counts.gone_cutoffs, 'cutoff')} gone")
    parts.append(f"words changed in {_many(counts.words, 'turn')}")
    if counts.tools:
        parts.append(f"tools changed in {_many(counts.tools, 'turn')}")
    if counts.elsewhere:
        parts.append(f"{_many(counts.elsewhere, 'call')} went another way")
    if counts.interrupted:
        parts.append(f"interruptions changed in {_many(counts.interrupted, 'call')}")
    if counts.unscored:
        parts.append(f"{_many(counts.unscored, 'turn')} after that not scored")
    if counts.vanished:
        parts.append(f"{_many(counts.vanished, 'call')} lost")
    if counts.uncompared:
        parts.append(f"{_many(counts.uncompared, 'call')} not compared")
    return "; ".join(parts)


def _heaviest(stages: dict[str, list[tuple[int, int]]]) -> list[tuple[str, list[tuple[int, int]]]]:
    """The stages that changed, those that cost (or saved) most first."""
    return sorted(stages.items(), key=lambda item: -abs(sum(ms for _, ms in item[1])))


def _stage_phrase(stage: str, found: list[tuple[int, int]], turns: int) -> str:
    """ "endpointing +200 ms in 31 of 31 turns (5 calls)": the middle of the changes, where they are not all alike."""
    changes = [ms for _, ms in found]
    middle = percentile(changes, 50) or 0
    alike = max(changes) - min(changes) <= DEFAULT.noise_ms
    calls = len({number for number, _ in found})
    about = "" if alike else f" (from {min(changes):+d} to {max(changes):+d})"
    where = f"{len(found)} of {_many(turns, 'turn')} ({_many(calls, 'call')})"
    return f"{stage_name(stage)} {signed(middle)}{about} in {where}"


def _reasons(comparisons: tuple[Comparison, ...], counts: _Counts, bounds: Bounds) -> Iterable[str]:
    """Why it is worse, if it is."""
    base, now = latencies(comparisons)
    for name, bound_ms in (("p50_ms", bounds.p50_ms), ("p95_ms", bounds.p95_ms)):
        was_ms, is_ms = base[name], now[name]
        if was_ms is not None and is_ms is not None and is_ms - was_ms > bound_ms:
            yield f"{stage_name(name)} {signed(is_ms - was_ms)} ({was_ms} -> {is_ms} ms, {signed(bound_ms)} allowed)"
    if counts.new_cutoffs:
        yield _many(counts.new_cutoffs, "new cutoff")
    if counts.vanished:
        yield f"{_many(counts.vanished, 'call')} lost"
    if bounds.words:
        if counts.words:
            yield f"words changed in {_many(counts.words, 'turn')}"
        if counts.tools:
            yield f"tools changed in {_many(counts.tools, 'turn')}"
        if counts.elsewhere:
            yield f"{_many(counts.elsewhere, 'call')} went another way"


def _many(number: int, noun: str) -> str:
    """ "1 turn", "2 turns"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
