"""One media stream of a sandbox call: a carrier's end of the WebSocket, paced in real time without drift.

The stream's clock starts when `start` has been sent. As on a real line, the frame that covers [t, t + 20) ms leaves at
t + 20; its deadline is absolute, so that lateness never adds up. Marks go back when they fall due, between frames too.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable

import aiohttp

from agent.errors import RemoteError
from telephony.faults.frames import FRAME_MS, Delivery, FrameFaults, NoFaults
from telephony.media_stream.carrier import CarrierStream
from telephony.media_stream.messages import FromCarrier, decode_to_carrier, encode
from telephony.sandbox.ear import Ear, audible
from telephony.sandbox.talker import Talker

CLOSE_DEADLINE_S = 2.0
"""A peer that does not finish the closing handshake is left after this."""
BROKEN = 1006
"""RFC 6455's code for a connection that went without a closing handshake."""
STALLED_MESSAGES = 500
"""So many unsent messages (about ten seconds) mean that the service no longer reads."""


class StreamLeg:
    """Carries one stream from its opening to its end. `offset_ms` is the call time at which the stream begins."""

    def __init__(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        carrier: CarrierStream,
        talker: Talker,
        ear: Ear,
        faults: FrameFaults | None = None,
    ) -> None:
        """`faults`: what happens to the caller's frames on their way."""
        self.carrier = carrier
        self._faults = faults or NoFaults()
        # What a fault holds up, and what waits behind it, by when it is to leave: one socket carries all.
        self._late: deque[tuple[float, FromCarrier]] = deque()
        self._late_timer: asyncio.TimerHandle | None = None
        self.offset_ms = 0.0
        self.caller_audio = bytearray()
        """What the caller said, from the stream's first sample."""
        self.lateness_ms: list[float] = []
        """Of each frame: how long after its deadline it was handed to the socket."""
        self.close_code: int | None = None
        self._socket = socket
        self._talker = talker
        self._ear = ear
        self._loop = asyncio.get_running_loop()
        self.started_s: float | None = None
        """When the stream began, by time.monotonic (uvloop's own clock stands still within a turn of the loop)."""
        self._zero_s = 0.0  # the same, while it runs
        self._outbox: asyncio.Queue[FromCarrier] = asyncio.Queue()
        self._timer: asyncio.TimerHandle | None = None

    async def run(self, call_started_s: float | None) -> str:
        """Until the stream ends: "closed" (by the service), "cut" (by a fault), "hang up" or "drop" (the caller).
        RemoteError if stuck.

        `call_started_s` is when the call's first stream began; None if it is this one.
        """
        try:
            for message in self.carrier.opening():
                await self._socket.send_str(encode(message))
        except (ConnectionError, aiohttp.ClientError):
            self.close_code = BROKEN
            return "closed"
        self.started_s = self._zero_s = time.monotonic()
        self.offset_ms = 0.0 if call_started_s is None else (self._zero_s - call_started_s) * 1000
        self._talker.stream_begins(self.offset_ms)
        self.carrier.listener = lambda start_ms, ulaw: self._ear.hear(self.offset_ms + start_ms, ulaw)
        self._talker.buffer_audible = lambda: audible(self.carrier.buffered)
        reader = asyncio.create_task(self._read())
        writer = asyncio.create_task(self._write())
        pacer = asyncio.create_task(self._pace())
        try:
            done, _ = await asyncio.wait((reader, writer, pacer), return_when=asyncio.FIRST_COMPLETED)
            self.carrier.advance(self._now_ms())
            for task in done:
                task.result()  # raises what went wrong in it
            ended = pacer.result() if pacer in done else "closed"
            if ended == "hang up" and not reader.done() and self._faults.dropped(self._now_ms()) != "silence":
                await self._say_goodbye(writer)
            return ended
        finally:
            for timer in (self._timer, self._late_timer):
                if timer is not None:
                    timer.cancel()
            for task in (reader, writer, pacer):
                task.cancel()
            await asyncio.gather(reader, writer, pacer, return_exceptions=True)
            # A reset that the writer met first has left no code in the socket.
            self.close_code = self._socket.close_code or BROKEN

    def _now_ms(self) -> float:
        return (time.monotonic() - self._zero_s) * 1000

    def _send(self, messages: Iterable[FromCarrier]) -> None:
        if self._faults.dropped(self._now_ms()) != "silence":
            for message in messages:
                if self._late:
                    self._late.append((self._late[-1][0], message))
                else:
                    self._outbox.put_nowait(message)

    async def _read(self) -> None:
        async for message in self._socket:
            if self._faults.dropped(self._now_ms()) == "silence":
                continue
            if message.type is aiohttp.WSMsgType.TEXT:
                try:
                    asked = decode_to_carrier(message.data)
                except RemoteError as error:
                    self.carrier.warn(31951, str(error))
                    continue
                self._send(self.carrier.receive(asked, self._now_ms()))
                self._arm()
            elif message.type is aiohttp.WSMsgType.BINARY:
                self.carrier.warn(31950, "binary frame")

    async def _write(self) -> None:
        try:
            while True:
                await self._socket.send_str(encode(await self._outbox.get()))
        except (ConnectionError, aiohttp.ClientError):
            return  # the service has closed: this ends the stream, as the reader's end does

    async def _pace(self) -> str:
        frame, begins_ms, ends_ms = 0, 0.0, self._faults.frame_ms()
        while True:
            deadline_s = self._zero_s + ends_ms / 1000
            # Also when late: a burst of frames must not keep the other tasks from running.
            await asyncio.sleep(max(0.0, deadline_s - time.monotonic()))
            self._send(self.carrier.advance(self._now_ms()))
            if self._faults.dropped(begins_ms) == "close":
                return "cut"
            payload = self._talker.frame(self.offset_ms + begins_ms)
            if self._talker.ended is not None:
                return self._talker.ended
            self._send(self.carrier.digit(key) for key in self._talker.take_keys())
            for delivery in self._faults.push(frame * FRAME_MS, payload, ends_ms):
                self._send_frame(delivery, ends_ms)
            self._send_late(ends_ms)
            self.caller_audio += payload
            self.lateness_ms.append((time.monotonic() - deadline_s) * 1000)
            if self._outbox.qsize() > STALLED_MESSAGES:
                raise RemoteError(f"the service does not read its socket: {self._outbox.qsize()} messages wait")
            frame, begins_ms, ends_ms = frame + 1, ends_ms, ends_ms + self._faults.frame_ms()

    def _send_frame(self, delivery: Delivery, now_ms: float) -> None:
        message = self.carrier.caller_audio(delivery.payload, delivery.media_ms)
        if self._late or delivery.due_ms > now_ms:
            if self._faults.dropped(now_ms) != "silence":
                self._late.append((delivery.due_ms, message))
        else:
            self._send((message,))

    def _send_late(self, now_ms: float) -> None:
        """Send what is due of the late, and wake for the next of it: that may be due between two frames."""
        while self._late and self._late[0][0] <= now_ms:
            self._outbox.put_nowait(self._late.popleft()[1])
        if self._late and self._late_timer is None:
            due_ms = self._late[0][0]
            self._late_timer = self._loop.call_later(max(0.0, due_ms - self._now_ms()) / 1000, self._on_late_due)

    def _on_late_due(self) -> None:
        self._late_timer = None
        self._send_late(self._now_ms())

    def _arm(self) -> None:
        """Wake for the next mark, wherever between two frames it falls due."""
        if self._timer is not None:
            self._timer.cancel()
        due_ms = self.carrier.due_ms()
        self._timer = None
        if due_ms is not None:
            self._timer = self._loop.call_later(max(0.0, due_ms - self._now_ms()) / 1000, self._on_mark_due)

    def _on_mark_due(self) -> None:
        self._send(self.carrier.advance(self._now_ms()))
        self._arm()

    async def _say_goodbye(self, writer: asyncio.Task[None]) -> None:
        """The caller hangs up: `stop` after everything else, then the closing handshake."""
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
        try:
            async with asyncio.timeout(CLOSE_DEADLINE_S):
                while not self._outbox.empty():
                    await self._socket.send_str(encode(self._outbox.get_nowait()))
                await self._socket.send_str(encode(self.carrier.stop()))
                await self._socket.close()
        except (TimeoutError, ConnectionError, aiohttp.ClientError):
            return  # gone already, or deaf: either way the call is over
