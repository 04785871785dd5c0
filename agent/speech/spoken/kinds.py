"""Kinds: what in a text is not said as it is written (amounts, dates, numbers, addresses, …), found and put into words.

One pattern for each language (pattern.py) finds all of them from left to right. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from agent.speech.spoken.addresses import code, domain_words, email, letters, phone, url
from agent.speech.spoken.calendar import clock, in_figures, month_day, whole_date
from agent.speech.spoken.form import Rewriter, Step
from agent.speech.spoken.language import Language, language_of
from agent.speech.spoken.pattern import CURRENCIES, DAYS, UNITS, pattern

#: So far back is looked for the word that says what a number is.
_CONTEXT_CHARS = 48
_SIGNS = re.compile(r"[^\w\s.,;:!?'()-]|_")
_WORDS = re.compile(r"[^\W\d_]+")
Say = Callable[[re.Match[str], Language], str | None]


def in_words(text: str, tag: str) -> tuple[str, Step]:
    """`text` (without markup) with every kind that is not said as it is written in words, and the way back."""
    language = language_of(tag)
    rewriter = Rewriter(text)
    for found in pattern(tag).finditer(text):
        said = _SAY[found.lastgroup or ""](found, language)
        if said is None:  # its words are not known: its digits are left to the voice
            said = _SIGNS.sub(" ", found[0])
        if said != found[0]:
            rewriter.put(*found.span(), said)
    return rewriter.done()


def _before(found: re.Match[str]) -> list[str]:
    """The words before it in its sentence, in small letters, the last one last."""
    text = found.string[max(0, found.start() - _CONTEXT_CHARS) : found.start()]
    return [word.lower() for word in _WORDS.findall(re.split(r"(?<!\b[Nn]o)[.!?;]\s", text)[-1])]


def _is_id(found: re.Match[str], language: Language) -> bool:
    """Whether a number names something: "order 4712", "your code is 4712"."""
    words = _before(found)[-3:]
    ids = {word.lower() for word in language.listed("ids")}
    return bool(words) and any(word in ids or word.rstrip("s") in ids for word in words)


def _number(found: re.Match[str], language: Language) -> str | None:
    if not language.numbers:
        return None
    written, sign = found["number"], ""
    if found["less"]:
        written, sign = written[1:], f"{language.word('minus')} "
    figures = written
    if not figures.isdecimal():
        return sign + language.amount(written)
    text = found.string
    if figures.startswith("0") and len(figures) > 1:
        return sign + language.digits(figures)
    if sign:
        return sign + language.cardinal(int(figures))
    alone = not any(sign.isalnum() for sign in text[: found.start()] + text[found.end() :])
    named = _is_id(found, language) or text[max(0, found.start() - 2) : found.start()].startswith("#")
    words = _before(found)
    year = (
        len(figures) == 4 and figures[:2] in ("18", "19", "20") and words[-1:] and words[-1] in language.listed("when")
    )
    if year and not (named and len(words) > 1 and words[-1] not in ("in", "since", "year")):
        return language.year(int(figures))
    counted = figures.endswith("000") and not named
    if (named or (alone and len(figures) >= 4) or len(figures) >= 5) and not counted and len(figures) > 1:
        return language.digits(figures)
    return language.cardinal(int(figures))


def _money(found: re.Match[str], language: Language) -> str | None:
    if not language.numbers:
        return None
    text = found["money"]
    code_found = re.search(r"[A-Z]{3}", text)
    symbol = next((sign for sign in text if sign in CURRENCIES), "")
    currency = code_found[0] if code_found else CURRENCIES[symbol]
    number_found = re.search(r"\d[\d.,\u00a0\u202f ]*", text)
    if number_found is None:
        return None
    number = number_found[0].rstrip(" .,")
    size = re.search(r"[^\W\d_]+", text[number_found.end() :])
    minus = f"{language.word('minus')} " if found["sign"] else ""
    word = _size(size[0], language) if size and size[0] != currency else ""
    if word:
        return f"{minus}{language.amount(number)} {word} {language.currency_name(currency, 2)}"
    return minus + language.currency(language.plain(number), currency)


def _size(written: str, language: Language) -> str:
    sizes = language.table("sizes")
    return str(sizes.get(written) or sizes.get(written.lower()) or "")


def _percent(found: re.Match[str], language: Language) -> str | None:
    if not language.numbers:
        return None
    text = found["percent"]
    minus = f"{language.word('minus')} " if text[0] in "-−" else ""
    numbers = re.split(r"[ ]?[-–][ ]?", text.lstrip("-−").rstrip(" %"))
    said = [*(language.amount(number) for number in numbers[:-1]), language.unit(numbers[-1], "concentr-percent")]
    return minus + f" {language.word('to')} ".join(said)


def _unit(found: re.Match[str], language: Language) -> str | None:
    size, named = found["size"], found["named"]
    if not language.numbers:
        return None
    minus = f"{language.word('minus')} " if size[0] in "-−" else ""
    size = size.lstrip("-−")
    if found["gap"] and named == "s":  # "the 5 s": hardly seconds
        return f"{minus}{language.amount(size)} {named}"
    return minus + language.unit(size, UNITS[named])


def _ordinal(found: re.Match[str], language: Language) -> str | None:
    return language.ordinal(int(found["ordinal"][:-2])) if language.base == "en" else _code(found, language)


def _fraction(found: re.Match[str], language: Language) -> str | None:
    if not language.numbers:
        return None
    part = language.table("fractions").get(found["part"])
    if part is None:
        high, low = found["part"].split("/")
        part = f"{language.amount(high)} {language.word('over')} {language.amount(low)}"
    whole = found["whole"]
    return f"{language.amount(whole)} {language.word('and')} {part}" if whole else str(part)


def _groups(found: re.Match[str], language: Language) -> str | None:
    if not language.numbers:
        return None
    return ", ".join(language.digits(group) for group in re.split(r"[ -]", found["groups"]))


def _range(found: re.Match[str], language: Language) -> str | None:
    if not language.numbers:
        return None
    low, high = found["low"], found["high"]
    if _is_id(found, language) or (len(low) >= 4 and low.isdecimal() and not _is_year(low)) or low.startswith("00"):
        return f"{language.digits(low)}, {language.digits(high)}"
    half = (found["half3"] or "").strip().lower()
    years = _is_year(low) and _is_year(high)
    said = [language.year(int(one)) if years else language.amount(one) for one in (low, high)]
    return f" {language.word('to')} ".join(said) + (f" {half[0]}.m." if half else "")


def _is_year(figures: str) -> bool:
    return len(figures) == 4 and figures.isdecimal() and figures[:2] in ("18", "19", "20")


def _code(found: re.Match[str], language: Language) -> str | None:
    return code(found[0], language) if language.numbers else None


def _hash(found: re.Match[str], language: Language) -> str | None:
    follows = found.string[found.end() : found.end() + 1]
    words = _before(found)
    if not follows.isdecimal() or words[-1:] == [language.word("number").lower()]:
        return ""
    return f"{language.word('number')} " if language.word("number") else ""


def _scale(found: re.Match[str], language: Language) -> str | None:
    if not language.numbers:
        return None
    size = re.search(r"[^\W\d_]+\Z", found["scale"])
    if size is None:
        return None
    number = found["scale"][: size.start()].rstrip()
    return f"{language.amount(number)} {_size(size[0], language) or size[0]}"


def _times(found: re.Match[str], language: Language) -> str | None:
    if not language.numbers:
        return None
    return f"{language.amount(found['times'][:-1])} {language.table('signs').get('×', 'x')}"


def _decade(found: re.Match[str], language: Language) -> str | None:
    """ "the 1980s", "the '90s"."""
    figures = found["decade"].strip("'’s")
    if language.base != "en":
        return f"{language.year(int(figures))} s" if language.numbers else None
    said = language.year(int(figures)) if len(figures) == 4 else language.cardinal(int(figures))
    return f"{said[:-1]}ies" if said.endswith("y") else f"{said}s"


def _days(found: re.Match[str], language: Language) -> str | None:
    names = language.locale.days["format"]["wide"]
    return f" {language.word('to')} ".join(str(names[DAYS[day]]) for day in re.findall(r"[A-Za-z]+", found["days"]))


def _short(found: re.Match[str], language: Language) -> str | None:
    written = found["short"]
    said = str(language.table("short").get(written, written))
    last = found.end() >= len(found.string.rstrip())
    return f"{said}." if written.endswith(".") and last else said


def _capitals(found: re.Match[str], language: Language) -> str | None:
    written = found["capitals"].split(" ")
    words, common = language.listed("words"), language.listed("shouted")
    shouted = any(word in common for word in written) and len(written) > 1
    return " ".join(_capital(word, words, common, shouted=shouted) for word in written)


def _capital(written: str, words: frozenset[str], common: frozenset[str], *, shouted: bool) -> str:
    stem = written.removesuffix("s")
    if stem in words:
        return written.capitalize()
    if written in common or "'" in written or len(stem) > 5 or (shouted and len(stem) > 3):
        return written.lower()
    return letters(stem) + ("'s" if stem != written else "")


def _ratio(found: re.Match[str], language: Language) -> str | None:
    if not language.numbers:
        return None
    return f" {language.word('to')} ".join(language.amount(part) for part in found["ratio"].split(":"))


def _version(found: re.Match[str], language: Language) -> str | None:
    if not language.numbers:
        return None
    parts = found["version"].split(".")
    said = [language.cardinal(int(part)) if len(part) < 3 else language.digits(part) for part in parts]
    return f" {language.word('dot')} ".join(said)


def _sign(found: re.Match[str], language: Language) -> str | None:
    said = language.table("signs").get(found[0], "")
    return f" {said} " if said else ", " if found[0].startswith(("--", "…")) else " "


def _slash(found: re.Match[str], language: Language) -> str | None:
    before, after = found.string[: found.start()], found.string[found.end() :]
    last, follows = re.split(r"\W", before)[-1], re.split(r"\W", after)[0]
    if last.isupper() or last.lower() == language.word("and") or last.isdecimal() or follows.isdecimal():
        return " "
    return f" {language.word('or')} " if language.word("or") else " "


def _numero(found: re.Match[str], language: Language) -> str | None:
    number = language.word("number")
    return f"{number.capitalize() if found[0][0] == 'N' else number} " if number else None


def _initials(found: re.Match[str], language: Language) -> str | None:
    if language.base == "en" and found[0].upper() in ("A.M.", "P.M."):
        return found[0].lower()
    last = found.end() >= len(found.string.rstrip())
    return letters(found[0].replace(".", "")) + ("." if last else "")


_SAY: dict[str, Say] = {
    "email": lambda found, language: email(found["email"], language),
    "url": lambda found, language: url(found["url"], language),
    "host": lambda found, language: domain_words(found["host"], language),
    "isodate": lambda found, language: whole_date(found["isodate"], language),
    "phone": lambda found, language: phone(found["phone"], language),
    "figures": lambda found, language: in_figures(found["figures"], _before(found), language),
    "monthday": lambda found, language: month_day(found, "month", "day", "year", language),
    "daymonth": lambda found, language: month_day(found, "month2", "day2", "year2", language),
    "monthyear": lambda found, language: month_day(found, "month3", "", "year3", language),
    "time": lambda found, language: clock(found, language),
    "money": _money,
    "percent": _percent,
    "unit": _unit,
    "ordinal": _ordinal,
    "fraction": _fraction,
    "groups": _groups,
    "range": _range,
    "ratio": _ratio,
    "version": _version,
    "code": _code,
    "hash": _hash,
    "scale": _scale,
    "times": _times,
    "decade": _decade,
    "days": _days,
    "until": lambda found, language: f" {language.word('to')} ",
    "number": _number,
    "initials": _initials,
    "short": _short,
    "numero": _numero,
    "capitals": _capitals,
    "slash": _slash,
    "dash": lambda found, language: ", ",
    "sign2": _sign,
}
