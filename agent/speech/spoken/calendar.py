"""Dates and times of day for the ear. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent.speech.spoken.language import Language, language_of, likely_region

#: Where the month comes first in "05/04/2026".
_MONTH_FIRST = frozenset({"US", "PH", "PR", "GU", "FM", "PW"})
_YEAR_FIRST = frozenset({"CN", "JP", "KR", "TW", "HU", "LT", "MN"})


def whole_date(written: str, language: Language) -> str | None:
    """ "2026-05-04" -> "May fourth, twenty twenty-six"; what is no date, number by number."""
    if not language.numbers:
        return None
    year, month, day = (int(part) for part in re.findall(r"\d+", written))
    numbers = ", ".join((language.year(year), language.cardinal(month), language.cardinal(day)))
    said = _date(year, month, day, language) or numbers
    return f"{said}, " if written.endswith("T") else said


def in_figures(written: str, before: Sequence[str], language: Language) -> str | None:
    """ "05/04/2026", "4.5.2026", and "5/4" behind a word like "on", as the language's country writes them."""
    parts = [int(part) for part in re.findall(r"\d+", written)]
    if len(parts) == 2 and not (before and before[-1] in language.listed("when")):
        return _parts(written, language)
    country = language.region or likely_region(language.base)
    first, second = parts[0], parts[1]
    month, day = (first, second) if country in _MONTH_FIRST and "/" in written else (second, first)
    if month > 12 >= day:
        month, day = day, month
    year = parts[2] if len(parts) == 3 else 0
    if len(parts) == 3 and year < 100:
        year += 2000 if year < 70 else 1900
    return _date(year, month, day, language) or _parts(written, language)


def _parts(written: str, language: Language) -> str | None:
    """No date: "1/2", "24/7"."""
    if not language.numbers:
        return None
    fraction = language.table("fractions").get(written)
    parts = re.split(r"[/.]", written)
    return str(fraction) if fraction else " ".join(language.amount(part) for part in parts)


def month_day(found: re.Match[str], month: str, day: str, year: str, language: Language) -> str | None:
    """ "May 4", "4th of May, 2026", "May 2026", with the month by name."""
    number = language.months[found[month].rstrip(".").lower()]
    named = found[month]
    if not named[0].isupper() and language.base == "en":
        return _plainly(found[0], language)  # "may 4 people come in"
    said_year = int(found[year]) if found[year] else 0
    if not day:
        return f"{language.month_name(number)} {language.year(said_year)}" if language.numbers else None
    return _date(said_year, number, int(found[day]), language) or _plainly(found[0], language)


def clock(found: re.Match[str], language: Language) -> str | None:
    """ "10:30", "9:05 am", "17:00", "9am"."""
    if not language.numbers:
        return None
    hour = int(found["hour"] or found["hour2"])
    minute = int(found["minute"] or 0)
    second = int(found["second"] or 0)
    half = (found["half"] or found["half2"] or "").strip().lower().replace(".", "").replace(" ", "")
    last = "." if found[0].endswith(".") and not half else ""
    if hour > 24 or (half and hour > 12):
        return " ".join(language.cardinal(int(part)) for part in re.findall(r"\d+", found[0])) + (
            f" {half[0]}.m." if half else ""
        )
    if language.base == "en":
        return _english_time(hour, minute, second, half) + last
    pattern = language.table("time")
    parts = {"hour": language.cardinal(hour), "minute": language.cardinal(minute)}
    said = str(pattern.get("minutes" if minute else "whole", "{hour} {minute}" if minute else "{hour}")).format(**parts)
    return f"{said} {language.cardinal(second)}" if second else said


def _english_time(hour: int, minute: int, second: int, half: str) -> str:
    english = language_of("en")
    if not half and hour > 12:
        half = "pm" if hour < 24 else "am"
    elif not half and hour == 0:
        half = "am"
    said = english.cardinal(hour % 12 or 12)
    if minute:
        said += f" {'oh ' if minute < 10 else ''}{english.cardinal(minute)}"
    elif not half:
        said += " o'clock"
    if second:
        said += f" and {english.cardinal(second)} second{'' if second == 1 else 's'}"
    return f"{said} {half[0]}.m." if half else said


def _date(year: int, month: int, day: int, language: Language) -> str | None:
    if not (1 <= month <= 12 and 1 <= day <= 31) or not language.numbers:
        return None
    how = language.table("date")
    if how.get("day") == "ordinal":
        said_day = language.ordinal(day) + str(how.get("ending", ""))
    else:
        said_day = language.cardinal(day)
    said = str(how.get("day_month", "{day} {month}")).format(day=said_day, month=language.month_name(month))
    return said + str(how.get("year", " {year}")).format(year=language.year(year)) if year else said


def _plainly(written: str, language: Language) -> str | None:
    if not language.numbers:
        return None
    return re.sub(r"\d+", lambda number: language.cardinal(int(number[0])), written)
