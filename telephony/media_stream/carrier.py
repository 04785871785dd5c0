"""The carrier's side of one media stream, as Twilio keeps it: playback buffer, marks, `clear`. Sans-IO.

Times are milliseconds since the stream began, given by whoever owns the clock; they never run backwards. Within, time
is counted in bytes of audio on the wire, so the play head moves sample by sample, not in frames of 20 ms.
The rules are Twilio's (its page "websocket-messages", and errors 31931, 31950, 31951).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from telephony.media_stream.messages import (
    Clear,
    Connected,
    Dtmf,
    FromCarrier,
    Mark,
    Media,
    MediaFormat,
    Play,
    SendMark,
    Start,
    Stop,
    ToCarrier,
)

#: Twilio holds about ten minutes of audio and throws away what comes beyond (warning 31931).
BUFFER_MS = 600_000
#: A silence up to this long between two pieces of audio counts as a hole in one answer; a longer one as a new answer.
LONGEST_HOLE_MS = 1000


@dataclass(frozen=True, slots=True)
class Warned:
    """A protocol warning, as Twilio's debugger shows it: each code once per stream."""

    code: int
    detail: str


@dataclass(frozen=True, slots=True)
class Gap:
    """The buffer ran dry at `at_ms` (not by a `clear`), and the next audio came `gap_ms` later."""

    at_ms: float
    gap_ms: float


class _Run:
    """Audio played without interruption."""

    __slots__ = ("audio", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self.audio = bytearray()


class CarrierStream:
    """One stream, seen from the carrier. Everything is a plain call; nothing here knows a socket or a clock."""

    def __init__(
        self,
        stream_sid: str,
        call_sid: str,
        account_sid: str,
        parameters: Mapping[str, str] | None = None,
        media_format: MediaFormat | None = None,
    ) -> None:
        self.stream_sid = stream_sid
        self.call_sid = call_sid
        self.account_sid = account_sid
        self.parameters = dict(parameters or {})
        self.media_format = media_format or MediaFormat()
        self.listener: Callable[[float, bytes], None] | None = None
        """Called with (start_ms, audio as on the wire) as it is played: at most one message's a time, ascending."""
        self.warnings: list[Warned] = []
        self.gaps: list[Gap] = []
        self.received_bytes = 0
        self.cleared_bytes = 0
        self.dropped_bytes = 0
        self._sequence = 0
        self._chunk = 0
        self._sample_bytes = self.media_format.sample_bytes
        self._per_ms = self.media_format.sample_rate_hz * self._sample_bytes // 1000
        self._now = 0  # bytes of whole samples, as every time below
        self._end = 0  # where the buffered audio will have been played; at most `_now` when nothing is buffered
        self._ran_dry: int | None = None  # where the last audio ended, if it ended by itself
        self._buffer: deque[tuple[int, bytes]] = deque()  # (start, audio), contiguous; the first may be partly played
        self._marks: deque[tuple[int, str]] = deque()  # (due, name), ascending
        self._runs: list[_Run] = []
        self._warned: set[int] = set()

    # --- towards the agent ------------------------------------------------------------------------------------------

    def opening(self) -> list[FromCarrier]:
        """The first two messages of the stream."""
        start = Start(
            stream_sid=self.stream_sid,
            account_sid=self.account_sid,
            call_sid=self.call_sid,
            sequence=self._next(),
            custom_parameters=self.parameters,
            media_format=self.media_format,
        )
        return [Connected(), start]

    def caller_audio(self, payload: bytes, now_ms: float) -> Media:
        """The caller's next audio; `now_ms` is the stream time of its first sample."""
        self._chunk += 1
        return Media(self._next(), self._chunk, int(now_ms), payload, "inbound", self.stream_sid)

    def digit(self, digit: str) -> Dtmf:
        """The caller pressed a key."""
        return Dtmf(self._next(), digit, stream_sid=self.stream_sid)

    def stop(self) -> Stop:
        """The last message: the stream ends."""
        return Stop(self._next(), self.account_sid, self.call_sid, self.stream_sid)

    # --- from the agent ---------------------------------------------------------------------------------------------

    def receive(self, message: ToCarrier, now_ms: float) -> list[Mark]:
        """Take one message, at its time. Returns the marks to send back now, in order."""
        marks = self.advance(now_ms)
        if message.stream_sid != self.stream_sid:
            self.warn(31951, f"streamSid {message.stream_sid!r} is not this stream's")
        elif isinstance(message, Play):
            self._queue(message.payload)
        elif isinstance(message, SendMark):
            self._marks.append((max(self._end, self._now), message.name))
            marks += self._due_marks()
        elif isinstance(message, Clear):
            marks += self._clear()
        return marks

    def warn(self, code: int, detail: str) -> None:
        """Note a warning. Twilio reports each code once per stream, and so does this list."""
        if code not in self._warned:
            self._warned.add(code)
            self.warnings.append(Warned(code, detail))

    # --- time -------------------------------------------------------------------------------------------------------

    def due_ms(self) -> float | None:
        """When the next mark falls due, if nothing else happens; None when no mark is pending."""
        return self._marks[0][0] / self._per_ms if self._marks else None

    def advance(self, now_ms: float) -> list[Mark]:
        """Play up to `now_ms`. Returns the marks whose audio has now been heard, in order."""
        now = int(now_ms * self._per_ms / self._sample_bytes) * self._sample_bytes
        if now <= self._now:
            return []
        before, self._now = self._now, now
        while self._buffer:
            start, audio = self._buffer[0]
            first, last = max(before, start) - start, min(now - start, len(audio))
            if last > first:
                self._heard(start + first, audio[first:last])
            if last < len(audio):
                break
            self._buffer.popleft()
            if not self._buffer:
                self._ran_dry = self._end
        return self._due_marks()

    # --- what the caller heard --------------------------------------------------------------------------------------

    @property
    def heard(self) -> list[tuple[float, bytes]]:
        """What has been played, ascending: (start_ms, audio) of each run without a gap; cut where it was cleared."""
        return [(run.start / self._per_ms, bytes(run.audio)) for run in self._runs]

    @property
    def heard_ms(self) -> float:
        """How much audio has been played."""
        return sum(len(run.audio) for run in self._runs) / self._per_ms

    @property
    def buffered_ms(self) -> float:
        """How much audio waits to be played, at the time last told."""
        return max(0, self._end - self._now) / self._per_ms

    @property
    def buffered(self) -> bytes:
        """The audio that waits to be played, at the time last told."""
        return b"".join(audio[max(0, self._now - start) :] for start, audio in self._buffer)

    @property
    def ended_ms(self) -> float | None:
        """When the last audio played ended (or would end, with what is buffered); None before any."""
        if self._buffer:
            return self._end / self._per_ms
        return (self._runs[-1].start + len(self._runs[-1].audio)) / self._per_ms if self._runs else None

    @property
    def pending_marks(self) -> list[str]:
        """The names of the marks not yet sent back, in order."""
        return [name for _, name in self._marks]

    def underruns(self, longest_ms: float = LONGEST_HOLE_MS) -> list[Gap]:
        """The gaps that the caller hears as holes in an answer, not as the pause before the next."""
        return [gap for gap in self.gaps if gap.gap_ms <= longest_ms]

    # --- within -----------------------------------------------------------------------------------------------------

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence

    def _queue(self, payload: bytes) -> None:
        if len(payload) % self._sample_bytes:
            self.warn(31951, f"{len(payload)} bytes are no whole samples: the rest of the last one is dropped")
            payload = payload[: -(len(payload) % self._sample_bytes)]
        self.received_bytes += len(payload)
        start = max(self._end, self._now)
        room = self._now + BUFFER_MS * self._per_ms - start
        if len(payload) > room:
            self.dropped_bytes += len(payload) - room
            self.warn(31931, f"more than {BUFFER_MS // 60_000} minutes of audio are buffered: the rest is dropped")
            payload = payload[:room]
        if not payload:
            return
        if self._ran_dry is not None and start > self._ran_dry:
            self.gaps.append(Gap(self._ran_dry / self._per_ms, (start - self._ran_dry) / self._per_ms))
        self._ran_dry = None
        self._buffer.append((start, payload))
        self._end = start + len(payload)

    def _heard(self, start: int, audio: bytes) -> None:
        if not self._runs or self._runs[-1].start + len(self._runs[-1].audio) != start:
            self._runs.append(_Run(start))
        self._runs[-1].audio += audio
        if self.listener is not None:
            self.listener(start / self._per_ms, audio)

    def _due_marks(self) -> list[Mark]:
        marks: list[Mark] = []
        while self._marks and self._marks[0][0] <= self._now:
            marks.append(Mark(self._marks.popleft()[1], self._next(), self.stream_sid))
        return marks

    def _clear(self) -> list[Mark]:
        if self._buffer:  # else the audio ended by itself before, and what comes next may still show a gap
            self.cleared_bytes += self._end - self._now
            self._buffer.clear()
            self._end = self._now
            self._ran_dry = None
        marks = [Mark(name, self._next(), self.stream_sid) for _, name in self._marks]
        self._marks.clear()
        return marks
