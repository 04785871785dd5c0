"""Reactive: a caller who says what was recorded, each thing at its recorded distance from what the agent says now.

The agent's end is its last audible sample, once SAME_BURST_MS of quiet have followed: nobody on the line can know it
earlier, nor whether more waits to be played. So a recorded gap of less than SAME_BURST_MS + ONSET_MS becomes that.
Where the agent paused within a reply (a filler, then the answer), the caller waits for as many bursts as in the record.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import takewhile

from telephony.faults.frames import FRAME_MS
from telephony.replay.callers.agent_ear import AgentEar
from telephony.replay.callers.leaving import LONGEST_MS, Leaving, way_out
from telephony.replay.callers.line_quiet import quiet_frame
from telephony.replay.callers.utterances import Act, Place, recorded_caller
from telephony.replay.recorded import Recorded
from telephony.sandbox.ear import SAME_BURST_MS, Burst

WAIT_MS = 15_000
"""For what the agent said in the record, and does not say now, the caller waits so long; as the sandbox's callers."""
ONSET_MS = 100
"""At least so much of what lies before an utterance is sent with it: a soft first consonant."""
PATIENCE_MS = 1_000
"""So much longer than any pause in the recorded reply the agent must be quiet to be taken to have said all, when it
has not yet begun as often as in the record; and so long when it ends before it is interrupted."""
WORTH_A_NOTE_MS = 100


@dataclass(frozen=True, slots=True)
class _Due:
    """An act is to begin at `at_ms`; `note`: what could not be kept."""

    at_ms: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Played:
    """From `now_ms` to `end_ms` the line carries the recording from `recorded_ms` on."""

    now_ms: float
    end_ms: float
    recorded_ms: float


class Reactive:
    """A Caller (phone.py). Between its acts the line carries quiet noise; recorded gaps and stalls are not repeated.

    It leaves as the recorded caller did, at its distance from the agent's end; else as Leaving (leaving.py) says.
    """

    def __init__(self, recorded: Recorded) -> None:
        self.ended: str | None = None
        self.notes: list[str] = []
        """What could not be kept as it was in the record."""
        self.ear = AgentEar(recorded.rate_hz)
        caller = recorded_caller(recorded)
        self._recorded = recorded
        self._acts = deque(caller.acts)
        self._leaves = caller.leaves
        self._way_out = way_out(recorded)
        self._leaving = Leaving(recorded, self.ear)
        self._said_ms = 0.0  # where the act before ended, or will end, in the stream's time
        self._played: list[_Played] = []
        self._ahead: _Played | None = None  # what lies before the next act, which may still be put off
        self._keys_out: list[str] = []

    @property
    def unsaid(self) -> tuple[Act, ...]:
        """What the caller has not come to say."""
        return tuple(self._acts)

    def frame(self, now_ms: float) -> bytes | None:
        self._ahead = None
        while self._acts and self._act(self._acts[0], now_ms):
            self._acts.popleft()
        if not self._acts and now_ms >= self._said_ms:
            self._leave(now_ms)
        frame = bytearray(quiet_frame(self._recorded.rate_hz, now_ms))
        for played in (*self._played[-2:], *([self._ahead] if self._ahead else [])):
            self._paste(frame, now_ms, played)
        return bytes(frame)

    def take_keys(self) -> list[str]:
        keys, self._keys_out = self._keys_out, []
        return keys

    def hear(self, start_ms: float, pcm: bytes) -> None:
        self.ear.hear(start_ms, pcm)

    def cleared(self, now_ms: float) -> None:
        """What was taken back was never heard: the ear knows only what was played."""

    def recorded_ms(self, media_ms: int) -> int:
        """Ascending. In the quiet between two acts: the end of the one before."""
        for played in reversed(self._played):
            if media_ms >= played.now_ms:
                return round(played.recorded_ms + min(media_ms, played.end_ms) - played.now_ms)
        return 0

    # --- the acts ---------------------------------------------------------------------------------------------------

    def _act(self, act: Act, now_ms: float) -> bool:
        """Do `act` if it begins within this frame. True when it has begun."""
        due = self._due(act.place, now_ms)
        if due is None:
            return False
        at_ms = max(due.at_ms, now_ms)
        begins = at_ms < now_ms + FRAME_MS
        if act.key:
            begins = at_ms <= now_ms + FRAME_MS  # the journal's media time of a key: audio had come up to it
            if begins:
                self._press(act, at_ms)
        elif now_ms + FRAME_MS > self._said_ms:  # else the caller is still speaking
            before_ms, recorded_ms = self._before()
            ahead_ms = act.start_ms - max(act.from_ms, recorded_ms)
            from_ms = max(at_ms - ahead_ms, min(before_ms, at_ms))
            end_ms = at_ms + act.to_ms - act.start_ms
            played = _Played(from_ms, end_ms, act.start_ms - (at_ms - from_ms))
            if begins:
                self._played.append(played)
                self._said_ms = at_ms + act.end_ms - act.start_ms
            else:
                self._ahead = played
        else:
            return False
        if begins and due.note:
            self.notes.append(f"{act.name}: {due.note}")
        return begins

    def _before(self) -> tuple[float, float]:
        """Where what was played last ends: in the stream's time, and on the recording."""
        if not self._played:
            return 0.0, 0.0
        last = self._played[-1]
        return last.end_ms, last.recorded_ms + last.end_ms - last.now_ms

    def _press(self, act: Act, at_ms: float) -> None:
        self._keys_out.append(act.key)
        if at_ms >= self._said_ms:
            self._said_ms = at_ms
            before_ms, recorded_ms = self._before()
            if at_ms >= before_ms:
                self._played.append(_Played(at_ms, at_ms, max(act.start_ms, recorded_ms)))

    def _leave(self, now_ms: float) -> None:
        if self._leaves is None:
            if self._leaving.due(now_ms, self._said_ms, self._said_ms):
                self.ended = "hang up"
            return
        due = self._due(self._leaves, now_ms)
        if due is not None and due.at_ms < now_ms + FRAME_MS:
            self.ended = self._way_out
            if due.note:
                self.notes.append(f"the caller's end: {due.note}")

    # --- when ---------------------------------------------------------------------------------------------------------

    def _due(self, place: Place, now_ms: float) -> _Due | None:
        """When an act of this place begins; None while that cannot be told."""
        newest = takewhile(lambda burst: burst.end_ms > self._said_ms, reversed(self.ear.bursts))
        stretch = list(newest)[::-1]
        if place.kind == "on":
            note = "the agent spoke before, where it was silent in the record" if stretch and not place.bursts else ""
            return _Due(self._said_ms + place.ms, note)
        if place.kind == "over":
            stretch = [burst for burst in stretch if burst.start_ms >= self._said_ms]
        if not stretch:
            if now_ms - self._said_ms < WAIT_MS:
                return None
            return _Due(self._said_ms + WAIT_MS + ONSET_MS, f"the agent said nothing for {WAIT_MS / 1000:g} s before")
        if place.kind == "over":
            return self._due_over(place, stretch, now_ms)
        return self._due_after(place, stretch, now_ms)

    def _due_after(self, place: Place, stretch: list[Burst], now_ms: float) -> _Due | None:
        last_ms = stretch[-1].end_ms
        if now_ms - stretch[0].start_ms >= LONGEST_MS:
            return _Due(stretch[0].start_ms + LONGEST_MS + ONSET_MS, f"the agent spoke for {LONGEST_MS / 1000:g} s")
        quiet_ms = SAME_BURST_MS
        if len(stretch) < place.bursts:
            quiet_ms = max(place.ms, place.pause_ms) + PATIENCE_MS
        if now_ms - last_ms < quiet_ms:
            return None
        gap_ms = max(place.ms, quiet_ms + ONSET_MS)
        late_ms = gap_ms - place.ms
        note = f"{late_ms} ms later than in the record, after the agent's end" if late_ms > WORTH_A_NOTE_MS else ""
        return _Due(last_ms + gap_ms, note)

    def _due_over(self, place: Place, stretch: list[Burst], now_ms: float) -> _Due:
        due_ms = stretch[0].start_ms + place.ms
        last_ms = stretch[-1].end_ms
        ended = due_ms - last_ms > SAME_BURST_MS and now_ms - last_ms > SAME_BURST_MS
        note = "was said over the agent, which now had ended before" if ended else ""
        if ended and now_ms - last_ms >= PATIENCE_MS:
            due_ms = min(due_ms, last_ms + PATIENCE_MS + ONSET_MS)
        return _Due(due_ms, note)

    def _paste(self, frame: bytearray, now_ms: float, played: _Played) -> None:
        """Lay what of the recording falls into this frame over the quiet; sample by sample."""
        per_ms = self._recorded.rate_hz // 1000
        samples = FRAME_MS * per_ms
        first = max(0, round((played.now_ms - now_ms) * per_ms))
        last = min(samples, round((played.end_ms - now_ms) * per_ms))
        if first >= last:
            return
        shift = round((played.recorded_ms - played.now_ms) * per_ms) + round(now_ms * per_ms)
        pcm = self._recorded.caller[2 * (shift + first) : 2 * (shift + last)]
        frame[2 * first : 2 * first + len(pcm)] = pcm


def reactive(recorded: Recorded) -> Reactive:
    """The caller of `recorded`, who listens. Its line's rate is `recorded.rate_hz`."""
    return Reactive(recorded)
