"""Amounts of money: "twelve fifty", "twelve dollars and fifty cents", "a hundred and twenty", "$12.50"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.language.numbers import digit_piece, may_go_on
from agent.language.words import words
from agent.slots.base import Progress, Reading
from agent.slots.phrases import CARRIER_WORDS, CLOSINGS, CORRECTIONS, OBJECTIONS, PATIENCE, hesitates, match

UNITS = frozenset("dollar dollars buck bucks euro euros pound pounds quid usd eur gbp".split())
CENTS = frozenset("cent cents penny pennies pence p".split())
_POINTS = frozenset(("point", "dot", "comma"))
_SCALES = {"hundred": 100, "thousand": 1000, "grand": 1000, "k": 1000, "million": 1_000_000}
_AROUND = CARRIER_WORDS | frozenset(
    "about around roughly maybe approximately nearly almost only up amount sum total price costs cost pay paid owe "
    "bill balance us american canadian in cash per".split()
)
_FIGURES = re.compile(r"(\d{1,3})((?:,\d{3})+)(?!\d)")
_DECIMAL = re.compile(r"(\d)\.(\d)")
#: No amount said on a telephone is larger.
_MOST = 10**12
#: "Two million" "three hundred" "thousand" "five hundred" "six": scales within one number.
_DEPTH = 4


@dataclass(slots=True)
class _Amount:
    """Numbers as they came: those before the unit, those behind the point, the cents."""

    before: list[int] = field(default_factory=list)
    behind: str = ""
    cents: int | None = None
    unit: bool = False
    point: bool = False
    #: "dollars and": cents follow.
    joined: bool = False
    #: The last number may be the beginning of another: "fifty".
    open: bool = False
    #: "fifty" in "twelve dollars fifty", before "cents" is said.
    loose: int | None = None
    tail: list[str] = field(default_factory=list)
    objects: bool = False

    @property
    def empty(self) -> bool:
        return not self.before and self.cents is None and not self.behind


def read(text: str) -> Reading:
    """How far `text` has come as an amount, in units and hundredths ("12.50"); which currency is not told.

    Two numbers without a unit are units and cents ("twelve fifty"), as prices are said; before "dollars" they are one
    number ("one fifty dollars": 150).
    """
    said = words(_DECIMAL.sub(r"\1 point \2", _FIGURES.sub(lambda found: found[0].replace(",", ""), text)))
    amounts = [_Amount()]
    at = 0
    while at < len(said):
        amount = amounts[-1]
        if size := match(PATIENCE, said, at) or (0 if amount.empty else match(CLOSINGS, said, at)):
            at += size
        elif not amount.empty and (size := match(CORRECTIONS, said, at)):
            amounts.append(_Amount())
            at += size
        else:
            at = _take(amount, said, at)
    return _judged(amounts, text, said)


def _take(amount: _Amount, said: Sequence[str], at: int) -> int:
    word = said[at]
    number, after, is_open = _number(said, at)
    if after > at:
        _add(amount, number, said[at:after], is_open)
        amount.joined, amount.tail = False, []
        return after
    amount.open = False if word != "and" else amount.open
    if word in UNITS and not amount.empty:
        amount.before, amount.unit = [_joined(amount.before)], True
    elif word in CENTS and (amount.loose is not None or (len(amount.before) == 1 and not amount.unit)):
        amount.cents = amount.loose if amount.loose is not None else amount.before.pop()
        amount.loose = None
    elif word in CENTS and len(amount.before) == 2 and not amount.unit:
        amount.cents = amount.before.pop()
    elif word in _POINTS and amount.before and not amount.point:
        amount.point = True
    elif word == "and" and not amount.empty:
        amount.joined = True
    elif word == "half" and amount.before and amount.joined:
        amount.cents, amount.joined = 50, False
    else:
        amount.objects = amount.objects or word in OBJECTIONS
        amount.tail.append(word)
    return at + 1


def _add(amount: _Amount, number: int, piece: Sequence[str], is_open: bool) -> None:
    amount.open = is_open
    if amount.point:
        amount.behind += piece[0] if piece[0].isdecimal() else str(number)
    elif amount.unit:
        amount.loose = number if amount.loose is None else amount.loose * 10 + number
    elif amount.joined and amount.before and amount.before[-1] % 100 == 0 and number < 100:
        amount.before[-1] += number
    else:
        amount.before.append(number)


def _number(said: Sequence[str], at: int, depth: int = 0) -> tuple[int, int, bool]:
    """The number that begins at word `at`, the word after it, and whether it may go on; "a hundred" is one too."""
    word = said[at]
    if word == "a" and at + 1 < len(said) and said[at + 1] in (*_SCALES, *UNITS, "penny"):
        total, end, is_open = 1, at + 1, True
    else:
        digits, end = digit_piece(said, at)
        if end == at or len(digits) > 12:
            return 0, at, False
        total, is_open = int(digits), may_go_on(said[at:end])
        if word in ("oh", "o", "zero") and end < len(said) and digit_piece(said, end)[0]:
            rest, end = digit_piece(said, end)
            return int(rest[:12]), end, False
    while end < len(said) and said[end] in _SCALES and total < _MOST:
        scale = _SCALES[said[end]]
        total, end, is_open = total * scale, end + 1, True
        start = end + 1 if end < len(said) and said[end] == "and" else end
        if depth < _DEPTH and start < len(said) and said[start] != "a":
            more, after, more_open = _number(said, start, depth + 1)
            if after > start and 0 < more < scale:
                return total + more, after, more_open
    return total, end, is_open


def _joined(numbers: Sequence[int]) -> int:
    """Numbers before a unit as one: one fifty is 150, twelve fifty 1250, one two zero 120."""
    return int("".join(str(number) for number in numbers)[:15] or "0")


def _judged(amounts: Sequence[_Amount], text: str, said: Sequence[str]) -> Reading:
    amount = amounts[-1]
    if amount.empty:
        if len(amounts) > 1:
            return Reading(Progress.BESIDE if amount.objects else Progress.PART)
        beside = amount.objects or any(word not in _AROUND for word in amount.tail) or said[-1:] == ("no",)
        return Reading(Progress.BESIDE if beside else Progress.NOTHING)
    units, cents, fixed = _units_and_cents(amount)
    value = f"{units}.{cents:02d}"
    if any(word not in _AROUND and word != "double" for word in amount.tail) or len(amount.before) > 4 or units > _MOST:
        return Reading(Progress.BESIDE, value)
    oh = len(amount.before) == 2 and not amount.before[1] and not amount.unit  # "twelve oh" five
    if oh or amount.joined or (amount.point and not amount.behind) or amount.tail[-1:] in (["double"], ["oh"]):
        return Reading(Progress.PART, value)
    whole = fixed and not amount.open and not hesitates(text)
    return Reading(Progress.WHOLE if whole else Progress.ENOUGH, value)


def _units_and_cents(amount: _Amount) -> tuple[int, int, bool]:
    """Units, cents, and whether nothing more can follow."""
    before = amount.before
    if amount.cents is not None:
        return _joined(before) if before else 0, min(amount.cents, 99), True
    if amount.loose is not None:
        return _joined(before), min(amount.loose, 99), amount.loose >= 10
    if amount.point:
        return _joined(before), int((amount.behind + "00")[:2]), len(amount.behind) >= 2
    if len(before) == 2 and not amount.unit and before[1] < 100:
        return before[0], before[1], before[1] >= 10 or before[1] > 0
    if len(before) == 3 and not amount.unit and before[1] == 0 and before[2] < 10:
        return before[0], before[2], True
    return _joined(before), 0, False
