"""What the record of a call holds that another run of it needs: the caller's audio, and what the engines gave. Data.

All times are media time in whole milliseconds, offsets and delays are milliseconds too. Made by reading/.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.line import WordEnd
from agent.llm.base import LlmEvent


@dataclass(frozen=True, slots=True)
class RecordedPartial:
    """What had been understood so far, at a media time; by the clock, `offset_ms` after the utterance was begun."""

    at_ms: int
    text: str
    stable_chars: int = 0
    offset_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class RecordedUtterance:
    """What a recogniser made of one stretch of speech. `began_ms`: when it was begun; the speech itself lies between
    `speech_start_ms` and `speech_end_ms`. At `ended_ms` its turn ended, or the caller rested in it, and what came then
    is another stretch of that turn. `final_delay_ms`: how long the final text took from when it was asked for;
    `failed`: there was none.
    """

    turn: int
    began_ms: int
    speech_start_ms: int
    speech_end_ms: int
    ended_ms: int
    text: str
    confidence: float | None = None
    final_delay_ms: float = 0.0
    partials: tuple[RecordedPartial, ...] = ()
    input_hash: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class RecordedReply:
    """One completion of a model: the `round`-th of its turn (from 0), what came and when; `cut`: it was not ended."""

    turn: int
    round: int
    input_hash: str
    input: str
    events: tuple[tuple[float, LlmEvent], ...]
    end_offset_ms: float = 0.0
    cut: bool = False


@dataclass(frozen=True, slots=True)
class RecordedPiece:
    """One piece of speech: when it came, how many samples it has at the voice's rate, its words' ends."""

    offset_ms: float
    samples: int
    words: tuple[WordEnd, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordedSpeech:
    """What a voice made of a text; from memory (a fixed phrase) all offsets are 0. `heard_ms`: where on the recording
    its first sample was heard, None if it never was. `cut`: the rest is not known."""

    text: str
    input_hash: str
    pieces: tuple[RecordedPiece, ...]
    heard_ms: int | None = None
    from_memory: bool = False
    cut: bool = False


@dataclass(frozen=True, slots=True)
class RecordedTool:
    """One tool call and its result; `took_ms` None: it had not returned when the record ended. `decision`: how the
    line was left by it, as decision_fields (agent/line.py) writes it."""

    turn: int
    name: str
    arguments: Mapping[str, Any]
    ok: bool = True
    result: Any = None
    took_ms: float | None = None
    decision: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Stall:
    """Audio of [from_ms, to_ms) came late: not before the line's clock stood at `arrived_ms`. `exact`: the journal says
    so; else it was told from the ticks around it, to 50 ms or so."""

    from_ms: int
    to_ms: int
    arrived_ms: float
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Recorded:
    """One call. `caller` and `heard` are PCM16 mono at `rate_hz` from media time 0: the caller, and what the caller
    heard of the agent (None where that is not known). Of a plain recording all that comes from a journal is empty.

    `gaps` are the stretches in which no audio came at all; after `audio_end_ms` none came any more (None: not known).
    `keys` (media time, digit). `ended_by` as the journal has it ("caller: stop", "agent: hangup", …), `ended_ms` when.
    `wound_up`: (media time, reason) where the service ended it.
    """

    name: str
    source: Path
    rate_hz: int
    caller: bytes
    heard: bytes | None = None
    call_id: str = ""
    agent: str = ""
    caller_number: str = ""
    called_number: str = ""
    seed: int | None = None
    began_at: str = ""
    voice_hz: int = 8000
    engines: Mapping[str, str] = field(default_factory=dict)
    turn_settings: Mapping[str, int] = field(default_factory=dict)
    utterances: tuple[RecordedUtterance, ...] = ()
    replies: tuple[RecordedReply, ...] = ()
    speeches: tuple[RecordedSpeech, ...] = ()
    tools: tuple[RecordedTool, ...] = ()
    keys: tuple[tuple[int, str], ...] = ()
    gaps: tuple[tuple[int, int], ...] = ()
    stalls: tuple[Stall, ...] = ()
    audio_end_ms: int | None = None
    wound_up: tuple[int, str] | None = None
    ended_by: str = ""
    ended_ms: int = 0
    events: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    """What was odd about the source, and did no harm: for the report."""

    @property
    def has_journal(self) -> bool:
        return bool(self.events)

    @property
    def duration_ms(self) -> int:
        """The length of the caller's audio."""
        return len(self.caller) * 1000 // (2 * self.rate_hz)


class Diverged(Exception):
    """The run asked for something that the record does not hold, and was told to stop then. Not an engine's failure,
    so nothing in the call may take it for one."""

    def __init__(self, turn: int, what: str) -> None:
        super().__init__(f"diverged at turn {turn}: {what}")
        self.turn = turn
        self.what = what
