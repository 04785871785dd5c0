"""Dates: "may fourth", "the fourth of may twenty twenty six", "05 04 2026", "next friday", "in two weeks".

A date with its year is "2026-05-04"; one without is "--05-04" (a day of no certain year), a day alone "---04". No clock
is read: "tomorrow", "next friday", "in 2 weeks" stay as they are. Figures have the month first, as callers in the
United States say them, unless the first is no month.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.language.words import words
from agent.slots.base import Progress, Reading
from agent.slots.date_words import MONTHS, ORDINALS, RELATIVE, UNITS, WEEKDAYS, Number, number_at
from agent.slots.phrases import CARRIER_WORDS, CLOSINGS, CORRECTIONS, OBJECTIONS, PATIENCE, begins, hesitates, match

_AROUND = CARRIER_WORDS | frozenset(
    "born birth birthday date day dated since until till from due arrive arrives around about maybe year month week "
    "come works for me works best".split()
)
_TIMES = frozenset("morning afternoon evening night noon midday".split())
_QUALIFIERS = frozenset("next this last coming following every".split())
#: Days of the months; of February the leap year's, where no year is known.
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
#: A year said in two figures is of this century up to here: "twenty six" is 2026, "eighty five" 1985.
_CENTURY_TURN = 40
#: A date has eight at most, digit by digit ("zero five zero four two zero two six"); what has twice as many is none,
#: and its rest need not be read.
_MOST_NUMBERS = 16


@dataclass(slots=True)
class _Date:
    """What was said of a date since the last correction."""

    month: int = 0
    day: int = 0
    #: The day may be another: "twenty" (first).
    day_open: bool = False
    numbers: list[Number] = field(default_factory=list)
    weekday: str = ""
    qualifier: str = ""
    relative: str = ""
    relative_open: bool = False
    #: The last word wants another: "the fourth of".
    wanting: bool = False
    strange: bool = False
    objects: bool = False

    @property
    def empty(self) -> bool:
        return not (self.month or self.day or self.numbers or self.weekday or self.relative)


def read(text: str) -> Reading:
    """How far `text` has come as a date. Without its year it may be all; a month alone is a part."""
    said = words(text)
    dates = [_Date()]
    at = 0
    while at < len(said) and len(dates[-1].numbers) < _MOST_NUMBERS:
        date = dates[-1]
        if size := match(PATIENCE, said, at) or (0 if date.empty else match(CLOSINGS, said, at)):
            at += size
        elif not date.empty and not date.wanting and (size := match(CORRECTIONS, said, at)):
            dates.append(_Date())
            at += size
        else:
            at = _take(date, said, at)
    date = dates[-1]
    if date.empty:
        return _nothing_yet(dates, said)
    reading = _relative(date, said) if not (date.month or date.day or date.numbers) else _absolute(date)
    if date.strange:
        return Reading(Progress.BESIDE, reading.value)
    if reading.progress is Progress.WHOLE and (hesitates(text) or said[-1] in ("and", "or", "but")):
        return Reading(Progress.ENOUGH, reading.value)
    return reading


def _take(date: _Date, said: Sequence[str], at: int) -> int:
    """One word or more of a date, or of what is around it. Returns where it goes on."""
    word = said[at]
    if (size := match(RELATIVE, said, at)) and not (date.month or date.numbers):
        date.relative, date.relative_open = " ".join(said[at : at + size]), False
        return at + size
    if date.empty and begins(RELATIVE, said, at) and at + 1 < len(said):
        date.wanting = True
        return len(said)
    if size := _span(date, said, at):
        return at + size
    date.wanting = word in ("of", "the", "on", "in", *_QUALIFIERS)
    if word in MONTHS and not (word == "may" and date.empty and at + 1 < len(said) and said[at + 1] in ("i", "be")):
        date.month = MONTHS[word]
        return at + 1
    day, after, is_open = _ordinal(said, at)
    if day:
        date.day, date.day_open = day, is_open
        return after
    number, after = number_at(said, at, after_month=bool(date.month))
    if number is not None:
        date.numbers.append(number)
        return after
    if word in WEEKDAYS:
        date.weekday = word
        if at and said[at - 1] in _QUALIFIERS:
            date.qualifier = said[at - 1]
        return at + 1
    if word not in _AROUND and word not in _TIMES and word not in ("of", "day", *_QUALIFIERS):
        date.strange = not date.empty or date.strange
        date.objects = date.objects or date.empty
    return at + 1


def _span(date: _Date, said: Sequence[str], at: int) -> int:
    """How many words "in two weeks", "three days ago", "a week from friday" take here."""
    start = at + 1 if said[at] == "in" else at
    if start >= len(said) or date.month or date.numbers:
        return 0
    if said[start] in ("a", "an"):
        count, end = "1", start + 1
    elif said[start : start + 3] == ("a", "couple", "of"):
        count, end = "2", start + 3
    else:
        number, end = number_at(said, start, after_month=False)
        if number is None:
            return 0
        count = str(number.value)
    if end >= len(said) or said[end] not in UNITS:
        if end >= len(said) and start > at:
            date.relative, date.relative_open = f"in {count}", True
            return end - at
        return 0
    unit = UNITS[said[end]] + ("" if count == "1" else "s")
    end += 1
    date.relative, date.relative_open = f"in {count} {unit}", start == at
    if end < len(said) and said[end] in ("ago", "from", "time"):
        if said[end] == "ago":
            date.relative, date.relative_open = f"{count} {unit} ago", False
        elif said[end] == "from":
            return _from(date, said, end) - at
        end += 1
    return end - at


def _from(date: _Date, said: Sequence[str], at: int) -> int:
    """ "two weeks" and then "from now", "from friday". Returns where it goes on."""
    date.relative_open = True
    if at + 1 >= len(said):
        return at + 1
    start = said[at + 1]
    if start in ("now", "today"):
        date.relative_open = False
    elif start in WEEKDAYS or start == "tomorrow":
        date.relative, date.relative_open = f"{date.relative[3:]} from {start}", False
    else:
        return at + 1
    return at + 2


def _ordinal(said: Sequence[str], at: int) -> tuple[int, int, bool]:
    """The day that an ordinal from word `at` gives ("fourth", "twenty first", "4th"), the word after it."""
    word = said[at]
    if word in ORDINALS:
        return ORDINALS[word], at + 1, False
    if word in ("twenty", "thirty") and at + 1 < len(said) and ORDINALS.get(said[at + 1], 99) < 10:
        day = (20 if word == "twenty" else 30) + ORDINALS[said[at + 1]]
        return (day, at + 2, False) if day <= 31 else (0, at, False)
    if word[-2:] in ("st", "nd", "rd", "th") and word[:-2].isdecimal() and 1 <= int(word[:-2][:3]) <= 31:
        return int(word[:-2]), at + 1, False
    return 0, at, False


def _nothing_yet(dates: Sequence[_Date], said: Sequence[str]) -> Reading:
    date = dates[-1]
    if len(dates) > 1:
        return Reading(Progress.BESIDE if date.objects else Progress.PART)
    if date.wanting and said[-1] not in ("in", "on", "the", "of"):
        return Reading(Progress.PART)
    objects = date.objects or any(word in OBJECTIONS for word in said) or said[-1:] == ("no",)
    return Reading(Progress.BESIDE if objects else Progress.NOTHING)


def _relative(date: _Date, said: Sequence[str]) -> Reading:
    """A weekday, or a day counted from today. After a weekday its date may come."""
    if date.relative:
        value = date.relative if not date.weekday else f"{date.relative} {date.weekday}"
        week = date.relative.endswith(("week", "month", "weekend")) and not date.relative.startswith("in ")
        if date.relative_open or date.wanting:
            return Reading(Progress.PART, value)
        return Reading(Progress.ENOUGH if week and not date.weekday else Progress.WHOLE, value)
    value = f"{date.qualifier} {date.weekday}".strip()
    return Reading(Progress.PART if date.wanting else Progress.ENOUGH, value)


def _absolute(date: _Date) -> Reading:
    """A day of the calendar: its month, its day and its year, as far as they were said."""
    if not date.month and not date.day:
        return _of_figures(date.numbers)
    numbers = list(date.numbers)
    day, is_open = date.day, False
    if not day and numbers and numbers[0].value <= 31 and numbers[0].value > 0:
        number = numbers.pop(0)
        day, is_open = number.value, number.open and not numbers
    elif not day and not numbers:
        return Reading(Progress.PART, f"--{date.month:02d}")
    elif not date.month and numbers:
        # "the fourth of the fifth" has no numbers; a number after a day is the month, or a year without one.
        if not 1 <= numbers[0].value <= 12:
            return Reading(Progress.BESIDE, f"---{day:02d}")
        month = numbers.pop(0).value
        return _dated(month, day, numbers, is_open=False)
    if not date.month:
        return Reading(Progress.PART if date.wanting else Progress.ENOUGH, f"---{day:02d}")
    if not day:
        year, _ = _year(numbers)
        return Reading(Progress.PART, f"{year:04d}-{date.month:02d}" if year else f"--{date.month:02d}")
    reading = _dated(date.month, day, numbers, is_open=is_open)
    return Reading(Progress.PART, reading.value) if date.wanting and not numbers else reading


def _dated(month: int, day: int, rest: Sequence[Number], *, is_open: bool) -> Reading:
    """A month and its day, and the numbers of its year so far."""
    if not 1 <= month <= 12 or not 1 <= day <= _DAYS[month - 1]:
        return Reading(Progress.BESIDE)
    value = f"--{month:02d}-{day:02d}"
    if not rest:
        return Reading(Progress.ENOUGH, value)
    year, progress = _year(rest)
    if not year:
        return Reading(progress, value)
    if month == 2 and day == 29 and (year % 4 or (year % 100 == 0 and year % 400)) and progress is Progress.WHOLE:
        return Reading(Progress.BESIDE)
    return Reading(progress, f"{year:04d}-{month:02d}-{day:02d}")


def _year(numbers: Sequence[Number]) -> tuple[int, Progress]:
    """The year that numbers make, 0 while they make none: 2026; 20 26; 19 85; 20 0 5; 2 0 2 6; 85."""
    first = numbers[0]
    figures = "".join(number.text for number in numbers)
    if first.text in "3456789" and len(figures) == len(numbers) <= 2:  # "eight eight", one by one
        return (_century(int(figures)), Progress.WHOLE) if len(figures) == 2 else (0, Progress.PART)
    if len(numbers) == 1 and 1000 <= first.value <= 2999:
        return first.value, Progress.ENOUGH if first.open else Progress.WHOLE
    if len(numbers) == 1 and len(first.text) == 2 and first.value not in (19, 20):
        return _century(first.value), Progress.ENOUGH if first.open else Progress.WHOLE
    if figures.startswith("0") and len(figures) <= 2:
        return (_century(int(figures)), Progress.WHOLE) if len(figures) == 2 else (0, Progress.PART)
    if not figures.startswith(("19", "20"[: len(figures)], "1"[: len(figures)])) or len(figures) > 4:
        return 0, Progress.BESIDE
    if len(figures) == 4:
        return int(figures), Progress.ENOUGH if numbers[-1].open else Progress.WHOLE
    return 0, Progress.PART


def _century(year: int) -> int:
    return 2000 + year if year < _CENTURY_TURN else 1900 + year


def _of_figures(numbers: Sequence[Number]) -> Reading:
    """A date of numbers alone: "05 04 2026", "five four twenty twenty six", keyed "05042026", "2026 05 04"."""
    figures = "".join(number.text for number in numbers)
    single = all(len(number.text) == 1 for number in numbers)
    by_keys = single and (figures[0] == "0" or (len(figures) >= 4 and figures[:2] in ("10", "11", "12")))
    if by_keys or (len(numbers) == 1 and len(figures) > 2):
        return _of_keys(figures)
    if numbers[0].value >= 1900:
        if len(numbers) < 3:
            return Reading(Progress.PART, f"{numbers[0].value:04d}")
        month, rest = _padded(numbers[1:])
        day, rest = _padded(rest)
        dated = _dated(month, day, [numbers[0]], is_open=False) if day else Reading(Progress.PART)
        return dated if not rest else Reading(Progress.BESIDE)
    month, rest = _padded(numbers)
    if not rest:
        return Reading(Progress.PART)
    day, rest = _padded(rest)
    if month > 12 >= day:
        month, day = day, month
    return _dated(month, day, rest, is_open=False) if day else Reading(Progress.PART)


def _padded(numbers: Sequence[Number]) -> tuple[int, Sequence[Number]]:
    """The first number, with the zero said before it ("oh five"), and the others."""
    if numbers and numbers[0].text == "0":
        return (numbers[1].value, numbers[2:]) if len(numbers) > 1 and len(numbers[1].text) == 1 else (0, ())
    return (numbers[0].value, numbers[1:]) if numbers else (0, ())


def _of_keys(figures: str) -> Reading:
    """Figures one by one: MMDD, MMDDYY, MMDDYYYY, or DDMM... where the first two are no month."""
    if len(figures) > 8:
        return Reading(Progress.BESIDE)
    if len(figures) < 4:
        return Reading(Progress.PART)
    month, day = int(figures[:2]), int(figures[2:4])
    if month > 12 >= day:
        month, day = day, month
    year = figures[4:]
    if len(year) in (1, 3):
        return Reading(Progress.PART, f"--{month:02d}-{day:02d}")
    reading = _dated(month, day, [Number(int(year), year, False)] if year else [], is_open=False)
    if len(year) == 2 and reading.progress in (Progress.WHOLE, Progress.PART):
        # "20" may be all of a year, or the beginning of "2026".
        value = f"{_century(int(year)):04d}-{month:02d}-{day:02d}"
        return Reading(Progress.PART if year in ("19", "20") else Progress.ENOUGH, value)
    return reading
