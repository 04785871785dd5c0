"""What became of what was said, or sounded, while the agent spoke: stops, resumptions, words heard. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from telephony.bench.turns.caller import Stop
from telephony.bench.turns.items import RATE_HZ
from telephony.bench.turns.marks import numbers, words_in

#: An agent that has not stopped so long after the caller's first sample talks on: a missed stop.
MISSED_MS = 1500
#: Speech that was stopped wrongly resumes within this.
RESUME_MS = 1000
#: Audio played with no more between is heard as one.
_JOIN_MS = 1.0


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A real interruption: `stop_ms` from its first sample to the empty buffer (None: missed). `kept_on`: the agent
    took up again what it was saying, though it was meant to stop; `committed`: the turn was taken in the end."""

    stop_ms: float | None
    kept_on: bool
    committed: bool


def interrupted(
    first_ms: float, last_ms: float, until_ms: float, stops: Iterable[Stop], events: Iterable[Mapping[str, Any]]
) -> Interrupted:
    """Of the interruption whose speech is from `first_ms` to `last_ms`, before the next one at `until_ms`."""
    stop = next((stop for stop in stops if first_ms <= stop.at_ms < first_ms + MISSED_MS), None)
    mine = [event for event in events if first_ms <= event["media_ms"] < until_ms]
    committed = next((e["media_ms"] for e in mine if e["kind"] == "turn.committed" and e.get("source") != "keys"), None)
    resumed_ms = stop.resumed_ms if stop is not None else None
    by_ms = until_ms if committed is None else committed
    return Interrupted(
        stop_ms=None if stop is None else stop.at_ms - first_ms,
        kept_on=resumed_ms is not None and resumed_ms < by_ms,
        committed=committed is not None,
    )


@dataclass(frozen=True, slots=True)
class Backchannel:
    """An "mhm" over the agent. `stopped`: the agent fell silent for it; `resumed`: it went on within RESUME_MS of
    being stopped, or had not stopped; `answered`: the "mhm" was taken for a turn."""

    stopped: bool
    resumed: bool
    answered: bool

    @property
    def good(self) -> bool:
        return self.resumed and not self.answered


def backchannel(
    first_ms: float, until_ms: float, stops: Iterable[Stop], events: Iterable[Mapping[str, Any]]
) -> Backchannel:
    """Of the backchannel whose speech begins at `first_ms`; the caller's next begins at `until_ms`."""
    mine = [stop for stop in stops if first_ms <= stop.at_ms < until_ms]
    answered = any(
        event["kind"] == "turn.committed" and event.get("source") != "keys" and first_ms <= event["media_ms"] < until_ms
        for event in events
    )
    return Backchannel(bool(mine), all(resumed_in_time(stop) for stop in mine), answered)


def resumed_in_time(stop: Stop) -> bool:
    """Whether the agent was audible again within RESUME_MS."""
    return stop.resumed_ms is not None and stop.resumed_ms - stop.at_ms <= RESUME_MS


def words_in_history(events: Iterable[Mapping[str, Any]]) -> list[int]:
    """The numbers of the marked words that the journal says were heard, in its order: twice if it says so twice."""
    return [number for event in events if event["kind"] == "agent.heard" for number in numbers(str(event["text"]))]


def words_played(pieces: Sequence[tuple[float, bytes]]) -> list[int]:
    """The numbers of the marked words that the carrier played to their end, in order; pieces are (start_ms, PCM16)."""
    return [number for audio in _joined(pieces) for number in words_in(audio)]


def _joined(pieces: Sequence[tuple[float, bytes]]) -> Iterable[bytes]:
    run, end_ms = bytearray(), 0.0
    for start_ms, pcm in pieces:
        if run and start_ms - end_ms > _JOIN_MS:
            yield bytes(run)
            run = bytearray()
        run += pcm
        end_ms = start_ms + len(pcm) * 1000 / (2 * RATE_HZ)
    yield bytes(run)


@dataclass(frozen=True, slots=True)
class HeardWords:
    """One reply that was cut off: how many of its words the carrier played to their end, how many the history holds."""

    played: int
    in_history: int
    twice: int = 0

    @property
    def off(self) -> int:
        """By how many words the history is wrong; below 0 it holds too few."""
        return self.in_history - self.played


def heard_words(replies: Sequence[range], played: Sequence[int], history: Sequence[int]) -> list[HeardWords]:
    """For each reply (the numbers of its words) that was begun: its words played, and those in the history."""
    heard = []
    for reply in replies:
        by_carrier = len({number for number in played if number in reply})
        told = [number for number in history if number in reply]
        if by_carrier or told:
            heard.append(HeardWords(by_carrier, len(set(told)), len(told) - len(set(told))))
    return heard
