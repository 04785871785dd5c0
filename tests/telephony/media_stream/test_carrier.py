"""The carrier's buffer: by table, and by conservation over anything a peer may send."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.media_stream.carrier import BUFFER_MS, CarrierStream, Gap
from telephony.media_stream.messages import L16_16K, Clear, Connected, Dtmf, Mark, Media, Play, SendMark, Start, Stop

SID = "MZ1"


def stream() -> CarrierStream:
    return CarrierStream(SID, "CA1", "AC1", {"token": "t"})


def audio(ms: float, byte: int = 1) -> Play:
    return Play(SID, bytes([byte]) * int(ms * 8))


def mark(name: str) -> SendMark:
    return SendMark(SID, name)


def names(marks: list[Mark]) -> list[str]:
    return [m.name for m in marks]


def test_order_and_counters_of_what_the_carrier_says() -> None:
    carrier = stream()
    connected, start = carrier.opening()
    assert connected == Connected()
    assert isinstance(start, Start)
    assert (start.sequence, start.stream_sid, start.call_sid, start.account_sid) == (1, SID, "CA1", "AC1")
    assert start.custom_parameters == {"token": "t"}
    assert carrier.caller_audio(b"a", 0) == Media(2, 1, 0, b"a", "inbound", SID)
    assert carrier.digit("5") == Dtmf(3, "5", "inbound_track", SID)
    assert carrier.caller_audio(b"b", 20.0) == Media(4, 2, 20, b"b", "inbound", SID)
    assert carrier.receive(mark("m"), 30) == [Mark("m", 5, SID)]
    assert carrier.stop() == Stop(6, "AC1", "CA1", SID)


def test_a_mark_with_nothing_buffered_comes_back_at_once() -> None:
    assert names(stream().receive(mark("now"), 0)) == ["now"]
    assert names(stream().receive(mark("now"), 1234.5)) == ["now"]


def test_a_mark_waits_for_all_audio_before_it_and_none_after() -> None:
    carrier = stream()
    carrier.receive(audio(33), 100)  # not a whole number of frames: the head is continuous
    carrier.receive(mark("a"), 100)
    carrier.receive(audio(10), 101)
    carrier.receive(mark("b"), 101)
    assert carrier.due_ms() == 133
    assert carrier.advance(132.875) == []
    assert names(carrier.advance(133)) == ["a"]
    assert carrier.due_ms() == 143
    assert names(carrier.advance(500)) == ["b"]
    assert carrier.due_ms() is None
    assert carrier.heard == [(100, b"\1" * 43 * 8)]
    assert carrier.ended_ms == 143


def test_clear_empties_the_buffer_and_returns_all_marks() -> None:
    carrier = stream()
    carrier.receive(audio(100), 0)
    carrier.receive(mark("a"), 0)
    carrier.receive(audio(100, 2), 0)
    carrier.receive(mark("b"), 0)
    carrier.receive(mark("c"), 0)
    assert names(carrier.receive(Clear(SID), 120.5)) == ["a", "b", "c"]  # a was due at 100: it comes first
    assert carrier.heard == [(0, b"\1" * 800 + b"\2" * 164)]
    assert carrier.buffered_ms == 0
    assert carrier.cleared_bytes == 1600 - 964
    assert carrier.advance(1000) == []
    assert carrier.heard_ms == 120.5
    assert names(carrier.receive(mark("d"), 1000)) == ["d"]


def test_audio_after_a_clear_starts_at_once() -> None:
    carrier = stream()
    carrier.receive(audio(1000), 0)
    carrier.receive(Clear(SID), 10)
    carrier.receive(audio(5, 3), 10)
    carrier.advance(20)
    assert carrier.heard == [(0, b"\1" * 80 + b"\3" * 40)]
    assert carrier.gaps == []


def test_gaps_are_data_and_a_clear_makes_none() -> None:
    carrier = stream()
    carrier.receive(audio(20), 0)
    carrier.receive(audio(20), 30)  # 10 ms late
    carrier.receive(audio(20), 2000)  # the next answer
    carrier.receive(Clear(SID), 2010)
    carrier.receive(audio(20), 2050)
    carrier.advance(3000)
    assert carrier.gaps == [Gap(20, 10), Gap(50, 1950)]
    assert carrier.underruns() == [Gap(20, 10)]
    assert [start for start, _ in carrier.heard] == [0, 30, 2000, 2050]


def test_a_clear_after_the_end_hides_no_gap() -> None:
    carrier = stream()
    carrier.receive(audio(20), 0)
    carrier.receive(Clear(SID), 25)
    carrier.receive(audio(20), 30)
    assert carrier.gaps == [Gap(20, 10)]


def test_ten_minutes_and_no_more_with_one_warning() -> None:
    carrier = stream()
    carrier.receive(audio(BUFFER_MS - 10), 0)
    carrier.receive(audio(30), 0)
    carrier.receive(audio(30), 0)
    assert carrier.buffered_ms == BUFFER_MS
    assert carrier.dropped_bytes == 50 * 8
    assert [w.code for w in carrier.warnings] == [31931]
    carrier.receive(audio(30), 30)  # 30 ms have been played: there is room again
    assert carrier.buffered_ms == BUFFER_MS
    assert carrier.dropped_bytes == 50 * 8


def test_wideband_is_played_in_whole_samples_at_its_own_rate() -> None:
    carrier = CarrierStream(SID, "CA1", "AC1", media_format=L16_16K)
    carrier.receive(Play(SID, bytes(range(1, 65)) * 10), 0)  # 640 bytes: 20 ms
    carrier.receive(mark("a"), 0)
    assert carrier.buffered_ms == 20
    assert carrier.due_ms() == 20
    carrier.advance(0.1)  # 1.6 samples: the second is not over
    assert carrier.heard == [(0, b"\1\2")]
    assert names(carrier.advance(20)) == ["a"]
    assert carrier.heard_ms == 20
    carrier.receive(Play(SID, b"\1\2\3"), 30)
    assert carrier.received_bytes == 642
    assert [w.code for w in carrier.warnings] == [31951]
    carrier.receive(Play(SID, bytes(640)), 30)
    carrier.receive(Clear(SID), 35.01)
    assert len(carrier.heard[-1][1]) % 2 == 0
    assert carrier.gaps == [Gap(20, 10)]


def test_a_foreign_stream_is_ignored_and_warned_of_once() -> None:
    carrier = stream()
    for _ in range(3):
        assert carrier.receive(SendMark("MZ2", "x"), 0) == []
    carrier.receive(Play("MZ2", b"abc"), 0)
    assert carrier.received_bytes == 0
    assert [w.code for w in carrier.warnings] == [31951]


def test_time_never_runs_backwards() -> None:
    carrier = stream()
    carrier.receive(audio(20), 100)
    carrier.receive(mark("a"), 100)
    assert carrier.advance(110) == []
    assert carrier.advance(90) == []
    assert names(carrier.advance(120)) == ["a"]


steps = st.lists(
    st.tuples(
        st.floats(0, 300, allow_nan=False),
        st.one_of(
            st.binary(max_size=1500).map(lambda payload: Play(SID, payload)),
            st.just("mark"),
            st.just(Clear(SID)),
            st.none(),
        ),
    ),
    max_size=40,
)


@settings(max_examples=300)
@given(steps)
def test_conservation(script: list[tuple[float, object]]) -> None:
    """Every byte is heard, cleared or still buffered, in order; marks come back once each, in order, when due."""
    carrier, now, sent, returned, cleared_at = stream(), 0.0, [], [], []
    for wait, what in script:
        now += wait
        if what == "mark":
            sent.append(f"m{len(sent)}")
            returned += names(carrier.receive(mark(sent[-1]), now))
        elif isinstance(what, Play | Clear):
            heard_before = carrier.heard_ms
            returned += names(carrier.receive(what, now))
            if isinstance(what, Clear):
                assert carrier.buffered_ms == 0
                assert carrier.pending_marks == []
                assert carrier.heard_ms >= heard_before
                cleared_at.append(now)
        else:
            due = carrier.due_ms()
            came = carrier.advance(now)
            assert bool(came) == (due is not None and due <= int(now * 8) / 8)
            returned += names(came)
        assert returned + carrier.pending_marks == sent
        heard = sum(len(run) for _, run in carrier.heard)
        assert carrier.received_bytes == heard + carrier.cleared_bytes + round(carrier.buffered_ms * 8)
    runs = carrier.heard
    for (start, run), (following, _) in itertools.pairwise(runs):
        assert start + len(run) / 8 < following
    if runs:
        assert runs[-1][0] + len(runs[-1][1]) / 8 <= now
    if not cleared_at:
        everything = b"".join(what.payload for _, what in script if isinstance(what, Play))
        assert everything.startswith(b"".join(run for _, run in runs))


@given(st.lists(st.integers(1, 400), min_size=1, max_size=30), st.lists(st.floats(0, 500), max_size=30))
def test_how_often_time_is_told_changes_nothing(sizes: list[int], told: list[float]) -> None:
    often, seldom = stream(), stream()
    for number, size in enumerate(sizes):
        for carrier in (often, seldom):
            carrier.receive(Play(SID, bytes([number]) * size), 0)
            carrier.receive(mark(str(number)), 0)
    marks = [m for moment in sorted(told) for m in often.advance(moment)]
    assert names(marks + often.advance(2000)) == names(seldom.advance(2000))
    assert often.heard == seldom.heard


def test_the_listener_hears_what_is_played_as_it_is_played() -> None:
    carrier, pieces = stream(), []
    carrier.listener = lambda start_ms, piece: pieces.append((start_ms, piece))
    carrier.receive(audio(30), 10)
    carrier.receive(audio(10, 2), 10)
    carrier.advance(25)
    assert pieces == [(10, b"\1" * 120)]
    assert carrier.buffered == b"\1" * 120 + b"\2" * 80
    carrier.receive(Clear(SID), 45)
    assert pieces[1:] == [(25, b"\1" * 120), (40, b"\2" * 40)]
    assert carrier.buffered == b""
