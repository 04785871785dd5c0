"""What does not add up is told: of every measure, one count that is off."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from telephony.bench.turns import measures
from telephony.bench.turns.caller import Heard, Played, Stop
from telephony.bench.turns.course import Act
from telephony.bench.turns.run import CallPlan, CallRun
from telephony.bench.turns.sums import wrong_sums

from .made import event, item


def _answers() -> dict[str, Any]:
    """Three items: one understood, one cut off, one that never ended."""
    said = item(("four", 0, 300), ("seven", 900, 1200), value="47", length=2)
    acts = tuple(Act(said, asks=said.asks) for _ in range(3))
    events = (
        event("turn.ended", 2300, speech_end_ms=2200, reason="slot complete"),
        event("turn.committed", 2350, text="four seven", source="voice"),
        event("turn.ended", 11_600, speech_end_ms=11_300, reason="silence"),
        event("turn.committed", 11_650, text="four", source="voice"),
    )
    played = [Played(0, 1000), Played(1, 11_000), Played(2, 21_000)]
    return measures.answers([CallRun(CallPlan("c", acts), events, Heard(played), 60_000)])


def _stops() -> dict[str, Any]:
    acts = tuple(Act(item(("no", 0, 400)), when="over") for _ in range(2))
    heard = Heard([Played(0, 1000), Played(1, 9000)], [Stop(1100, None)], 9000)
    return measures.stops([CallRun(CallPlan("c", acts), (), heard, 60_000)])


def _false_stops() -> dict[str, Any]:
    runs = [CallRun(CallPlan(name, ()), (), Heard(stops=[Stop(1, 2)], audible_ms=60_000), 60_000) for name in "ab"]
    return measures.false_stops(runs)


HEARD = {"replies": 3, "off_by_none": 1, "off_by_one": 2, "off_by_more": 0, "too_many": 1, "too_few": 1}
RESULT = {"slots": {"clean": _answers()}, "stops": _stops(), "noise": _false_stops(), "heard": HEARD}


def test_a_sound_result_adds_up() -> None:
    row = RESULT["slots"]["clean"]["all"]
    assert (row["items"], row["cut"], row["ended"], row["not_ended"], row["whole"]) == (3, 1, 1, 1, 1)
    assert row["causes"] == {"cut off": 1, "never ended": 1}
    assert wrong_sums({}) == []
    assert wrong_sums(RESULT) == []


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (("slots", "clean", "planned"), "slots, clean: planned 4, played 3"),
        (("slots", "clean", "all", "not_ended"), "items 3, cut + ended + not_ended 4"),
        (("slots", "clean", "all", "whole"), "items 3, whole and lost 4"),
        (("slots", "clean", "kinds", "digits", "understood"), "kinds: understood 1, of all rows 2"),
        (("slots", "clean", "all", "causes", "cut off"), "cut 1, of causes 2"),
        (("stops", "missed"), "stops: interruptions 2, stopped + missed 3"),
        (("stops", "planned"), "stops: planned 3, played 2"),
        (("noise", "all", "stops"), "noise: stops 3, of all rows 2"),
        (("heard", "off_by_more"), "heard: replies 3, off_by_none + off_by_one + off_by_more 4"),
    ],
)
def test_a_count_that_is_off_is_told(path: tuple[str, ...], says: str) -> None:
    result: dict[str, Any] = copy.deepcopy(RESULT)
    inner = result
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] += 1
    assert any(says in told for told in wrong_sums(result)), wrong_sums(result)
