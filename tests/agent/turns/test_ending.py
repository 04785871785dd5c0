"""Ending: the goodbye of a call that must end."""

from __future__ import annotations

import pytest

from agent.turns.ending import WIND_UP_S, Ending
from agent.turns.floor import Floor


@pytest.mark.parametrize(
    ("floor", "after_s", "due"),
    [
        (Floor.OPEN, 0.0, True),
        (Floor.CALLER, 0.0, False),
        (Floor.WEIGHING, WIND_UP_S - 0.1, False),
        (Floor.AGENT, WIND_UP_S - 0.1, False),
        (Floor.CALLER, WIND_UP_S + 0.1, True),
        (Floor.AGENT, WIND_UP_S + 0.1, True),
        (Floor.LEAVING, WIND_UP_S + 0.1, False),
    ],
)
def test_goodbye_is_said_when_it_cuts_nobody_short_or_when_it_has_waited_enough(
    floor: Floor, after_s: float, due: bool
) -> None:
    assert Ending.begun("Goodbye.", "service stopped", 100.0).due(floor, 100.0 + after_s) is due
