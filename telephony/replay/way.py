"""The way: how long a message takes to the carrier of a recorded call, as its record tells. Pure.

Half of what it takes there and back, which is the line's share of a turn's latency. While the line stalls, marks wait
behind the audio: such turns tell of the stall, and that comes again by itself (callers/stalls.py). If there are no
others, the mark that came back soonest tells; and if none came without a stall's part in it, nothing is known.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Any, TypeVar

from agent.continuation import DAMAGE
from telephony.media_stream.line import FIRST_MESSAGE_MS
from telephony.replay.judging.outcome import Turn, outcome_of
from telephony.replay.phone import DELAY_S
from telephony.replay.reading.fields import call_ms, whole
from telephony.replay.recorded import Recorded

_T = TypeVar("_T")

#: What a record says beyond this was a stall, not the way.
MAX_DELAY_S = 0.25
#: A stall may have had its part in what was heard so long before it began, or after it was over: a mark's way, and the
#: audio that waited at the far end.
NEAR_MS = 500


def delay_s(recorded: Recorded) -> float:
    """One way to the carrier, in seconds."""
    turns = [turn for turn in outcome_of(recorded.events).turns if "line_ms" in turn.stages]
    told_ms: list[float] = [turn.stages["line_ms"] for turn in turns if not _in_a_stall(recorded, turn)]
    told_ms = told_ms or _told_in_stalls(recorded, turns)
    return min(max(0.0, statistics.median(told_ms) / 2000), MAX_DELAY_S) if told_ms else DELAY_S


def _told_in_stalls(recorded: Recorded, turns: Sequence[Turn]) -> list[float]:
    """What is told where every turn was in a stall. More than any way takes was the stall's, and tells nothing."""
    by_clock = _by_clock(recorded)
    of_marks = sorted(_there_and_back_ms(recorded, by_clock))[:1]
    reckoned = _latencies_at(recorded, by_clock)
    of_turns = [turn.stages["line_ms"] for turn in turns if turn.number not in reckoned]
    for told_ms in (of_marks, of_turns):
        if short := [float(ms) for ms in told_ms if ms <= 2000 * MAX_DELAY_S]:
            return short
    return []


def _by_clock(recorded: Recorded) -> frozenset[float]:
    """When marks were given up for lost: what was taken to be heard then was reckoned, and no mark told it."""
    return frozenset(_read(recorded, "playout.marks_lost", call_ms))


def _latencies_at(recorded: Recorded, at_ms: Set[float]) -> frozenset[int]:
    """The turns whose latency was journaled at one of these times."""
    told = _read(recorded, "turn.latency", lambda event: (call_ms(event), whole(event["turn"])))
    return frozenset(turn for at, turn in told if at in at_ms)


def _in_a_stall(recorded: Recorded, turn: Turn) -> bool:
    from_ms = turn.committed_ms if turn.speech_end_ms is None else turn.speech_end_ms
    to_ms = from_ms + (turn.voice_to_voice_ms or 0)
    return any(stall.from_ms - NEAR_MS <= to_ms and from_ms <= stall.arrived_ms + NEAR_MS for stall in recorded.stalls)


def _there_and_back_ms(recorded: Recorded, by_clock: Set[float]) -> Iterator[float]:
    """Of each time that the agent began to be heard: from its first message to the mark behind that, without what the
    message itself lasts."""
    for at_ms, sent_ms in _read(recorded, "playout.started", lambda event: (call_ms(event), whole(event["sent_ms"]))):
        if at_ms not in by_clock:
            yield at_ms - sent_ms - FIRST_MESSAGE_MS


def _read(recorded: Recorded, kind: str, read: Callable[[Mapping[str, Any]], _T]) -> Iterator[_T]:
    """What `read` makes of each event of this kind that is not damaged."""
    for event in recorded.events:
        try:
            if event["kind"] == kind:
                yield read(event)
        except DAMAGE:
            continue
