"""What came of a call, folded from its journal for whoever compares, judges or draws it. Pure; in media time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Said:
    """One utterance of the agent: `text` is what was heard of it, `said` all of it; `complete` if that is the same."""

    turn: int
    text: str
    said: str
    complete: bool
    start_ms: int
    end_ms: int
    aside: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """One committed turn of the caller. `speech_end_ms` None: keys. `reply` is what was heard of its answer (fillers
    aside), `voice_to_voice_ms` None if it was never heard; `stages` as in the journal's `turn.latency`."""

    number: int
    text: str
    source: str
    speech_start_ms: int | None
    speech_end_ms: int | None
    committed_ms: int
    reply: str = ""
    voice_to_voice_ms: int | None = None
    stages: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolRun:
    """`ok` None: it had not returned."""

    turn: int
    name: str
    arguments: Mapping[str, Any]
    at_ms: int
    ok: bool | None = None
    result: Any = None


@dataclass(frozen=True, slots=True)
class Cutoff:
    """The turn was taken to be over while the caller went on: the next speech began `after_ms` after this one's end,
    too soon to be a reaction to the answer."""

    turn: int
    at_ms: int
    after_ms: int


@dataclass(frozen=True, slots=True)
class DeadAir:
    """Nobody was heard though the agent owed something. `why`: "before the answer", "within the answer", …"""

    from_ms: int
    to_ms: int
    turn: int
    why: str

    @property
    def ms(self) -> int:
        return self.to_ms - self.from_ms


@dataclass(frozen=True, slots=True)
class Outcome:
    """One call, as it went."""

    turns: tuple[Turn, ...] = ()
    rejected: tuple[tuple[int, int, str], ...] = ()
    """(media time, turn, reason) of what was heard and not taken for a turn."""
    said: tuple[Said, ...] = ()
    tools: tuple[ToolRun, ...] = ()
    cutoffs: tuple[Cutoff, ...] = ()
    dead_air: tuple[DeadAir, ...] = ()
    """Every stretch of it, however short: who asks has a bound."""
    barge_ins_ms: tuple[int, ...] = ()
    errors: tuple[tuple[int, str], ...] = ()
    ended_by: str = ""
    duration_ms: int = 0

    @property
    def waits_ms(self) -> tuple[int, ...]:
        """The voice-to-voice latencies of all answered turns, in their order."""
        return tuple(turn.voice_to_voice_ms for turn in self.turns if turn.voice_to_voice_ms is not None)


def outcome_of(events: Iterable[Mapping[str, Any]]) -> Outcome:
    """Fold a journal's events. Takes whatever there is; a damaged event is passed over."""
    raise NotImplementedError
