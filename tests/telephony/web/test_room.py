"""Room: never more calls than there may be, and no place lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.web.room import EXPECTED_FOR_MS, MAX_RECENT, MINUTE_MS, REFUSALS, Limits, Room


class Clock:
    def __init__(self) -> None:
        self.ms = 0

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_reserved_place_is_kept_for_its_call(clock: Clock) -> None:
    room = Room(1, now_ms=clock)
    assert room.reserve("a") is None
    assert room.reserve("a") is None, "a retry takes no second place"
    assert room.reserve("b") == "busy"
    assert not room.enter("b")
    assert room.enter("a")
    assert room.calls == 1
    room.leave("a")
    assert room.reserve("b") is None


def test_a_caller_who_does_not_come_gives_way(clock: Clock) -> None:
    room = Room(1, now_ms=clock)
    room.reserve("a")
    clock.ms += EXPECTED_FOR_MS
    assert room.reserve("b") is None
    assert not room.enter("a")
    assert room.take_lapsed() == ["a"]
    assert room.take_lapsed() == []


def test_draining_takes_nobody_but_those_who_were_promised_a_place(clock: Clock) -> None:
    room = Room(5, now_ms=clock)
    room.reserve("promised")
    room.draining = True
    assert room.free == 0
    assert room.reserve("new") == "draining"
    assert room.reserve("promised") == "draining"
    assert not room.enter("new")
    assert room.enter("promised")


def test_two_streams_of_one_call_are_two_places(clock: Clock) -> None:
    room = Room(2, now_ms=clock)
    assert room.enter("a")
    assert room.enter("a")
    assert not room.enter("a")
    room.leave("a")
    assert room.calls == 1
    room.leave("a")
    room.leave("a")
    assert room.calls == 0


@pytest.mark.parametrize("source", ["", "anonymous", "+266696687", "+15551230000"])
def test_one_number_has_so_many_calls_at_once(clock: Clock, source: str) -> None:
    room = Room(10, now_ms=clock, limits=Limits(per_source=2))
    assert room.reserve("a", source) is None
    assert room.reserve("b", source) is None
    assert room.reserve("c", source) == "source"
    assert room.reserve("d", "+15550000000") is None, "others are not held to account"
    assert room.reserve("a", source) is None, "a retry is no new call"
    assert room.enter("a")
    assert room.reserve("c", source) == "source", "a call that is here still counts"
    assert room.reserve("c", source, returns=True) is None, "one that comes back is no new call"
    room.leave("a")
    clock.ms += EXPECTED_FOR_MS
    assert room.reserve("e", source) is None, "nor does one that never came"


def test_new_calls_in_a_minute(clock: Clock) -> None:
    room = Room(10, now_ms=clock, limits=Limits(per_minute=3, per_minute_per_source=2))
    for call in "ab":
        assert room.reserve(call, "x") is None
        assert room.enter(call)
        room.leave(call)
    assert room.reserve("c", "x") == "source rate"
    assert room.reserve("c", "y") is None
    assert room.reserve("d", "z") == "rate"
    assert room.reserve("a", "x") is None, "a call that is known is not new, though it is over"
    assert room.reserve("old", "x", returns=True) is None
    clock.ms += MINUTE_MS
    assert room.reserve("d", "x") is None


def test_a_call_that_comes_back_finds_its_place_also_when_all_are_taken_or_the_service_stops(clock: Clock) -> None:
    room = Room(1, now_ms=clock)
    assert room.reserve("mine") is None
    assert room.enter("mine")
    room.leave("mine")  # out on a transfer
    assert room.reserve("newcomer") is None
    assert room.reserve("mine", returns=True) is None
    room.draining = True
    assert room.reserve("mine", returns=True) is None
    assert room.enter("newcomer")
    assert room.enter("mine")


def test_refused_calls_use_nothing_up(clock: Clock) -> None:
    room = Room(1, now_ms=clock, limits=Limits(per_minute=2))
    assert room.reserve("a") is None
    assert [room.reserve(str(n)) for n in range(5)] == ["busy"] * 5
    clock.ms += EXPECTED_FOR_MS
    assert room.reserve("b") is None


def test_what_is_remembered_is_bounded(clock: Clock) -> None:
    room = Room(10 * MAX_RECENT, now_ms=clock)
    for number in range(MAX_RECENT + 50):
        assert room.reserve(str(number), str(number)) is None
    room.reserve("x", "n" * 10_000)
    assert len(room._recent) <= MAX_RECENT + 1
    assert len(room._recent_from) <= MAX_RECENT + 1
    assert max(map(len, room._present)) <= 64


steps = st.lists(
    st.tuples(st.sampled_from(["reserve", "return", "enter", "leave", "wait"]), st.sampled_from("abcd")), max_size=60
)


@given(steps=steps, most=st.integers(1, 3), limits=st.builds(Limits, *(st.integers(0, 3),) * 3))
def test_calls_and_promises_never_exceed_the_room(steps: list[tuple[str, str]], most: int, limits: Limits) -> None:
    clock = Clock()
    room = Room(most, now_ms=clock, limits=limits)
    inside: list[str] = []
    back = 0  # calls that came back: they had a place before
    for step, call in steps:
        back += step == "return"
        if step in ("reserve", "return"):
            assert room.reserve(call, "x" if call in "ab" else "y", returns=step == "return") in (None, *REFUSALS)
        elif step == "enter":
            if room.enter(call):
                inside.append(call)
        elif step == "leave":
            if call in inside:
                inside.remove(call)
                room.leave(call)
        else:
            clock.ms += EXPECTED_FOR_MS // 3
        assert room.calls == len(inside) <= most + back
        assert 0 <= room.free <= max(0, most - room.calls)
        assert sum(room._present.values()) == len(set(inside) | set(room._expected)), "each call has one source"
        assert sum(room._recent_from.values()) == len(room._recent)
    for call in inside:
        room.leave(call)
    clock.ms += MINUTE_MS
    room.take_lapsed()
    left = (room._present, room._recent, room._recent_from, room._source_of, room._expected)
    assert not any(left)
