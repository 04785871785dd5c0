"""The counts of a bench's result, held against each other: what went in is what came out, and parts add up. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Result = Mapping[str, Any]


def wrong_sums(result: Result) -> list[str]:
    """What does not add up, one line each; none of a sound result."""
    return [f"the figures do not add up: {told}" for told in _wrong(result)]


def _wrong(result: Result) -> Iterator[str]:
    for name in ("slots", "slots_embedded", "free"):
        for condition, figures in result.get(name, {}).items():
            yield from _answers(f"{name}, {condition}", figures)
    for name, parts in (
        ("stops", ("stopped", "missed")),
        ("heard", ("off_by_none", "off_by_one", "off_by_more")),
        ("heard", ("off_by_none", "too_many", "too_few")),
    ):
        if name in result:
            whole = "replies" if name == "heard" else "interruptions"
            yield from _sum(name, result[name], whole, parts)
    for name, items in (("stops", "interruptions"), ("backchannels", "backchannels")):
        if name in result:
            yield from _same(name, "planned", result[name]["planned"], "played", result[name][items])
    for name in ("noise", "babble", "echo"):
        if name in result:
            yield from _rows(name, result[name]["all"], result[name]["backgrounds"], ("stops", "abandoned", "turns"))
    for kind, figures in result.get("double_talk", {}).items():
        name = f"double_talk, {kind}"
        yield from _sum(name, figures["all"], "interruptions", ("stopped", "missed"))
        yield from _same(name, "planned", figures["planned"], "played", figures["all"]["interruptions"])
        yield from _rows(name, figures["all"], figures["rows"], ("interruptions", "stopped", "false_stops"))
    if "far_end" in result:
        calls = sum(figures["calls"] for figures in result["far_end"]["groups"].values())
        yield from _same("far_end", "planned", result["far_end"]["planned"], "played", calls)


def _answers(name: str, figures: Result) -> Iterator[str]:
    row = figures["all"]
    yield from _same(name, "planned", figures["planned"], "played", row["items"])
    for each in (row, *figures["kinds"].values(), *figures["shapes"].values()):
        yield from _sum(name, each, "items", ("cut", "ended", "not_ended"))
        lost = sum(each["causes"].values())
        yield from _same(name, "items", each["items"], "whole and lost", each["whole"] + lost)
        yield from _same(name, "cut", each["cut"], "of causes", each["causes"].get("cut off", 0))
    for parts in ("kinds", "shapes"):
        yield from _rows(
            f"{name}, {parts}", row, figures[parts], ("items", "cut", "pauses", "pauses_cut", "understood")
        )


def _rows(name: str, whole: Result, parts: Mapping[str, Result], counts: tuple[str, ...]) -> Iterator[str]:
    for count in counts:
        yield from _same(name, count, whole[count], "of all rows", sum(part[count] for part in parts.values()))


def _sum(name: str, figures: Result, whole: str, parts: tuple[str, ...]) -> Iterator[str]:
    yield from _same(name, whole, figures[whole], " + ".join(parts), sum(figures[part] for part in parts))


def _same(name: str, what: str, count: int, other: str, other_count: int) -> Iterator[str]:
    if count != other_count:
        yield f"{name}: {what} {count}, {other} {other_count}"
