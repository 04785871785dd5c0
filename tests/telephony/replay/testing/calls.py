"""Calls made by hand, for the tests of what is said about calls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from telephony.replay.judging.outcome import Cutoff, DeadAir, Outcome, Said, ToolRun, Turn
from telephony.replay.judging.result import Divergence, Run
from telephony.replay.plan import Plan
from telephony.replay.testing.sentences import CallStory

TOOLS = frozenset({"find_order", "cancel_order", "hang_up", "transfer_to_person"})

PARCEL = Outcome(
    turns=(
        Turn(1, "where is my parcel", "speech", 2000, 3200, 3800, "What's the number?", 700, {"endpointing_ms": 576}),
        Turn(2, "four two one nine", "speech", 6000, 8000, 8600, "Order four, two, one, nine is on its way,", 900),
        Turn(3, "goodbye", "speech", 10_600, 11_000, 11_600, "Goodbye.", 650),
    ),
    rejected=((5700, 2, "noise"),),
    said=(
        Said(0, "Hello, parcel desk.", "Hello, parcel desk.", True, 200, 1800),
        Said(1, "What's the number?", "What's the number?", True, 3900, 5500),
        Said(
            2,
            "Order four, two, one, nine is on its way,",
            "Order four, two, one, nine is on its way, and comes tomorrow.",
            False,
            8900,
            10_760,
        ),
        Said(3, "Goodbye.", "Goodbye.", True, 11_650, 12_200),
    ),
    tools=(
        ToolRun(2, "find_order", {"order_number": "4219"}, 8610, True, {"outcome": "in_transit"}),
        ToolRun(3, "hang_up", {"reason": "done"}, 11_610, True, {"outcome": "leaving"}),
    ),
    dead_air=(DeadAir(3200, 3900, 1, "before the answer"), DeadAir(8000, 8900, 2, "before the answer")),
    barge_ins_ms=(10_760,),
    ended_by="agent: hangup",
    duration_ms=12_400,
)


def call(outcome: Outcome = PARCEL, **given: Any) -> CallStory:
    """A call that went so."""
    return CallStory(outcome, tools=TOOLS, **given)


def with_(**changes: Any) -> CallStory:
    """The parcel call, but for this."""
    return call(replace(PARCEL, **changes))


def again(diverged: Divergence | None = None, failed: str = "", recorded: Outcome | None = PARCEL) -> CallStory:
    """The parcel call, run again from its record."""
    run = Run("parcel", Path("parcel"), Plan(), None, PARCEL, recorded, diverged, failed)
    return call(run=run)


CUT = Cutoff(2, 8000, 450)
