"""Marks in a text (agent/masking.py), and what is put in their places. Pure.

Marks in a row are one number, said digit by digit or in groups.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from agent.masking import MARK
from telephony.replay.keep.numbers import digit_word, stand_in

Style = Literal["words", "figures"]
Event = Mapping[str, Any]

UNKNOWN_LENGTH = 4
"""A number of which nothing is known but that it was there: an order's, a house's, a year's."""
LEAST_SPELLED = 3
"""Who is asked for so many digits or more does not answer with one word for one of them."""
WORDS = "That was confidential."
"""What stands for a sentence of which nothing may be known."""
YES = "yes"
#: What callers say instead of a value that is no number, and the value that this is (agent/slots), by the slot's kind.
_STANDS = {
    "date": ("may fourth nineteen eighty", "1980-05-04"),
    "money": ("twelve dollars and fifty cents", "12.50"),
    "spelled": ("a b c d", "abcd"),
    "email": ("jane dot doe at example dot com", "jane.doe@example.com"),
    "name": ("Jane Doe", "Jane Doe"),
    "free": (WORDS, WORDS),
}

#: Between the marks of one number.
_ROW = re.compile(rf"{MARK}(?:[\s,–-]{{0,3}}{MARK})*")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is confidential at a moment of the call: `length` 0 is not known. `wholly`: it is no number at all, but of
    this `kind`. `confirms`: it was named by a question that wants a yes or no.
    """

    seed: int
    slot: str = ""
    length: int = 0
    wholly: bool = False
    kind: str = ""
    confirms: bool = False

    def _stands(self) -> tuple[str, str]:
        if self.kind == "spelled" and self.length:
            letters = ("abcdefghijklmnopqrstuvwxyz" * 3)[: self.length]
            return " ".join(letters), letters
        return _STANDS.get(self.kind, (YES, YES))

    def value(self) -> str | bool:
        """What stands for the value, as tools get it."""
        if not self.wholly:
            return self.digits()
        return self._stands()[1] if self.kind in _STANDS else True

    def digits(self) -> str:
        return stand_in(self.seed, self.slot, self.length or UNKNOWN_LENGTH)

    def row(self, marks: int, style: Style) -> list[str]:
        """What stands for each of so many marks in a row."""
        if self.wholly:
            return [YES if self.confirms else self._stands()[0]] * marks
        if marks == 1 and style == "figures":
            return [self.digits()]
        if not self.length:
            spelled = stand_in(self.seed, self.slot, marks)
        elif style == "figures" and marks < self.length and self.length % marks == 0:
            size = self.length // marks
            return [self.digits()[at : at + size] for at in range(0, self.length, size)]
        else:
            spelled = (self.digits() * (1 + marks // self.length))[:marks]
        return [digit_word(digit) for digit in spelled] if style == "words" else list(spelled)


def instead(text: str, asked: Asked, style: Style | None = None) -> list[str]:
    """What stands for each mark of `text`, in order. `style` None: as people write, a row in words, one in figures."""
    found: list[str] = []
    for row in _ROW.finditer(text):
        marks = row[0].count(MARK)
        found += asked.row(marks, style or ("words" if marks > 1 else "figures"))
    return found


def filled(text: str, parts: Iterable[str]) -> str:
    """`text` with its marks replaced in order; marks that nothing is left for go."""
    rest = iter(parts)
    head, *tail = text.split(MARK)
    return head + "".join(next(rest, "") + piece for piece in tail)


def hidden_in(masked: str, whole: str) -> list[str] | None:
    """What stands in `whole` where `masked` has its marks; None if they are not the same text otherwise."""
    head, *tail = masked.split(MARK)
    if not whole.startswith(head):
        return None
    found: list[str] = []
    at = len(head)
    for number, text in enumerate(tail):
        last = number == len(tail) - 1
        end = len(whole) - len(text) if last else whole.find(text, at + 1)
        if end <= at or not whole.startswith(text, end):
            return None
        found.append(whole[at:end])
        at = end + len(text)
    return found


def unmarked(text: str, asked: Asked, style: Style | None = None) -> str:
    """`text` without marks."""
    return filled(text, instead(text, asked, style)) if MARK in text else text


def unmarked_value(value: Any, asked: Asked, slots: Mapping[str, Asked]) -> Any:
    """A JSON value without marks. `slots`: what is known of slots, by the names that tools' arguments have too."""
    if isinstance(value, str):
        if value == MARK:
            return asked.value()
        return unmarked(value, asked)
    if isinstance(value, Mapping):
        return {
            unmarked(str(key), asked): unmarked_value(item, slots.get(str(key), asked), slots)
            for key, item in value.items()
        }
    if isinstance(value, list):
        row = [item for item in value if item == MARK]
        if len(row) == len(value) > 1:  # a number, digit by digit
            return asked.row(len(row), "figures")
        return [unmarked_value(item, asked, slots) for item in value]
    return value


def masks(events: Sequence[Event]) -> bool:
    """Whether anything of this journal may have been masked; else a mark in it is somebody's bullet point."""
    return any(
        (event.get("kind") == "agent.asks" and event.get("sensitive") is True)
        or (event.get("kind") == "call.started" and (event.get("sensitive_lengths") or event.get("continues")))
        for event in events
    )


def asked_at(events: Sequence[Event], seed: int) -> list[Asked]:
    """For each event, what was confidential then: the latest thing that was asked for, which may be said again."""
    lengths = next((event.get("sensitive_lengths") for event in events if event.get("kind") == "call.started"), None)
    known = [length for length in lengths if _length(length)] if isinstance(lengths, list) else []
    asked = Asked(seed, "", known[0] if known else 0)
    slots = slots_in(events, seed)
    found: list[Asked] = []
    for event in events:
        if event.get("kind") == "agent.asks" and event.get("sensitive") is True:
            asked = replace(slots[str(event.get("slot"))], confirms=event.get("confirms") is True)
        found.append(asked)
    # What comes before the first question may have been said unasked.
    first = next((each for each in found if each.slot), asked)
    return [first if not each.slot else each for each in found]


def slots_in(events: Iterable[Event], seed: int) -> dict[str, Asked]:
    """The sensitive slots of a call, by name."""
    slots: dict[str, Asked] = {}
    for event in events:
        if event.get("kind") == "agent.asks" and event.get("sensitive") is True:
            name, length = str(event.get("slot")), event.get("length")
            kind = str(event.get("slot_kind"))
            before = slots.setdefault(name, Asked(seed, name, 0, kind != "digits", kind))
            if isinstance(length, int) and _length(length):
                slots[name] = replace(before, length=length)
    return slots


def _length(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 64


def heard_style(events: Sequence[Event], asked: Sequence[Asked]) -> Style:
    """How the call's recogniser writes numbers."""
    for event, at in zip(events, asked, strict=True):
        if event.get("kind") == "turn.committed" and event.get("source") != "keys":
            text = str(event.get("text", ""))
            if any(map(str.isdecimal, text)) or (text.strip() == MARK and at.length >= LEAST_SPELLED):
                return "figures"
    return "words"


def strings(value: Any) -> Iterator[str]:
    """All texts within a JSON value, its keys among them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from strings(item)
