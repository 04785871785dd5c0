"""What a question asks for, and how far an answer to it has come: the words that turn-taking and dialogue share."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum, auto
from typing import Literal, get_args

SlotKind = Literal["digits", "yes_no", "date", "money", "spelled", "email", "name", "free"]
KINDS: tuple[str, ...] = get_args(SlotKind)


@dataclass(frozen=True, slots=True)
class Asks:
    """What the reply that follows asks the caller for: a slot's name and kind; all empty if for nothing.

    It comes before the reply's first text. While what is asked for is `sensitive`, nothing of it may be written
    (agent/privacy.py). A `kind` of "digits" is a number; of anything else every word is confidential. `length`: of so
    many digits (or letters, of "spelled"); 0 if that is not known. `longest`: of at most so many, where that is more
    than `length`; else 0.
    """

    slot: str = ""
    kind: str = ""
    sensitive: bool = False
    length: int = 0
    longest: int = 0

    def fields(self) -> dict[str, object]:
        """What the journal's `agent.asks` says of it."""
        told = asdict(self)
        return {"slot": told.pop("slot"), "slot_kind": told.pop("kind"), **told}


#: Nothing in particular.
NOTHING_ASKED = Asks()


class Progress(Enum):
    """How far what was said has come, given what was asked."""

    #: Nothing of a value yet: nothing at all, "um", "it is".
    NOTHING = auto()
    #: The beginning of a value: more of it must come.
    PART = auto()
    #: A value that may be all, or go on: five digits where four to six are asked, a date before its year, a name.
    ENOUGH = auto()
    #: A value to which nothing more belongs.
    WHOLE = auto()
    #: Something else than what was asked ("I don't have it"), or more than it can be: judged as free speech.
    BESIDE = auto()


@dataclass(frozen=True, slots=True)
class Reading:
    """What was said, read as an answer. `value`: its normal form ("4712", "2026-05-04", "12.50", "yes",
    "jane@example.org"); of a part, the part; "" of nothing."""

    progress: Progress
    value: str = ""
