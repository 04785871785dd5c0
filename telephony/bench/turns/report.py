"""The figures of a turn bench, printed: a table for each measure, and the targets at the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from telephony.bench.turns.bench import curve_points
from telephony.bench.turns.sums import wrong_sums
from telephony.bench.turns.tallies import cut_share_at
from telephony.bench.turns.targets import Target, targets

Result = Mapping[str, Any]
_TITLES = {
    "slots": "slots, the true words released",
    "slots_embedded": "slots, the embedded recogniser",
    "free": "free speech, the true words released",
}
_ANSWER_COLUMNS = (
    "", "items", "cut", "pauses cut", "not ended", "ended", "end p50", "p90", "p95", "commit p50", "p90", "p95",
    "understood",
)  # fmt: skip


def print_report(console: Console, result: Result) -> None:
    """All that was measured; then the targets."""
    for name, title in _TITLES.items():
        for condition, figures in result.get(name, {}).items():
            console.print(_answers(f"{title}: {condition} (ms)", figures))
            _causes(console, figures)
    _curves(console, result)
    for name in ("stops", "heard", "backchannels", "vad"):
        if name in result:
            console.print(_plain(name, result[name]))
    for name in ("noise", "babble", "echo"):
        if name in result:
            console.print(_backgrounds(name, result[name]))
    if "babble" in result:
        console.print(BABBLE_IS_SPEECH, highlight=False)
    for kind, figures in result.get("double_talk", {}).items():
        console.print(_double_talk(kind, figures))
    if "far_end" in result:
        console.print(_far_end(result["far_end"]))
        console.print(PROMPTS_ARE_NO_GREETINGS, highlight=False)
    console.print(_targets(targets(result)))
    for problem in (*problems(result), *wrong_sums(result)):
        console.print(f"[bold]wrong[/bold] {problem}", highlight=False)


def problems(result: Any) -> list[str]:
    """Calls that broke and errors of the journals, from anywhere in the result."""
    if not isinstance(result, Mapping):
        return []
    found = [str(each) for name in ("broken", "errors") for each in result.get(name) or () if isinstance(each, str)]
    return sorted({*found, *(each for value in result.values() for each in problems(value))})


def _answers(title: str, figures: Result) -> Table:
    table = Table(title=title, title_justify="left")
    for column in _ANSWER_COLUMNS:
        table.add_column(column, justify="right" if column else "left")
    rows = [*figures["kinds"].items(), *figures["shapes"].items(), ("all", figures["all"])]
    for name, row in rows:
        table.add_row(name, *_answer_cells(row), style="bold" if name == "all" else None)
    return table


def _answer_cells(row: Result) -> list[str]:
    cells = [str(row["items"]), f"{row['cut']} ({row['cut_share']:.1%})"]
    cells.append(f"{row['pauses_cut']} of {row['pauses']}")
    cells += [str(row["not_ended"]), str(row["ended"])]
    cells += [_cell(row[f"{what}_p{percent}_ms"]) for what in ("ended", "committed") for percent in (50, 90, 95)]
    return [*cells, f"{row['understood']} of {row['items']}"]


def _cell(value: object) -> str:
    return "-" if value is None else str(value)


def _causes(console: Console, figures: Result) -> None:
    row = figures["all"]
    for name, title in (("causes", "lost"), ("reasons", "ended by"), ("cut_reasons", "cut off by")):
        if row[name]:
            told = ", ".join(f"{what} {count}" for what, count in row[name].items())
            console.print(f"{title}: {told}", highlight=False)
    if row["probable_p50_ms"] is not None:
        console.print(f"probable end, p50: {row['probable_p50_ms']} ms", highlight=False)
    for example in figures["examples"][:5]:
        console.print(f"  {_example(example)}", highlight=False, markup=False)


def _example(example: Result) -> str:
    if "cut_after_words" not in example:
        return f"{example['cause']}: said {example['said']!r}, heard {example['heard'] or '(nothing)'!r}"
    words = example["said"].split()
    words.insert(example["cut_after_words"], "|")
    return f"cut off ({example['reason']}): {' '.join(words)}"


def _curves(console: Console, result: Result) -> None:
    if "curves" not in result:
        return
    table = Table(title="free speech: pauses cut against mean delay", title_justify="left")
    for column in ("setting", "mean delay, ms", "pauses cut"):
        table.add_column(column, justify="left" if column == "setting" else "right")
    for row in curve_rows(result)[1:]:
        table.add_row(*row)
    console.print(table)
    for mean_ms in (300, 600):
        told = []
        for curve in ("words", "silence"):
            share = cut_share_at(curve_points(result, curve), mean_ms)
            told.append(f"{curve} {'-' if share is None else f'{share:.1%}'}")
        console.print(f"pauses cut at {mean_ms} ms mean delay: {', '.join(told)}", highlight=False)


def curve_rows(result: Result) -> list[list[str]]:
    """The points of both curves, with a head."""
    rows = [["setting", "mean delay, ms", "pauses cut"]]
    for curve in ("words", "silence"):
        points = curve_points(result, curve)
        rows += [[f"{curve}: {point.label}", f"{point.mean_ms:.0f}", f"{point.cut_share:.1%}"] for point in points]
    return rows


def _plain(name: str, figures: Result) -> Table:
    table = Table(title=name, title_justify="left", show_header=False)
    for key, value in figures.items():
        if not isinstance(value, list | dict):
            table.add_row(key.replace("_", " "), _cell(value))
    return table


def _backgrounds(name: str, figures: Result) -> Table:
    table = Table(title=f"{name}: what stopped the agent while nobody spoke", title_justify="left")
    columns = ("agent_minutes", "stops", "resumed_in_time", "resumed_p95_ms", "abandoned", "turns")
    for column in ("background", *(column.replace("_", " ") for column in columns)):
        table.add_column(column, justify="left" if column == "background" else "right")
    for each, row in [*figures["backgrounds"].items(), ("all", figures["all"])]:
        table.add_row(each, *(_cell(row[column]) for column in columns), style="bold" if each == "all" else None)
    return table


BABBLE_IS_SPEECH = (
    "Babble is speech: a detector rightly says so. To be expected are stops when it begins, and no words: "
    "the agent then goes on. Where a recogniser finds words in it, the agent takes them for the caller's."
)

PROMPTS_ARE_NO_GREETINGS = (
    "Recorded prompts are single lines of menus and mailboxes; few of them greet, and few tell a machine by themselves."
)


def _double_talk(kind: str, figures: Result) -> Table:
    table = Table(
        title=f"double talk, {kind}: the caller speaks while the agent's voice comes back", title_justify="left"
    )
    columns = (
        "interruptions", "missed", "stop_p50_ms", "stop_p95_ms", "kept_on", "agent_minutes", "false_stops",
        "false_stops_at_first", "resumed_in_time",
    )  # fmt: skip
    for column in ("echo", *(column.replace("_", " ") for column in columns)):
        table.add_column(column, justify="left" if column == "echo" else "right")
    for each, row in [*figures["rows"].items(), ("all", figures["all"])]:
        table.add_row(each, *(_cell(row[column]) for column in columns), style="bold" if each == "all" else None)
    return table


def _far_end(figures: Result) -> Table:
    table = Table(title="far end: who was taken for a machine", title_justify="left")
    for column in (
        "who",
        "is a",
        "calls",
        "taken for a machine",
        "after, p50 ms",
        "p95",
        "beeps told",
        "after, p50 ms",
        "by",
    ):
        table.add_column(column, justify="left" if column in ("who", "is a", "by") else "right")
    for group, row in figures["groups"].items():
        beeps = f"{row['beeps_told']} of {row['beeps']}" if row["beeps"] or row["beeps_told"] else "-"
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(row["reasons"].items()))
        table.add_row(
            group, "machine" if row["machine"] else "person", str(row["calls"]), str(row["told"]),
            _cell(row["decided_p50_ms"]), _cell(row["decided_p95_ms"]), beeps,
            _cell(row["beep_told_after_p50_ms"]), reasons,
        )  # fmt: skip
    return table


def _targets(rows: Iterable[Target]) -> Table:
    table = Table(title="targets", title_justify="left")
    for column in ("measure", "target", "figure", "met"):
        table.add_column(column)
    for row in rows:
        met = (
            "too few to tell" if row.few else "" if row.met is None else "yes" if row.met else "[bold red]no[/bold red]"
        )
        table.add_row(row.measure, row.target, row.figure, met)
    return table
