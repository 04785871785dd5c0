"""Late audio is told once per stall, whatever it looks like; a frame that is in time costs a comparison."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.late_audio import LATE_MS, LONGEST_MS, MOST_PIECES, MOST_PIECES_IN_ALL, OPENING_MS, TOGETHER_MS, LateAudio

FRAME_MS = 20
AHEAD_MS = 1234.5
"""What the call's clock is ahead of the line's stamps: nobody knows."""


class Told:
    """The journal of some frames, and how many of them were more than a comparison."""

    def __init__(self) -> None:
        self.stalls: list[dict[str, Any]] = []
        self.asked = 0
        self.late = LateAudio(lambda **stall: self.stalls.append(stall))
        self._at_ms = 0

    def frames(self, late_ms: Iterable[float], *, over: bool = True) -> list[dict[str, Any]]:
        """So late is each of the next frames, in order: none overtakes another."""
        came_ms = 0.0
        for each in late_ms:
            end_ms = self._at_ms + FRAME_MS
            came_ms = max(came_ms, end_ms + each)
            late = came_ms - end_ms + AHEAD_MS
            if not self.late.least_ms <= late <= self.late.most_ms:
                self.asked += 1
                self.late.came(self._at_ms, end_ms, late)
            self._at_ms = end_ms
        if over:
            self.late.over()
        return self.stalls


def in_time(count: int) -> list[float]:
    return [0.0] * count


def pieces(stalls: list[dict[str, Any]]) -> list[list[float]]:
    return [piece for stall in stalls for piece in stall["came"]]


def test_audio_in_time_is_nothing_but_a_comparison() -> None:
    told = Told()
    assert told.frames([(number % 5) * LATE_MS / 5 for number in range(3000)]) == []
    assert told.asked <= OPENING_MS / FRAME_MS + 1, "the first second"


def test_a_burst_is_one_piece_when_it_came() -> None:
    told = Told()
    assert told.frames([*in_time(50), 500, *in_time(200)], over=False) == [
        {"from_ms": 1000, "to_ms": 1500, "late_ms": 500, "came": [[1000, 1500, 1520.0]]}
    ], "all of it, to what was no later than it is told"


def test_a_stall_that_ends_slowly_is_told_piece_by_piece() -> None:
    slow = [300 - 10 * number for number in range(30)]
    (stall,) = Told().frames([*in_time(50), *slow, *in_time(100)])
    assert stall["late_ms"] == 300
    assert stall["came"] == [
        [1000 + FRAME_MS * n, 1020 + FRAME_MS * n, 1320 + 10.0 * n] for n in range(30) if 300 - 10 * n > TOGETHER_MS
    ]


def test_within_a_stall_little_lateness_is_told_too_and_does_not_prolong_it() -> None:
    (stall,) = Told().frames([*in_time(50), 30, 10, 1, *[10, 0] * 100])
    behind = [[at_ms, at_ms + FRAME_MS, at_ms + FRAME_MS + 10.0] for at_ms in range(1060, 2020, 2 * FRAME_MS)]
    assert stall["came"] == [[1000, 1040, 1050.0], *behind], "for a second behind what was late"
    assert stall["late_ms"] == 30


def test_what_comes_first_may_be_late() -> None:
    (stall,) = Told().frames([3000, *[2500 - 20 * n for n in range(20)], *in_time(200)])
    assert stall["came"] == [[0, 3020, 3020.0]]


def test_a_line_that_begins_unsteady_is_told_by_the_first_that_is_in_time() -> None:
    (stall,) = Told().frames([300, *in_time(14), 5, 30, *in_time(100)])
    assert stall["came"][0] == [0, 300, 320.0]
    assert stall["came"][-1] == [320, 360, 370.0]


def test_stalls_apart_are_told_apart_and_one_that_is_not_over_at_the_end() -> None:
    told = Told()
    told.frames([*in_time(50), 300, *in_time(100), 300, *in_time(10)], over=False)
    assert [stall["from_ms"] for stall in told.stalls] == [1000]
    told.late.over()
    assert [stall["from_ms"] for stall in told.stalls] == [1000, 3020]
    told.late.over()
    assert len(told.stalls) == 2


def test_an_unsteady_line_is_told_in_few_words() -> None:
    stalls = Told().frames([0, 0, 0, 40] * 750)
    assert 60_000 / LONGEST_MS - 1 <= len(stalls) <= 60_000 / LONGEST_MS + 1
    assert len(pieces(stalls)) == 750


@pytest.mark.parametrize("longer_ms", [30, 500, 9000])
@pytest.mark.parametrize("before", [10, 50])
def test_a_far_end_that_paused_or_a_longer_path_is_no_stall_but_one_after_it_is(before: int, longer_ms: float) -> None:
    told = Told()
    assert told.frames([*in_time(before), *[longer_ms] * 1000]) == []
    assert told.asked < MOST_PIECES + OPENING_MS / FRAME_MS + 100, "soon it is in time again"
    (stall,) = told.frames([longer_ms] * 10 + [longer_ms + 200] + [longer_ms] * 100)
    assert stall["came"][0][2] - stall["came"][0][0] == 200 + FRAME_MS


@pytest.mark.parametrize("ppm", [1000, -1000])
def test_a_clock_that_drifts_is_no_stall(ppm: float) -> None:
    assert Told().frames((1000 + ppm / 1e6 * FRAME_MS * number for number in range(30_000)), over=False) == []


def test_of_a_line_that_is_late_for_ever_the_journal_does_not_grow_for_ever() -> None:
    told = Told()
    told.frames([0, 40] * (2 * MOST_PIECES_IN_ALL))
    assert len(pieces(told.stalls)) <= MOST_PIECES_IN_ALL + MOST_PIECES
    told.asked = 0
    told.frames([0, 40] * 100)
    assert told.asked == 0


@given(st.lists(st.tuples(st.integers(1, 60), st.floats(0, 1500)), max_size=12))
def test_every_piece_is_late_in_order_and_told_once(course: list[tuple[int, float]]) -> None:
    late = [ms for count, ms in course for ms in [*in_time(count), ms]]
    found = pieces(Told().frames([0.0, *late]))
    assert found == sorted(found)
    for before, after in pairwise(found):
        assert before[1] <= after[0]
        assert before[2] < after[2]
    for from_ms, to_ms, arrived_ms in found:
        assert from_ms < to_ms
        assert arrived_ms > from_ms + FRAME_MS + TOGETHER_MS - 0.1
