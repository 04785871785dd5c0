"""Phrases: whether a text has one of them in it, in any language; case and punctuation do not count. Pure."""

from __future__ import annotations

from collections.abc import Iterable

#: Nobody says more at once that matters here; junk costs bounded time.
MAX_CHARS = 4000


def says_one_of(text: str, phrases: Iterable[str]) -> bool:
    """Whether a whole phrase is in `text`: "cancel it" is in "shall I cancel it?", and not in "cancel items"."""
    said = f" {_plain(text)} "
    return any(phrase and f" {phrase} " in said for phrase in map(_plain, phrases))


def _plain(text: str) -> str:
    return " ".join("".join(sign if sign.isalnum() else " " for sign in text[:MAX_CHARS].casefold()).split())
