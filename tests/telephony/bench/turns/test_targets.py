from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from telephony.bench.turns.measures import figures_of
from telephony.bench.turns.report import print_report, problems
from telephony.bench.turns.tallies import tally
from telephony.bench.turns.targets import targets
from telephony.bench.turns.turn_ends import turn_end

from .made import event, item

EXAMPLE = {"said": "four seven", "cause": "cut off", "reason": "silence", "heard": "", "cut_after_words": 1}


def answers(*ended_ms: int) -> dict[str, Any]:
    ends = [
        turn_end(
            item(("four", 0, 300), value="4"), 0, 9000, [event("turn.ended", at, speech_end_ms=300, reason="complete")]
        )
        for at in ended_ms
    ]
    row = figures_of(tally(ends))
    return {
        "planned": len(ended_ms),
        "all": row,
        "core": row,
        "kinds": {"digits": row},
        "shapes": {"digits 4": row},
        "examples": [EXAMPLE],
        "broken": [],
    }


def point(label: str, mean_ms: float, cut_share: float) -> dict[str, Any]:
    return {"label": label, "mean_ms": mean_ms, "cut_share": cut_share, "pauses": 70, "items": 4, "ended": 4}


def curve(*points: tuple[float, float]) -> dict[str, Any]:
    return {str(at): point(str(at), *each) for at, each in enumerate(points)}


RESULT: dict[str, Any] = {
    "slots": {"clean": answers(*[500, 520, 100] * 7)},
    "curves": {"words": curve((200, 0.2), (400, 0.1)), "silence": curve((200, 0.8), (400, 0.2))},
    "stops": {
        "planned": 30,
        "interruptions": 30,
        "stopped": 29,
        "missed": 0,
        "stop_p50_ms": 120,
        "stop_p95_ms": 220,
        "errors": ["a line"],
        "broken": ["stops 1: it stood still"],
    },
}


def test_targets_are_met_or_not_or_not_measured() -> None:
    rows = {row.measure: (row.figure, row.met) for row in targets(RESULT)}
    assert rows["numbers and spelled words, true words: false cutoffs"] == ("33.33% (of 21)", False)
    assert rows["numbers and spelled words, true words: end of turn, p50"] == ("200 (of 14)", None)
    assert rows["free speech: pauses cut at 300 ms mean delay"] == ("15.0% (of 70 pauses)", True)
    assert rows["free speech: pauses cut at 300 ms mean delay, against silence alone"] == (
        "15.0% against 50.0% (of 70 pauses)",
        True,
    )
    assert rows["free speech: pauses cut at 600 ms mean delay, against silence alone"] == ("-", None)
    assert rows["stop time, p50"] == ("120 (of 29)", True)
    assert rows["stop time, p95"] == ("220 (of 29)", False)
    assert rows["missed stops"] == ("0 (of 30)", True)
    assert rows["words heard: most by which the history is off"] == ("-", None)


@pytest.mark.parametrize(("minutes", "few"), [(2.5, True), (7.5, False)])
def test_what_little_stands_behind_is_no_failure_and_no_success(minutes: float, few: bool) -> None:
    noise = {"agent_minutes": minutes, "stops": 3, "resumed_in_time": 2, "stops_a_minute": 0.3}
    result = {
        "curves": {"words": curve((200, 0.9), (400, 0.9)), "silence": curve((200, 0.8), (400, 0.8))},
        "noise": {"all": {**noise, "abandoned_in_10_minutes": 2.0}},
        "vad": {"missed": 0.5, "false": 0.01, "frame_us": 12, "windows": 4000, "calls": [{}, {}]},
    }
    result["curves"]["words"]["0"]["pauses"] = 19
    rows = {row.measure: row for row in targets(result)}
    assert all("(of " in row.figure for row in rows.values() if row.figure != "-"), "every figure says of how many"
    goal = rows["free speech: pauses cut at 300 ms mean delay"]
    assert (goal.figure, goal.met, goal.few) == ("90.0% (of 19 pauses)", None, True)
    given_up = rows["noise, music, tones at 10 dB: replies given up in 10 minutes"]
    assert (given_up.figure, given_up.met) == (f"2 (of {minutes} minutes)", None if few else False)
    late = rows["noise, music, tones at 10 dB: stops not resumed within 1 s"]
    assert (late.figure, late.few) == ("1 (of 3 stops)", few), "that there are few of them is good"
    assert rows["voice activity: missed speech"].met is False
    assert rows["voice activity: cost of a frame"].met is True


def test_nothing_measured_meets_nothing() -> None:
    assert {row.met for row in targets({})} == {None}


def test_what_went_wrong_is_told_wherever_it_happened() -> None:
    assert problems(RESULT) == ["a line", "stops 1: it stood still"]
    console = Console(file=io.StringIO(), width=160)
    print_report(console, RESULT)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "stops 1: it stood still" in text
    assert "33.33% (of 21)" in text
    assert "too few to tell" in text
    assert "cut off (silence): four | seven" in text
    assert "pauses cut at 300 ms mean delay: words 15.0%, silence 50.0%" in text


def test_every_measure_of_speech_over_the_agent_and_of_the_far_end_is_shown() -> None:
    stops = {"agent_minutes": 1.0, "stops": 1, "resumed_in_time": 1, "resumed_p95_ms": 900, "abandoned": 0, "turns": 0}
    talk = {
        "interruptions": 2, "stopped": 2, "missed": 0, "stop_p50_ms": 234, "stop_p95_ms": 567, "kept_on": 0,
        "agent_minutes": 1.0, "false_stops": 0, "false_stops_at_first": 0, "resumed_in_time": 0,
    }  # fmt: skip
    group = {
        "calls": 3, "machine": True, "told": 2, "reasons": {"greeting": 2}, "decided_p50_ms": 1234,
        "decided_p95_ms": 2345, "beeps": 3, "beeps_told": 2, "beep_told_after_p50_ms": 110, "wrong": ["one"],
    }  # fmt: skip
    result = {
        "babble": {"all": stops, "backgrounds": {"people, 20 dB": stops}},
        "double_talk": {"made": {"planned": 2, "all": talk, "rows": {"80 ms, 10 dB down": talk}}},
        "far_end": {"planned": 4, "groups": {"greetings": group}},
    }
    out = io.StringIO()
    print_report(Console(file=out, width=200), result)
    shown = out.getvalue()
    for part in (
        "people, 20 dB",
        "Babble is speech",
        "80 ms, 10 dB down",
        "234",
        "567",
        "2 of 3",
        "greeting 2",
        "1234",
    ):
        assert part in shown, part
    assert "the figures do not add up: far_end: planned 4, played 3" in " ".join(shown.split())
