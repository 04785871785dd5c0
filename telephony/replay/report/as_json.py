"""A run, and a comparison, as plain JSON for other programs (`--json`). Pure.

Times are whole milliseconds, of media time unless another is named. Texts may hold lone surrogates, as journals do:
encode with ensure_ascii.

`run_as_dict`: version (REPORT_VERSION), name, source, folder (or null), plan {mode, agent, settings, agents_dir,
caller, missing, tools, fault, channel, real}, failed ("" if it ran), deterministic, notes, audio_ms, took_s (real
seconds), served {how results were found: how often}, diverged {turn, at_ms, what, recorded, now} or null, scored_turns
(the number of the last turn that can be scored), outcome, and recorded: the record's own outcome, or null.

An outcome: turns [{turn, text, source, speech_start_ms, speech_end_ms, committed_ms, reply, voice_to_voice_ms,
stages, goes_on (the turn that it is one with, or null)}], rejected [{at_ms, turn, reason}], said [{turn, text, said,
complete, start_ms, end_ms, aside}], tools [{turn, name, arguments, at_ms, ok, result}], cutoffs [{turn, at_ms,
after_ms}], dead_air [{from_ms, to_ms, ms, turn, why}], barge_ins_ms, false_stops [{at_ms, silent_ms, why}], errors
[{at_ms, message}], ended_by, duration_ms, agent, latency {n, p50_ms, p90_ms, p95_ms, max_ms}.

`comparison_as_dict`: version, name, failed, vanished, diverged, turns [{base, now (numbers, null where there is none),
scored, moved, wait_ms, stages, stage, heard, said, tools}] with differences now minus base, new_cutoffs, gone_cutoffs,
barge_ins, false_stops, latency and stage_medians as {base, now}, and base and now: the runs.

`summary_as_dict`: version, verdict, worse, reasons, latency {base, now}, calls [comparisons].
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import PurePath
from typing import Any

from agent.summary import latency_figures
from telephony.replay.judging.compare import Comparison, Summary
from telephony.replay.judging.divergence import scored_turns
from telephony.replay.judging.outcome import DeadAir, Outcome, Turn
from telephony.replay.judging.result import Divergence, Run
from telephony.replay.judging.turn_changes import TurnChange

REPORT_VERSION = 1
DEEPEST = 40
"""What is nested deeper (a tool's result) is written as text: JSON readers have their bounds, too."""


def run_as_dict(run: Run) -> dict[str, Any]:
    """The run; keys as documented above."""
    return {
        "version": REPORT_VERSION,
        "name": run.name,
        "source": str(run.source),
        "folder": str(run.folder) if run.folder is not None else None,
        "plan": _json(asdict(run.plan)),
        "failed": run.failed,
        "deterministic": run.deterministic,
        "notes": list(run.notes),
        "audio_ms": run.audio_ms,
        "took_s": round(run.took_s, 3),
        "served": {str(how): count for how, count in run.served.items()},
        "diverged": _diverged(run.diverged),
        "scored_turns": scored_turns(run),
        "outcome": outcome_as_dict(run.outcome),
        "recorded": outcome_as_dict(run.recorded) if run.recorded is not None else None,
    }


def outcome_as_dict(outcome: Outcome) -> dict[str, Any]:
    """What came of a call; keys as documented above."""
    return {
        "turns": [_turn(turn) for turn in outcome.turns],
        "rejected": [{"at_ms": at_ms, "turn": turn, "reason": reason} for at_ms, turn, reason in outcome.rejected],
        "said": _rows(outcome.said),
        "tools": _rows(outcome.tools),
        "cutoffs": _rows(outcome.cutoffs),
        "dead_air": [_gap(gap) for gap in outcome.dead_air],
        "barge_ins_ms": list(outcome.barge_ins_ms),
        "false_stops": _rows(outcome.false_stops),
        "errors": [{"at_ms": at_ms, "message": message} for at_ms, message in outcome.errors],
        "ended_by": outcome.ended_by,
        "duration_ms": outcome.duration_ms,
        "agent": outcome.agent,
        "latency": latency_figures(outcome.waits_ms),
    }


def comparison_as_dict(comparison: Comparison) -> dict[str, Any]:
    """One call on both sides; keys as documented above."""
    sides = comparison.latency
    return {
        "version": REPORT_VERSION,
        "name": comparison.name,
        "failed": comparison.failed,
        "vanished": comparison.vanished,
        "diverged": _diverged(comparison.diverged),
        "turns": [_change(change) for change in comparison.turns],
        "new_cutoffs": _rows(comparison.new_cutoffs),
        "gone_cutoffs": _rows(comparison.gone_cutoffs),
        "barge_ins": _sides(comparison.barge_ins),
        "false_stops": _sides(comparison.false_stops),
        "latency": _sides(sides),
        "stage_medians": {stage: _sides(both) for stage, both in comparison.stage_medians.items()},
        "base": run_as_dict(comparison.base) if comparison.base is not None else None,
        "now": run_as_dict(comparison.now) if comparison.now is not None else None,
    }


def summary_as_dict(summary: Summary) -> dict[str, Any]:
    """All calls on both sides; keys as documented above."""
    return {
        "version": REPORT_VERSION,
        "verdict": summary.verdict,
        "worse": summary.worse,
        "reasons": list(summary.reasons),
        "latency": _sides(summary.latency),
        "calls": [comparison_as_dict(comparison) for comparison in summary.comparisons],
    }


def _sides(both: tuple[Any, Any]) -> dict[str, Any]:
    return {"base": both[0], "now": both[1]}


def _turn(turn: Turn) -> dict[str, Any]:
    fields = asdict(turn)
    return {"turn": fields.pop("number"), **fields}


def _gap(gap: DeadAir) -> dict[str, Any]:
    return {"from_ms": gap.from_ms, "to_ms": gap.to_ms, "ms": gap.ms, "turn": gap.turn, "why": gap.why}


def _diverged(diverged: Divergence | None) -> dict[str, Any] | None:
    return asdict(diverged) if diverged is not None else None


def _change(change: TurnChange) -> dict[str, Any]:
    return {
        "base": change.base.number if change.base is not None else None,
        "now": change.now.number if change.now is not None else None,
        "scored": change.scored,
        "moved": change.moved,
        "wait_ms": change.wait_ms,
        "stages": dict(change.stages),
        "stage": change.stage,
        "heard": change.heard,
        "said": change.said,
        "tools": change.tools,
    }


def _rows(rows: Iterable[Any]) -> list[Any]:
    return [_json({name: getattr(row, name) for name in row.__dataclass_fields__}) for row in rows]


def _json(value: Any, depth: int = 0) -> Any:
    """Any value as JSON can hold it: no NaN, no bytes, no depth without end."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth >= DEEPEST:
        return f"<{type(value).__name__}>"
    if isinstance(value, Mapping):
        return {str(key): _json(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_json(inner, depth + 1) for inner in value]
    return str(value) if isinstance(value, PurePath) else f"<{type(value).__name__}>"
