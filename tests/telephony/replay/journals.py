"""Made-up journals for what judges calls: a few words a turn, everything else by rule."""

from __future__ import annotations

from typing import Any

STAGES = {"endpointing_ms": 560, "stt_ms": 40, "llm_ms": 100, "clause_ms": 10, "tts_ms": 50, "line_ms": 40}


def event(kind: str, media_ms: int = 0, **data: Any) -> dict[str, Any]:
    return {"v": 1, "n": 1, "media_ms": media_ms, "call_ms": float(media_ms), "kind": kind, **data}


def greeted() -> list[dict[str, Any]]:
    """A call whose greeting is heard from 100 to 900 ms."""
    return [
        event("call.started", call_id="CA1", agent="desk"),
        event("agent.clause", 0, utterance=1, turn=0, text="Hello.", aside=False),
        event("playout.started", 140, at=100, sent_ms=60),
        event("playout.done", 900, position_ms=800, basis="mark"),
        *heard(1, 0, "Hello.", 100, 900),
        event("reply.heard", 900),
    ]


def spoken(turn: int, start_ms: int, end_ms: int, trailing_ms: int = 560) -> list[dict[str, Any]]:
    """A stretch of the caller's speech, and the end of its turn."""
    return [
        event("turn.started", start_ms + 96, turn=turn, speech_ms=start_ms),
        event("turn.ended", end_ms + trailing_ms, turn=turn, speech_end_ms=end_ms, reason="silence"),
    ]


def committed(turn: int, at_ms: int, text: str, source: str = "voice") -> dict[str, Any]:
    return event("turn.committed", at_ms, turn=turn, text=text, confidence=0.9, source=source)


def heard(
    utterance: int, turn: int, text: str, start_ms: int, end_ms: int, said: str | None = None
) -> list[dict[str, Any]]:
    fields = {"utterance": utterance, "turn": turn, "text": text, "said": said or text}
    return [event("agent.heard", end_ms, **fields, complete=said is None, start_ms=start_ms, end_ms=end_ms)]


def answered(
    turn: int, end_ms: int, reply: str, *, length_ms: int = 1000, stages: dict[str, int] | None = None
) -> list[dict[str, Any]]:
    """The answer to a turn whose speech ended at `end_ms`, heard to its end; utterance number turn + 1."""
    stages = STAGES if stages is None else stages
    at_ms = end_ms + sum(stages.values())
    return [
        event("agent.clause", at_ms - 60, utterance=turn + 1, turn=turn, text=reply, aside=False),
        event("playout.started", at_ms + 40, at=at_ms, sent_ms=at_ms - 20),
        event("turn.latency", at_ms + 40, at=at_ms, turn=turn, voice_to_voice_ms=sum(stages.values()), **stages),
        event("playout.done", at_ms + length_ms, position_ms=0, basis="mark"),
        *heard(turn + 1, turn, reply, at_ms, at_ms + length_ms),
        event("reply.heard", at_ms + length_ms),
    ]


def ended(at_ms: int, reason: str = "caller: stop") -> list[dict[str, Any]]:
    return [event("call.ended", at_ms, reason=reason)]


def call(*turns: tuple[str, str], slower_ms: int = 0) -> list[dict[str, Any]]:
    """A call of so many turns, (what was said, what was answered), 4 s each; endpointing `slower_ms` slower."""
    stages = {**STAGES, "endpointing_ms": STAGES["endpointing_ms"] + slower_ms}
    events = greeted()
    for number, (text, reply) in enumerate(turns, start=1):
        start_ms, end_ms = 4000 * number - 2000, 4000 * number - 1000
        events += spoken(number, start_ms, end_ms, stages["endpointing_ms"])
        events.append(committed(number, end_ms + stages["endpointing_ms"] + 40, text))
        events += answered(number, end_ms, reply, stages=stages)
    return events + ended(4000 * len(turns) + 3000)
