"""VirtualPhone: the carrier's side of a call in virtual time - a caller, Twilio's buffer and marks, a faulty wire."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from telephony.faults.frames import FRAME_MS, Delivery, FrameFaults, NoFaults
from telephony.media_stream.carrier import CarrierStream
from telephony.media_stream.formats import line_format
from telephony.media_stream.messages import L16_16K, FromCarrier, Mark, MediaFormat, decode_to_carrier, encode
from telephony.replay.wire import MemorySocket

#: One way to the carrier, as over the internet within a continent.
DELAY_S = 0.03
FORMATS = {8000: MediaFormat(), 16000: L16_16K}


class Caller(Protocol):
    """Who speaks on a replayed line. Times are the stream's, in milliseconds; audio is PCM16 at the line's rate."""

    ended: str | None
    """"hang up" or "drop", once the caller wants to leave."""

    def frame(self, now_ms: float) -> bytes | None:
        """The 20 ms that begin at `now_ms`; None: nothing comes from the line (a gap)."""

    def take_keys(self) -> list[str]:
        """The keys pressed since last asked."""

    def hear(self, start_ms: float, pcm: bytes) -> None:
        """What is played to the caller, ascending, a piece at a time, as it is played."""

    def cleared(self, now_ms: float) -> None:
        """The agent has fallen silent: what waited to be played was taken back."""

    def recorded_ms(self, media_ms: int) -> int:
        """Where on the recording lies what the caller says at `media_ms`."""


class VirtualPhone:
    """Carries one stream over `socket`, from `ring` to its end. Its clock is the loop's."""

    def __init__(
        self,
        caller: Caller,
        *,
        rate_hz: int,
        call_id: str = "CA1",
        faults: FrameFaults | None = None,
        delay_s: float = DELAY_S,
    ) -> None:
        self.socket = MemorySocket(delay_s)
        self.carrier = CarrierStream("MZ1", call_id, "AC1", media_format=FORMATS[rate_hz])
        self._caller = caller
        self._faults = faults or NoFaults()
        self._loop = asyncio.get_running_loop()
        audio = line_format(self.carrier.media_format)
        self._encode, self._decode = audio.encode, audio.decode
        self._began_s = 0.0
        self._frames = 0
        self._next_ms = 0.0
        self._over = False
        self._marks_due: asyncio.TimerHandle | None = None
        self._frame_due: asyncio.TimerHandle | None = None
        self.socket.on_text = self._on_text
        self.socket.on_close = lambda code: self._end()
        self.carrier.listener = lambda start_ms, payload: caller.hear(start_ms, self._decode(payload))

    @property
    def now_ms(self) -> float:
        return (self._loop.time() - self._began_s) * 1000

    def ring(self) -> None:
        """The stream begins: connected, start, then a frame every 20 ms, each when it is whole."""
        self._began_s = self._loop.time()
        self._send(self.carrier.opening())
        self._next_ms = self._faults.frame_ms()
        self._frame_due = self._loop.call_at(self._began_s + self._next_ms / 1000, self._frame)

    def hang_up(self) -> None:
        """As Twilio tells it: `stop`, then the socket closes."""
        if not self._over:
            self._send([self.carrier.stop()])
            self.drop()

    def drop(self) -> None:
        """The socket closes, without a word."""
        if not self._over:
            self._end()
            self.socket.give(None)

    def _end(self) -> None:
        if self._over:
            return
        self._send(self.carrier.advance(self.now_ms))
        self._over = True
        for handle in (self._marks_due, self._frame_due):
            if handle is not None:
                handle.cancel()

    def _frame(self) -> None:
        start_ms = FRAME_MS * self._frames
        self._send(self.carrier.advance(self.now_ms))
        dropped = self._faults.dropped(self.now_ms)
        if dropped == "close":
            return self.drop()
        pcm = self._caller.frame(start_ms)
        self._send([self.carrier.digit(key) for key in self._caller.take_keys()])
        if self._caller.ended is not None:
            return self.hang_up() if self._caller.ended == "hang up" else self.drop()
        if pcm is not None and not dropped:
            for delivery in self._faults.push(start_ms, self._encode(pcm), self.now_ms):
                self._deliver(delivery)
        self._frames += 1
        self._next_ms += self._faults.frame_ms()
        self._frame_due = self._loop.call_at(self._began_s + self._next_ms / 1000, self._frame)

    def _deliver(self, delivery: Delivery) -> None:
        """One socket carries all: what a fault holds up, marks and keys wait behind."""
        late_s = max(0.0, delivery.due_ms - self.now_ms) / 1000
        self._send([self.carrier.caller_audio(delivery.payload, delivery.media_ms)], late_s)

    def _on_text(self, text: str) -> None:
        if self._over or self._faults.dropped(self.now_ms) == "silence":
            return
        message = decode_to_carrier(text)
        before = self.carrier.cleared_bytes
        self._send(self.carrier.receive(message, self.now_ms))
        if self.carrier.cleared_bytes > before:
            self._caller.cleared(self.now_ms)
        self._arm()

    def _arm(self) -> None:
        """Marks go back when they fall due, between frames too."""
        if self._marks_due is not None:
            self._marks_due.cancel()
        due_ms = self.carrier.due_ms()
        if due_ms is not None and not self._over:
            self._marks_due = self._loop.call_at(self._began_s + due_ms / 1000 + 1e-4, self._on_marks_due)

    def _on_marks_due(self) -> None:
        self._send(self.carrier.advance(self.now_ms))
        self._arm()

    def _send(self, messages: Sequence[FromCarrier] | Sequence[Mark], late_s: float = 0.0) -> None:
        if not self._over and self._faults.dropped(self.now_ms) != "silence":
            for message in messages:
                self.socket.give(encode(message), self.socket.delay_s + late_s)
