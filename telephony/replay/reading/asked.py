"""What a recogniser and a model were asked in a call, and what came of it, as it is being read. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.llm.base import LlmEvent
from telephony.replay.recorded import RecordedReply, RecordedUtterance


@dataclass(slots=True)
class Hearing:
    """One request to the recogniser, and the turn it belongs to."""

    turn: int
    speech_ms: int
    began_ms: int
    speech_end_ms: int | None = None
    ended_ms: int = 0
    ended_call_ms: float = 0.0
    final_delay_ms: float = 0.0
    text: str = ""
    confidence: float | None = None
    input_hash: str = ""
    partials: list[tuple[int, str, int]] = field(default_factory=list)
    failed: bool = True

    def utterance(self, last_ms: int) -> RecordedUtterance:
        """`last_ms` is the end of what was still going on then."""
        open_still = self.speech_end_ms is None
        return RecordedUtterance(
            turn=self.turn,
            began_ms=self.began_ms,
            speech_start_ms=self.speech_ms,
            speech_end_ms=max(last_ms if self.speech_end_ms is None else self.speech_end_ms, self.speech_ms),
            ended_ms=max(last_ms, self.began_ms) if open_still else self.ended_ms,
            text=self.text,
            confidence=self.confidence,
            final_delay_ms=self.final_delay_ms,
            partials=tuple(self.partials),
            input_hash=self.input_hash,
            failed=self.failed,
        )


@dataclass(slots=True)
class Thought:
    """One request to the model."""

    turn: int
    round: int
    input_hash: str
    input: str
    began_call_ms: float
    events: list[tuple[float, LlmEvent]] = field(default_factory=list)
    end_offset_ms: float = 0.0
    ended: bool = False
    given_up: bool = False

    @property
    def open(self) -> bool:
        return not (self.ended or self.given_up)

    def reply(self) -> RecordedReply:
        last_ms = self.events[-1][0] if self.events else 0.0
        end_ms = max(self.end_offset_ms, last_ms)
        return RecordedReply(
            self.turn, self.round, self.input_hash, self.input, tuple(self.events), end_ms, not self.ended
        )
