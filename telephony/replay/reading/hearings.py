"""What a recogniser was given in a call, stretch by stretch, and what came of it, as it is being read. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.vad.base import WINDOW_MS
from telephony.replay.reading.fields import Event, call_ms, media_ms, number, text, whole
from telephony.replay.recorded import RecordedPartial, RecordedUtterance

#: So many texts of one turn may be awaited at once: a rest is half a second of silence, a text is waited for 3 s.
_AT_ONCE = 8
#: Of a turn without a final text these say at the latest that there is none; the last one counts.
_DECIDED = ("turn.rejected", "turn.committed", "turn.confirmed")


@dataclass(slots=True)
class Hearing:
    """One request to the recogniser, and the turn it belongs to: a turn in which the caller rested has several."""

    turn: int
    speech_ms: int
    began_ms: int
    began_call_ms: float
    speech_end_ms: int | None = None
    ended_ms: int = 0
    asked_call_ms: float = 0.0
    final_delay_ms: float = 0.0
    text: str = ""
    confidence: float | None = None
    input_hash: str = ""
    partials: list[RecordedPartial] = field(default_factory=list)
    failed: bool = True
    given_up: bool = False
    """It is known when it failed."""
    then: Hearing | None = None
    """The next one of its turn: its final text is not asked for before this one's is there."""

    def over(self, speech_end_ms: int, media_ms: int, call_ms: float) -> None:
        """Its final text is asked for: its turn has ended, or the caller rests in it."""
        if self.speech_end_ms is None:
            self.speech_end_ms, self.ended_ms = speech_end_ms, media_ms
            self.asked_call_ms = max(self.asked_call_ms, call_ms)

    def known(self, call_ms: float) -> None:
        """Its text came, or by now it was known that there is none."""
        delay_ms = call_ms - self.asked_call_ms if self.speech_end_ms is not None else 0.0
        self.final_delay_ms = max(0.0, round(delay_ms, 1))
        if self.then is not None:
            self.then.asked_call_ms = max(self.then.asked_call_ms, call_ms)

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


class Hearings:
    """Folds what concerns the caller's speech; every method may raise TypeError, ValueError or KeyError for a damaged
    event."""

    def __init__(self) -> None:
        self._all: list[Hearing] = []
        self._of: dict[int, list[Hearing]] = {}  # by turn
        self._begun: tuple[int, int] | None = None  # the turn that has just begun, and since when there is speech
        self._rests: int | None = None  # the turn in which the caller rests

    def utterances(self, last_ms: int) -> tuple[RecordedUtterance, ...]:
        """All that were begun; `last_ms`: where the record ends."""
        return tuple(hearing.utterance(last_ms) for hearing in self._all)

    def on_turn(self, event: Event, kind: str) -> None:
        turn = whole(event["turn"])
        if kind == "turn.started":
            self._begun = turn, whole(event["speech_ms"])
        hearing = self._of[turn][-1] if turn in self._of else None
        if kind in ("turn.rested", "turn.ended"):
            self._rests = turn if kind == "turn.rested" else None
            if hearing is not None:
                hearing.over(whole(event["speech_end_ms"]), media_ms(event), call_ms(event))
        elif kind in _DECIDED and hearing is not None and hearing.failed and not hearing.given_up:
            hearing.known(call_ms(event))

    def on_deaf(self, event: Event) -> None:
        """Of a turn in which the caller rested: what was heard before has no final text, as is known now."""
        if "turn" not in event:  # it is told by what became of the turn
            return
        latest = self._of.get(whole(event["turn"]), [])[-_AT_ONCE:]
        over = (hearing for hearing in latest if hearing.speech_end_ms is not None)
        hearing = next((hearing for hearing in over if hearing.failed and not hearing.given_up), None)
        if hearing is not None:
            hearing.known(call_ms(event))
            hearing.given_up = True

    def on_request(self, event: Event) -> Hearing | None:
        """The recogniser listens to a turn that has just begun, or that goes on after a rest: with a window of speech,
        which ends now. None: to nothing that is known."""
        at_ms = media_ms(event)
        if self._begun is not None:
            turn, speech_ms = self._begun
        elif self._rests is not None:
            turn, speech_ms = self._rests, max(0, at_ms - WINDOW_MS)
        else:
            return None
        self._begun = self._rests = None
        hearing = Hearing(turn, speech_ms, at_ms, call_ms(event))
        self._all.append(hearing)
        of_turn = self._of.setdefault(turn, [])
        if of_turn:
            of_turn[-1].then = hearing
        of_turn.append(hearing)
        return hearing

    def on_text(self, hearing: Hearing, event: Event, result: Mapping[str, Any]) -> None:
        words = text(result["text"])
        if event.get("final") is not True:
            if hearing.failed:
                stable_chars = whole(result.get("stable_chars", 0))
                offset_ms = max(0.0, round(call_ms(event) - hearing.began_call_ms, 1))
                hearing.partials.append(RecordedPartial(media_ms(event), words, stable_chars, offset_ms))
            return
        confidence = result.get("confidence")
        hearing.confidence = None if confidence is None else number(confidence, -1e9, 1e9)
        hearing.known(call_ms(event))
        named = result.get("input_hash", "")
        hearing.input_hash = named if isinstance(named, str) else ""
        hearing.text, hearing.failed = words, False
