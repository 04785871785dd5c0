"""RememberedBook: how long, and of how many calls, it knows what must not be written."""

from __future__ import annotations

from agent.privacy import NOTHING, Remembered
from telephony.web.remembered import KEPT_MS, RememberedBook

CARD = Remembered(numbers=("4111222233334444",))


class Clock:
    now_ms = 1000

    def __call__(self) -> int:
        return self.now_ms


def test_a_call_that_comes_back_in_time_is_known() -> None:
    clock = Clock()
    book = RememberedBook(now_ms=clock)
    book.put("CA1", CARD)
    book.put("CA2", NOTHING)
    clock.now_ms += KEPT_MS - 1
    assert book.get("CA1") == CARD
    assert book.get("CA2") == NOTHING
    assert book.get("CA3") is None
    clock.now_ms += 1
    assert book.get("CA1") is None
    assert len(book) == 0


def test_what_is_old_goes_even_if_nobody_asks() -> None:
    clock = Clock()
    book = RememberedBook(now_ms=clock)
    book.put("CA1", CARD)
    clock.now_ms += 1000
    book.put("CA2", CARD)
    book.put("CA1", CARD)  # another stream of it has ended
    clock.now_ms += KEPT_MS - 1
    book.expire()
    assert len(book) == 2
    clock.now_ms += 1
    book.expire()
    assert len(book) == 0


def test_the_oldest_make_room() -> None:
    book = RememberedBook(now_ms=Clock(), max_kept=2)
    for call in ("CA1", "CA2", "CA3"):
        book.put(call, CARD)
    assert [book.get(call) for call in ("CA1", "CA2", "CA3")] == [None, CARD, CARD]
