"""What came late in the record comes late again, in order; a line that died dies again."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from telephony.replay.callers.stalls import RecordedStalls, recorded_wire
from telephony.replay.recorded import Recorded, Stall


def test_frames_of_a_stall_arrive_when_it_is_over_and_those_behind_it_after_them() -> None:
    wire = RecordedStalls([Stall(40, 80, 150)])
    due = [delivery.due_ms for at in range(0, 200, 20) for delivery in wire.push(at, b"", at + 20.0)]
    assert due == [20, 40, 150, 150, 150, 150, 150, 160, 180, 200]


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 30), st.integers(0, 60)), max_size=6))
def test_no_frame_is_lost_early_or_overtaken(stalls: list[tuple[int, int, int]]) -> None:
    late = [Stall(20 * a, 20 * (a + n), 20 * (a + n + d)) for a, n, d in stalls]
    wire = RecordedStalls(late)
    out = [delivery for at in range(0, 2400, 20) for delivery in wire.push(at, bytes(1), at + 20.0)]
    assert [delivery.media_ms for delivery in out] == list(range(0, 2400, 20))
    assert all(delivery.due_ms >= delivery.media_ms + 20 for delivery in out)
    assert [delivery.due_ms for delivery in out] == sorted(delivery.due_ms for delivery in out)


def test_a_line_that_fell_silent_falls_silent_after_its_last_frame() -> None:
    silent = recorded_wire(Recorded("a", Path("a"), 8000, bytes(32_000), ended_by="caller: silent", ended_ms=6090))
    assert [silent.dropped(at) for at in (0, 980, 1000, 1001, 5000)] == ["", "", "", "silence", "silence"]
    told = recorded_wire(
        Recorded("a", Path("a"), 8000, bytes(64_000), audio_end_ms=980, ended_by="caller: silent", ended_ms=6090)
    )
    assert [told.dropped(at) for at in (980, 981)] == ["", "silence"]
    assert recorded_wire(Recorded("a", Path("a"), 8000, b"", ended_by="caller: stop")).dropped(10_000) == ""
