"""The page of a comparison: two runs of one call, one above the other on one time scale, with what is other marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from telephony.replay.judging.compare import Comparison, compare
from telephony.replay.judging.result import Run
from telephony.replay.judging.turn_changes import TurnChange
from telephony.replay.picture.scene import Flag
from telephony.replay.report.page.parts import divergence_html, facts, failed_html, figures_html, head_html
from telephony.replay.report.page.report import call_html, title_of, write_html
from telephony.replay.report.page.side import Side, read_side
from telephony.replay.report.page.turns import Against, is_change, turns_html

NOW, BASE = "now", "base"


def write_comparison(
    base: Run, now: Run, path: Path, *, comparison: Comparison | None = None, back: str = "", base_name: str = BASE
) -> None:
    """Two runs of one call as one HTML file, of mode 0600. `comparison`: of these two, if it was made already.

    `base_name`: what the page calls the first. `back`: the address of an index, beside it.
    Raises LocalError if the file cannot be written.
    """
    found = comparison or compare(base, now)
    sides = [_side(now, NOW, found), _side(base, base_name, found)]
    if sides[0] is not None:
        sides[0] = _marked(sides[0], found.turns)
    against = Against(base_name, found.turns, found.diverged)
    reactive = "reactive" in (base.plan.caller, now.plan.caller)
    head = [
        head_html(title_of(sides), [found.name, f"{base_name}: {_plan(base)}", f"now: {_plan(now)}"], back),
        failed_html(base),
        failed_html(now),
        figures_html(comparison_figures(found)),
        divergence_html(found.diverged, reactive=reactive, before=base_name),
    ]
    page = call_html(
        f"{found.name}: two runs of a call", head, [turns_html(now, against)], {NOW: now, base_name: base}, sides
    )
    write_html(path, page)


def comparison_figures(found: Comparison) -> list[tuple[str, str, str, bool]]:
    """Name, value, note and alarm of each figure of a comparison."""
    was, is_now = found.latency
    scored = found.scored
    changed = sum(turn.heard or turn.said for turn in scored)
    tools = sum(turn.tools for turn in scored)
    out = [("Turns", str(len(found.turns)), f"{len(scored)} scored", False)]
    for name, key in (("Wait, median", "p50_ms"), ("Wait, p95", "p95_ms")):
        then_ms, now_ms = was[key], is_now[key]
        if then_ms is None or now_ms is None:
            out.append((name, "–", "voice to voice", False))
        else:
            out.append((name, f"{now_ms} ms", f"was {then_ms} ms: {now_ms - then_ms:+d} ms", now_ms - then_ms > 60))
    medians = {stage: after - before for stage, (before, after) in found.stage_medians.items()}
    moved = max(medians, key=lambda stage: abs(medians[stage]), default="")
    if moved and medians[moved]:
        out.append(("Moved most", moved.removesuffix("_ms"), f"{medians[moved]:+d} ms (median)", medians[moved] > 60))
    out.append(("Words changed", str(changed), "turns heard or answered otherwise", changed > 0))
    out.append(("Tools changed", str(tools), "turns", tools > 0))
    gone = f"{len(found.gone_cutoffs)} gone" if found.gone_cutoffs else "caller went on"
    out.append(("New cutoffs", str(len(found.new_cutoffs)), gone, bool(found.new_cutoffs)))
    return out


def _plan(run: Run) -> str:
    return ", ".join(facts(run, timing=False))


def _side(run: Run, title: str, found: Comparison) -> Side | None:
    if run.folder is None:
        return None
    return read_side(run.folder, title, run.outcome, found.diverged)


def _marked(side: Side, changes: Sequence[TurnChange]) -> Side:
    """The side with a flag at each turn that is other than it was."""
    flags = [flag for change in changes if (flag := _flag(change)) is not None]
    both = sorted([*side.scene.flags, *flags], key=lambda flag: flag.at_ms)
    return replace(side, scene=replace(side.scene, flags=tuple(both)))


def _flag(change: TurnChange) -> Flag | None:
    turn = change.now
    if turn is None or not is_change(change) or not change.scored:
        return None
    words = [name for name, on in (("heard", change.heard), ("answered", change.said), ("tools", change.tools)) if on]
    label = f"other: {', '.join(words)}" if words else change.label
    at_ms = turn.speech_end_ms if turn.speech_end_ms is not None else turn.committed_ms
    worse = bool(words) or (change.wait_ms or 0) > 0
    return Flag(min(max(at_ms, 0), turn.committed_ms), "changed" if worse else "better", label or "moved")
