"""How a value is read back to the caller: for the ear, in words, in groups with the rests that a voice makes at commas.

Every text reads as the same value again (agent/slots/reading.py), so that a caller who repeats it is understood.
"""

from __future__ import annotations

from agent.language.numbers import DIGITS, TEENS, TENS
from agent.slots.base import Asks
from agent.slots.date_words import MONTH_NAMES, ORDINAL_NAMES
from agent.slots.letters import NATO

_BELOW_TWENTY = (*DIGITS, *TEENS)
_SIGNS = {".": "dot", "@": "at", "_": "underscore", "-": "dash", "+": "plus", "'": "apostrophe"}


def read_back(kind: str, value: str, asks: Asks | None = None, *, plainly: bool = False) -> str:
    """`value` (the normal form that read_answer gives for `kind`) as it is said: "four seven one two", "the fourth of
    May", "twelve dollars and fifty cents".

    `plainly`: letters with a word each ("b as in bravo"), for a caller who did not understand. `asks` is for groups:
    where it asks for ten digits they are said as a telephone number. A value of another form comes back as it is.
    """
    if kind == "digits" and value.isdecimal() and value.isascii():
        return spoken_groups(value, asks)
    if kind == "spelled" and value:
        return ", ".join(_sign(sign, plainly=plainly) for sign in value)
    if kind == "email" and "@" in value:
        return _email(value, plainly=plainly)
    if kind == "date":
        return _date(value)
    if kind == "money":
        return _money(value)
    return value


def spoken_groups(digits: str, asks: Asks | None = None) -> str:
    """Digits one by one, a rest after each group: 3-3-4 of ten, threes of six and nine, else fours and their rest.
    `asks`: where it allows other lengths than ten, ten digits are no telephone number and come in fours."""
    fixed = asks is None or asks.longest <= asks.length or not asks.length
    return ", ".join(" ".join(DIGITS[int(digit)] for digit in group) for group in digit_groups(digits, fixed=fixed))


def digit_groups(digits: str, *, fixed: bool = True) -> list[str]:
    """Digits in the groups in which they are said; `fixed`: ten of them are a telephone number."""
    count = len(digits)
    if count == 10 and fixed:
        sizes = [3, 3, 4]
    elif count == 11 and digits.startswith("1") and fixed:
        sizes = [1, 3, 3, 4]
    elif count <= 4:
        sizes = [count]
    elif count == 7:
        sizes = [3, 4]
    elif count % 3 == 0 and count <= 9:
        sizes = [3] * (count // 3)
    elif count == 5:
        sizes = [3, 2]
    else:
        sizes = [4] * (count // 4) + ([count % 4] if count % 4 else [])
    groups, at = [], 0
    for size in sizes:
        groups.append(digits[at : at + size])
        at += size
    return [group for group in groups if group]


def _sign(sign: str, *, plainly: bool) -> str:
    if sign.isdecimal() and sign.isascii():
        return DIGITS[int(sign)]
    if sign in _SIGNS:
        return _SIGNS[sign]
    at = ord(sign.lower()) - ord("a")
    return f"{sign} as in {NATO[at]}" if plainly and 0 <= at < len(NATO) else sign


def _email(value: str, *, plainly: bool) -> str:
    """An address in words; plainly, what stands before the "at" is spelled."""
    local, _, domain = value.partition("@")
    name = ", ".join(_sign(sign, plainly=True) for sign in local) if plainly else _words_of(local)
    return f"{name} at {_words_of(domain)}"


def _words_of(text: str) -> str:
    """Names as they are, signs and digits as words."""
    said: list[str] = []
    word = ""
    for sign in text:
        if sign in _SIGNS or (sign.isdecimal() and sign.isascii()):
            said += [word, _sign(sign, plainly=False)]
            word = ""
        else:
            word += sign
    return " ".join(part for part in (*said, word) if part)


def _date(value: str) -> str:
    year, month, day = _calendar(value)
    if not day:
        return value
    said = f"the {_ordinal(day)}"
    if month:
        said = f"{MONTH_NAMES[month - 1].capitalize()} {_ordinal(day)}"
    return f"{said}, {_year(year)}" if year else said


def _calendar(value: str) -> tuple[int, int, int]:
    """Year, month and day of "2026-05-04", "--05-04" or "---04"; zeros for what it lacks, all zeros if it is none."""
    figures = value.replace("-", "")
    if not (figures.isdecimal() and figures.isascii()):
        return 0, 0, 0
    if len(value) == 10 and value[4] == value[7] == "-" and len(figures) == 8:
        year, month, day = int(value[:4]), int(value[5:7]), int(value[8:])
    elif len(value) == 7 and value.startswith("--") and value[4] == "-" and len(figures) == 4:
        year, month, day = 0, int(value[2:4]), int(value[5:])
    elif len(value) == 5 and value.startswith("---") and len(figures) == 2:
        year, month, day = 0, 0, int(value[3:])
    else:
        return 0, 0, 0
    return (year, month, day) if month <= 12 and 1 <= day <= 31 and (month or not year) else (0, 0, 0)


def _ordinal(day: int) -> str:
    if day <= 20:
        return ORDINAL_NAMES[day - 1]
    tens, ones = divmod(day, 10)
    if not ones:
        return "thirtieth"
    return f"{TENS[tens - 2]} {ORDINAL_NAMES[ones - 1]}"


def _year(year: int) -> str:
    """2026: twenty twenty six; 2006: two thousand six; 1905: nineteen oh five; 1900: nineteen hundred."""
    century, rest = divmod(year, 100)
    if 2000 <= year < 2010:
        return "two thousand" + (f" {DIGITS[rest]}" if rest else "")
    if not 10 <= century <= 99:
        return cardinal(year)
    if not rest:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def _money(value: str) -> str:
    units, dot, cents = value.partition(".")
    numbers = units + cents
    if not (dot and numbers.isdecimal() and numbers.isascii() and units and len(cents) == 2 and len(units) <= 9):
        return value
    whole, part = int(units), int(cents)
    said = f"{cardinal(whole)} dollar{'' if whole == 1 else 's'}"
    small = f"{cardinal(part)} cent{'' if part == 1 else 's'}"
    if not part:
        return said
    return f"{said} and {small}" if whole else small


def cardinal(number: int) -> str:
    """A whole number from 0 to 999,999,999 in words: "twelve hundred" is "one thousand two hundred"."""
    if number < 20:
        return _BELOW_TWENTY[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return TENS[tens - 2] + (f" {DIGITS[ones]}" if ones else "")
    for size, name in ((1_000_000, "million"), (1000, "thousand"), (100, "hundred")):
        if number >= size:
            count, rest = divmod(number, size)
            return f"{cardinal(count)} {name}" + (f" {cardinal(rest)}" if rest else "")
    raise AssertionError("unreachable: every number from 100 up has a size")
