"""Stalls: the caller's audio that came late, as the journal says, or told from the ticks of the call's own clock. Pure.

`line.stall` says which audio came late, and when (agent/late_audio.py); then nothing is guessed. An older journal (its
`call.ended` does not tell where the audio ended) has only ticks: while no audio comes for STALL_MS, media time goes on
by the clock, and the session journals a `tick` about every TICK_MS (agent/session.py). So a run of ticks says: the
audio that was due then was not there. What became of it, the rest of the journal tells:

- it never came: the next audio is stamped later, and a `line.gap` stands behind the run. A gap, no stall.
- nothing came any more: the caller's audio ends there. The end of the call, no stall.
- the far end had paused: its audio goes on where it was, but media time is behind the clock from then on, by the length
  of the pause. Nothing of it was late against its own stamps. No stall.
- it came after the last tick, all at once, and media time was level with the clock again: a stall.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.continuation import DAMAGE
from telephony.media_stream.line import STALL_MS
from telephony.replay.reading.fields import Event, call_ms, media_ms, number, whole
from telephony.replay.recorded import Stall

#: How often the session looks at its clock.
TICK_MS = 100
#: Two ticks of one run lie no further apart: audio between them would have put off the second one by STALL_MS.
APART_MS = STALL_MS - 10


@dataclass(slots=True)
class _Run:
    """Ticks one after the other, and what the journal tells around them."""

    before_ms: int
    """Media time as it was known before: audio had come up to there, or nearly so."""
    first_ms: int
    last_ms: int
    last_call_ms: float
    paused: bool = False
    next_ms: int | None = None
    """Media time where it is first seen to go on."""
    gap: bool = False


def stalls_in(events: Sequence[Event], audio_ms: int | None = None) -> tuple[Stall, ...]:
    """The stalls that a journal's events prove; `audio_ms`: where the caller's audio ends, if that is known."""
    told = [event for event in events if event["kind"] == "line.stall"]
    if told or audio_told(events) is not None:
        return _as_told(told)
    found = (_stall(run, audio_ms) for run in _runs_in(events)[0])
    return tuple(stall for stall in found if stall is not None)


def _as_told(events: Iterable[Event]) -> tuple[Stall, ...]:
    """What `line.stall` says, in the order in which it came; a damaged piece is passed over."""
    stalls: list[Stall] = []
    for event in events:
        came = event.get("came")
        for piece in came if isinstance(came, list) else ():
            try:
                from_ms, to_ms, arrived_ms = piece
                stall = Stall(whole(from_ms), whole(to_ms), number(arrived_ms), exact=True)
            except DAMAGE:
                continue
            if (stalls[-1].to_ms if stalls else 0) <= stall.from_ms < stall.to_ms:
                stalls.append(stall)
    return tuple(stalls)


def audio_until(events: Sequence[Event]) -> int:
    """Media time up to which audio came: as `call.ended` says, else, if the journal ends in ticks, before these."""
    runs, until_ms = _runs_in(events)
    audio_ms = audio_told(events)
    if audio_ms is not None:
        return min(audio_ms, until_ms)
    for run in reversed(runs):
        if run.last_ms + TICK_MS + STALL_MS < until_ms:
            break
        until_ms = max(0, run.first_ms - STALL_MS - TICK_MS)
    return until_ms


def audio_told(events: Sequence[Event]) -> int | None:
    """The end of the caller's audio, in media time, as `call.ended` says; None where it does not (older journals)."""
    for event in reversed(events):
        if event["kind"] == "call.ended":
            try:
                return whole(event.get("audio_ms"))
            except DAMAGE:
                return None
    return None


def _runs_in(events: Sequence[Event]) -> tuple[list[_Run], int]:
    """The runs of ticks, and the latest media time of all."""
    runs: list[_Run] = []
    newest_ms = 0
    for event in events:
        try:
            newest_ms = _take(runs, event, newest_ms)
        except DAMAGE:
            continue
    return runs, newest_ms


def _take(runs: list[_Run], event: Event, newest_ms: int) -> int:
    at_ms, clock_ms = media_ms(event), call_ms(event)
    run = runs[-1] if runs else None
    if event["kind"] == "tick":
        if run is not None and run.next_ms is None and at_ms - run.last_ms <= APART_MS:
            run.last_ms, run.last_call_ms = at_ms, clock_ms
        else:
            runs.append(_Run(min(newest_ms, at_ms), at_ms, at_ms, clock_ms))
    elif run is not None:
        if event["kind"] == "line.gap" and whole(event["from_ms"]) <= run.first_ms < whole(event["to_ms"]):
            run.gap = True
        if run.next_ms is None and at_ms > run.last_ms:
            behind_ms = (clock_ms - at_ms) - (run.last_call_ms - run.last_ms)
            run.next_ms, run.paused = at_ms, behind_ms > STALL_MS / 2
    return max(newest_ms, at_ms)


def _stall(run: _Run, audio_ms: int | None) -> Stall | None:
    """The first tick is seen STALL_MS to STALL_MS + TICK_MS after the last audio, the next one would have come TICK_MS
    after the last: both ends are taken in the middle of what they can be."""
    if run.gap or run.paused or run.next_ms is None:
        return None
    from_ms = max(0, run.first_ms - STALL_MS - TICK_MS // 2, min(run.before_ms, run.first_ms - STALL_MS))
    arrived_ms = min(run.last_ms + TICK_MS // 2, run.next_ms)
    to_ms = arrived_ms if audio_ms is None else min(arrived_ms, audio_ms)
    return Stall(from_ms, to_ms, arrived_ms) if from_ms < to_ms else None
