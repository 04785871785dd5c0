"""The media-stream line: the Line contract over Twilio's own buffer, and peers that are broken, slow or hostile."""

import asyncio
import audioop
import base64
import json
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import RemoteError
from agent.line import (
    Decision,
    HungUp,
    KeyPressed,
    Line,
    LineEvent,
    MarksLost,
    PlayoutDone,
    PlayoutStarted,
    TextSpan,
    Transfer,
    WordEnd,
)
from telephony.media_stream.carrier import CarrierStream
from telephony.media_stream.line import (
    DEAD_S,
    LEAD_MS,
    MAX_FAULTS,
    SEND_DEADLINE_S,
    MediaStreamLine,
    accept_stream,
)
from telephony.media_stream.messages import L16_16K, MediaFormat, Start, encode
from tests.agent.fakes import square
from tests.agent.line_contract import FarEnd, LineContract, Sink
from tests.support.phone import LOUD, MemorySocket, Phone
from tests.support.virtual_loop import run_virtual


@asynccontextmanager
async def serving(phone: Phone) -> AsyncIterator[MediaStreamLine]:
    loop = asyncio.get_running_loop()
    phone.ring()
    start = await accept_stream(phone.socket, extensions=True)
    line = MediaStreamLine(phone.socket, start, on_leave=lambda decision: None, now_s=loop.time)
    task = asyncio.create_task(line.run())
    try:
        yield line
    finally:
        phone.drop()
        async with asyncio.timeout(2 * DEAD_S):
            await task


class TestContract(LineContract):
    @asynccontextmanager
    async def serve(self) -> AsyncIterator[tuple[Line, FarEnd]]:
        phone = Phone()
        async with serving(phone) as line:
            yield line, phone


class TestContractOverALongWay(LineContract):
    way_ms = 700

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[tuple[Line, FarEnd]]:
        phone = Phone(0.15)
        async with serving(phone) as line:
            yield line, phone


class TestContractAt16kHz(LineContract):
    @asynccontextmanager
    async def serve(self) -> AsyncIterator[tuple[Line, FarEnd]]:
        phone = Phone(media_format=L16_16K)
        async with serving(phone) as line:
            assert line.info.sample_rate_hz == 16000
            yield line, phone


def collect(line: MediaStreamLine) -> tuple[list[LineEvent], "asyncio.Task[None]"]:
    events: list[LineEvent] = []

    async def read() -> None:
        async for event in line.events():
            events.append(event)

    return events, asyncio.create_task(read())


def speech(ms: int, utterance: int = 1) -> tuple[bytes, TextSpan]:
    return square(8 * ms), TextSpan(utterance, (WordEnd(8 * ms, 10),))


# --- playing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delay_ms", [0, 20, 60, 120, 180])
def test_speech_has_no_holes_however_long_the_way(delay_ms: int) -> None:
    async def case() -> None:
        phone = Phone(delay_ms / 1000)
        async with serving(phone) as line:
            events, reading = collect(line)
            longest = 0.0
            for number in range(1, 4):
                line.play(*speech(3000, number))
                while len([e for e in events if isinstance(e, PlayoutDone)]) < number:
                    await asyncio.sleep(0.02)
                    phone.heard_ms  # noqa: B018 - moves the carrier's time on
                    longest = max(longest, phone.carrier.buffered_ms)
                await asyncio.sleep(1)
            holes = [gap for gap in phone.carrier.underruns(900) if gap.at_ms > 3000]
            assert holes == [], "the first stretch may have to learn the way; later ones know it"
            assert longest <= LEAD_MS + 20, "no more than agreed waits at the far end"
            assert phone.heard_ms == 9000
        await reading

    run_virtual(case())


def test_first_audio_leaves_at_once_and_marks_are_spread() -> None:
    async def case() -> None:
        phone = Phone(0.0)
        async with serving(phone) as line:
            await asyncio.sleep(0.5)
            before = phone.now_ms
            line.play(*speech(1000))
            await asyncio.sleep(0.001)
            assert phone.carrier.buffered_ms > 0
            assert phone.now_ms - before < 20
            marks: list[str] = []
            while phone.heard_ms < 1000:
                await asyncio.sleep(0.01)
                marks += [name for name in phone.carrier.pending_marks if name not in marks]
            assert 5 <= len(marks) <= 14
            assert phone.socket.sent <= 30

    run_virtual(case())


def test_a_short_tail_is_sent_though_no_more_comes() -> None:
    async def case() -> None:
        phone = Phone()
        async with serving(phone) as line:
            _events, reading = collect(line)
            for samples in (1601, 7, 1, 159):
                line.play(square(samples), TextSpan(1))
            await asyncio.sleep(2)
            assert sum(len(audio) for _, audio in phone.carrier.heard) == 1768
            assert line.pending_ms == 0
        await reading

    run_virtual(case())


def test_a_wideband_line_carries_every_sample_both_ways() -> None:
    async def case() -> None:
        phone = Phone(media_format=L16_16K)
        async with serving(phone) as line:
            sink = Sink()
            line.attach(sink)
            pcm = b"".join((at % 9001 - 4500).to_bytes(2, "little", signed=True) for at in range(16 * 700))
            line.play(pcm, TextSpan(1))
            phone.speak(200)
            await asyncio.sleep(1.5)
            assert b"".join(audio for _, audio in phone.carrier.heard) == audioop.byteswap(pcm, 2)
            assert [start for start, _ in phone.carrier.heard][1:] == [], "no hole"
            assert audioop.byteswap(LOUD[L16_16K] * 10, 2) in b"".join(audio for _, audio in sink.audio)
            assert sum(len(audio) for _, audio in sink.heard) == len(pcm)

    run_virtual(case())


@pytest.mark.parametrize("payload", [b"\x01", b"\x00" * 641])
def test_half_a_sample_is_a_fault_of_the_peer_and_moves_nothing(payload: bytes) -> None:
    async def case() -> None:
        phone = Phone(media_format=L16_16K)
        async with serving(phone) as line:
            sink = Sink()
            line.attach(sink)
            await asyncio.sleep(0.5)
            phone.talks = False
            await asyncio.sleep(0.1)
            frames, at = len(sink.audio), line._audio_end_ms
            phone.socket.give(media(payload, str(at)))
            await asyncio.sleep(0.1)
            assert (len(sink.audio), line._audio_end_ms, line._faults) == (frames, at, 1)

    run_virtual(case())


@pytest.mark.parametrize(
    ("declared", "extensions", "taken"),
    [
        (MediaFormat(), False, True),
        (MediaFormat(), True, True),
        (L16_16K, True, True),
        (L16_16K, False, False),
        (MediaFormat("audio/l16", 8000), True, False),
        (MediaFormat("audio/x-mulaw", 16000), True, False),
    ],
)
def test_wideband_is_for_our_own_carriers_only(declared: MediaFormat, extensions: bool, taken: bool) -> None:
    async def case() -> None:
        socket = MemorySocket()
        for message in CarrierStream("MZ1", "CA1", "AC1", media_format=declared).opening():
            socket.give(encode(message))
        if taken:
            assert (await accept_stream(socket, extensions=extensions)).media_format == declared
        else:
            with pytest.raises(RemoteError, match=r"mediaFormat.*not supported"):
                await accept_stream(socket, extensions=extensions)

    run_virtual(case())


def test_a_peer_without_marks_is_served_by_the_clock() -> None:
    async def case() -> None:
        phone = Phone(echoes_marks=False)
        async with serving(phone) as line:
            events, reading = collect(line)
            for number in (1, 2):
                line.play(*speech(1000, number))
                await asyncio.sleep(4)
                done = [e for e in events if isinstance(e, PlayoutDone)]
                assert len(done) == number
                assert done[-1].heard.basis == "clock"
                assert done[-1].heard.chars[number] == 10
                assert phone.heard_ms == 1000 * number
            assert len([e for e in events if isinstance(e, MarksLost)]) == 1
        await reading

    run_virtual(case())


def test_a_peer_that_sends_no_audio_is_played_to() -> None:
    async def case() -> None:
        phone = Phone()
        phone.talks = False
        async with serving(phone) as line:
            events, reading = collect(line)
            await asyncio.sleep(1)
            line.play(*speech(2000))
            await asyncio.sleep(3)
            assert [type(e) for e in events if isinstance(e, PlayoutDone)] == [PlayoutDone]
            assert phone.heard_ms == 2000
        await reading
        assert events[-1] == HungUp("closed", events[-1].media_ms)  # type: ignore[union-attr]

    run_virtual(case())


@pytest.mark.parametrize("stall_ms", [410, 450, 490, 530, 570, 610])
def test_after_a_stall_of_the_network_the_ledger_is_right_again_at_once(stall_ms: int) -> None:
    """For a while nothing comes; then all of it at once. Marks prove when they were sent, not when they came."""

    async def case() -> None:
        phone = Phone(0.02)
        async with serving(phone) as line:
            sink = Sink()
            line.attach(sink)
            line.play(*speech(4000))
            await asyncio.sleep(1)
            phone.socket._last_s = asyncio.get_running_loop().time() + stall_ms / 1000
            await asyncio.sleep(stall_ms / 1000)
            for _ in range(30):
                await asyncio.sleep(0.01)
                truth = phone.heard_ms
                assert abs(line.heard().position_ms - truth) <= 65, "one frame, and the way"
            await asyncio.sleep(3)
            assert phone.heard_ms == 4000

    run_virtual(case())


def test_of_a_line_that_dies_nothing_counts_as_heard_that_nobody_can_prove() -> None:
    """Neither audio nor marks come any more: by the clock alone, the rest would soon count as heard."""

    async def case() -> None:
        phone = Phone(0.02)
        async with serving(phone) as line:
            events, reading = collect(line)
            line.play(*speech(3000))
            await asyncio.sleep(1)
            phone.talks = phone.echoes_marks = False
            truth = phone.heard_ms
            for _ in range(12):
                await asyncio.sleep(0.3)
                heard = line.heard()
                assert truth - 100 <= heard.position_ms <= truth + 300, "what the far end may still have played"
                assert heard.basis == "mark"
            await asyncio.sleep(DEAD_S)
            assert line.heard().position_ms <= truth + 300
        await reading
        assert [type(event) for event in events] == [PlayoutStarted, HungUp], "neither done, nor marks lost"

    run_virtual(case())


def test_after_seconds_of_nothing_from_the_far_end_its_marks_still_prove_what_it_played() -> None:
    async def case() -> None:
        phone = Phone(0.02)
        async with serving(phone) as line:
            events, reading = collect(line)
            line.play(*speech(2000))
            await asyncio.sleep(1)
            phone.socket._last_s = asyncio.get_running_loop().time() + 3  # all that comes, comes then
            await asyncio.sleep(2.5)
            assert not [event for event in events if isinstance(event, PlayoutDone | MarksLost)]
            await asyncio.sleep(1)
            assert line.heard().position_ms == phone.heard_ms == 2000
            assert not [event for event in events if isinstance(event, MarksLost)]
            assert len([event for event in events if isinstance(event, PlayoutDone)]) == 1
        await reading

    run_virtual(case())


# --- the end --------------------------------------------------------------------------------------------------------


def test_how_a_line_ends() -> None:
    async def case(end: Callable[[Phone, MediaStreamLine], Any]) -> HungUp:
        phone = Phone()
        async with serving(phone) as line:
            events, reading = collect(line)
            line.play(*speech(3000))
            await asyncio.sleep(0.5)
            result = end(phone, line)
            if result is not None:
                await result
            await asyncio.sleep(DEAD_S + 1)
        await reading
        assert isinstance(events[-1], HungUp)
        assert len([event for event in events if isinstance(event, HungUp)]) == 1
        return events[-1]

    def silent(phone: Phone, line: MediaStreamLine) -> None:
        assert phone.frame_due is not None
        phone.frame_due.cancel()
        phone.echoes_marks = False

    left: list[Decision] = []

    async def leave(phone: Phone, line: MediaStreamLine) -> None:
        line._on_leave = left.append
        await line.leave(Transfer("+1555"))
        assert phone.socket.closed == 1000

    assert run_virtual(case(lambda phone, line: phone.hang_up())).reason == "stop"
    assert run_virtual(case(lambda phone, line: phone.drop())).reason == "closed"
    assert run_virtual(case(silent)).reason == "silent"
    assert run_virtual(case(leave)).reason == "left"
    assert left == [Transfer("+1555")]


def test_a_peer_that_stops_reading_is_gone_after_its_deadline() -> None:
    async def case() -> None:
        phone = Phone()
        async with serving(phone) as line:
            events, reading = collect(line)
            line.play(*speech(1000))
            await asyncio.sleep(0.3)
            phone.socket.taking.clear()
            began = phone.now_ms
            while not events or not isinstance(events[-1], HungUp):
                line.play(*speech(1000))
                line.stop_playing()
                await asyncio.sleep(0.05)
            assert phone.now_ms - began <= 1000 * SEND_DEADLINE_S + 200
            assert "took nothing" in events[-1].reason
            assert len(line._out) < 2000
        await reading

    run_virtual(case())


def test_cancelled_it_ends_with_hung_up_and_leaves_no_task() -> None:
    async def case() -> None:
        phone = Phone()
        phone.ring()
        start = await accept_stream(phone.socket)
        loop = asyncio.get_running_loop()
        line = MediaStreamLine(phone.socket, start, on_leave=lambda decision: None, now_s=loop.time)
        task = asyncio.create_task(line.run())
        events, reading = collect(line)
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.wait([task])
        await reading
        assert [type(event) for event in events] == [HungUp]
        phone.drop()

    run_virtual(case())


# --- hostile peers --------------------------------------------------------------------------------------------------


def media(payload: bytes = b"\xff" * 160, timestamp: Any = "0", **extra: Any) -> str:
    body = {"payload": base64.b64encode(payload).decode(), "timestamp": timestamp, "chunk": "1", "track": "inbound"}
    return json.dumps({"event": "media", "sequenceNumber": "2", "media": {**body, **extra}, "streamSid": "MZ1"})


def mark(name: str) -> str:
    return json.dumps({"event": "mark", "sequenceNumber": "3", "streamSid": "MZ1", "mark": {"name": name}})


def key(digit: str) -> str:
    return json.dumps({"event": "dtmf", "sequenceNumber": "1", "dtmf": {"digit": digit}})


async def attacked(texts: list[str | None], every_s: float = 0.02) -> tuple[list[LineEvent], Sink, MediaStreamLine]:
    """A line that speaks while its peer sends `texts`; then the peer is gone. Whatever came, it ends as it should."""
    loop = asyncio.get_running_loop()
    socket = MemorySocket()
    line = MediaStreamLine(socket, Start("MZ1", "AC1", "CA1"), on_leave=lambda decision: None, now_s=loop.time)
    sink = Sink()
    line.attach(sink)
    task = asyncio.create_task(line.run())
    events, reading = collect(line)
    line.play(*speech(2000))
    for text in texts:
        socket.give(text)
        await asyncio.sleep(every_s)
        assert line.pending_ms >= 0
    socket.give(None)
    async with asyncio.timeout(10):
        await task
        await reading
    assert isinstance(events[-1], HungUp)
    assert len([event for event in events if isinstance(event, HungUp)]) == 1
    end = -1
    for at, pcm in sink.audio:
        assert at >= end, "media time ran backwards"
        end = at + len(pcm) // 16
    line.heard()
    return events, sink, line


JUNK = [
    "", "null", "[]", "7", '"media"', "{", "{}", "[" * 100_000, '{"event":1}', '{"event":"media"}', "\x00\xff\ud800",
    '{"event":"media","media":{"payload":"!!!!","timestamp":"0","chunk":"1"}}',
    '{"event":"media","media":{"payload":7,"timestamp":"0","chunk":"1"}}',
    '{"event":"media","media":null}', media(timestamp="x"), media(timestamp=-1), media(timestamp=1e300),
    media(timestamp="9" * 400), media(timestamp=None), media(b""), media(b"\x00"), media(track="outbound"),
    media(track="inbound_track"), mark(""), mark("1:" + "9" * 400), mark("x" * 100_000), mark("1:1"),
    '{"event":"dtmf","sequenceNumber":"1","dtmf":{"digit":"12"}}', '{"event":"dtmf","sequenceNumber":"1","dtmf":{}}',
    '{"event":"connected"}', '{"event":"start"}', '{"event":"unheard-of"}', '{"event":"mark"}', "{" * 5000,
    '{"a":' * 3000, "9" * 10_000,
]  # fmt: skip


@pytest.mark.parametrize("text", JUNK, ids=[repr(text[:40]) for text in JUNK])
def test_no_message_breaks_the_line(text: str) -> None:
    async def case() -> None:
        # Frames before and after: the junk is passed over.
        events, sink, _line = await attacked([media(timestamp="0"), text, media(timestamp="20"), media(timestamp="40")])
        assert events[-1] == HungUp("closed", events[-1].media_ms)  # type: ignore[union-attr]
        assert len(sink.audio) >= 3

    run_virtual(case())


def test_a_peer_that_speaks_nothing_but_nonsense_is_left() -> None:
    async def case() -> None:
        events, _, _ = await attacked(["nonsense"] * (MAX_FAULTS + 50))
        assert isinstance(events[-1], HungUp)
        assert events[-1].reason.startswith("protocol: ")
        assert len(events[-1].reason) < 500

    run_virtual(case())


MESSAGES = st.one_of(
    st.text(max_size=30),
    st.builds(media, st.binary(max_size=400), st.one_of(st.integers(-10, 2**60), st.text(max_size=5))),
    st.builds(mark, st.text(max_size=10)),
    st.builds(lambda generation, offset: mark(f"{generation}:{offset}"), st.integers(0, 3), st.integers(0, 20_000)),
    st.builds(key, st.text(max_size=2)),
    st.sampled_from(JUNK),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(MESSAGES, max_size=30))
def test_no_conversation_breaks_the_line(texts: list[str]) -> None:
    run_virtual(attacked(list(texts), every_s=0.01))


@pytest.mark.parametrize(
    "stamps",
    [
        [0, 20, 40, 10_000_000, 60, 80, 100],
        [0, 20, 40, 0, 20, 40, 60],
        [2**53] * 5,
        [0, 5000, 20, 40, 60],
        [0] * 50,
        [100_000, 100_020, 100_040],
        [9_000 * at for at in range(50)],  # each jump alone would pass for a gap
    ],
)
def test_a_clock_that_jumps_moves_nothing_backwards_or_far(stamps: list[int]) -> None:
    async def case() -> None:
        _, sink, line = await attacked([media(timestamp=str(at)) for at in stamps])
        assert len(sink.audio) == len(stamps)
        assert line.media_ms <= 10_000 + 20 * len(stamps) + 1000

    run_virtual(case())


@pytest.mark.parametrize(("size", "step"), [(100, None), (7, None), (100, 0), (33, 0), (161, None)])
def test_odd_frames_keep_media_time_and_audio_together(size: int, step: int | None) -> None:
    """Frames of 12.5 ms, of less than a millisecond, with or without true time stamps: no gaps, and no drift."""

    async def case() -> None:
        count = 800
        stamps = [at * size * 1000 // 8000 if step is None else step for at in range(count)]
        _, sink, line = await attacked([media(b"\xff" * size, str(at)) for at in stamps], every_s=size / 8000)
        samples = 0
        for at, pcm in sink.audio:
            assert abs(at - samples / 8) <= 2, "audio and its media time drift apart"
            samples += len(pcm) // 2
        assert abs(line._audio_end_ms - count * size / 8) <= 2

    run_virtual(case())


def test_giant_payloads_and_floods_leave_memory_as_it_was() -> None:
    async def case() -> None:
        giant = media(b"\x7f" * 3_000_000, "0")
        await attacked([giant])
        tracemalloc.start()
        flood = [media(timestamp=str(20 * at)) if at % 2 else mark(f"1:{at}") for at in range(4000)]
        before = tracemalloc.get_traced_memory()[0]
        loop = asyncio.get_running_loop()
        socket = MemorySocket()
        line = MediaStreamLine(socket, Start("MZ1", "AC1", "CA1"), on_leave=lambda decision: None, now_s=loop.time)
        task = asyncio.create_task(line.run())
        for at, text in enumerate(flood):
            line.play(*speech(20, at + 1))
            line.stop_playing()
            socket.give(text)
            if at % 50 == 0:
                await asyncio.sleep(0.001)
        socket.give(None)
        await asyncio.wait_for(task, 10)
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        assert grown < 3_000_000, f"{grown} bytes kept"

    run_virtual(case())


def test_keys_in_a_flood_all_come() -> None:
    async def case() -> None:
        events, _, _ = await attacked([key("5")] * 500, every_s=0.0)
        assert len([event for event in events if isinstance(event, KeyPressed)]) == 500

    run_virtual(case())


def test_keys_that_no_hand_presses_end_the_stream() -> None:
    async def case() -> None:
        events, _, _ = await attacked([key("5")] * 2000, every_s=0.001)
        assert len([event for event in events if isinstance(event, KeyPressed)]) < 600
        assert isinstance(events[-1], HungUp)
        assert "more keys" in events[-1].reason

    run_virtual(case())


@pytest.mark.parametrize("frame_ms", [20, 9000])
def test_audio_faster_than_time_goes_by_ends_the_stream(frame_ms: int) -> None:
    """Else a flood would fill the disk, and drive the call's timers as it likes."""

    async def case() -> None:
        frame = media(b"\x7f" * (8 * frame_ms), "0")
        events, sink, line = await attacked([frame] * 2000, every_s=0.001)
        assert sum(len(pcm) for _, pcm in sink.audio) / 16 <= 13_000
        assert line.media_ms <= 13_000
        assert isinstance(events[-1], HungUp)
        assert "faster" in events[-1].reason

    run_virtual(case())


def test_audio_that_a_stall_held_up_is_all_heard() -> None:
    async def case() -> None:
        stamps = [20 * at for at in range(200)]
        loop = asyncio.get_running_loop()
        socket = MemorySocket()
        line = MediaStreamLine(socket, Start("MZ1", "AC1", "CA1"), on_leave=lambda decision: None, now_s=loop.time)
        sink = Sink()
        line.attach(sink)
        task = asyncio.create_task(line.run())
        await asyncio.sleep(4.0)
        for at in stamps:
            socket.give(media(timestamp=str(at)))
        socket.give(None)
        await asyncio.wait_for(task, 10)
        assert len(sink.audio) == len(stamps)

    run_virtual(case())


@pytest.mark.parametrize(
    ("texts", "match"),
    [
        ([None], "closed before"),
        (['{"event":"connected","protocol":"Call","version":"1.0.0"}', None], "closed before"),
        (["junk"], "not JSON"),
        ([media()], "expected 'connected'"),
        (['{"event":"connected","protocol":"Call","version":"1.0.0"}', media()], "expected 'start'"),
        ([], "no `start` within"),
        (['{"event":"connected","protocol":"Call","version":"1.0.0"}'], "no `start` within"),
    ],
)
def test_a_stream_that_does_not_begin_as_it_must_is_refused(texts: list[str | None], match: str) -> None:
    async def case() -> None:
        socket = MemorySocket()
        for text in texts:
            socket.give(text)
        with pytest.raises(RemoteError, match=match):
            await accept_stream(socket)

    run_virtual(case())
