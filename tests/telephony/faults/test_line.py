"""The faults of a line, frame by frame: what is lost, late, twice, out of order; and what no fault may ever do."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.faults.chance import late, lost
from telephony.faults.frames import Delivery, OneAfterTheOther
from telephony.faults.kinds import Burst, Delay, Drop, Duplicate, LineFault, Lose, Reorder, Skew, Stall, Window
from telephony.faults.line import LineFaults


def run(faults: Sequence[LineFault], frames: int) -> list[Delivery]:
    """Frames of 20 ms, each due when it is whole; its payload is its number."""
    line = LineFaults(faults)
    return [out for at in range(frames) for out in line.push(20 * at, bytes([at % 256]), 20.0 * (at + 1))]


def numbers(out: Sequence[Delivery]) -> list[int]:
    return [delivery.payload[0] for delivery in out]


def dues(out: Sequence[Delivery]) -> list[float]:
    return [delivery.due_ms for delivery in out]


@pytest.mark.parametrize(
    ("fault", "order", "due"),
    [
        (Lose((0, 0, 1)), [0, 1, 3, 4], [20, 40, 80, 100]),
        (Duplicate((0, 1)), [0, 1, 1, 2, 3, 3, 4, 5, 5], [20, 40, 40, 60, 80, 80, 100, 120, 120]),
        # Nothing overtakes: the frames behind a late one are late too.
        (Delay((0, 45, 0, 0)), [0, 1, 2, 3, 4, 5], [20, 85, 85, 85, 100, 165]),
        (Burst(3), [0, 1, 2, 3, 4, 5], [60, 60, 60, 120, 120, 120]),
        (Reorder((1, 0, 2)), [1, 0, 2, 4, 3, 5], [40, 40, 60, 100, 100, 120]),
        (Reorder((2, 0, 1)), [2, 0, 1, 5, 3, 4], [60, 60, 60, 120, 120, 120]),
        (Reorder((0, 1)), [0, 1, 2, 3, 4, 5], [20, 40, 60, 80, 100, 120]),
        (Stall(Window(20, 80)), [0, 1, 2, 3, 4, 5], [20, 80, 80, 80, 100, 120]),
        (Stall(Window(0, 40, every_ms=80)), [0, 1, 2, 3, 4, 5], [40, 40, 60, 80, 120, 120]),
        (Lose((1,), Window(40, 80)), [0, 1, 4, 5], [20, 40, 100, 120]),
        (Lose((1,), Window(20, 40, every_ms=60)), [0, 2, 3, 5], [20, 60, 80, 120]),
        # The window ends before the group is whole: what was held comes with the next frame.
        (Reorder((2, 1, 0), Window(0, 40)), [1, 0, 2, 3, 4, 5], [60, 60, 60, 80, 100, 120]),
    ],
)
def test_what_becomes_of_six_frames(fault: LineFault, order: list[int], due: list[float]) -> None:
    out = run([fault], 6)
    assert (numbers(out), dues(out)) == (order, due)


def test_faults_work_one_after_another() -> None:
    """A frame that is lost takes no place in a group; the group is stalled as a whole."""
    out = run([Lose((1, 0, 0)), Reorder((1, 0)), Stall(Window(0, 100))], 6)
    assert numbers(out) == [2, 1, 5, 4]
    assert dues(out) == [100, 100, 120, 120]


def test_the_time_stamps_are_those_of_the_frames_themselves() -> None:
    assert [delivery.media_ms for delivery in run([Reorder((1, 0))], 4)] == [20, 0, 60, 40]


def test_a_clock_that_runs_fast_or_slow_changes_how_long_a_frame_takes() -> None:
    fast, slow = LineFaults([Skew(1000)]), LineFaults([Skew(-1000)])
    assert sum(fast.frame_ms() for _ in range(3000)) == pytest.approx(60_000 / 1.001)
    assert sum(slow.frame_ms() for _ in range(3000)) == pytest.approx(60_000 / 0.999)


def test_a_clock_may_be_wrong_for_a_while_only() -> None:
    line = LineFaults([Skew(50_000, Window(40, 80))])
    assert [line.frame_ms() == 20 for _ in range(6)] == [True, True, False, False, True, True]


@pytest.mark.parametrize(
    ("drops", "told"),
    [
        ([Drop("close", Window(40))], ["", "", "close", "close"]),
        ([Drop("silence", Window(20, 40))], ["", "silence", "", ""]),
        ([Drop("silence", Window(20)), Drop("close", Window(60))], ["", "silence", "silence", "close"]),
        ([], ["", "", "", ""]),
    ],
)
def test_a_line_drops_when_it_was_told_to(drops: list[Drop], told: list[str]) -> None:
    line = LineFaults(drops)
    assert [line.dropped(20.0 * at) for at in range(4)] == told


windows = st.builds(
    lambda start, length, pause: Window(start, start + length, start + length + pause if pause else 0),
    st.integers(0, 500),
    st.integers(20, 500),
    st.integers(0, 400),
)
anytime = windows | st.just(Window())
marks = st.lists(st.integers(0, 1), min_size=1, max_size=9).map(tuple)
faults = st.one_of(
    st.builds(Lose, marks, anytime),
    st.builds(Duplicate, marks, anytime),
    st.builds(Delay, st.lists(st.integers(0, 300), min_size=1, max_size=9).map(tuple), anytime),
    st.builds(Burst, st.integers(2, 9), anytime),
    st.builds(Reorder, st.integers(1, 7).flatmap(lambda n: st.permutations(list(range(n)))).map(tuple), anytime),
    st.builds(Stall, windows),
)


@given(st.lists(faults, max_size=4), st.integers(0, 120))
def test_whatever_goes_wrong_nothing_is_invented_and_nothing_overtakes(plan: list[LineFault], frames: int) -> None:
    out = run(plan, frames)
    assert dues(out) == sorted(dues(out)), "on a socket nothing overtakes"
    for delivery in out:
        assert delivery.media_ms == 20 * delivery.payload[0], "each payload is one that was pushed, with its stamp"
        assert delivery.due_ms >= delivery.media_ms + 20, "nothing comes before it was said"
    if not any(isinstance(fault, Lose | Duplicate | Reorder) for fault in plan):
        assert numbers(out) == list(range(frames)), "what is only late is all there, in order"
    if not any(isinstance(fault, Duplicate) for fault in plan):
        assert len(set(numbers(out))) == len(out)


@given(st.lists(faults, max_size=3), st.integers(0, 120))
def test_the_same_faults_do_the_same_twice(plan: list[LineFault], frames: int) -> None:
    assert run(plan, frames) == run(plan, frames)


def test_without_faults_every_frame_comes_as_it_is() -> None:
    assert run([], 3) == [Delivery(20.0, 0, b"\0"), Delivery(40.0, 20, b"\1"), Delivery(60.0, 40, b"\2")]


def test_two_wires_in_a_row_add_up() -> None:
    wires = OneAfterTheOther(
        LineFaults([Delay((40,)), Skew(1000)]), LineFaults([Lose((0, 1)), Drop("close", Window(60))])
    )
    out = [delivery for at in range(4) for delivery in wires.push(20 * at, bytes((at,)), 20.0 * at + 20)]
    assert (numbers(out), dues(out)) == ([0, 2], [60, 100])
    assert wires.frame_ms() == pytest.approx(20 / 1.001)
    assert [wires.dropped(at_ms) for at_ms in (40, 60)] == ["", "close"]


def test_losses_by_seed_are_as_many_and_as_long_as_was_asked() -> None:
    marks = lost(percent=5, mean_burst=4, seed=1, length=30_000)
    bursts = "".join(map(str, marks)).replace("0", " ").split()
    assert 4 < 100 * sum(marks) / len(marks) < 6
    assert 3.5 < sum(map(len, bursts)) / len(bursts) < 4.5


def test_lateness_by_seed_is_as_was_asked() -> None:
    delays = late(percent=20, up_to_ms=80, seed=1, length=30_000)
    hit = [delay for delay in delays if delay]
    assert 0.18 < len(hit) / len(delays) < 0.22
    assert max(hit) == 80
    assert 38 < sum(hit) / len(hit) < 42


def test_a_seed_gives_the_same_list_for_ever() -> None:
    """Kept reports and tests rest on it: the lists may not change with a version of Python, or of ours."""
    assert (
        "".join(map(str, lost(percent=30, mean_burst=2, seed=7, length=40)))
        == "0110001100100010000001101000111001011000"
    )
    assert late(percent=50, up_to_ms=100, seed=7, length=8) == (15, 0, 0, 51, 43, 9, 83, 22)
