"""What a question asks for, and how far an answer to it has come: the words that turn-taking and dialogue share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Literal, get_args

SlotKind = Literal["digits", "yes_no", "date", "money", "spelled", "email", "name", "free"]
KINDS: tuple[SlotKind, ...] = get_args(SlotKind)
#: "": nothing is asked for.
Kind = SlotKind | Literal[""]
#: Nobody is asked for more digits or letters.
MAX_LENGTH = 64
#: Slots' names are words of ours.
MAX_NAME_CHARS = 100


@dataclass(frozen=True, slots=True)
class Asks:
    """What the reply that follows asks the caller for: a slot's name and kind; all empty if for nothing.

    It comes before the reply's first text. While what is asked for is `sensitive`, nothing of it may be written
    (agent/privacy.py). A `kind` of "digits" is a number; of anything else every word is confidential. `length`: of so
    many digits (or letters, of "spelled"); 0 if that is not known. `longest`: of at most so many, where that is more
    than `length`; else 0. `hides`: the kind of the sensitive value that a yes-or-no question names ("shall I charge
    card 4111…?"): the answer is a yes or no, and what must not be written is a value of that kind. `before`: what was
    heard of the value in the turn before, where that was a part; what comes now may be the rest of it, or all of it.
    """

    slot: str = ""
    kind: Kind = ""
    sensitive: bool = False
    length: int = 0
    longest: int = 0
    hides: Kind = ""
    before: str = field(default="", repr=False)

    def fields(self) -> dict[str, object]:
        """As the journal has it (`agent.asks`): its `slot_kind` is the kind of what must not be written, and what was
        heard of that is not written either."""
        return {
            "slot": self.slot,
            "slot_kind": self.hides or self.kind,
            "sensitive": self.sensitive,
            "length": self.length,
            "longest": self.longest,
            "confirms": bool(self.hides),
            **({"before": self.before} if self.before and not self.sensitive else {}),
        }


def asks_of(fields: Mapping[str, object]) -> Asks:
    """What a journal's line says was asked for (`Asks.fields`); fields that are missing, or not of their type, count as
    not there, and a kind that nobody knows is free speech."""
    slot, kind = _text(fields.get("slot")), _kind(fields.get("slot_kind"))
    length, longest = _count(fields.get("length")), _count(fields.get("longest"))
    sensitive = fields.get("sensitive") is True
    if fields.get("confirms") is True:
        return Asks(slot, "yes_no", sensitive, length, longest, hides=kind)
    return Asks(slot, kind, sensitive, length, longest, before=_shown(fields.get("before")))


def as_can_be(asks: Asks) -> Asks:
    """What an engine says it asks for, as it can be: the name of a slot is short and shows in one line, a kind that
    nobody knows is free speech, a length counts at most MAX_LENGTH signs. What was no text or no number is none."""
    length, longest = (min(_count(count), MAX_LENGTH) for count in (asks.length, asks.longest))
    kind, hides = _kind(asks.kind), _kind(asks.hides)
    return Asks(_shown(asks.slot), kind, bool(asks.sensitive), length, longest, hides, _shown(asks.before))


def _kind(value: object) -> Kind:
    """One that nobody knows is free speech."""
    name = _text(value)
    return next((kind for kind in KINDS if kind == name), "free") if name else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _shown(value: object) -> str:
    """A short text in one line."""
    return "".join(sign for sign in _text(value)[:MAX_NAME_CHARS] if sign.isprintable())


def _count(value: object) -> int:
    return value if type(value) is int and value > 0 else 0


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
