"""How long a message takes to a recorded call's carrier: told by what no stall has held up."""

from __future__ import annotations

from typing import Any

import pytest

from telephony.replay.recorded import Stall
from telephony.replay.way import delay_s
from tests.telephony.replay.engines.given import a_record

Event = dict[str, Any]


def turn(number: int, speech_end_ms: int, line_ms: int) -> list[Event]:
    """One that is heard 800 ms after its end, `line_ms` of them on the line."""
    heard_ms = speech_end_ms + 800
    stages = {"voice_to_voice_ms": 800, "line_ms": line_ms}
    kinds: list[Event] = [
        {"kind": "turn.started", "media_ms": speech_end_ms - 900, "speech_ms": speech_end_ms - 1000},
        {"kind": "turn.ended", "media_ms": speech_end_ms + 500, "speech_end_ms": speech_end_ms, "reason": "complete"},
        {"kind": "turn.committed", "media_ms": speech_end_ms + 550, "text": "yes", "source": "voice", "by": "final"},
        {"kind": "turn.latency", "media_ms": heard_ms, "at": heard_ms, **stages},
    ]
    return [{"turn": number, "call_ms": float(event["media_ms"]), **event} for event in kinds]


def started(sent_ms: int, call_ms: float) -> Event:
    return {"kind": "playout.started", "media_ms": sent_ms + 80, "call_ms": call_ms, "at": sent_ms, "sent_ms": sent_ms}


TURNS = [*turn(1, 5000, 60), *turn(2, 15_000, 380), *turn(3, 25_000, 80)]
MARKS = [started(5700, 5800.0), started(15_700, 16_100.0)]
LOST: Event = {"kind": "playout.marks_lost", "media_ms": 1200, "call_ms": 1200.0, "owed_ms": 1100}
*_BEGUN, _HEARD = turn(1, 400, 100)
RECKONED = [*_BEGUN, LOST, started(1060, 1200.0), {**_HEARD, "call_ms": 1200.0}]
LATE = Stall(15_600, 15_900, 16_200.0, exact=True)


@pytest.mark.parametrize(
    ("events", "stalls", "way_ms"),
    [
        pytest.param(TURNS, (), 40, id="half of the median"),
        pytest.param(TURNS, (LATE,), 35, id="what came in a stall does not count"),
        pytest.param([*TURNS, *MARKS], (Stall(0, 30_000, 30_500.0),), 30, id="all in stalls: the soonest mark"),
        pytest.param(TURNS, (Stall(0, 30_000, 30_500.0),), 40, id="and no mark: the median of them"),
        pytest.param(
            [*RECKONED, started(5000, 6300.0)],
            (Stall(0, 30_000, 30_500.0),),
            30,
            id="of what the clock reckoned, and what a stall held up, nothing is known",
        ),
        pytest.param([{"kind": "playout.started"}], (), 30, id="nothing is known"),
        pytest.param(turn(1, 5000, 3000), (), 250, id="no way is so long"),
    ],
)
def test_one_way(events: list[Event], stalls: tuple[Stall, ...], way_ms: float) -> None:
    assert 1000 * delay_s(a_record(events=tuple(events), stalls=stalls)) == pytest.approx(way_ms)
