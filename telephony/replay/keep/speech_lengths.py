"""How long each masked piece of the agent's speech was, told from when it was heard. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.masking import MARK

MS_A_CHAR = 60
"""A voice that says fifteen letters a second: for what nobody heard."""
VOICE_HZ = 8000
"""Of journals that do not say."""

_WORD = re.compile(r"\S+")


@dataclass(slots=True)
class _Clause:
    utterance: int
    text: str
    #: [samples or MARK, words] in the journal's own shape; changed in place.
    pieces: list[dict[str, Any]] = field(default_factory=list)
    spoken: bool = False


def measure(events: Sequence[dict[str, Any]]) -> None:
    """Give every masked piece of speech in `events`, whose texts hold no marks any more, samples and words' ends."""
    clauses, voice_hz = _clauses(events)
    heard: dict[int, dict[str, Any]] = {}
    for event in events:
        if event.get("kind") == "agent.heard" and isinstance(event.get("utterance"), int):
            heard[event["utterance"]] = event
    for utterance in {clause.utterance for clause in clauses}:
        own = [clause for clause in clauses if clause.utterance == utterance]
        if any(_masked(piece) for clause in own for piece in clause.pieces):
            _share(own, heard.get(utterance), voice_hz)
    for event in events:
        if event.get("kind") == "phrase" and isinstance(event.get("pieces"), list):
            event["pieces"] = [
                [piece["samples"], piece["words"]] if isinstance(piece, dict) else piece for piece in event["pieces"]
            ]


def _clauses(events: Sequence[dict[str, Any]]) -> tuple[list[_Clause], int]:
    clauses: list[_Clause] = []
    by_id: dict[str, _Clause] = {}
    voice_hz = VOICE_HZ
    for event in events:
        kind = event.get("kind")
        if kind == "call.started" and isinstance(event.get("voice_hz"), int):
            voice_hz = event["voice_hz"]
        elif kind == "agent.clause" and isinstance(event.get("utterance"), int):
            clauses.append(_Clause(event["utterance"], str(event.get("text", ""))))
        elif kind == "phrase" or (kind == "engine.request" and event.get("engine") == "tts"):
            said = str(event.get("input", ""))
            clause = next((each for each in clauses if not each.spoken and each.text == said), _Clause(0, said))
            if clause.utterance == 0:
                clauses.append(clause)
            clause.spoken = True
            by_id[str(event.get("id"))] = clause
            if kind == "phrase" and isinstance(event.get("pieces"), list):
                event["pieces"] = [_as_dict(piece) for piece in event["pieces"]]
                clause.pieces += [piece for piece in event["pieces"] if _counted(piece)]
        elif kind == "engine.result" and event.get("final") is False and str(event.get("id")) in by_id:
            result = event.get("result")
            if isinstance(result, dict) and _counted(result):
                by_id[str(event.get("id"))].pieces.append(result)
    return clauses, voice_hz


def _as_dict(piece: Any) -> Any:
    whole = isinstance(piece, list) and len(piece) == 2
    return {"samples": piece[0], "words": piece[1]} if whole else piece


def _share(clauses: list[_Clause], heard: dict[str, Any] | None, voice_hz: int) -> None:
    """Share the time in which an utterance was heard among its clauses by their letters, then among their pieces."""
    text = " ".join(clause.text for clause in clauses)
    total_ms = float(MS_A_CHAR * len(text))
    if heard is not None:
        span_ms, letters = _span_ms(heard), len(str(heard.get("text", "")))
        if heard.get("complete") is True and span_ms > 0:
            total_ms = span_ms
        elif letters and span_ms > 0:
            total_ms = span_ms / letters * len(text)
    known = sum(piece["samples"] for clause in clauses for piece in clause.pieces if isinstance(piece["samples"], int))
    left = max(0, round(total_ms * voice_hz / 1000) - known)
    masked = [clause for clause in clauses if any(_masked(piece) for piece in clause.pieces)]
    letters = sum(len(clause.text) for clause in masked if any(piece["samples"] == MARK for piece in clause.pieces))
    for clause in masked:
        _cut_up(clause, left * len(clause.text) // max(1, letters))  # unused where only words' ends are masked


def _counted(piece: Any) -> bool:
    """Whether its samples are told, or masked; else it is damaged, and nobody reads it."""
    samples = piece.get("samples") if isinstance(piece, dict) else None
    return samples == MARK or (isinstance(samples, int) and not isinstance(samples, bool) and samples >= 0)


def _masked(piece: dict[str, Any]) -> bool:
    return MARK in str(piece)


def _span_ms(heard: dict[str, Any]) -> int:
    start_ms, end_ms = heard.get("start_ms"), heard.get("end_ms")
    return end_ms - start_ms if isinstance(start_ms, int) and isinstance(end_ms, int) else 0


def _cut_up(clause: _Clause, samples: int) -> None:
    """Samples and words' ends for the masked pieces of a clause, as evenly as can be; what is known stays."""
    hidden = [_masked(piece) for piece in clause.pieces]
    pieces = [piece for piece in clause.pieces if piece["samples"] == MARK]
    for number, piece in enumerate(pieces):
        piece["samples"] = samples * (number + 1) // len(pieces) - samples * number // len(pieces)
    ends = [word.end() for word in _WORD.finditer(clause.text)]
    counts = [len(piece["words"]) if isinstance(piece.get("words"), list) else 0 for piece in clause.pieces]
    if sum(counts) != len(ends):  # the stand-in has other words: all of them over all pieces
        counts = [len(ends) * (n + 1) // len(counts) - len(ends) * n // len(counts) for n in range(len(counts))]
        hidden = [True] * len(counts)
    at = 0
    for piece, count, wanted in zip(clause.pieces, counts, hidden, strict=True):
        own = ends[at : at + count]
        at += count
        if wanted:
            piece["words"] = [[piece["samples"] * (n + 1) // len(own), end] for n, end in enumerate(own)]
