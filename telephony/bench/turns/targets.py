"""The figures of a turn bench against what turn-taking is to reach. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from telephony.bench.turns.bench import curve_points
from telephony.bench.turns.tallies import cut_share_at

Result = Mapping[str, Any]
#: Behind a figure: with fewer items, one more or less is five points.
LEAST = 20
#: Of the agent's speech: behind what may happen once a minute, and behind what may happen once in ten.
LEAST_MINUTES, LEAST_MINUTES_OF_TEN = 3, 7
_CORE = "numbers and spelled words, true words"


@dataclass(frozen=True, slots=True)
class Target:
    """One row: a measure, what it is to be, what it is ("-": not measured) and of how many, and whether that is met
    (None: not measured, or `few`: too little stands behind the figure to tell)."""

    measure: str
    target: str
    figure: str
    met: bool | None
    few: bool = False


def targets(result: Result) -> list[Target]:
    """All rows, in order; of what was not measured `met` is None."""
    return [*_slots(result), *_free(result), *_over_talk(result), *_vad(result)]


def _slots(result: Result) -> list[Target]:
    figures = result.get("slots", {}).get("clean", {}).get("core")
    cut, wait = f"{_CORE}: false cutoffs", f"{_CORE}: end of turn, p50"
    return [
        _row(cut, "under 1 %", figures, "cut_share", 0.01, share=True, strict=True, of="items"),
        _row(wait, "at most 250 ms", figures, "ended_p50_ms", 250, of="ended"),
    ]


def _free(result: Result) -> list[Target]:
    words, silence = curve_points(result, "words"), curve_points(result, "silence")
    pauses = _pauses(result)
    found = []
    for mean_ms in (300, 600):
        ours, theirs = cut_share_at(words, mean_ms), cut_share_at(silence, mean_ms)
        measure = f"free speech: pauses cut at {mean_ms} ms mean delay, against silence alone"
        if ours is None or theirs is None:
            found.append(Target(measure, "at most half", "-", None))
        else:
            met = round(ours - theirs / 2, 4) <= 0
            found.append(_told(measure, "at most half", f"{ours:.1%} against {theirs:.1%}", met, pauses, "pauses"))
    at_300 = cut_share_at(words, 300)
    goal = "free speech: pauses cut at 300 ms mean delay"
    if at_300 is None:
        return [*found, Target(goal, "15 %", "-", None)]
    return [*found, _told(goal, "15 %", f"{at_300:.1%}", round(at_300, 4) <= 0.15, pauses, "pauses")]


def _pauses(result: Result) -> int:
    """So many stand behind each point of the curves: all are of the same items."""
    curves = result.get("curves", {}).values()
    return min((point["pauses"] for points in curves for point in points.values()), default=0)


def _over_talk(result: Result) -> list[Target]:
    stops, noise, echo = result.get("stops"), result.get("noise", {}).get("all"), result.get("echo", {}).get("all")
    said, heard = result.get("backchannels"), result.get("heard")
    rows = [
        _row("stop time, p50", "at most 120 ms", stops, "stop_p50_ms", 120, of="stopped"),
        _row("stop time, p95", "at most 200 ms", stops, "stop_p95_ms", 200, of="stopped"),
        _row("missed stops", "none", stops, "missed", 0, of="interruptions"),
    ]
    for name, figures in (("noise, music, tones at 10 dB", noise), ("the agent's own echo", echo)):
        late = figures and {**figures, "late": figures["stops"] - figures["resumed_in_time"]}
        minutes = figures["agent_minutes"] if figures is not None else 0
        few, few_of_ten = minutes < LEAST_MINUTES, minutes < LEAST_MINUTES_OF_TEN
        rows += [
            _row(f"{name}: false stops a minute", "at most 1", figures, "stops_a_minute", 1, of="agent_minutes",
                 few=few),
            _row(f"{name}: stops not resumed within 1 s", "none", late, "late", 0, of="stops", few=few),
            _row(f"{name}: replies given up in 10 minutes", "under 1", figures, "abandoned_in_10_minutes", 1,
                 strict=True, of="agent_minutes", few=few_of_ten),
        ]  # fmt: skip
    broken = said and {**said, "broken": said["replies"] - said["replies_whole_in_history"]}
    resumed = said and {**said, "lost": 1 - said["resumed_share"]}
    rows += [
        _row("backchannels: not gone on after", "at most 10 %", resumed, "lost", 0.1, share=True,
             of="backchannels"),
        _row("backchannels: replies not whole in the history", "none", broken, "broken", 0, of="replies"),
        _row("words heard: most by which the history is off", "at most 1", heard, "off_max", 1,
             of="replies"),
    ]  # fmt: skip
    return rows


def _vad(result: Result) -> list[Target]:
    vad = result.get("vad")
    cost = vad and {**vad, "calls": len(vad.get("calls", ()))}
    return [
        _row("voice activity: missed speech", "at most 3 %", vad, "missed", 0.03, share=True, of="windows"),
        _row("voice activity: false speech", "at most 5 %", vad, "false", 0.05, share=True, of="windows"),
        _row(
            "voice activity: cost of a frame", "under 20 us", cost, "frame_us", 20, strict=True, of="calls", few=False
        ),
    ]


def _row(
    measure: str,
    target: str,
    figures: Mapping[str, Any] | None,
    name: str,
    most: float,
    *,
    of: str,
    share: bool = False,
    strict: bool = False,
    few: bool | None = None,
) -> Target:
    """`of`: the name of how many stand behind the figure. `few` None: they are counted."""
    value = None if figures is None else figures.get(name)
    if figures is None or value is None:
        return Target(measure, target, "-", None)
    figure = f"{value:.2%}" if share else f"{value:g}"
    return _told(measure, target, figure, value < most if strict else value <= most, figures[of], _OF[of], few)


#: How many of what, in words.
_OF = {
    "items": "",
    "ended": "",
    "stopped": "",
    "interruptions": "",
    "backchannels": "",
    "replies": "replies",
    "stops": "stops",
    "agent_minutes": "minutes",
    "windows": "windows",
    "calls": "calls",
}


def _told(measure: str, target: str, figure: str, met: bool, count: float, of: str, few: bool | None = None) -> Target:
    few = count < LEAST if few is None else few
    return Target(measure, target, f"{figure} (of {f'{count:g} {of}'.strip()})", None if few else met, few)
