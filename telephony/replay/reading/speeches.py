"""What the agent's voice made, clause by clause, and where on the recording each clause was heard. Pure.

A clause is journaled before its speech (agent/replies.py), and the request to the voice, or the phrase from memory,
follows with the same text: so a speech has an utterance. `agent.heard` says where the utterance began; a clause within
it began behind the ones before it, or, if the line had run dry by then, at the next `playout.started`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agent.line import WordEnd
from telephony.replay.reading.fields import (
    MOST_SAMPLES,
    Event,
    mapping,
    media_ms,
    number,
    text,
    whole,
    word_ends,
)
from telephony.replay.recorded import RecordedPiece, RecordedSpeech

#: The voices of the time before journals held `voice_hz` were all at this rate.
VOICE_HZ = 8000
VOICE_RATES_HZ = (4000, 192_000)


@dataclass(slots=True)
class _Clause:
    """A clause, and its speech as far as that is known."""

    utterance: int
    text: str
    input_hash: str = ""
    pieces: list[RecordedPiece] = field(default_factory=list)
    first_ms: int | None = None
    """Media time when its first piece was queued."""
    spoken: bool = False
    ended: bool = False
    from_memory: bool = False
    heard_ms: int | None = None

    @property
    def samples(self) -> int:
        return sum(piece.samples for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class _Heard:
    """What is known of an utterance at the caller's end."""

    start_ms: int
    end_ms: int
    until_ms: int
    """When that was looked at: nothing of it was heard later."""
    chars: int
    complete: bool


class Speaking:
    """Folds what concerns the voice; every method may raise TypeError, ValueError or KeyError for a damaged event."""

    def __init__(self) -> None:
        self.voice_hz = VOICE_HZ
        self._older = True
        self._clauses: list[_Clause] = []
        self._by_id: dict[str, _Clause] = {}
        self._heard: dict[int, _Heard] = {}
        self._begins: list[int] = []

    def on_started(self, event: Event) -> None:
        if "voice_hz" in event:
            self._older = False
            self.voice_hz = whole(event["voice_hz"], *VOICE_RATES_HZ)

    def on_clause(self, event: Event) -> None:
        self._clauses.append(_Clause(whole(event["utterance"]), text(event["text"])))

    def on_request(self, event: Event) -> None:
        """A request to the voice, for the latest clause; for none, if its text is another."""
        clause = self._spoken(text(event["input"]), text(event["input_hash"]))
        self._by_id[text(event["id"])] = clause

    def on_result(self, event: Event) -> None:
        clause = self._by_id.get(text(event["id"]))
        if clause is None or clause.ended:
            return
        if event.get("final") is True:
            clause.ended = True
            return
        result = mapping(event["result"])
        samples = whole(result["samples"], 0, MOST_SAMPLES)
        piece = RecordedPiece(number(event["offset_ms"]), samples, word_ends(result.get("words", []), samples))
        if clause.first_ms is None:
            clause.first_ms = media_ms(event)
        clause.pieces.append(piece)

    def on_phrase(self, event: Event) -> None:
        self._older = False
        pieces = [RecordedPiece(0.0, *_piece(piece)) for piece in _list(event["pieces"])]
        clause = self._spoken(text(event["input"]), text(event["input_hash"]))
        clause.from_memory = clause.ended = True
        clause.first_ms = media_ms(event)
        clause.pieces += pieces

    def on_heard(self, event: Event) -> None:
        """A later word on the same utterance is the truer one."""
        start_ms, end_ms = whole(event["start_ms"]), whole(event["end_ms"])
        said = _Heard(start_ms, end_ms, media_ms(event), len(text(event["text"])), event.get("complete") is True)
        self._heard[whole(event["utterance"])] = said

    def on_playout_started(self, event: Event) -> None:
        self._begins.append(whole(event["at"]))

    def speeches(self) -> tuple[RecordedSpeech, ...]:
        """All speech there was, in the order in which it was asked for."""
        by_utterance: dict[int, list[_Clause]] = {}
        for clause in self._clauses:
            by_utterance.setdefault(clause.utterance, []).append(clause)
        for utterance, clauses in by_utterance.items():
            heard = self._heard.get(utterance)
            if heard is not None:
                if self._older:
                    self._estimate(clauses, heard)
                self._place(clauses, heard)
        return tuple(self._recorded())

    def _recorded(self) -> Iterator[RecordedSpeech]:
        for clause in self._clauses:
            if clause.spoken:
                cut = not clause.ended
                pieces = tuple(clause.pieces)
                yield RecordedSpeech(clause.text, clause.input_hash, pieces, clause.heard_ms, clause.from_memory, cut)

    def _spoken(self, said: str, input_hash: str) -> _Clause:
        clause = self._clauses[-1] if self._clauses else None
        if clause is None or clause.spoken or clause.text != said:
            clause = _Clause(0, said)  # utterances count from 1: this one was never heard, as far as can be known
            self._clauses.append(clause)
        clause.spoken, clause.input_hash = True, input_hash
        return clause

    def _estimate(self, clauses: list[_Clause], heard: _Heard) -> None:
        """Older journals do not mention phrases from memory: a clause without a request was one. Of what was heard of
        its utterance, the time that no other clause took was its own, by its letters."""
        missing = [clause for clause in clauses if not clause.spoken and clause.text]
        known = sum(clause.samples for clause in clauses) * 1000 // self.voice_hz
        left_ms = heard.end_ms - heard.start_ms - known
        chars = sum(len(clause.text) for clause in missing)
        if not missing or left_ms <= 0 or (not heard.complete and len(clauses) > 1):
            return
        for clause in missing:
            share = len(clause.text) / chars
            samples = round(left_ms * share * self.voice_hz / 1000)
            end = len(clause.text) if heard.complete else min(heard.chars, len(clause.text))
            clause.pieces.append(RecordedPiece(0.0, samples, (WordEnd(samples, end),)))
            clause.spoken, clause.from_memory, clause.ended = True, True, heard.complete

    def _place(self, clauses: list[_Clause], heard: _Heard) -> None:
        spoken = [clause for clause in clauses if clause.spoken and clause.pieces]
        # Cut off within its first word, an utterance has no span, though its beginning was heard.
        at_ms: float | None = heard.start_ms if heard.end_ms > heard.start_ms else None
        for place, clause in enumerate(spoken):
            if clause.first_ms is not None and (at_ms is None or (place and clause.first_ms > at_ms)):
                at_ms = next((begin for begin in self._begins if begin >= clause.first_ms), at_ms)
            if at_ms is None or at_ms >= heard.until_ms:
                return
            clause.heard_ms = round(at_ms)
            at_ms += clause.samples * 1000 / self.voice_hz


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("no list")
    return value


def _piece(value: Any) -> tuple[int, tuple[WordEnd, ...]]:
    counted, words = _list(value)
    samples = whole(counted, 0, MOST_SAMPLES)
    return samples, word_ends(words, samples)
