"""What a model was asked in a call, and what came of it, as the journal is being read. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.llm.base import LlmEvent
from telephony.replay.recorded import RecordedReply


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
