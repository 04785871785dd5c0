"""A telephone for tests, in virtual time: Twilio's side of a media stream (carrier.py) over sockets in memory."""

from __future__ import annotations

import asyncio
from collections import deque

from telephony.media_stream.carrier import CarrierStream
from telephony.media_stream.messages import L16_16K, FromCarrier, Mark, MediaFormat, decode_to_carrier, encode
from telephony.replay.wire import MemorySocket

__all__ = ["LOUD", "SILENCE", "MemorySocket", "Phone"]

#: 20 ms of silence, and of a loud square wave at 1 kHz, by format.
SILENCE = {MediaFormat(): b"\xff" * 160, L16_16K: bytes(640)}
LOUD = {
    MediaFormat(): b"\x9f\x9f\x9f\x9f\x1f\x1f\x1f\x1f" * 20,
    L16_16K: ((8000).to_bytes(2, "big") * 8 + (-8000).to_bytes(2, "big", signed=True) * 8) * 20,
}


class Phone:
    """A caller with a carrier. Time is the loop's; the stream begins when `ring` is called."""

    def __init__(
        self, delay_s: float = 0.03, *, echoes_marks: bool = True, media_format: MediaFormat | None = None
    ) -> None:
        self.socket = MemorySocket(delay_s)
        self.socket.on_text = self._on_text
        self.socket.on_close = lambda code: self.drop(tell=False)
        self.carrier = CarrierStream("MZ1", "CA1", "AC1", media_format=media_format)
        self._silence, self._loud = SILENCE[self.carrier.media_format], LOUD[self.carrier.media_format]
        self.echoes_marks = echoes_marks
        self.talks = True  # a peer that sends no audio at all: False
        self.left_ms: float | None = None
        self.unheard_ms = 0.0  # what was still to be played when the call ended
        self.cleared_ms: list[float] = []
        self._loop = asyncio.get_running_loop()
        self._began_s = 0.0
        self._frames = 0
        self._says: deque[bytes] = deque()
        self._due: asyncio.TimerHandle | None = None
        self._tick: asyncio.TimerHandle | None = None
        self._over = False

    @property
    def now_ms(self) -> float:
        return (self._loop.time() - self._began_s) * 1000

    @property
    def heard_ms(self) -> float:
        """How much of the agent the caller has heard."""
        self._send(self.carrier.advance(self.now_ms))
        return self.carrier.heard_ms

    @property
    def playing(self) -> bool:
        """Whether the agent is audible, or about to be."""
        self._send(self.carrier.advance(self.now_ms))
        return self.carrier.buffered_ms > 0

    def ring(self) -> None:
        """The stream begins: connected, start, then a frame every 20 ms."""
        self._began_s = self._loop.time()
        self._send(self.carrier.opening())
        self._tick = self._loop.call_later(0.02, self._frame)

    def speak(self, ms: int) -> None:
        """Loud for so long, from the next frame on, behind what is being said."""
        self._says.extend([self._loud] * (ms // 20))

    def pause(self, ms: int) -> None:
        """Silence, within what is being said."""
        self._says.extend([self._silence] * (ms // 20))

    def press(self, keys: str) -> None:
        self._send([self.carrier.digit(key) for key in keys])

    def hang_up(self) -> None:
        """As Twilio tells it: `stop`, then the socket closes."""
        if not self._over:
            self._send([self.carrier.stop()])
            self.drop()

    def drop(self, *, tell: bool = True) -> None:
        """The socket closes, without a word."""
        if self._over:
            return
        self._send(self.carrier.advance(self.now_ms))
        self._over = True
        self.left_ms = self.now_ms
        self.unheard_ms = self.carrier.buffered_ms
        for handle in (self._due, self._tick):
            if handle is not None:
                handle.cancel()
        if tell:
            self.socket.give(None)

    def _frame(self) -> None:
        payload = self._says.popleft() if self._says else self._silence
        self._send(self.carrier.advance(self.now_ms))
        if self.talks:
            self._send([self.carrier.caller_audio(payload, 20 * self._frames)])
        self._frames += 1
        self._tick = self._loop.call_at(self._began_s + 0.02 * (self._frames + 1), self._frame)

    def _on_text(self, text: str) -> None:
        if self._over:
            return
        before = self.carrier.cleared_bytes
        message = decode_to_carrier(text)
        self._send(self.carrier.receive(message, self.now_ms))
        if type(message).__name__ == "Clear" and self.carrier.cleared_bytes > before:
            self.cleared_ms.append(self.now_ms)
        self._arm()

    def _arm(self) -> None:
        if self._due is not None:
            self._due.cancel()
        due_ms = self.carrier.due_ms()
        if due_ms is not None and not self._over:
            self._due = self._loop.call_at(self._began_s + due_ms / 1000 + 1e-4, self._on_due)

    def _on_due(self) -> None:
        self._send(self.carrier.advance(self.now_ms))
        self._arm()

    def _send(self, messages: list[FromCarrier] | list[Mark]) -> None:
        for message in messages:
            if not self._over and (self.echoes_marks or not isinstance(message, Mark)):
                self.socket.give(encode(message))
