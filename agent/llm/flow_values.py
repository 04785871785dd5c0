"""The values that a caller's sentence gives to a flow's slots: the one that was asked for, and others besides. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from agent.language.numbers import DigitRun
from agent.language.words import words
from agent.llm.flow_data import Slot
from agent.slots.asides import asks_patience
from agent.slots.base import Progress, Reading
from agent.slots.date_words import MONTHS
from agent.slots.money import CENTS, UNITS
from agent.slots.readback import read_back
from agent.slots.reading import read_answer

#: Longer than this no part of a value is: it is not said back, nor completed.
MAX_HEARD_CHARS = 80
#: Said between two numbers, the second one counts.
_CORRECTIONS = frozenset("no not sorry mean wrong correction rather instead".split())
#: A number with one of these is an amount, asked for or not.
_MONEY = (UNITS | CENTS) - {"p"}  # which is a letter as well
#: Kinds whose value is its own signs.
_SIGNS = ("digits", "spelled")


def answer(slot: Slot, text: str, before: str = "") -> tuple[str, str]:
    """What `text` gives to the slot that was just asked for: its value; else what was heard of it, if it is a part.

    `before` is the part heard in the turn before: together they may be the value. Where the caller begins anew, the
    new one counts.
    """
    if slot.kind == "free":
        if asks_patience(text):
            return "", ""
        return (text.strip(), "") if any(map(str.isalnum, text)) else ("", "")
    alone = read_answer(slot.asks, text)
    reading = read_answer(replace(slot.asks, before=before), text)
    value = _value(slot, reading)
    said = text if reading == alone else f"{before} {text}"
    return value, "" if value else _part(slot, reading, said)


def _value(slot: Slot, reading: Reading) -> str:
    """The value of a reading that has come far enough; of one with something else beside it, if it is whole itself."""
    match reading.progress:
        case Progress.WHOLE | Progress.ENOUGH:
            return reading.value
        case Progress.BESIDE if reading.value and _stands(slot, reading.value):
            return reading.value
    return ""


def _stands(slot: Slot, value: str) -> bool:
    if slot.kind in _SIGNS:
        return len(value) in slot.lengths if slot.length else len(value) > 1
    if slot.kind == "date":  # not a month alone; "next friday" is read back as it is
        return value.replace(" ", "").isalnum() or read_back("date", value) != value
    return slot.kind in ("yes_no", "money", "email")


def _part(slot: Slot, reading: Reading, text: str) -> str:
    if slot.kind in _SIGNS:  # or too much of it; not the "two" of "two of my parcels"
        return reading.value if reading.progress is Progress.PART or len(reading.value) > 1 else ""
    heard = " ".join(text.split()).rstrip(".,;:?!… ")
    return heard if reading.progress is Progress.PART and reading.value and len(heard) <= MAX_HEARD_CHARS else ""


def besides(slots: Iterable[Slot], text: str, *, named: bool) -> tuple[str, str]:
    """A slot whose value is given though it was not asked for, and the value: "book it for may fourth".

    Only what can be nothing else: a day with its month or by its name. With `named`, the agent has just said the value
    of each of `slots`, so an amount and an address may be corrections of it.
    """
    said = words(text)
    for slot in slots:
        reading = read_answer(slot.asks, text)
        value = reading.value if reading.progress in (Progress.WHOLE, Progress.ENOUGH) else ""
        if not value:
            continue
        day = value[0].isalnum() and not value[0].isdecimal()
        if slot.kind == "date" and (day or (not value.startswith("---") and not MONTHS.keys().isdisjoint(said))):
            return slot.name, value
        if named and (slot.kind == "email" or (slot.kind == "money" and not _MONEY.isdisjoint(said))):
            return slot.name, value
    return "", ""


def number(slot: Slot, said: tuple[str, ...], runs: Iterable[DigitRun]) -> str:
    """The value of a digits slot, asked for or not: the first number of its length, or a later one that corrects it."""
    value, value_end = "", 0
    for run in runs:
        digits, half = run.digits, len(run.digits) // 2
        if len(digits) not in slot.lengths and half in slot.lengths and digits[:half] * 2 == digits:
            digits = digits[:half]  # said twice, to be sure
        if len(digits) in slot.lengths and (not value or _CORRECTIONS & set(said[value_end : run.start])):
            value, value_end = digits, run.end
    return value


def part_of_number(said: tuple[str, ...], runs: Iterable[DigitRun], *, asked: bool) -> str:
    """Digits worth asking about: not the "one" in "this one" or "one moment"."""
    longest = max(runs, key=lambda run: len(run.digits))
    alone = longest.end - longest.start == len(said)
    return longest.digits if len(longest.digits) > 1 or (alone and asked) else ""
