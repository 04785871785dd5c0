"""When the agent was silent though it owed something, and where it took a caller for done who was not. Pure.

Works on stretches of media time, in whole milliseconds; outcome.py gathers them from a journal.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

REACTION_MS = 250
"""Who begins to speak sooner after a sound than this does not react to it. A prepared answer of one word to a sound
takes a person about 200 ms (Fry 1975, after Levinson and Torreira 2015); the rest is what a gate rounds off."""
LONGEST_PAUSE_MS = 2500
"""Who is silent for longer had finished, or waits for the agent: within a sentence people pause for about a second,
somebody who looks for a number for two."""
NOISE_MS = 350
"""A stretch of speech without a text that is shorter is a noise, and proves nothing (as agent/session.py has it)."""

Stretch = tuple[int, int]


@dataclass(slots=True)
class Owed:
    """From `from_ms` to `to_ms` (None: not yet known) the agent owes an answer. `why`: before its first sound.
    `paid`: it was heard to its end, so a silence after its last sound is nobody's fault."""

    turn: int
    from_ms: int
    why: str
    within: str = "within the answer"
    to_ms: int | None = None
    paid: bool = False


@dataclass(frozen=True, slots=True)
class Spoken:
    """A stretch of the caller's speech that was taken for (`weighed`), or might have been (`meant`), a turn."""

    turn: int
    start_ms: int
    end_ms: int
    weighed: bool
    meant: bool


def merged(stretches: Iterable[Stretch]) -> list[Stretch]:
    """The same time as disjoint stretches, ascending."""
    out: list[Stretch] = []
    for start_ms, end_ms in sorted(stretches):
        if out and start_ms <= out[-1][1]:
            out[-1] = out[-1][0], max(out[-1][1], end_ms)
        else:
            out.append((start_ms, max(start_ms, end_ms)))
    return out


def dead_air(
    owed: Iterable[Owed], sounds: Iterable[Stretch], speech: Iterable[Stretch], last_ms: int
) -> Iterator[tuple[int, int, int, str]]:
    """(from_ms, to_ms, turn, why) of every stretch in which the agent owed something and nobody was heard."""
    heard = merged(sounds)
    starts = [start_ms for start_ms, _ in heard]
    busy = merged([*heard, *speech])
    ends = [end_ms for _, end_ms in busy]
    done_ms = 0
    for debt in owed:
        at_ms = from_ms = max(debt.from_ms, done_ms)  # never counted twice
        done_ms = to_ms = max(from_ms, last_ms if debt.to_ms is None else debt.to_ms)
        first = bisect_left(starts, from_ms)
        if first and heard[first - 1][1] > from_ms:
            first -= 1
        sound_ms = starts[first] if first < len(starts) else to_ms
        for index in range(bisect_left(ends, from_ms), len(busy)):
            start_ms, end_ms = busy[index]
            if start_ms >= to_ms:
                break
            if start_ms > at_ms:
                yield at_ms, start_ms, debt.turn, debt.why if at_ms <= sound_ms else debt.within
            at_ms = max(at_ms, end_ms)
        if at_ms < to_ms and not debt.paid:
            yield at_ms, to_ms, debt.turn, debt.why if at_ms <= sound_ms else debt.within


def cutoffs(spoken: Sequence[Spoken], sounds: Iterable[Stretch]) -> Iterator[tuple[int, int, int]]:
    """(turn, media time at which the caller went on, how long after the turn's end) of turns that were none yet.

    The caller had not finished if speech that means something begins before there was an answer that could be reacted
    to (its first sound and REACTION_MS), and after no more than LONGEST_PAUSE_MS.
    """
    starts = [start_ms for start_ms, _ in merged(sounds)]
    meant = sorted((other.start_ms, other.turn) for other in spoken if other.meant)
    for stretch in spoken:
        if not (stretch.weighed and stretch.meant):
            continue
        after = bisect_left(meant, (stretch.end_ms, -1))
        if after < len(meant) and meant[after][1] == stretch.turn:
            after += 1
        answer = bisect_left(starts, stretch.end_ms)
        if after == len(meant):
            continue
        next_ms = meant[after][0]
        in_time = answer == len(starts) or next_ms < starts[answer] + REACTION_MS
        if in_time and next_ms - stretch.end_ms <= LONGEST_PAUSE_MS:
            yield stretch.turn, next_ms, next_ms - stretch.end_ms
