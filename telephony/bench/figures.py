"""Figures of a benchmark: percentiles, and the table that shows where a turn's time goes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from agent.summary import STAGES, percentile

PERCENTS = (50, 90, 95, 99)


def spread(values: Sequence[int]) -> dict[str, int | None]:
    """n, p50, p90, p95, p99 and max, by nearest rank."""
    figures: dict[str, int | None] = {"n": len(values)}
    figures |= {f"p{percent}_ms": percentile(values, percent) for percent in PERCENTS}
    figures["max_ms"] = max(values, default=None)
    return figures


def stage_medians(turns: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """The median of each stage over turns as call.json has them (`turns[].stages`)."""
    stages = [turn["stages"] for turn in turns if turn.get("stages")]
    return {name: round(median(turn[name] for turn in stages)) for name in STAGES} if stages else {}


def print_latency(console: Console, title: str, ear: Mapping[str, int | None], stages: Mapping[str, int]) -> None:
    """One table: voice to voice at the caller's ear, and the stages as the journals tell them."""
    table = Table(title=title, title_justify="left")
    table.add_column("voice to voice, at the ear")
    for name in ear:
        table.add_column(name.removesuffix("_ms"), justify="right")
    table.add_row("ms", *("-" if value is None else str(value) for value in ear.values()))
    console.print(table)
    if stages:
        parts = ", ".join(f"{name.removesuffix('_ms')} {value}" for name, value in stages.items())
        console.print(f"where the time goes (medians, ms, from the journals): {parts}")
