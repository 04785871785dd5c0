"""What is at the caller's ear: the reply that they are owed, and what who speaks now has heard of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

from agent.line import Decision, Heard
from agent.slots.base import Asks
from agent.speaking import Speaking
from agent.turns.interruption import AtEar

#: A question may be answered once no more than this is left of it.
ANSWERABLE_MS = 1500
#: Who begins to speak sooner after the agent does not react to it (a prepared word takes a person 200 ms).
REACTION_MS = 200


@dataclass(slots=True)
class Owed:
    """The reply a committed turn is owed, until it has been heard: a noise that breaks it off must not cost it."""

    turn: int
    text: str
    before: str = ""  # what was said in the turns that it goes on with
    thought: bool = False  # the model has said all of it: what was not heard can be taken up
    decisions: list[Decision] = field(default_factory=list)


def unheard_turn(speaking: Speaking, owed: Owed | None) -> int:
    """The turn that is owed a reply of which no word has been heard yet; 0: none is."""
    return owed.turn if owed is not None and not speaking.anything_heard(owed.turn) else 0


def said_before(speaking: Speaking, owed: Owed | None, began_ms: float = inf, heard: Heard | None = None) -> str:
    """What the caller had said, if who began to speak at `began_ms` cannot have reacted to the answer."""
    if owed is None or speaking.anything_heard(owed.turn, began_ms - REACTION_MS, heard):
        return ""
    return f"{owed.before} {owed.text}".strip()


def at_ear(speaking: Speaking, owed: Owed | None, replying: bool, asks: Asks, began_ms: int) -> AtEar:
    """What is heard just now by a caller who began to speak over it at `began_ms`. `replying`: the agent is at it."""
    heard, pending_ms = speaking.heard(), speaking.pending_ms
    if replying and (before := said_before(speaking, owed, began_ms, heard)):
        # It answers nothing, and echoes nothing, that has not been heard.
        return AtEar(pending_ms > 0, speaking.protected(heard), owing=True, before=before)
    thought = owed is None or owed.thought
    return AtEar(
        speaking=pending_ms > 0,
        protected=speaking.protected(heard),
        answering=thought and pending_ms <= ANSWERABLE_MS and (bool(asks.kind) or speaking.asks_something()),
        words=speaking.words(heard),
        owing=replying,
    )
