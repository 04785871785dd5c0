"""ProgressBook: which requests of a call are its latest, and how often it came back."""

from __future__ import annotations

import itertools

import pytest

from telephony.twilio.progress import LIFETIME_MS, ProgressBook, Step, read_step


class Clock:
    ms = 0

    def __call__(self) -> int:
        return self.ms


def book(clock: Clock | None = None, max_calls: int = 10) -> ProgressBook:
    numbers = itertools.count(1)
    return ProgressBook(now_ms=clock or Clock(), new_nonce=lambda: f"{next(numbers):08x}", max_calls=max_calls)


def test_a_steps_address_is_read_back() -> None:
    step = Step(2, 11, "0123abcd")
    assert step.query == "?at=2.11.0123abcd"
    assert read_step(step.query[1:].encode()) == step


@pytest.mark.parametrize(
    "query", [b"", b"at=", b"at=1.2.xyz", b"at=-1.0.0123abcd", b"at=1.2.0123abcd&x=1", b"at=9999.0.0123abcd", b"\xff"]
)
def test_other_addresses_name_no_step(query: bytes) -> None:
    assert read_step(query) is None


def test_only_the_latest_document_is_answered_for() -> None:
    progress = book()
    first = progress.begin("CA1")
    assert progress.is_current("CA1", first)
    second = progress.go_on("CA1", first)
    assert not progress.is_current("CA1", first)
    assert progress.is_current("CA1", second)
    assert progress.is_current("CA2", first), "a worker that is new cannot know better"


def test_how_often_a_call_came_back_is_counted_in_its_addresses() -> None:
    progress = book()
    step = progress.begin("CA1")
    step = progress.come_back("CA1", step, cut_off=True)
    step = progress.come_back("CA1", step, cut_off=False)
    step = book().come_back("CA1", step, cut_off=True)  # by another worker
    assert (step.revivals, step.returns) == (2, 1)
    assert progress.come_back("CA1", None, cut_off=True).revivals == 2, "an address without one counts from the latest"
    assert book().come_back("CA9", None, cut_off=True).revivals == 1


def test_a_call_that_is_over_stays_so_and_is_forgotten_in_the_end() -> None:
    clock = Clock()
    progress = book(clock)
    progress.begin("CA1")
    progress.end("CA1")
    assert progress.is_over("CA1")
    clock.ms += LIFETIME_MS
    assert not progress.is_over("CA1")


def test_it_is_bounded() -> None:
    progress = book(max_calls=2)
    for call in "abc":
        progress.begin(call)
    assert [progress.latest(call) is None for call in "abc"] == [True, False, False]
