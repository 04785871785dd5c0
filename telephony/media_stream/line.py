"""Our side of a media stream: a Line over a text socket.

Nothing here runs per frame but plain calls: an inbound frame is decoded, pushed to the conversation, and moves the
playout ledger's head; that same call tops up what the far end holds. The writer wakes only when there is something to
write, the watchdog ten times a second.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from agent.errors import RemoteError
from agent.line import AudioSink, Decision, Heard, HungUp, KeyPressed, LineEvent, LineInfo, TakenBack, TextSpan
from agent.playout import PlayoutLedger
from telephony.media_stream.formats import line_format
from telephony.media_stream.messages import (
    Clear,
    Connected,
    Dtmf,
    Mark,
    Media,
    Play,
    SendMark,
    Start,
    Stop,
    Unknown,
    check_format,
    decode_from_carrier,
    encode,
)

#: So much audio waits at the far end, at most: enough to ride out a stall, little to take back.
LEAD_MS = 300
#: Top up in messages of this size: five times fewer messages than frames, and a `clear` never waits behind more.
MESSAGE_MS = 100
#: The first message into a silent line is short, so that it leaves at once and its mark comes back early.
FIRST_MESSAGE_MS = 40
#: A mark at least this often while audio flows: the ledger's proof is never older than this plus a round trip.
MARK_EVERY_MS = 200
#: Without audio for this long, media time goes on by the clock (DESIGN, section 3).
STALL_MS = 200
#: A carrier sends without pause; after so much nothing the stream is dead (telephony-facts G4).
DEAD_S = 5.0
#: A peer that takes nothing for so long is gone.
SEND_DEADLINE_S = 5.0
WATCHDOG_S = 0.1
#: Media time so far ahead of the clock is a fault of the peer, not a gap to be filled with silence.
MAX_GAP_MS = 10_000
#: So many unreadable messages are forgiven in one call, and such as come faster than a telephone can send.
MAX_FAULTS = 50
#: Fifty frames a second, a mark five times a second, keys; carriers of 10 ms frames send twice as many. A stall of ten
#: seconds brings what it held up at once.
MAX_MESSAGES_AT_ONCE = 1000
MAX_MESSAGES_PER_S = 200
#: Nobody presses more keys than this: a stall may bring many at once, a long call many in all.
MAX_KEYS_AT_ONCE = 500
MAX_KEYS_PER_S = 20
#: Heard audio goes to the record every so many frames.
SETTLE_EVERY_FRAMES = 10


class TextSocket(Protocol):
    """What a media stream needs of a WebSocket, whichever server library holds it."""

    async def receive(self) -> str | None:
        """The next text message; None once the peer is gone. May raise RemoteError: a fault of the peer."""

    async def send(self, text: str) -> None:
        """Send one text message; returns when the transport has taken it. Raises OSError when the peer is gone."""

    async def close(self, code: int = 1000) -> None:
        """Close. Idempotent."""


async def accept_stream(socket: TextSocket, deadline_s: float = 5.0, *, extensions: bool = False) -> Start:
    """Wait for `connected` and `start`, as every media stream begins; RemoteError for anything else.

    `extensions`: the peer is one of our own carriers, and may declare what Twilio has not (messages.L16_16K).
    """
    try:
        async with asyncio.timeout(deadline_s):
            for expected in (Connected, Start):
                text = await socket.receive()
                if text is None:
                    raise RemoteError("media stream: the socket closed before `start`")
                message = decode_from_carrier(text)
                if not isinstance(message, expected):
                    raise RemoteError(f"media stream: expected {expected.__name__.lower()!r}, got {text[:80]!r}")
    except TimeoutError:
        raise RemoteError(f"media stream: no `start` within {deadline_s:g} s") from None
    assert isinstance(message, Start)
    check_format(message.media_format, extensions=extensions)
    return message


class MediaStreamLine:
    """A Line (agent/line.py) over Twilio's protocol, at the rate that `start` declares. `run()` serves it until it is
    gone. Raises RemoteError for a format that no line has.
    """

    def __init__(
        self,
        socket: TextSocket,
        start: Start,
        *,
        caller: str = "",
        called: str = "",
        on_leave: Callable[[Decision], None],
        on_fault: Callable[[RemoteError], None] = lambda fault: None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_leave` is told how the line is left, `on_fault` each fault of the peer (faults.py), forgiven or not."""
        self._socket = socket
        self._stream_sid = start.stream_sid
        self._on_leave = on_leave
        self._on_fault = on_fault
        self._now_s = now_s
        audio = line_format(start.media_format)
        self._decode, self._encode = audio.decode, audio.encode
        self._rate_hz = audio.rate_hz
        self._per_ms = audio.rate_hz // 1000
        self._info = LineInfo(
            call_id=start.call_sid,
            sample_rate_hz=audio.rate_hz,
            caller=caller,
            called=called,
            parameters=start.custom_parameters,
        )
        self._ledger = PlayoutLedger(audio.rate_hz)
        self._sink: AudioSink | None = None
        self._events: asyncio.Queue[LineEvent] = asyncio.Queue()
        self._out: deque[str] = deque()
        self._out_ready = asyncio.Event()
        self._audio_end = 0  # in samples: frames need not be whole milliseconds
        self._audio_end_ms = 0
        self._clock_ms = 0  # the furthest that media time has been reckoned to be
        self._began_s = self._last_audio_s = self._last_message_s = now_s()
        self._unmarked_ms = 0
        self._frames = 0
        self._keys = 0
        self._messages = 0
        self._faults = 0
        self._gone: str | None = None
        self._over = asyncio.Event()

    # --- Line -------------------------------------------------------------------------------------------------------

    @property
    def info(self) -> LineInfo:
        return self._info

    @property
    def media_ms(self) -> int:
        self._clock_ms = max(self._clock_ms, self._mark_ms())
        return self._clock_ms

    @property
    def audio_ms(self) -> int:
        """Where the caller's audio ends that has come; `media_ms` goes on by the clock where none comes."""
        return self._audio_end_ms

    @property
    def pending_ms(self) -> int:
        return self._ledger.pending_ms(self.media_ms)

    def attach(self, sink: AudioSink) -> None:
        self._sink = sink

    async def events(self) -> AsyncIterator[LineEvent]:
        while True:
            event = await self._events.get()
            yield event
            if isinstance(event, HungUp):
                return

    def play(self, pcm: bytes, span: TextSpan) -> None:
        if self._gone is None:
            self._ledger.queue(pcm, span)
            self._pump(self.media_ms)

    def stop_playing(self) -> Heard:
        heard = self._ledger.clear(self._proof_ms())
        self._cleared()
        return heard

    def take_back(self) -> TakenBack:
        taken = self._ledger.take_back(self._proof_ms())
        self._cleared()
        return taken

    def playing(self, from_ms: int, to_ms: int) -> bytes:
        return self._ledger.playing(from_ms, to_ms)

    def heard(self) -> Heard:
        return self._ledger.heard(self._proof_ms())

    async def leave(self, decision: Decision) -> None:
        self._on_leave(decision)
        self._end("left")
        await self._socket.close(1000)

    # --- serving ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve the socket until the stream stops, closes, falls silent or is left. Ends with HungUp in `events`."""
        try:
            async with asyncio.TaskGroup() as tasks:
                workers = [tasks.create_task(work()) for work in (self._read, self._write_out, self._watch)]
                await self._over.wait()
                for worker in workers:
                    worker.cancel()
        finally:
            self._end("closed")

    async def _read(self) -> None:
        while self._gone is None:
            try:
                text = await self._socket.receive()
                if text is None:
                    return self._end("closed")
                self._last_message_s = self._now_s()
                self._messages += 1
                self._on_message(text)
            except RemoteError as error:
                self._on_fault(error)
                self._faults += 1
                if self._faults > MAX_FAULTS:
                    self._end(f"protocol: {error}")
            most = MAX_MESSAGES_AT_ONCE + MAX_MESSAGES_PER_S * (self._last_message_s - self._began_s)
            if self._messages > most:
                fault = RemoteError("media stream: more messages than a call has")
                self._on_fault(fault)
                self._end(f"protocol: {fault}")

    def _on_message(self, text: str) -> None:
        message = decode_from_carrier(text)
        if type(message) is Media:
            self._on_media(message)
        elif type(message) is Mark:
            mark_ms = self._mark_ms()
            self._ledger.returned(message.name, mark_ms)
            self._move(self.media_ms, mark_ms)
        elif type(message) is Dtmf:
            self._keys += 1
            if self._keys > MAX_KEYS_AT_ONCE + MAX_KEYS_PER_S * (self._last_message_s - self._began_s):
                raise RemoteError("dtmf: more keys than a hand can press")
            self._events.put_nowait(KeyPressed(message.digit, self.media_ms))
        elif type(message) is Stop:
            self._end("stop")
        elif type(message) is Unknown:  # events may be added without notice: told, but no fault
            self._on_fault(RemoteError(f"media stream: unknown event {message.event[:40]!r}"))
        else:
            raise RemoteError(f"media stream: a second {type(message).__name__.lower()!r}")

    def _mark_ms(self) -> int:
        """The peer's media time, as what has just come from it tells. Unlike `media_ms` it may run backwards: after a
        stall, what was held up comes all at once, and a mark in it proves when it was sent, not when it came."""
        stalled_ms = int((self._now_s() - self._last_audio_s) * 1000)
        return self._audio_end_ms + (stalled_ms if stalled_ms > STALL_MS else 0)

    def _on_media(self, media: Media) -> None:
        if media.track != "inbound" or not media.payload:
            return
        pcm = self._decode(media.payload)
        samples = len(pcm) // 2
        start = media.timestamp_ms * self._per_ms
        clock_ms = (self._last_message_s - self._began_s) * 1000
        if start < self._audio_end or media.timestamp_ms > clock_ms + MAX_GAP_MS:
            start = self._audio_end  # a clock that jumps is not believed: this audio follows what came before
        if start + samples > (clock_ms + MAX_GAP_MS) * self._per_ms:
            raise RemoteError("media: audio comes faster than time goes by")
        self._last_audio_s = self._last_message_s
        self._audio_end = start + samples
        self._audio_end_ms = self._audio_end // self._per_ms
        if self._sink is not None:
            self._sink.on_audio(pcm, start // self._per_ms)
        self._frames += 1
        self._move(self.media_ms, self._audio_end_ms)
        if self._frames % SETTLE_EVERY_FRAMES == 0:
            self._hand_over_heard()

    def _proof_ms(self) -> int:
        """The media time up to which the far end can be known to have played: now; but from a far end that returns
        marks, and of which nothing at all has come for STALL_MS, when the last of it came. A line may have died then.
        """
        silent_ms = int((self._now_s() - self._last_message_s) * 1000)
        if silent_ms <= STALL_MS or not self._ledger.marks_seen:
            return self.media_ms
        return self.media_ms - silent_ms

    def _move(self, media_ms: int, proof_ms: int) -> None:
        """`proof_ms`: the far end's own time, as what came last tells it; what it owes is owed by that."""
        for event in self._ledger.advance(proof_ms):
            self._events.put_nowait(event)
        self._pump(media_ms)

    def _pump(self, media_ms: int) -> None:
        """Top up what the far end holds: never further than LEAD_MS ahead of the head, in messages worth sending."""
        ledger = self._ledger
        while unsent_ms := ledger.unsent_ms():
            lead_ms = ledger.lead_ms(media_ms + ledger.way_ms)  # as it will be when this arrives
            if lead_ms > LEAD_MS - MESSAGE_MS or (unsent_ms < 20 and lead_ms > 60):
                return
            first = lead_ms <= 0
            pcm = ledger.send(FIRST_MESSAGE_MS if first else MESSAGE_MS, media_ms)
            self._write(encode(Play(self._stream_sid, self._encode(pcm))))
            self._unmarked_ms += len(pcm) * 1000 // (2 * self._rate_hz)
            if first or self._unmarked_ms >= MARK_EVERY_MS or not ledger.unsent_ms():
                self._write(encode(SendMark(self._stream_sid, ledger.mark())))
                self._unmarked_ms = 0

    def _cleared(self) -> None:
        self._unmarked_ms = 0
        self._write(encode(Clear(self._stream_sid)))

    def _hand_over_heard(self, *, all_of_it: bool = False) -> None:
        if self._sink is not None:
            for media_ms, pcm in self._ledger.settle(self._proof_ms(), all_of_it=all_of_it):
                self._sink.on_heard_audio(pcm, media_ms)

    # --- edges ------------------------------------------------------------------------------------------------------

    def _write(self, text: str) -> None:
        if self._gone is None:
            self._out.append(text)
            self._out_ready.set()

    async def _write_out(self) -> None:
        while True:
            await self._out_ready.wait()
            self._out_ready.clear()
            while self._out:
                text = self._out.popleft()
                try:
                    async with asyncio.timeout(SEND_DEADLINE_S):
                        await self._socket.send(text)
                except TimeoutError:
                    self._on_fault(RemoteError(f"media stream: the peer takes nothing, for {SEND_DEADLINE_S:g} s"))
                    return self._end(f"peer took nothing for {SEND_DEADLINE_S:g} s")
                except OSError:
                    return self._end("closed")

    async def _watch(self) -> None:
        """Keep media time going while no audio comes, and notice a stream that has died."""
        while self._gone is None:
            await asyncio.sleep(WATCHDOG_S)
            if self._now_s() - self._last_message_s > DEAD_S:
                self._on_fault(RemoteError(f"media stream: silent, for {DEAD_S:g} s"))
                self._end("silent")
            elif self.media_ms > self._audio_end_ms:
                self._move(self.media_ms, self._proof_ms())

    def _end(self, reason: str) -> None:
        if self._gone is None:
            self._gone = reason
            self._hand_over_heard(all_of_it=True)  # before HungUp: the conversation closes its record then
            self._over.set()
            self._events.put_nowait(HungUp(reason, self.media_ms))
