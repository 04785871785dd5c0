"""The words of dates: months, weekdays, ordinals, what is counted from today, and numbers as years are said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from agent.language.numbers import TENS, digit_piece
from agent.slots.phrases import phrases

MONTH_NAMES = ("january february march april may june july august september october november december").split()
MONTHS = (
    {name: at for at, name in enumerate(MONTH_NAMES, start=1)}
    | {name[:3]: at for at, name in enumerate(MONTH_NAMES, start=1)}
    | {"sept": 9}
)
WEEKDAYS = frozenset("monday tuesday wednesday thursday friday saturday sunday".split())
ORDINAL_NAMES = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
).split()
ORDINALS = {name: at for at, name in enumerate(ORDINAL_NAMES, start=1)} | {"thirtieth": 30}
UNITS = {unit + ending: unit for unit in ("day", "week", "month", "year") for ending in ("", "s")}
#: Days counted from today that are said in a fixed way.
RELATIVE = phrases(
    "today, tonight, tomorrow, yesterday, the day after tomorrow, day after tomorrow, the day before yesterday, "
    "next week, this week, last week, next month, this month, last month, next weekend, this weekend, the weekend, "
    "as soon as possible, right away"
)
#: Numbers of dates that another word may follow: "twenty" (six).
_TENS = frozenset(TENS)


class Number(NamedTuple):
    """A number of a date: its value, its figures ("05" of "05", "20" of "twenty"), whether it may go on."""

    value: int
    text: str
    open: bool


def number_at(said: Sequence[str], at: int, *, after_month: bool) -> tuple[Number | None, int]:
    """The number that begins at word `at` and the word after it; None where there is none. `after_month`: years may be
    said in hundreds and thousands ("two thousand and six")."""
    word = said[at]
    if word in ("double", "triple", "treble") or (word in ("o", "oh") and not _number_follows(said, at)):
        return None, at
    digits, after = digit_piece(said, at)
    if after == at or len(digits) > 8:
        return None, at
    if len(digits) > 4 and word in _TENS:  # "ten twenty, two thousand six" is no twenty two thousand
        return Number(int(digit_piece((word,), 0)[0]), digit_piece((word,), 0)[0], True), at + 1
    piece = said[at:after]
    is_open = piece[-1] in _TENS or piece[-1] in ("thousand", "hundred", "and")
    return Number(int(digits), digits, is_open), after


def _number_follows(said: Sequence[str], at: int) -> bool:
    """Whether "oh" is at the end, or stands before a number."""
    return at + 1 >= len(said) or bool(digit_piece(said, at + 1)[0])
