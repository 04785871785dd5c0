"""The pattern by which all that is not said as it is written is found, made for one language. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from agent.speech.spoken.language import language_of

#: Top-level domains that make a bare "name.tld" an address.
_TLDS = "com|org|net|edu|gov|info|biz|app|dev|shop|store|io|ai|co|uk|us|eu|de|fr|es|it|nl|ch|at|be|ca|au|in|me|tv"
CURRENCIES = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR"}
DAYS = {"Mon": 0, "Tue": 1, "Tues": 1, "Wed": 2, "Thu": 3, "Thur": 3, "Thurs": 3, "Fri": 4, "Sat": 5, "Sun": 6}
#: Units by how they are written, as babel names them.
#: Those of one letter only where nothing parts them from the number.
UNITS = {
    "kg": "mass-kilogram",
    "g": "mass-gram",
    "mg": "mass-milligram",
    "lb": "mass-pound",
    "lbs": "mass-pound",
    "oz": "mass-ounce",
    "km": "length-kilometer",
    "cm": "length-centimeter",
    "mm": "length-millimeter",
    "m": "length-meter",
    "mi": "length-mile",
    "ft": "length-foot",
    "km/h": "speed-kilometer-per-hour",
    "kmh": "speed-kilometer-per-hour",
    "mph": "speed-mile-per-hour",
    "l": "volume-liter",
    "ml": "volume-milliliter",
    "°C": "temperature-celsius",
    "°F": "temperature-fahrenheit",
    "kWh": "energy-kilowatt-hour",
    "kW": "power-kilowatt",
    "GB": "digital-gigabyte",
    "MB": "digital-megabyte",
    "KB": "digital-kilobyte",
    "kB": "digital-kilobyte",
    "TB": "digital-terabyte",
    "GHz": "frequency-gigahertz",
    "MHz": "frequency-megahertz",
    "kHz": "frequency-kilohertz",
    "Hz": "frequency-hertz",
    "ms": "duration-millisecond",
    "sec": "duration-second",
    "s": "duration-second",
    "min": "duration-minute",
    "mins": "duration-minute",
    "h": "duration-hour",
    "hr": "duration-hour",
    "hrs": "duration-hour",
}


@lru_cache(maxsize=64)
def pattern(tag: str) -> re.Pattern[str]:
    """The pattern of a language; the last group that took part names the kind. No part of it is without a bound."""
    language = language_of(tag)
    group = r"[ \u00a0\u202f]" if language.group == " " else re.escape(language.group)
    point = re.escape(language.decimal)
    number = rf"(?:\d{{1,3}}(?:{group}\d{{3}})+(?!\d)|\d{{1,18}})(?:{point}\d{{1,12}})?(?!\d)"
    month = rf"(?i:{_any(language.months)})\b\.?"
    days = _any(DAYS) if language.base == "en" else "(?!)"
    short, sizes, units = _any(language.table("short")), _any(language.table("sizes")), _any(UNITS)
    half = r"(?:[ ]?(?P<half>[AaPp]\.?[ ]?[Mm]\b\.?))" if language.base == "en" else r"(?P<half>(?!))"
    symbol = r"[$€£¥₹]"
    iso = r"(?:USD|EUR|GBP|CHF|CAD|AUD|JPY|INR|SEK|NOK|DKK|PLN)"
    amount = rf"{number}(?:[ ]?(?:{sizes})\b)?"
    begin, end = r"(?<![\w.])", r"(?![\w])"
    return re.compile(
        rf"""
      (?P<email>(?:mailto:)?(?<![\w.])[\w.+%'-]{{1,64}}@[^\W_](?:[\w-]{{0,62}}\.){{1,8}}[^\W\d_]{{2,24}}(?![\w]))
    | (?P<url>(?<![\w])(?:[A-Za-z][A-Za-z0-9+.-]{{1,12}}://|www\.)[^\s<>"“”]{{1,600}})
    | (?P<host>(?<![\w.@-])(?:[^\W_](?:[\w-]{{0,40}}[^\W_])?\.){{1,5}}(?:{_TLDS})\b(?![\w@]|\.\w)
        (?:/[^\s<>"“”]{{0,400}})?)
    | (?P<isodate>{begin}\d{{4}}-\d{{2}}-\d{{2}}(?:T(?=\d))?(?!\w))
    | (?P<phone>{begin}(?:\+\d{{1,3}}[ .-]?(?:\(\d{{1,4}}\)[ .-]?)?\d{{1,4}}(?:[ .-]?\d{{2,4}}){{1,5}}
        |(?:\+?1[ .-]?)?\(\d{{3}}\)[ ]?\d{{3}}[ .-]?\d{{4}}
        |(?:1[ .-])?\d{{3}}(?P<part3>[ .-])\d{{3}}(?P=part3)\d{{4}}
        |1-\d{{3}}(?=-[A-Z])|\d{{3}}-\d{{4}}|0\d{{2,4}}[ /]\d{{3,4}}[ ]?\d{{2,5}}){end})
    | (?P<figures>{begin}\d{{1,2}}(?:/\d{{1,2}}/(?:\d{{4}}|\d{{2}})|\.\d{{1,2}}\.\d{{4}})(?!\w)
        |{begin}\d{{1,2}}/\d{{1,2}}{end}(?!/))
    | (?P<days>\b(?:{days})\b\.?(?:[ ]?[-–][ ]?(?:{days})\b|(?=,?[ ](?:\d|{month}))))
    | (?P<decade>(?<![\w.])(?:'|’)?(?:\d{{2}})?\d0s\b)
    | (?P<version>{begin}\d{{1,4}}(?:\.\d{{1,4}}){{2,8}}{end})
    | (?P<monthday>\b(?P<month>{month})[ ](?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:,?[ ](?P<year>\d{{4}}))?
        (?![\w:]|[.,]\d))
    | (?P<daymonth>{begin}(?P<day2>\d{{1,2}})(?:st|nd|rd|th|\.|er|de)?[ ](?:of[ ]|de[ ])?(?P<month2>{month})
        (?:,?[ ](?:de[ ])?(?P<year2>\d{{4}}))?(?!\w))
    | (?P<monthyear>\b(?P<month3>{month}),?[ ](?P<year3>(?:19|20)\d{{2}})(?!\w))
    | (?P<time>{begin}(?P<hour>\d{{1,2}})[:](?P<minute>[0-5]\d)(?:[:](?P<second>[0-5]\d))?(?!\d){half}?
        |{begin}(?P<hour2>\d{{1,2}})(?P<bare>{half.replace("<half>", "<half2>")}))
    | (?P<until>(?<=[\dmM.])[ ]?[-–][ ]?(?=\d{{1,2}}(?::\d\d|[ ]?[AaPp]\.?[Mm]\b)))
    | (?P<money>(?<!\w)(?P<sign>[-−])?(?:(?:US)?{symbol}|{iso}[ ])[ ]?{amount}(?!\w)
        |{begin}{amount}[ ]?(?:{symbol}|{iso}\b))
    | (?P<percent>{begin}[-−]?{number}(?:[ ]?[-–][ ]?{number})?[ ]?%)
    | (?P<unit>{begin}(?P<size>[-−]?{number})(?P<gap>[ ]?)(?P<named>{units})(?![\w/]))
    | (?P<ordinal>{begin}\d{{1,9}}(?:st|nd|rd|th)\b)
    | (?P<fraction>{begin}(?:(?P<whole>\d{{1,4}})[ ])?(?P<part>\d/\d)(?![\w/]))
    | (?P<groups>{begin}\d{{2,6}}(?:[ -]\d{{2,6}}){{2,6}}{end})
    | (?P<range>{begin}(?P<low>{number})[ ]?[-–][ ]?(?P<high>{number})
        {half.replace("<half>", "<half3>")}?{end})
    | (?P<scale>{begin}{number}[ ]?(?:{sizes})\b)
    | (?P<times>{begin}{number}x\b)
    | (?P<ratio>{begin}\d{{1,3}}:\d{{1,3}}(?![\w:]))
    | (?P<code>(?<![\w.])(?=[\w-]{{0,40}}\d)(?=[\w-]{{0,40}}[^\W\d_])[^\W_]+(?:-[^\W_]+){{0,8}}(?!\w))
    | (?P<hash>\#[ ]?(?=\w))
    | (?P<number>(?P<less>(?<![\w)])[-−])?{number})
    | (?P<initials>\b(?:[A-Z]\.){{2,6}}(?!\w))
    | (?P<short>(?<![\w.])(?:{short})(?!\w))
    | (?P<numero>\b[Nn]o\.[ ](?=\d))
    | (?P<capitals>\b[A-Z]{{2,}}(?:'[A-Z]{{1,2}}|s)?(?!\w)(?:[ ][A-Z]{{2,}}(?:'[A-Z]{{1,2}}|s)?(?!\w)){{0,12}})
    | (?P<slash>(?<=[^\W_])[ ]?/[ ]?(?=[^\W_]))
    | (?P<dash>[ ]-{{1,3}}[ ])
    | (?P<sign2>[^\w\s.,;:!?'"()’‘“”„«»‚–—…¿¡。、，．！？；：「」『』（）،؟؛۔।॥·-]|_|-{{2,}}|[.]{{4,}}|(?<!\w)-(?!\w))
    """,
        re.VERBOSE,
    )


def _any(written: Iterable[str]) -> str:
    return "|".join(sorted(map(re.escape, written), key=len, reverse=True)) or "(?!)"
