"""Run: what came of running one call again. Plain data that goes between processes, and into `--json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from telephony.replay.judging.outcome import Outcome
from telephony.replay.plan import Plan


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first place where the run says or hears something else than the record. Until then a turn can be scored;
    after it the recorded caller (open loop) answers an agent that no longer exists."""

    turn: int
    at_ms: int
    what: str
    """"heard", "answered", "tool", "interrupted", "ended" or "missing"."""
    recorded: str
    now: str


@dataclass(frozen=True, slots=True)
class Run:
    """One call, run again once. `folder` holds the run's own journal.jsonl, audio.wav and call.json, as any call's.

    `failed`: why it could not be run, or not to its end ("" if it could); then the rest is as far as it came.
    `deterministic` False: something outside this process was really asked. `notes`: what else should be known.
    """

    name: str
    source: Path
    plan: Plan
    folder: Path | None
    outcome: Outcome
    recorded: Outcome | None
    """Of the record itself, where it has a journal."""
    diverged: Divergence | None = None
    failed: str = ""
    deterministic: bool = True
    notes: tuple[str, ...] = ()
    audio_ms: int = 0
    """How much of the caller's audio was played."""
    took_s: float = 0.0
    """Real seconds."""
    served: Mapping[str, int] = field(default_factory=dict)
    """How engine results were found: "stt: hash", "llm: turn", "tts: embedded", … -> how often."""
