"""Room: never more calls than there may be, and no place lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.web.room import EXPECTED_FOR_MS, Room


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
    assert room.reserve("a")
    assert room.reserve("a"), "a retry takes no second place"
    assert not room.reserve("b")
    assert not room.enter("b")
    assert room.enter("a")
    assert room.calls == 1
    room.leave("a")
    assert room.reserve("b")


def test_a_caller_who_does_not_come_gives_way(clock: Clock) -> None:
    room = Room(1, now_ms=clock)
    room.reserve("a")
    clock.ms += EXPECTED_FOR_MS
    assert room.reserve("b")
    assert not room.enter("a")


def test_draining_takes_nobody_but_those_who_were_promised_a_place(clock: Clock) -> None:
    room = Room(5, now_ms=clock)
    room.reserve("promised")
    room.draining = True
    assert room.free == 0
    assert not room.reserve("new")
    assert not room.reserve("promised")
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


steps = st.lists(
    st.tuples(st.sampled_from(["reserve", "enter", "leave", "wait"]), st.sampled_from("abcd")), max_size=60
)


@given(steps=steps, most=st.integers(1, 3))
def test_calls_and_promises_never_exceed_the_room(steps: list[tuple[str, str]], most: int) -> None:
    clock = Clock()
    room = Room(most, now_ms=clock)
    inside: list[str] = []
    for step, call in steps:
        if step == "reserve":
            room.reserve(call)
        elif step == "enter":
            if room.enter(call):
                inside.append(call)
        elif step == "leave":
            if call in inside:
                inside.remove(call)
                room.leave(call)
        else:
            clock.ms += EXPECTED_FOR_MS // 3
        assert room.calls == len(inside) <= most
        assert 0 <= room.free <= most - room.calls
