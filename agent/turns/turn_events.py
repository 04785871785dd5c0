"""What the endpointer tells of a turn: it is probably over, it went on, its words are wanted, it is over."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProbableEnd:
    """The turn is probably over: what is done ahead for the answer can begin. At most one in each pause.

    `waits_ms`: the turn ends so long after `speech_end_ms`, if nothing more happens.
    """

    speech_end_ms: int
    media_ms: int
    reason: str
    waits_ms: int


@dataclass(frozen=True, slots=True)
class WentOn:
    """The caller goes on after a ProbableEnd."""

    media_ms: int


@dataclass(frozen=True, slots=True)
class TakeWords:
    """The caller rests within an answer that is not whole: the recogniser may keep its last word back, so its final
    text of this hearing is wanted now (`taken()` brings it). What is said after the pause is another hearing's. At most
    one in each pause."""

    speech_end_ms: int
    media_ms: int


@dataclass(frozen=True, slots=True)
class EndOfTurn:
    """The turn is over. `speech_end_ms`: the end of its last speech, or its last key.

    `reason`: "slot complete", "slot enough" (it may be all), "slot unfinished" (`hold_ms` were not enough),
    "complete", "unsure", "unfinished" (free speech, by its words), "silence" (no words known), "keys" or "max".
    `text`: all that was said, where nothing needs to be waited for: a whole answer that stands, or keys alone.
    None: the recogniser's final text is still to come (`TurnText.final` puts it in its place).
    `by_keys`: keys alone are the text, whatever was said beside them.
    """

    speech_end_ms: int
    media_ms: int
    reason: str
    text: str | None = None
    by_keys: bool = False


TurnEvent = ProbableEnd | WentOn | TakeWords | EndOfTurn
