"""The book of connections: who must go, when, and for whom."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.web import descriptors
from telephony.web.connections import (
    BODY_S,
    CUT_S,
    DISMISSED_S,
    HEAD_S,
    REASONS,
    REQUEST_S,
    STATE_KEY,
    ConnectionBook,
    Phase,
    connection_of,
)


class Clock:
    s = 0.0

    def __call__(self) -> float:
        return self.s


class FakeWire:
    def __init__(self, *, spoken: bool = False) -> None:
        self.spoken = spoken
        self.cuts = self.cancels = 0

    def cut(self, reason: str) -> None:
        assert reason in REASONS
        self.cuts += 1

    def cancel(self) -> None:
        self.cancels += 1

    def has_spoken(self) -> bool:
        return self.spoken


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(clock: Clock) -> ConnectionBook:
    return ConnectionBook(Counter(), now_s=clock, max_strangers=3)


@pytest.mark.parametrize(("spoken", "reason"), [(False, "no request"), (True, "half a head")])
def test_a_head_that_does_not_come(clock: Clock, book: ConnectionBook, spoken: bool, reason: str) -> None:
    wire = FakeWire(spoken=spoken)
    book.opened(wire)
    clock.s = HEAD_S - 0.1
    book.sweep()
    assert wire.cuts == 0
    clock.s = HEAD_S
    book.sweep()
    book.sweep()
    assert wire.cuts == 1
    assert book.counts == {f"connection closed: {reason}": 1}


def test_a_request_that_is_not_answered_is_cut_and_then_cancelled(clock: Clock, book: ConnectionBook) -> None:
    wire = FakeWire()
    connection = book.opened(wire)
    book.requested(connection)
    clock.s = REQUEST_S
    book.sweep()
    assert (wire.cuts, wire.cancels) == (1, 0)
    connection.keep()
    assert connection.phase is Phase.CUT, "what is cut stays cut"
    clock.s += CUT_S
    book.sweep()
    assert wire.cancels == 1
    book.ended(connection)
    assert sum(book.number().values()) == 0
    assert book.counts == {"connection closed: unanswered": 1}


def test_who_is_kept_stays_until_dismissed(clock: Clock, book: ConnectionBook) -> None:
    wire = FakeWire()
    connection = book.opened(wire)
    book.requested(connection)
    connection.keep()
    clock.s = 100 * REQUEST_S
    book.sweep()
    assert (wire.cuts, book.number()["kept"]) == (0, 1)
    connection.dismiss()
    clock.s += DISMISSED_S
    book.sweep()
    assert wire.cuts == 1
    assert book.counts == {"connection closed: never left": 1}


def test_the_oldest_stranger_makes_room_and_whoever_is_answered_comes_first(book: ConnectionBook) -> None:
    wires = [FakeWire() for _ in range(3)]
    connections = [book.opened(wire) for wire in wires]
    book.requested(connections[0])
    book.opened(FakeWire())
    assert [wire.cuts for wire in wires] == [0, 1, 0], "silent ones go first, the oldest of them"
    connections[0].keep()
    book.opened(FakeWire())
    assert [wire.cuts for wire in wires] == [0, 1, 0], "who is kept is no stranger"
    book.opened(FakeWire())
    assert [wire.cuts for wire in wires] == [0, 1, 1]
    assert book.counts == {"connection closed: too many": 2}


@pytest.mark.parametrize("body_too", [True, False])
def test_a_newcomer_finds_a_place_whatever_holds_the_others(clock: Clock, body_too: bool) -> None:
    """Two thousand unfinished bodies, or answers that do not come, and three hundred more a second."""
    book = ConnectionBook(Counter(), now_s=clock, max_strangers=200)
    good: list[tuple[float, FakeWire]] = []
    lost = 0
    for number in range(2000):
        clock.s += 1 / 300
        book.requested(book.opened(FakeWire(spoken=True)), body_due=body_too)
        if number % 50 == 0:
            good.append((clock.s, FakeWire()))
            book.opened(good[-1][1])
        while good and clock.s - good[0][0] > 0.2:
            lost += good.pop(0)[1].cuts
    assert lost == 0, "whose head takes a fifth of a second"
    assert book.number()["body"] <= 100


def test_a_silent_connection_is_not_spared_for_having_sent_a_head(clock: Clock) -> None:
    """Both kinds at once: the older goes, so that each newcomer has as long as the next."""
    book = ConnectionBook(Counter(), now_s=clock, max_strangers=10)
    wires = [FakeWire() for _ in range(10)]
    for number, wire in enumerate(wires):
        connection = book.opened(wire)
        if number % 3 == 0:
            book.requested(connection, body_due=True)
    for number in range(10):
        book.opened(FakeWire())
        assert [wire.cuts for wire in wires] == [1] * (number + 1) + [0] * (9 - number)


def test_a_body_that_does_not_come_is_not_waited_for_as_an_answer_is(clock: Clock, book: ConnectionBook) -> None:
    slow, whole = FakeWire(), FakeWire()
    connection = book.opened(whole)
    book.requested(connection, body_due=True)
    connection.whole()
    connection.whole()
    book.requested(book.opened(slow), body_due=True)
    assert connection.phase is Phase.REQUEST
    clock.s = BODY_S
    book.sweep()
    assert (slow.cuts, whole.cuts) == (1, 0)
    assert book.counts == {"connection closed: half a body": 1}
    clock.s = REQUEST_S
    book.sweep()
    assert whole.cuts == 1
    assert BODY_S < REQUEST_S / 2


def test_only_a_request_becomes_whole(book: ConnectionBook) -> None:
    silent, kept = book.opened(FakeWire()), book.opened(FakeWire())
    kept.keep()
    silent.whole()
    kept.whole()
    assert (silent.phase, kept.phase) == (Phase.HEAD, Phase.KEPT)


def test_bodies_have_half_of_the_places(book: ConnectionBook) -> None:
    wires = [FakeWire() for _ in range(2)]
    for wire in wires:
        book.requested(book.opened(wire), body_due=True)
    assert [wire.cuts for wire in wires] == [1, 0], "of three places"
    assert book.counts == {"connection closed: too many": 1}


def test_one_that_has_ended_is_forgotten(clock: Clock, book: ConnectionBook) -> None:
    wire = FakeWire()
    connection = book.opened(wire)
    book.ended(connection)
    connection.dismiss()
    book.close(connection, "too many")
    clock.s = 1000
    book.sweep()
    assert (wire.cuts, sum(book.number().values()), book.counts) == (0, 0, {})


def test_the_app_finds_its_connection(book: ConnectionBook) -> None:
    connection = book.opened(FakeWire())
    assert connection_of({"state": {STATE_KEY: connection}}) is connection
    assert connection_of({"state": {STATE_KEY: "something else"}}) is None
    assert connection_of({}) is None


steps = st.lists(
    st.tuples(
        st.sampled_from(["open", "ask", "post", "whole", "keep", "dismiss", "end", "wait", "sweep"]), st.integers(0, 5)
    ),
    max_size=80,
)


@given(steps=steps)
def test_nothing_stays_for_ever_but_what_is_kept(steps: list[tuple[str, int]]) -> None:
    clock = Clock()
    book = ConnectionBook(Counter(), now_s=clock, max_strangers=3)
    wires: list[FakeWire] = []
    connections = []
    for step, which in steps:
        if step == "open":
            wires.append(FakeWire())
            connections.append(book.opened(wires[-1]))
        elif step == "wait":
            clock.s += which
        elif step == "sweep":
            book.sweep()
        elif which < len(connections):
            connection = connections[which]
            if step in ("ask", "post"):
                if connection.phase is Phase.HEAD:
                    book.requested(connection, body_due=step == "post")
            elif step == "end":
                book.ended(connection)
            else:
                getattr(connection, step)()
        number = book.number()
        assert number["head"] + number["body"] + number["request"] <= 3
        assert number["body"] <= 1
    clock.s += 1000
    book.sweep()
    number = book.number()
    assert number["head"] == number["body"] == number["request"] == number["dismissed"] == 0
    assert set(book.counts) <= {f"connection closed: {reason}" for reason in REASONS}
    assert all(wire.cuts <= 1 for wire in wires)


@pytest.mark.parametrize(
    ("limit", "max_calls", "expected"),
    [(65_536, 60, 2000), (1024, 10, 430), (1024, 60, 180), (20_000, 1000, 2000), (256, 60, 64)],
)
def test_strangers_leave_descriptors_for_calls(limit: int, max_calls: int, expected: int) -> None:
    assert descriptors.strangers(limit, max_calls) == expected


def test_too_few_descriptors_are_told(caplog: pytest.LogCaptureFixture) -> None:
    descriptors.strangers(256, 60)
    assert "256 open files are few for 60 calls" in caplog.text


def test_the_limit_is_raised_as_far_as_it_goes() -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, before[1]), before[1]))
        limit = descriptors.raise_limit()
        assert limit == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        assert limit == (descriptors.ENOUGH if before[1] < 0 else min(before[1], descriptors.ENOUGH))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
