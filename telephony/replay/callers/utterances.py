"""What a recorded caller did, one act after the other, and where each stands to what the agent was saying. Pure.

An act is an utterance or a key. Its place is told against the agent's bursts (what was audible, with at most
SAME_BURST_MS of quiet within), so that it can be kept when the agent is another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from agent.ear import PREROLL_MS, TAIL_MS
from telephony.faults.frames import FRAME_MS
from telephony.replay.callers.agent_ear import AgentEar
from telephony.replay.callers.loudness import loud_stretches
from telephony.replay.recorded import Recorded
from telephony.sandbox.ear import SAME_BURST_MS, Burst

ANTICIPATES_MS = 300
"""Who begins so shortly before the agent ends by itself answers it, and does not interrupt: people take turns so."""
MONO_GAP_MS = 1_000
"""A recording of the caller alone does not tell pauses from the agent's time: its gaps are taken to be no longer."""
STOP_KINDS = ("barge_in", "playout.stopped")


@dataclass(frozen=True, slots=True)
class Place:
    """When an act begins.

    after: `ms` after the end of what the agent said last (below 0: shortly before it), which was `bursts` bursts with
    pauses of up to `pause_ms`. over: `ms` after the agent began, while it speaks. on: `ms` after the end of the
    caller's own act before (of the first: after the stream's beginning), the agent being silent since, or (`bursts`)
    speaking all along; below 0: a key pressed while speaking.
    """

    kind: Literal["after", "over", "on"]
    ms: int
    bursts: int = 0
    pause_ms: int = 0


@dataclass(frozen=True, slots=True)
class Act:
    """Speech of [start_ms, end_ms) on the recording, to be played from `from_ms` to `to_ms` so that soft beginnings
    and ends stay; or a key, at `start_ms`."""

    start_ms: int
    end_ms: int
    from_ms: int
    to_ms: int
    place: Place
    key: str = ""

    @property
    def name(self) -> str:
        return f"{'key ' + self.key if self.key else 'what the caller said'} at {self.start_ms / 1000:.1f} s"


@dataclass(frozen=True, slots=True)
class RecordedCaller:
    """All acts, ascending; `leaves`: where the caller hung up (or dropped), None where the caller did not."""

    acts: tuple[Act, ...]
    leaves: Place | None


def recorded_caller(recorded: Recorded) -> RecordedCaller:
    """Take a recording apart."""
    speech = speech_of(recorded)
    bursts = agent_bursts(recorded)
    stops = [int(event.get("media_ms", 0)) for event in recorded.events if event.get("kind") in STOP_KINDS]
    begins = [start for start, _ in speech] + [recorded.duration_ms]
    points: list[tuple[int, int, int, int, str]] = [(at, at, at, at, key) for at, key in recorded.keys]
    played_ms = 0
    for (start, end), next_ms in zip(speech, begins[1:], strict=True):
        from_ms = max(played_ms, start - PREROLL_MS, 0)
        played_ms = min(end + TAIL_MS, next_ms)
        points.append((start, end, from_ms, played_ms, ""))
    acts: list[Act] = []
    ended_ms = 0
    for start, end, from_ms, to_ms, key in sorted(points, key=lambda point: point[0]):
        acts.append(Act(start, end, from_ms, to_ms, _place(recorded, start, ended_ms, bursts, stops), key))
        ended_ms = max(ended_ms, end)
    leaves = None
    if recorded.ended_by.startswith("caller"):
        leaves = _place(recorded, recorded.ended_ms, ended_ms, _spoken_on(bursts, recorded), stops)
    return RecordedCaller(tuple(acts), leaves)


def _spoken_on(bursts: Sequence[Burst], recorded: Recorded) -> Sequence[Burst]:
    """The bursts of an agent that was still speaking when the caller left: nothing is on record of what it went on to
    say, so that its last burst ends there, whoever ended it."""
    heard = [event.get("complete") for event in recorded.events if event.get("kind") == "agent.heard"]
    if heard[-1:] != [False] or not bursts or recorded.ended_ms - bursts[-1].end_ms > SAME_BURST_MS:
        return bursts
    return [*bursts[:-1], Burst(bursts[-1].start_ms, recorded.ended_ms + ANTICIPATES_MS + 1)]


def _place(recorded: Recorded, start: int, previous_ms: int, bursts: Sequence[Burst], stops: Sequence[int]) -> Place:
    if recorded.heard is None and not recorded.has_journal:
        return Place("after", min(start - previous_ms, MONO_GAP_MS))
    return place_of(start, previous_ms, bursts, stops)


def place_of(start_ms: int, previous_ms: int, bursts: Sequence[Burst], stops: Sequence[int] = ()) -> Place:
    """Where what began at `start_ms` stands. `previous_ms`: the end of the caller's act before it; `bursts`: when the
    agent was audible, ascending; `stops`: when it was interrupted."""
    stretch = [burst for burst in bursts if burst.end_ms > previous_ms and burst.start_ms < start_ms]
    if not stretch:
        return Place("on", start_ms - previous_ms)
    last_ms = stretch[-1].end_ms
    stopped = any(start_ms <= stop <= start_ms + FRAME_MS for stop in stops)  # at once: by a key
    over = last_ms > start_ms or (stopped and start_ms - last_ms <= SAME_BURST_MS)
    if over and not _anticipates(start_ms, last_ms, stops):
        begun = next((burst for burst in stretch if burst.start_ms >= previous_ms), None)
        if begun is None:
            return Place("on", start_ms - previous_ms, len(stretch))
        return Place("over", round(start_ms - begun.start_ms))
    pauses = [after.start_ms - before.end_ms for before, after in pairwise(stretch)]
    return Place("after", round(start_ms - last_ms), len(stretch), round(max(pauses, default=0)))


def _anticipates(start_ms: int, agent_end_ms: float, stops: Iterable[int]) -> bool:
    """The agent ended shortly after, and nobody stopped it."""
    stopped = any(start_ms <= stop <= agent_end_ms + SAME_BURST_MS for stop in stops)
    return agent_end_ms - start_ms <= ANTICIPATES_MS and not stopped


def speech_of(recorded: Recorded) -> tuple[tuple[int, int], ...]:
    """(start_ms, end_ms) of each utterance, ascending, apart from each other: the journal's, else by loudness."""
    if not recorded.has_journal:
        return loud_stretches(recorded.caller, recorded.rate_hz)
    spans: list[tuple[int, int]] = []
    last_ms = 0
    for said in sorted(recorded.utterances, key=lambda said: said.speech_start_ms):
        start, end = max(said.speech_start_ms, last_ms), min(said.speech_end_ms, recorded.duration_ms)
        if end > start:
            spans.append((start, end))
            last_ms = end
    return tuple(spans)


def agent_bursts(recorded: Recorded) -> list[Burst]:
    """When the caller heard the agent, ascending: by the same ear that listens in the new run; where there is no audio
    of it, or where it was silenced for privacy, by what the journal says was heard; of a plain recording by loudness.
    """
    if not recorded.has_journal:
        heard = recorded.heard or b""
        return [Burst(start, end) for start, end in loud_stretches(heard, recorded.rate_hz, SAME_BURST_MS + 1)]
    ear = AgentEar(recorded.rate_hz)
    if recorded.heard is not None:
        second = 2 * recorded.rate_hz
        for offset in range(0, len(recorded.heard), second):
            ear.hear(offset * 1000 / second, recorded.heard[offset : offset + second])
    bursts = list(ear.bursts)
    for event in recorded.events:
        if event.get("kind") == "agent.heard":
            start, end = int(event.get("start_ms", 0)), int(event.get("end_ms", 0))
            if end > start and not any(burst.start_ms < end and burst.end_ms > start for burst in ear.bursts):
                bursts.append(Burst(start, end))
    return sorted(bursts, key=lambda burst: burst.start_ms)
