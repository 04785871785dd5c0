"""Two runs side by side on a terminal: what moved, in red and green, and the verdict. As harmless as table.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from telephony.replay.judging.compare import Comparison, Summary
from telephony.replay.judging.outcome import Cutoff
from telephony.replay.judging.turn_changes import DEFAULT, TurnChange, signed, stage_name
from telephony.replay.report.table import divergence_line, notes_of, number, plain_table, seconds, words

_FIGURES = ("p50_ms", "p95_ms", "max_ms")


def summary_view(summary: Summary) -> Group:
    """All calls on both sides; of a single call, its turns. The last lines are the verdict, and why it is worse."""
    parts: list[RenderableType] = []
    if len(summary.comparisons) == 1:
        parts.append(comparison_view(summary.comparisons[0]))
    else:
        parts += [_calls(summary.comparisons), Text(), _latencies(summary.latency, {})]
    parts += notes_of(run for one in summary.comparisons if (run := one.now or one.base) is not None)
    parts += [Text(), words(summary.verdict, "bold red" if summary.worse else "bold green")]
    parts += [words(f"worse: {reason}", "red") for reason in summary.reasons]
    return Group(*parts)


def comparison_view(comparison: Comparison) -> Group:
    """One call on both sides: turn by turn, and the latencies side by side."""
    parts: list[RenderableType] = [words(comparison.name, "bold")]
    if comparison.failed:
        parts.append(words(comparison.failed, "bold red"))
    if comparison.turns:
        parts += [_turns(comparison.turns), Text(), _latencies(comparison.latency, comparison.stage_medians)]
    parts += [_cutoff("new", cutoff, "bold red") for cutoff in comparison.new_cutoffs]
    parts += [_cutoff("gone", cutoff, "green") for cutoff in comparison.gone_cutoffs]
    for name, (then, now) in (("barge-ins", comparison.barge_ins), ("false stops", comparison.false_stops)):
        if then != now:
            parts.append(Text(f"{name}: {then} -> {now}", "yellow"))
    if comparison.diverged is not None:
        parts.append(divergence_line(comparison.diverged, "base"))
    return Group(*parts)


def _calls(comparisons: Sequence[Comparison]) -> Table:
    table = plain_table("call", ">turns", ">p50", ">now", ">", ">cutoffs", ">words", "what moved")
    for one in comparisons:
        base, now = one.latency
        scored = len(one.scored)
        cutoffs = Text(f"+{len(one.new_cutoffs)}" if one.new_cutoffs else "", "red")
        if one.gone_cutoffs:
            cutoffs.append(f"-{len(one.gone_cutoffs)}", "green")
        changed = sum(turn.heard or turn.said for turn in one.scored)
        table.add_row(
            words(one.name),
            str(scored) if scored == len(one.turns) else f"{scored}/{len(one.turns)}",
            number(base["p50_ms"]),
            number(now["p50_ms"]),
            _difference(base["p50_ms"], now["p50_ms"]),
            cutoffs,
            Text(str(changed or ""), "red"),
            _what_moved(one),
        )
    return table


def _what_moved(comparison: Comparison) -> Text:
    """The label of the turn that moved most, or why there is none."""
    if comparison.failed:
        return words(comparison.failed, "bold red")
    moved = [turn for turn in comparison.scored if turn.label]
    if moved:
        most = max(moved, key=lambda turn: abs(turn.stages[turn.stage]))
        return Text(most.label, _colour(most.stages[most.stage]))
    if comparison.diverged is not None:
        return Text(f"parted at turn {comparison.diverged.turn}: {comparison.diverged.what}", "yellow")
    return Text("nothing", "dim")


def _turns(turns: Sequence[TurnChange]) -> Table:
    table = plain_table(">#", "heard, answered", ">base", ">now", ">", "what moved")
    for change in turns:
        base, now = change.base, change.now
        turn = now or base
        table.add_row(
            str(turn.number) if turn is not None else "",
            _said(change),
            number(base.voice_to_voice_ms) if base is not None else "-",
            number(now.voice_to_voice_ms) if now is not None else "-",
            Text(f"{change.wait_ms:+d}", _colour(change.wait_ms)) if change.wait_ms is not None else "",
            Text(change.label, _colour(change.stages[change.stage])) if change.label else "",
            style="" if change.scored else "dim",
        )
    return table


def _said(change: TurnChange) -> Text:
    """Words that are the same on both sides once; others with "-" (base) and "+" (now) before them."""
    base, now = change.base, change.now
    text = Text()
    lines = [(base.text if base else None, now.text if now else None, change.heard or base is None or now is None)]
    lines.append((base.reply if base else None, now.reply if now else None, change.said or base is None or now is None))
    for was, is_now, changed in lines:
        shown = [("- ", was, "red"), ("+ ", is_now, "green")] if changed else [("", is_now, "")]
        for sign, line, style in shown:
            if line:
                text.append("\n" if text.plain else "").append_text(words(sign + line, style))
    if change.tools:
        text.append("\nother tools", "red")
    if not change.scored:
        text.append("\nnot scored")
    return text


def _latencies(
    sides: tuple[Mapping[str, int | None], Mapping[str, int | None]], medians: Mapping[str, tuple[int, int]]
) -> Table:
    """Voice to voice, and the medians of the stages; milliseconds."""
    table = plain_table("voice to voice", ">base", ">now", ">")
    table.add_row("turns", number(sides[0]["n"]), number(sides[1]["n"]), "")
    for name in _FIGURES:
        was_ms, is_ms = sides[0][name], sides[1][name]
        table.add_row(stage_name(name), number(was_ms), number(is_ms), _difference(was_ms, is_ms))
    for stage, (was_ms, is_ms) in medians.items():
        table.add_row(f"{stage_name(stage)} (p50)", str(was_ms), str(is_ms), _difference(was_ms, is_ms))
    return table


def _cutoff(what: str, cutoff: Cutoff, style: str) -> Text:
    told = f"{what} cutoff: turn {cutoff.turn}, the caller went on at {seconds(cutoff.at_ms)}"
    return Text(f"{told}, after {cutoff.after_ms} ms", style)


def _difference(was_ms: int | None, is_ms: int | None) -> Text:
    if was_ms is None or is_ms is None:
        return Text()
    return Text(signed(is_ms - was_ms) if is_ms != was_ms else "=", _colour(is_ms - was_ms))


def _colour(ms: int) -> str:
    """Red for slower, green for quicker, nothing for noise."""
    if abs(ms) <= DEFAULT.noise_ms:
        return "dim"
    return "bold red" if ms > 0 else "green"
