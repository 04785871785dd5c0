"""The bench's caller: plays the items of a course at their time, over a line that is never silent, and hears all.

It waits for what a person waits for - the end of what the agent says - and goes by what is really played to it. Where
the agent does not come back to the course (a turn that was lost, a reply that was abandoned), it presses a key, which
asks the model anew: every item is then played under its own question.
"""

from __future__ import annotations

import audioop
from dataclasses import dataclass, field
from typing import Protocol

from telephony.bench.turns.course import Act, Course
from telephony.bench.turns.items import BYTES_PER_MS, RATE_HZ, Item
from telephony.bench.turns.released import Timeline
from telephony.faults.frames import FRAME_MS
from telephony.replay.callers.agent_ear import AgentEar
from telephony.replay.callers.line_quiet import quiet_frame

FRAME_BYTES = BYTES_PER_MS * FRAME_MS
#: Ask anew (by a key) when so long nothing has come: beyond any hold of the turn settings.
LOST_MS = 8000
#: After an item that the agent spoke into, wait for so much quiet: it may stop, weigh, and speak again.
SETTLED_MS = 2500
#: When the acts are over: a caller hangs up once the agent has been quiet for so long; in any case after END_MS.
LAST_MS = 2500
END_MS = 30_000
#: An agent that is stopped again and again is not listened to for ever.
LISTEN_TIMES = 3
ASK_KEYS = ("1", "#")


class Echo(Protocol):
    """What comes back of what is played to the caller."""

    def played(self, start_ms: float, pcm: bytes) -> None:
        """This is played, ascending in time."""

    def frame(self, now_ms: float) -> bytes:
        """The 20 ms of echo from `now_ms` on."""


@dataclass(frozen=True, slots=True)
class Played:
    """An item was played in an act, from `start_ms` (media time of its first sample)."""

    act: int
    start_ms: int


@dataclass(slots=True)
class Stop:
    """The carrier's buffer was emptied while audio waited in it, at `at_ms`; at `resumed_ms` the agent was audible
    again (None: never)."""

    at_ms: float
    resumed_ms: float | None = None


@dataclass(slots=True)
class Heard:
    """What the caller's side knows at the end of a call. `asked_anew`: the acts in which a key was needed;
    `audible_ms`: for how long the agent was heard; `pieces`: all that was played, where that was to be kept."""

    played: list[Played] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    audible_ms: float = 0.0
    asked_anew: list[int] = field(default_factory=list)
    pieces: list[tuple[float, bytes]] = field(default_factory=list)


class BenchCaller:
    """A Caller (telephony/replay/phone.py) on a line of 8000 Hz. `bed`: PCM16 that is on the line all the time, over
    and over; with none it is the sandbox's quiet noise. `says` tells a recogniser what is being said. `keep`: remember
    all that was played."""

    ended: str | None = None

    def __init__(
        self,
        course: Course,
        timeline: Timeline,
        *,
        bed: bytes = b"",
        echo: Echo | None = None,
        keep: bool = False,
    ) -> None:
        self.course = course
        self.heard = Heard()
        self.ear = AgentEar(RATE_HZ)
        self._bed = bed[: len(bed) // FRAME_BYTES * FRAME_BYTES]
        self._timeline = timeline
        self._echo = echo
        self._keep = keep
        self._keys: list[str] = []
        self._item: Item | None = None
        self._item_ms = 0  # where the item's first sample lies, in media time
        self._last_sample_ms = 0
        self._act_index = -1  # the act of the item
        self._spoken_into = False  # the agent was audible during it
        self._act_since_ms = 0.0  # the end of the caller's last act
        self._audible_ms = 0.0  # in this act
        self._asked_ms = -LOST_MS * 1.0

    # --- Caller -----------------------------------------------------------------------------------------------------

    def frame(self, now_ms: float) -> bytes | None:
        """The caller's audio: what is being said, the line's noise, and the echo."""
        if self._item is None:
            self._look(now_ms)
        pcm = self._noise(now_ms)
        if self._item is not None:
            at = (int(now_ms) - self._item_ms) * BYTES_PER_MS
            said = self._item.pcm[at : at + FRAME_BYTES]
            pcm = audioop.add(pcm, said.ljust(FRAME_BYTES, b"\0"), 2)
            if at + FRAME_BYTES >= len(self._item.pcm):
                self._item = None
            elif self.course.current == self._act_index and now_ms + FRAME_MS >= self._last_sample_ms:
                self._next(now_ms)
            if self._item is None and self.course.current == self._act_index:
                self._next(now_ms)
        if self._echo is not None:
            pcm = audioop.add(pcm, self._echo.frame(now_ms), 2)
        return pcm

    def take_keys(self) -> list[str]:
        keys, self._keys = self._keys, []
        return keys

    def hear(self, start_ms: float, pcm: bytes) -> None:
        before_ms = self.ear.last_audible_ms or 0.0
        self.ear.hear(start_ms, pcm)
        now_ms = self.ear.last_audible_ms or 0.0
        if now_ms > before_ms:
            self._audible(min(now_ms - before_ms, len(pcm) / BYTES_PER_MS), start_ms)
        if self._echo is not None:
            self._echo.played(start_ms, pcm)
        if self._keep:
            self.heard.pieces.append((start_ms, pcm))

    def cleared(self, now_ms: float) -> None:
        self.heard.stops.append(Stop(now_ms))

    def recorded_ms(self, media_ms: int) -> int:
        return media_ms

    def _audible(self, audible_ms: float, start_ms: float) -> None:
        self._audible_ms += audible_ms
        self.heard.audible_ms += audible_ms
        if self.heard.stops and self.heard.stops[-1].resumed_ms is None and start_ms >= self.heard.stops[-1].at_ms:
            self.heard.stops[-1].resumed_ms = start_ms

    # --- when to do what --------------------------------------------------------------------------------------------

    def _noise(self, now_ms: float) -> bytes:
        if not self._bed:
            return quiet_frame(RATE_HZ, now_ms)
        at = int(now_ms) * BYTES_PER_MS % len(self._bed)
        return self._bed[at : at + FRAME_BYTES]

    def _look(self, now_ms: float) -> None:
        """Nothing is being said: is it time for the next act?"""
        course = self.course
        quiet_ms = self.ear.quiet_ms(now_ms)
        if course.over:
            over_ms = now_ms - self._act_since_ms
            if over_ms >= LAST_MS and (quiet_ms >= LAST_MS or over_ms >= END_MS):
                self.ended = "hang up"
            return
        act = course.acts[course.current]
        asked = course.asked == course.current or act.same_reply
        if asked and self._due(act, now_ms, quiet_ms):
            self._begin(act, now_ms)
        elif self._stuck(asked, now_ms, quiet_ms):
            self._asked_ms = now_ms
            if act.when != "listen":
                self._audible_ms = 0.0
            self._keys += ASK_KEYS
            if course.asked >= 0:
                self.heard.asked_anew.append(course.current)

    def _stuck(self, asked: bool, now_ms: float, quiet_ms: float) -> bool:
        """The agent is silent, and what it said last was not this act's question; or it has said nothing for long."""
        if self.course.asked < 0:
            return self._audible_ms > 0 and quiet_ms >= 300 and now_ms - self._asked_ms >= LOST_MS
        since_ms = now_ms - max(self._act_since_ms, self._asked_ms)
        return quiet_ms >= SETTLED_MS and since_ms >= LOST_MS

    def _due(self, act: Act, now_ms: float, quiet_ms: float) -> bool:
        if act.when == "at once":
            return now_ms >= act.wait_ms
        if act.when == "listen":
            enough = self._audible_ms >= act.wait_ms
            return enough or now_ms - self._act_since_ms >= LISTEN_TIMES * act.wait_ms + LOST_MS
        if act.when == "over":
            return quiet_ms <= FRAME_MS and self._audible_ms >= act.wait_ms
        heard_since = (self.ear.last_audible_ms or 0.0) > max(self._act_since_ms, self._asked_ms)
        wait_ms = max(act.wait_ms, SETTLED_MS) if self._spoken_into else act.wait_ms
        return heard_since and quiet_ms >= wait_ms

    def _begin(self, act: Act, now_ms: float) -> None:
        self._act_index = self.course.current
        if act.item is None:
            self._next(now_ms)
            return
        self._item, self._item_ms = act.item, int(now_ms)
        self._last_sample_ms = self._item_ms + act.item.last_sample_ms
        self.heard.played.append(Played(self._act_index, self._item_ms))
        self._timeline.say(act.item.words, self._item_ms)

    def _next(self, now_ms: float) -> None:
        """What this act was for is over."""
        began_ms = self.heard.played[-1].start_ms if self.heard.played else 0
        self._spoken_into = (self.ear.last_audible_ms or 0.0) > began_ms + FRAME_MS
        self._act_since_ms = now_ms + FRAME_MS
        self._audible_ms = 0.0
        self.course.current += 1
