"""A flood of log lines is told in a few."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from telephony.logs.flood import MAX_SOURCES, MOST_OF_A_KIND, MOST_OF_A_SOURCE, WINDOW_S, Flood, Suppressed


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_of_one_source_the_first_few_and_the_number_of_the_rest() -> None:
    clock = Clock()
    flood = Flood(clock)
    assert [flood.admit("refused.token", "a") for _ in range(MOST_OF_A_SOURCE + 120)].count(True) == MOST_OF_A_SOURCE
    assert flood.admit("refused.token", "b"), "another source is not silenced"
    assert flood.admit("refused.signature", "a"), "nor another kind"
    clock.now_s += WINDOW_S - 0.1
    assert flood.due() == []
    clock.now_s += 0.1
    assert flood.due() == [Suppressed("refused.token", "a", 120)]
    assert flood.due() == []
    assert flood.admit("refused.token", "a"), "a new window"


def test_from_everywhere_at_once_is_a_flood_too() -> None:
    clock = Clock()
    flood = Flood(clock)
    written = sum(flood.admit("refused.token", str(n)) for n in range(10 * MAX_SOURCES))
    assert written == MOST_OF_A_KIND
    clock.now_s += WINDOW_S
    assert flood.due() == [Suppressed("refused.token", "", 10 * MAX_SOURCES - MOST_OF_A_KIND)]
    assert not flood._windows


def test_lines_without_a_source_are_one_source() -> None:
    flood = Flood(Clock())
    assert [flood.admit("socket.protocol", "") for _ in range(100)].count(True) == MOST_OF_A_SOURCE


@given(
    st.lists(st.tuples(st.sampled_from(["k", "l"]), st.sampled_from(["", *"abcdefgh"]), st.floats(0, 4)), max_size=300)
)
def test_every_line_is_written_or_counted(lines: list[tuple[str, str, float]]) -> None:
    clock = Clock()
    flood = Flood(clock)
    written = counted = 0
    for kind, source, wait_s in lines:
        clock.now_s += wait_s
        counted += sum(suppressed.count for suppressed in flood.due())
        written += flood.admit(kind, source)
    clock.now_s += WINDOW_S
    counted += sum(suppressed.count for suppressed in flood.due())
    assert written + counted == len(lines)
