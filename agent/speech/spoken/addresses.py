"""Addresses for the ear: email and web addresses, telephone numbers, codes of letters and digits. Pure."""

from __future__ import annotations

import re

from agent.speech.spoken.language import Language

#: Of what stands behind a web address's host no more is said than a caller can write down.
_PATH_CHARS = 24
_PARTS = re.compile(r"[^\W\d_]+|\d+|[^\w]|_")


def letters(word: str) -> str:
    """One by one: "USB" -> "U S B"."""
    return " ".join(word)


def email(written: str, language: Language) -> str:
    """ "jane.doe7@example.com" -> "jane dot doe seven at example dot com"."""
    return _spelled_out(written.removeprefix("mailto:"), language)


def domain_words(written: str, language: Language) -> str:
    """A host, with the path behind it where that is short."""
    stop = re.search(r"[.,;:!?)'\]]*\Z", written)
    end = stop.start() if stop else len(written)
    host, slash, path = written[:end].partition("/")
    said = _spelled_out(host, language)
    path = path.strip("/")
    if slash and path and len(path) <= _PATH_CHARS and re.fullmatch(r"[\w/-]+", path):
        said += " " + _spelled_out(f"/{path}", language)
    return said + re.sub(r"[^.,;:!?]", "", written[end:])[:1]


def url(written: str, language: Language) -> str:
    """Without its scheme, user and query: "https://www.example.com/track?id=7" -> "example dot com"."""
    stop = re.search(r"[.,;:!?)'\]]*\Z", written)
    end = stop.start() if stop else len(written)
    rest = re.sub(r"\A[A-Za-z][A-Za-z0-9+.-]{1,12}://", "", written[:end])
    host, slash, path = rest.partition("/")
    host = re.split(r"[?#]", host)[0].rpartition("@")[2].removeprefix("www.")
    path = "" if re.search(r"[?#=&%]", path) or re.search(r"[?#]", rest.partition("/")[0]) else path
    return domain_words(f"{host}{slash}{path}", language) + re.sub(r"[^.,;:!?]", "", written[end:])[:1]


def phone(written: str, language: Language) -> str | None:
    """Digit by digit, in the groups in which it is written."""
    if not language.numbers:
        return None
    groups = [group for group in re.split(r"\D+", written) if group]
    plus = f"{language.table('signs').get('+', '')} " if written.startswith("+") else ""
    return plus.lstrip() + ", ".join(language.digits(group) for group in groups)


def code(written: str, language: Language) -> str:
    """Letters and digits: "AB-1234" -> "A B, one two three four"; what is a word stays one ("Covid nineteen")."""
    parts = re.findall(r"[^\W\d_]+|\d+", written)
    word_first = len(parts) == 2 and len(parts[0]) > 3 and not parts[0].isupper() and parts[1].isdecimal()
    said: list[str] = []
    for part in parts:
        if part.isdecimal():
            counted = len(part) <= 2 and part[0] != "0" and (word_first or not said or len(written) <= 4)
            said.append(language.cardinal(int(part)) if counted else language.digits(part))
        else:
            said.append(letters(part) if len(part) <= 5 and (part.isupper() or len(part) == 1) else part)
    rests = len(written) > 5 and not word_first and any(len(part) > 1 for part in parts)
    return (", " if rests else " ").join(said)


def _spelled_out(written: str, language: Language) -> str:
    """Words as they are, signs and digits by name."""
    signs = language.table("address")
    said: list[str] = []
    for part in _PARTS.findall(written):
        if part.isdecimal():
            said.append(language.digits(part) if language.numbers else part)
        elif part[0].isalpha():
            said.append(letters(part) if part.isupper() and len(part) < 5 else part)
        else:
            said.append(str(signs.get(part, "")))
    return " ".join(filter(None, said))
