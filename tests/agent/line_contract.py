"""What every Line keeps (agent/line.py). A line's own tests subclass LineContract and say how one is made.

The tests run in virtual time. They know the far end only by what a person there could tell.
"""

from __future__ import annotations

import asyncio
import itertools
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from agent.line import (
    HangUp,
    HungUp,
    KeyPressed,
    Line,
    LineEvent,
    PlayoutDone,
    PlayoutStarted,
    TextSpan,
    WordEnd,
)
from tests.agent.fakes import square
from tests.support.virtual_loop import run_virtual


class FarEnd(Protocol):
    """The person at the other end of a line under test."""

    @property
    def heard_ms(self) -> float:
        """How much agent audio they have heard."""

    def speak(self, ms: int) -> None:
        """Speak, loudly, from now on, for so long."""

    def press(self, keys: str) -> None:
        """Press keys."""

    def hang_up(self) -> None:
        """End the call."""


@dataclass
class Sink:
    """An AudioSink that keeps everything."""

    audio: list[tuple[int, bytes]] = field(default_factory=list)
    heard: list[tuple[int, bytes]] = field(default_factory=list)

    def on_audio(self, pcm: bytes, media_ms: int) -> None:
        self.audio.append((media_ms, pcm))

    def on_heard_audio(self, pcm: bytes, media_ms: int) -> None:
        self.heard.append((media_ms, pcm))


@dataclass
class Joined:
    """A line in service, its far end, a sink, and the events so far."""

    line: Line
    far: FarEnd
    sink: Sink
    events: list[LineEvent]
    recorded: int = 0

    def of(self, kind: type) -> list[LineEvent]:
        return [event for event in self.events if isinstance(event, kind)]

    def play(self, ms: int, utterance: int = 1) -> None:
        """Play a tone that says a word of 5 characters every 100 ms."""
        for index in range(ms // 100):
            samples = self.line.info.sample_rate_hz // 10
            self.line.play(square(samples), TextSpan(utterance, (WordEnd(samples, 5 * (index + 1)),)))

    async def until(self, kind: type, count: int = 1, limit_s: float = 30.0) -> None:
        async with asyncio.timeout(limit_s):
            while len(self.of(kind)) < count:
                await asyncio.sleep(0.01)


class LineContract(ABC):
    """Subclass it as `class TestX(LineContract)` and give `serve`."""

    #: How long what we do may take to reach the far end, and back.
    way_ms = 250

    @abstractmethod
    def serve(self) -> AbstractAsyncContextManager[tuple[Line, FarEnd]]:
        """A line in service and its far end; on leaving, whatever was started has ended."""

    @asynccontextmanager
    async def joined(self) -> AsyncIterator[Joined]:
        async with self.serve() as (line, far):
            joined = Joined(line, far, Sink(), [])
            line.attach(joined.sink)

            async def read() -> None:
                async for event in line.events():
                    joined.events.append(event)
                    joined.recorded = len(joined.sink.heard)

            reading = asyncio.create_task(read())
            await asyncio.sleep(0.2)
            try:
                yield joined
            finally:
                far.hang_up()
                async with asyncio.timeout(10):
                    await reading  # the events end after HungUp, whatever ended the call
                assert isinstance(joined.events[-1], HungUp)
                assert len(joined.of(HungUp)) == 1
                assert joined.recorded == len(joined.sink.heard), "nothing more to record comes after HungUp"

    def test_the_callers_audio_comes_in_order_and_without_gaps(self) -> None:
        async def case() -> None:
            async with self.joined() as call:
                call.far.speak(500)
                await asyncio.sleep(1.5)
                rate_hz = call.line.info.sample_rate_hz
                for (a, pcm), (b, _) in itertools.pairwise(call.sink.audio):
                    assert a + len(pcm) * 500 // rate_hz == b
                loud = [at for at, pcm in call.sink.audio if max(pcm[1::2][:80]) > 3 and pcm[1] not in (0, 255)]
                assert 480 <= loud[-1] + 20 - loud[0] <= 520
                end = call.sink.audio[-1]
                assert call.line.media_ms >= end[0] + len(end[1]) * 500 // rate_hz

        run_virtual(case())

    def test_media_time_never_runs_backwards(self) -> None:
        async def case() -> None:
            async with self.joined() as call:
                last = 0
                for _ in range(200):
                    await asyncio.sleep(0.007)
                    assert call.line.media_ms >= last
                    last = call.line.media_ms

        run_virtual(case())

    def test_what_is_played_is_heard_and_said_to_be(self) -> None:
        async def case() -> None:
            async with self.joined() as call:
                call.play(1500)
                assert 1400 <= call.line.pending_ms <= 1500
                assert call.line.heard().chars.get(1, 0) == 0
                await call.until(PlayoutDone)
                assert call.far.heard_ms == 1500
                done = call.of(PlayoutDone)[0]
                assert isinstance(done, PlayoutDone)
                assert done.heard.chars == {1: 75}
                assert call.line.pending_ms == 0
                started = call.of(PlayoutStarted)
                assert len(started) == 1
                assert call.events.index(started[0]) < call.events.index(done)
                start_ms, end_ms = done.heard.spans[1]
                assert 1300 <= end_ms - start_ms <= 1540

        run_virtual(case())

    def test_a_word_is_never_called_heard_before_it_was(self) -> None:
        async def case() -> None:
            async with self.joined() as call:
                call.play(2000)
                for _ in range(100):
                    await asyncio.sleep(0.025)
                    heard = call.line.heard()
                    truth = call.far.heard_ms
                    assert heard.chars.get(1, 0) * 20 <= truth + heard.uncertainty_ms
                    assert heard.confirmed_ms <= truth
                    assert heard.position_ms - heard.uncertainty_ms <= truth

        run_virtual(case())

    def test_stopping_stops_and_the_next_thing_said_is_heard(self) -> None:
        async def case() -> None:
            async with self.joined() as call:
                call.play(5000)
                await asyncio.sleep(1)
                before = call.far.heard_ms
                heard = call.line.stop_playing()
                assert call.line.pending_ms == 0
                await asyncio.sleep(1)
                assert before <= call.far.heard_ms <= before + self.way_ms
                assert heard.chars.get(1, 0) * 20 <= call.far.heard_ms + heard.uncertainty_ms
                assert call.of(PlayoutDone) == []  # it was not heard to its end
                stopped_at = call.far.heard_ms
                call.play(500, utterance=2)
                await call.until(PlayoutDone)
                assert call.far.heard_ms == stopped_at + 500
                done = call.of(PlayoutDone)[0]
                assert isinstance(done, PlayoutDone)
                assert done.heard.chars == {**heard.chars, 2: 25}

        run_virtual(case())

    def test_what_is_taken_back_is_not_heard_until_it_is_played_again(self) -> None:
        async def case() -> None:
            async with self.joined() as call:
                call.play(3000)
                await asyncio.sleep(1.05)
                before = call.far.heard_ms
                taken = call.line.take_back()
                words = taken.heard.chars[1] // 5
                assert call.line.pending_ms == 0
                assert [word.chars for _, span in taken.rest for word in span.words] == list(
                    range(5 * words + 5, 151, 5)
                )
                rest_ms = sum(len(pcm) for pcm, _ in taken.rest) * 500 / call.line.info.sample_rate_hz
                assert rest_ms == 3000 - 100 * words + taken.run_in_ms
                await asyncio.sleep(1)
                assert before <= call.far.heard_ms <= before + self.way_ms
                assert call.of(PlayoutDone) == []  # it was not heard to its end
                stopped_at = call.far.heard_ms
                for pcm, span in taken.rest:
                    call.line.play(pcm, span)
                await call.until(PlayoutDone)
                assert call.far.heard_ms == stopped_at + rest_ms
                done = call.of(PlayoutDone)[0]
                assert isinstance(done, PlayoutDone)
                assert done.heard.chars == {1: 150}
                assert len(call.of(PlayoutStarted)) == 2
                assert call.line.take_back().rest == ()

        run_virtual(case())

    def test_what_is_playing_is_told_of_the_last_second_and_a_half(self) -> None:
        async def case() -> None:
            async with self.joined() as call:
                per_ms = 2 * call.line.info.sample_rate_hz // 1000
                await asyncio.sleep(0.4)
                began = call.line.media_ms
                call.play(400)
                await asyncio.sleep(0.4 + 2 * self.way_ms / 1000)
                now = call.line.media_ms
                told = call.line.playing(began - 200, now)
                assert len(told) == (now - began + 200) * per_ms
                assert told[: 200 * per_ms] == bytes(200 * per_ms)
                assert told.strip(b"\0")[: 300 * per_ms] in square(400 * per_ms), "what was played, without a hole"
                heard = [pcm for ms in range(0, now - began, 10) if any(pcm := told[ms * per_ms : (ms + 10) * per_ms])]
                assert 20 <= len(heard) <= 42

        run_virtual(case())

    def test_stopping_silence_does_no_harm(self) -> None:
        async def case() -> None:
            async with self.joined() as call:
                for _ in range(3):
                    assert call.line.stop_playing().chars == {}
                call.play(200)
                await call.until(PlayoutDone)
                assert call.far.heard_ms == 200

        run_virtual(case())

    def test_the_record_gets_what_was_heard_where_it_was_heard(self) -> None:
        async def case() -> None:
            async with self.joined() as call:
                call.play(1000)
                await call.until(PlayoutDone)
                await asyncio.sleep(1)
                call.play(3000, utterance=2)
                await asyncio.sleep(1)
                call.line.stop_playing()
                await asyncio.sleep(1)
                truth = call.far.heard_ms
            rate = call.line.info.sample_rate_hz
            heard_ms = sum(len(pcm) for _, pcm in call.sink.heard) * 500 / rate
            assert truth - self.way_ms <= heard_ms <= truth + 25
            for (a, pcm), (b, _) in itertools.pairwise(call.sink.heard):
                assert a + len(pcm) * 500 / rate <= b

        run_virtual(case())

    def test_keys_come_in_order(self) -> None:
        async def case() -> None:
            async with self.joined() as call:
                call.far.press("4712*0#")
                await call.until(KeyPressed, 7)
                keys = [event for event in call.events if isinstance(event, KeyPressed)]
                assert "".join(key.digit for key in keys) == "4712*0#"
                assert all(a.media_ms <= b.media_ms for a, b in itertools.pairwise(keys))

        run_virtual(case())

    def test_leaving_ends_the_line_once_and_for_all(self) -> None:
        async def case() -> None:
            async with self.joined() as call:
                call.play(300)
                await call.until(PlayoutDone)
                await call.line.leave(HangUp())
                await call.until(HungUp)
                call.play(300)  # nothing of this may raise, or be heard
                call.line.stop_playing()
                call.line.heard()
                await asyncio.sleep(0.5)
                assert call.far.heard_ms == 300

        run_virtual(case())

    def test_a_far_end_that_hangs_up_ends_the_line_while_it_plays(self) -> None:
        async def case() -> None:
            async with self.joined() as call:
                call.play(5000)
                await asyncio.sleep(1)
                call.far.hang_up()
                await call.until(HungUp)
                frames = len(call.sink.audio)
                call.play(300)
                assert call.line.stop_playing().chars.get(1, 0) * 20 <= 1100
                await asyncio.sleep(1)
                assert len(call.sink.audio) == frames

        run_virtual(case())
