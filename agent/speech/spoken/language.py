"""Language: what one language calls the signs, and how it says numbers, months, currencies and units. Pure.

Numbers come from num2words; month names, decimal signs, currencies and units from babel's CLDR data; the rest from
languages.toml. All of it is read once for each language.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.numbers import format_decimal, get_currency_name, get_decimal_symbol, get_group_symbol
from babel.units import format_unit
from num2words import CONVERTER_CLASSES, num2words

from agent.slots.readback import digit_groups

_FILE = Path(__file__).with_name("languages.toml")
#: A number of more digits is no amount that a caller can take in: it is said digit by digit.
MOST_DIGITS = 15
#: What num2words raises for numbers or forms that a language of it does not have.
_CANNOT = (ArithmeticError, AttributeError, LookupError, NotImplementedError, TypeError, ValueError, AssertionError)


@dataclass(frozen=True)
class Language:
    """One language; `locale` is babel's, `numbers` num2words' name of it ("" where it has none: digits then stay)."""

    base: str
    region: str
    locale: Locale
    numbers: str
    data: dict[str, Any]
    months: dict[str, int]
    """By their names and short names in small letters, without a full stop."""
    decimal: str
    group: str

    def word(self, name: str) -> str:
        """ "and", "or", "to", …; "" where the language's are not known."""
        return str(self.data.get(name, ""))

    def table(self, name: str) -> dict[str, Any]:
        """ "signs", "address", "short", …; empty where the language has none."""
        found: dict[str, Any] = self.data.get(name, {})
        return found

    def listed(self, name: str) -> frozenset[str]:
        """ "ids", "when", "words": a row of words."""
        return frozenset(str(self.data.get(name, "")).split())

    def month_name(self, month: int) -> str:
        return str(self.locale.months["format"]["wide"][month])

    def cardinal(self, number: int) -> str:
        """A whole number; more than MOST_DIGITS digits: one by one."""
        if abs(number) >= 10**MOST_DIGITS:
            return self.digits(str(number))
        return self._say(number, "cardinal") or str(number)

    def ordinal(self, number: int) -> str:
        return self._say(number, "ordinal") or self.cardinal(number)

    def year(self, number: int) -> str:
        return self._say(number, "year") or self.cardinal(number)

    def amount(self, written: str) -> str:
        """A number as it is written in this language ("1,250.50"). What is behind its decimal sign, digit by digit."""
        whole, _, part = self.plain(written).partition(".")
        if not whole.isdecimal() or len(whole) > MOST_DIGITS or not self.numbers:
            return self.digits(written) if self.numbers else written
        if not part:
            return self.cardinal(int(whole))
        if len(part) > MOST_DIGITS:
            return self.digits(written)
        point = self._say(Decimal("0.5"), "cardinal").split()
        joint = point[1] if len(point) == 3 else self.word("dot")
        return " ".join(
            filter(None, (self.cardinal(int(whole)), joint, *(self.cardinal(int(digit)) for digit in part)))
        )

    def digits(self, figures: str, *, grouped: bool = True) -> str:
        """Digit by digit, in groups as order numbers and telephone numbers are said; other signs are left out."""
        figures = "".join(str(int(figure)) for figure in figures if figure.isdecimal())
        groups = digit_groups(figures) if grouped else [figures]
        return ", ".join(" ".join(self.cardinal(int(digit)) for digit in group) for group in groups)

    def plain(self, written: str) -> str:
        """A number with ASCII digits, a full stop for its decimal sign, and no signs between its thousands."""
        number = written.replace("\u00a0", " ").replace("\u202f", " ").replace("'", "").replace("’", "")
        number = number.replace(self.group, "").replace(" ", "").replace(self.decimal, ".")
        return "".join(str(int(sign)) if sign.isdecimal() else sign for sign in number)

    def currency(self, number: str, code: str) -> str:
        """An amount of money ("12.50", from `plain`) with the currency's ISO code."""
        whole, _, part = number.partition(".")
        if not whole.isdecimal() or len(whole) > MOST_DIGITS:
            return self.digits(number)
        names, small = self.table("money").get(code), int(part.ljust(2, "0")) if len(part) in (1, 2) else 0
        if part and len(part) > 2:
            return f"{self.amount(number.replace('.', self.decimal))} {self.currency_name(code, 2)}"
        if names is None:
            if small and self.base != "en":
                return self._say(Decimal(number), "currency", currency=code) or self._money_plainly(whole, small, code)
            return self._money_plainly(whole, small, code)
        count = int(whole)
        said = f"{self.cardinal(count)} {names[0 if count == 1 else 1]}"
        if not small:
            return said
        cents = f"{self.cardinal(small)} {names[2 if small == 1 else 3]}"
        return f"{said} {self.word('and')} {cents}" if count else cents

    def currency_name(self, code: str, count: int) -> str:
        names = self.table("money").get(code)
        if names is not None:
            return str(names[0 if count == 1 else 1])
        return get_currency_name(code, count=count, locale=self.locale)

    def unit(self, written: str, unit: str) -> str:
        """A measure: ("5", "mass-kilogram") -> "five kilograms"."""
        try:
            number = Decimal(self.plain(written))
            said = format_unit(number, unit, "long", locale=self.locale)
            figures = format_decimal(number, locale=self.locale)
        except (InvalidOperation, ValueError, LookupError):
            return self.amount(written)
        return said.replace(figures, self.amount(written), 1)

    def _money_plainly(self, whole: str, small: int, code: str) -> str:
        figures = f"{whole}{self.decimal}{small:02d}" if small else whole
        return f"{self.amount(figures)} {self.currency_name(code, int(whole))}"

    def _say(self, number: int | Decimal, form: str, **more: str) -> str:
        return _number_words(number, self.numbers, form, more.get("currency", "")) if self.numbers else ""


@lru_cache(maxsize=4096)
def _number_words(number: int | Decimal, language: str, form: str, currency: str) -> str:
    try:
        options = {"currency": currency} if currency else {}
        said = str(num2words(number, lang=language, to=form, **options))
    except _CANNOT:
        return ""
    if any(sign.isdecimal() for sign in said):
        return ""
    return " ".join(said.replace(",", "").split())


@lru_cache(maxsize=64)
def language_of(tag: str) -> Language:
    """The language of a tag ("en-US", "de"). One that is not known: its digits stay, its signs are left out."""
    parts = re.split(r"[-_]", tag.strip())
    base = parts[0].lower()
    region = parts[-1].upper() if len(parts) > 1 and len(parts[-1]) == 2 else ""
    try:
        locale = Locale.parse(f"{base}_{region}" if region else base)
    except (UnknownLocaleError, ValueError):
        try:
            locale = Locale.parse(base)
        except (UnknownLocaleError, ValueError):
            locale = Locale("en")
    numbers = next((name for name in (f"{base}_{region}", base) if name in CONVERTER_CLASSES), "")
    data = _all_data().get(base, {})
    return Language(
        base=base,
        region=region,
        locale=locale,
        numbers=numbers,
        data=data,
        months=_months(locale),
        decimal=get_decimal_symbol(locale),
        group=get_group_symbol(locale).replace("\u00a0", " ").replace("\u202f", " "),
    )


def likely_region(base: str) -> str:
    """Where a language is mostly spoken: "en" -> "US"; "" if that is not known."""
    likely = get_global("likely_subtags").get(base, "")
    return str(likely).rpartition("_")[2] if likely else ""


def _months(locale: Locale) -> dict[str, int]:
    names: dict[str, int] = {}
    for width in ("abbreviated", "wide"):
        for number, name in locale.months["format"][width].items():
            names[str(name).lower().rstrip(".")] = int(number)
    if locale.language == "en":
        names["sept"] = 9
    return names


@lru_cache(maxsize=1)
def _all_data() -> dict[str, dict[str, Any]]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))
