"""The figures of a turn bench against what turn-taking is to reach. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from telephony.bench.turns.bench import curve_points
from telephony.bench.turns.tallies import cut_share_at

Result = Mapping[str, Any]
_CORE = "numbers and spelled words, true words"


@dataclass(frozen=True, slots=True)
class Target:
    """One row: a measure, what it is to be, what it is ("-": not measured), and whether that is met."""

    measure: str
    target: str
    figure: str
    met: bool | None


def targets(result: Result) -> list[Target]:
    """All rows, in order; of what was not measured `met` is None."""
    return [*_slots(result), *_free(result), *_over_talk(result), *_vad(result)]


def _slots(result: Result) -> list[Target]:
    figures = result.get("slots", {}).get("clean", {}).get("core")
    cut, wait = f"{_CORE}: false cutoffs", f"{_CORE}: end of turn, p50"
    return [
        _row(cut, "under 1 %", figures, "cut_share", 0.01, share=True, strict=True, more=_of(figures, "items")),
        _row(wait, "at most 250 ms", figures, "ended_p50_ms", 250),
    ]


def _free(result: Result) -> list[Target]:
    words, silence = curve_points(result, "words"), curve_points(result, "silence")
    at_300 = cut_share_at(words, 300)
    found = []
    for mean_ms in (300, 600):
        ours, theirs = cut_share_at(words, mean_ms), cut_share_at(silence, mean_ms)
        known = ours is not None and theirs is not None
        figure = f"{ours:.1%} against {theirs:.1%}" if ours is not None and theirs is not None else "-"
        met = round(ours - theirs / 2, 4) <= 0 if ours is not None and theirs is not None else None
        measure = f"free speech: pauses cut at {mean_ms} ms mean delay, against silence alone"
        found.append(Target(measure, "at most half", figure if known else "-", met))
    goal = Target(
        "free speech: pauses cut at 300 ms mean delay",
        "15 %",
        "-" if at_300 is None else f"{at_300:.1%}",
        None if at_300 is None else round(at_300, 4) <= 0.15,
    )
    return [*found, goal]


def _over_talk(result: Result) -> list[Target]:
    stops, noise, echo = result.get("stops"), result.get("noise", {}).get("all"), result.get("echo", {}).get("all")
    said, heard = result.get("backchannels"), result.get("heard")
    rows = [
        _row("stop time, p50", "at most 120 ms", stops, "stop_p50_ms", 120),
        _row("stop time, p95", "at most 200 ms", stops, "stop_p95_ms", 200),
        _row("missed stops", "none", stops, "missed", 0, more=_of(stops, "interruptions")),
    ]
    for name, figures in (("noise, music, tones at 10 dB", noise), ("the agent's own echo", echo)):
        late = None if figures is None else {"late": figures["stops"] - figures["resumed_in_time"]}
        rows += [
            _row(f"{name}: false stops a minute", "at most 1", figures, "stops_a_minute", 1),
            _row(f"{name}: stops not resumed within 1 s", "none", late, "late", 0, more=_of(figures, "stops")),
            _row(f"{name}: replies given up in 10 minutes", "under 1", figures, "abandoned_in_10_minutes", 1,
                 strict=True),
        ]  # fmt: skip
    broken = None if said is None else {"broken": said["replies"] - said["replies_whole_in_history"]}
    resumed = None if said is None else {"lost": 1 - said["resumed_share"]}
    rows += [
        _row("backchannels: not gone on after", "at most 10 %", resumed, "lost", 0.1, share=True,
             more=_of(said, "backchannels")),
        _row("backchannels: replies not whole in the history", "none", broken, "broken", 0, more=_of(said, "replies")),
        _row("words heard: most by which the history is off", "at most 1", heard, "off_max", 1,
             more=_of(heard, "replies")),
    ]  # fmt: skip
    return rows


def _vad(result: Result) -> list[Target]:
    vad = result.get("vad")
    return [
        _row("voice activity: missed speech", "at most 3 %", vad, "missed", 0.03, share=True),
        _row("voice activity: false speech", "at most 5 %", vad, "false", 0.05, share=True),
        _row("voice activity: cost of a frame", "under 20 us", vad, "frame_us", 20, strict=True),
    ]


def _of(figures: Mapping[str, Any] | None, name: str) -> str:
    return "" if figures is None else f" (of {figures[name]})"


def _row(
    measure: str,
    target: str,
    figures: Mapping[str, Any] | None,
    name: str,
    most: float,
    *,
    share: bool = False,
    strict: bool = False,
    more: str = "",
) -> Target:
    value = None if figures is None else figures.get(name)
    if value is None:
        return Target(measure, target, "-", None)
    figure = f"{value:.2%}" if share else f"{value:g}"
    return Target(measure, target, figure + more, value < most if strict else value <= most)
