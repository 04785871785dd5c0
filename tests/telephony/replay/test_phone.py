"""The virtual phone, message by message: Twilio's marks, clear and end, the caller's frames, and a wire with faults."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from telephony.faults.frames import Delivery, FrameFaults
from telephony.media_stream.messages import (
    Clear,
    Connected,
    Dtmf,
    FromCarrier,
    Mark,
    Media,
    Play,
    SendMark,
    Start,
    Stop,
    ToCarrier,
    decode_from_carrier,
    encode,
)
from telephony.replay.callers.stalls import RecordedStalls
from telephony.replay.phone import VirtualPhone
from telephony.replay.recorded import Stall
from tests.support.virtual_loop import virtual

DELAY_S = 0.03
STREAM = "MZ1"
#: PCM at 8 and 16 kHz that mu-law and L16 carry without loss, and differs from frame to frame.
LEVELS = [0, 8, 24, 40, 56, 72, 88, 104]


class Person:
    """A caller whose n-th frame is of one level; keys and the end at given frames. Notes what it is told."""

    def __init__(self, rate_hz: int, keys: dict[int, str] | None = None, ends: tuple[int, str] | None = None) -> None:
        self.ended: str | None = None
        self.gaps: set[int] = set()
        self.asked_ms: list[float] = []
        self.heard: list[tuple[float, bytes]] = []
        self.cleared_ms: list[float] = []
        self._rate_hz = rate_hz
        self._keys = keys or {}
        self._ends = ends

    def pcm(self, number: int) -> bytes:
        return LEVELS[number % len(LEVELS)].to_bytes(2, "little") * (self._rate_hz // 50)

    def frame(self, now_ms: float) -> bytes | None:
        number = len(self.asked_ms)
        self.asked_ms.append(now_ms)
        if self._ends is not None and number >= self._ends[0]:
            self.ended = self._ends[1]
        return None if number in self.gaps else self.pcm(number)

    def take_keys(self) -> list[str]:
        return list(self._keys.pop(len(self.asked_ms) - 1, ""))

    def hear(self, start_ms: float, pcm: bytes) -> None:
        self.heard.append((start_ms, pcm))

    def cleared(self, now_ms: float) -> None:
        self.cleared_ms.append(now_ms)

    def recorded_ms(self, media_ms: int) -> int:
        return media_ms


class Service:
    """Our end of the wire, without any of our line's code: what came, and when (in ms since the phone rang)."""

    def __init__(self, phone: VirtualPhone) -> None:
        self.got: list[tuple[float, FromCarrier]] = []
        self.closed = False
        self._phone = phone
        self._loop = asyncio.get_running_loop()
        phone.ring()
        self._began_s = self._loop.time()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while (text := await self._phone.socket.receive()) is not None:
            self.got.append((self.now_ms, decode_from_carrier(text)))
        self.closed = True

    @property
    def now_ms(self) -> float:
        return (self._loop.time() - self._began_s) * 1000

    async def send(self, *messages: ToCarrier) -> None:
        for message in messages:
            await self._phone.socket.send(encode(message))

    async def until(self, at_ms: float) -> None:
        await asyncio.sleep(at_ms / 1000 - self.now_ms / 1000)

    async def over(self) -> None:
        self._phone.drop()
        async with asyncio.timeout(1):
            await self._reading

    def of(self, kind: type) -> list[tuple[float, FromCarrier]]:
        return [(round(at, 3), message) for at, message in self.got if isinstance(message, kind)]


def a_call(person: Person, rate_hz: int = 8000, faults: FrameFaults | None = None) -> tuple[VirtualPhone, Service]:
    phone = VirtualPhone(person, rate_hz=rate_hz, faults=faults, delay_s=DELAY_S)
    return phone, Service(phone)


@pytest.mark.parametrize("rate_hz", [8000, 16_000])
@virtual
async def test_each_frame_leaves_when_it_is_whole_and_bears_its_time(rate_hz: int) -> None:
    person = Person(rate_hz)
    phone, service = a_call(person, rate_hz)
    await service.until(1000)
    await service.over()
    kinds = [type(message) for _, message in service.got]
    assert kinds[:3] == [Connected, Start, Media]
    start = service.got[1][1]
    assert isinstance(start, Start)
    assert start.media_format.sample_rate_hz == rate_hz
    media = service.of(Media)
    assert [at for at, _ in media] == [20 * n + 20 + 30 for n in range(len(media))]
    assert [message.timestamp_ms for _, message in media if isinstance(message, Media)] == list(
        range(0, 20 * len(media), 20)
    )
    decode = phone._decode
    assert [decode(m.payload) for _, m in media if isinstance(m, Media)] == [person.pcm(n) for n in range(len(media))]
    assert person.asked_ms == [20.0 * n for n in range(len(person.asked_ms))]


@virtual
async def test_nothing_comes_in_a_gap_and_what_follows_keeps_its_time() -> None:
    person = Person(8000)
    person.gaps = {2, 3}
    _, service = a_call(person)
    await service.until(200)
    await service.over()
    stamps = [message.timestamp_ms for _, message in service.of(Media) if isinstance(message, Media)]
    assert stamps[:4] == [0, 20, 80, 100]


@virtual
async def test_a_mark_comes_back_when_its_audio_has_been_heard_between_frames_too() -> None:
    person = Person(8000)
    _, service = a_call(person)
    await service.until(100)
    await service.send(Play(STREAM, b"\x80" * 8 * 105), SendMark(STREAM, "end"), SendMark(STREAM, "also"))
    await service.send(Play(STREAM, b"\x90" * 8 * 40), SendMark(STREAM, "more"))
    await service.until(600)
    await service.over()
    marks = [(round(at), message.name) for at, message in service.of(Mark) if isinstance(message, Mark)]
    played_ms = 100 + 30  # one way
    assert marks == [(played_ms + 105 + 30, "end"), (played_ms + 105 + 30, "also"), (played_ms + 145 + 30, "more")]
    assert person.heard[0][0] == played_ms
    assert sum(len(pcm) for _, pcm in person.heard) == 16 * 145
    starts = [start for start, _ in person.heard]
    assert starts == sorted(starts)


@virtual
async def test_clear_takes_back_what_waits_and_sends_the_marks_at_once() -> None:
    person = Person(8000)
    phone, service = a_call(person)
    await service.send(Clear(STREAM))
    await service.until(100)
    await service.send(Play(STREAM, b"\x80" * 8000), SendMark(STREAM, "never heard"))
    await service.until(300)
    await service.send(Clear(STREAM))
    await service.until(600)
    await service.over()
    assert [round(at) for at, _ in service.of(Mark)] == [360]
    assert [round(at) for at in person.cleared_ms] == [330], "nothing waited when it was cleared the first time"
    heard_samples = sum(len(pcm) for _, pcm in person.heard) // 2
    assert heard_samples == pytest.approx(8 * 200, abs=1), "the loop's clock counts in floating seconds"
    assert phone.carrier.buffered_ms == 0


@virtual
async def test_a_caller_who_hangs_up_is_told_by_stop_then_the_socket_closes() -> None:
    _, service = a_call(Person(8000, ends=(10, "hang up")))
    await service.until(500)
    assert service.closed
    assert [type(message) for _, message in service.got][-1] is Stop
    assert len(service.of(Media)) == 10
    assert round(service.got[-1][0]) == 11 * 20 + 30
    await service.over()
    assert len(service.of(Stop)) == 1


@virtual
async def test_a_dropped_line_closes_without_a_word() -> None:
    _, service = a_call(Person(8000, ends=(10, "drop")))
    await service.until(500)
    assert service.closed
    assert service.of(Stop) == []
    assert len(service.of(Media)) == 10
    await service.over()


@virtual
async def test_after_our_close_the_caller_is_asked_for_nothing() -> None:
    person = Person(8000)
    phone, service = a_call(person)
    await service.until(205)
    await phone.socket.close(1000)
    await service.until(1000)
    assert len(person.asked_ms) == 11  # the frames until the close had come
    phone.hang_up()
    await service.over()
    assert service.of(Stop) == []


@virtual
async def test_keys_go_before_the_frame_in_which_they_are_pressed() -> None:
    _, service = a_call(Person(8000, keys={5: "12", 7: "#"}))
    await service.until(300)
    await service.over()
    order = [message for _, message in service.got if isinstance(message, Dtmf | Media)]
    told = [message.digit if isinstance(message, Dtmf) else message.timestamp_ms for message in order]
    assert told[4:12] == [80, "1", "2", 100, 120, "#", 140, 160]


class Breaks:
    """Drops the line at a time, in one way or the other."""

    def __init__(self, at_ms: float, how: str) -> None:
        self._at_ms, self._how = at_ms, how

    def push(self, media_ms: int, payload: bytes, due_ms: float) -> Sequence[Delivery]:
        return (Delivery(due_ms, media_ms, payload),)

    def frame_ms(self) -> float:
        return 20

    def dropped(self, now_ms: float) -> str:
        return self._how if now_ms >= self._at_ms else ""


@virtual
async def test_a_line_that_breaks_is_closed_or_falls_silent_both_ways() -> None:
    person = Person(8000)
    _, service = a_call(person, faults=Breaks(200, "close"))
    await service.until(400)
    assert service.closed
    await service.over()

    person = Person(8000)
    _, service = a_call(person, faults=Breaks(200, "silence"))
    await service.until(300)
    await service.send(Play(STREAM, b"\x80" * 800), SendMark(STREAM, "lost"))
    await service.until(1000)
    assert not service.closed
    assert max(at for at, _ in service.got) < 200 + 30
    assert person.heard == []
    await service.over()


@virtual
async def test_a_far_end_whose_clock_runs_slow_sends_its_frames_later() -> None:
    class Slow(Breaks):
        def frame_ms(self) -> float:
            return 20.2

    _, service = a_call(Person(8000), faults=Slow(1e9, ""))
    await service.until(2000)
    await service.over()
    media = service.of(Media)
    assert media[49][0] == pytest.approx(50 * 20.2 + 30)
    assert isinstance(media[49][1], Media)
    assert media[49][1].timestamp_ms == 980


@virtual
async def test_recorded_stalls_come_late_again() -> None:
    _, service = a_call(Person(8000), faults=RecordedStalls([Stall(100, 160, 400)]))
    await service.until(600)
    await service.over()
    stamps = [message.timestamp_ms for _, message in service.of(Media) if isinstance(message, Media)]
    assert stamps == list(range(0, 20 * len(stamps), 20)), "in order"
    at = {message.timestamp_ms: at for at, message in service.of(Media) if isinstance(message, Media)}
    assert at[80] == 130
    assert {at[stamp] for stamp in range(100, 400, 20)} == {430}
    assert at[400] == 450
