"""Text for the ear: `spoken` puts a written text into words that a voice can say, and keeps the way back. Pure."""

from __future__ import annotations

import re

from agent.speech.spoken.form import Rewriter, Spoken, Step
from agent.speech.spoken.kinds import in_words
from agent.speech.spoken.language import language_of
from agent.speech.spoken.markup import plain_signs, without_markup

__all__ = ["RULES", "Spoken", "spoken", "warm"]

#: Part of a voice's identity: counts up with every change of what `spoken` gives, so that no memory holds the old one.
RULES = "spoken-1"

#: Whatever may not be said as it stands is found by this: a text without any of it is said as it is.
_SOMETHING = re.compile(
    r"[^A-Za-zÀ-ÖØ-öø-ɏЀ-ҁ’“”–—…¿¡ .,;:!?'\"()-]|[A-Z]{2}|\s\s|\A[-+>]\s|\s-+\s|--|\.{4}|[A-Za-z]\.[A-Za-z]"
    r"|[:;]-?[)(DPp](?!\w)"
    r"|(?<!\w)-(?!\w)|\b(?:etc|vs|approx|incl|excl|ca|usw|bzw|aprox|env)\b|No\. \d"
)
_MORE_PASSES = 3


def spoken(text: str, language: str = "en-US") -> Spoken:
    """`text` as a voice is to say it in `language` (a tag: "en-US", "de"); never raises.

    What is spoken already comes back unchanged, and so does what this function gave. In a language whose numbers are
    not known, digits are left to the voice.
    """
    if _SOMETHING.search(text) is None:
        return Spoken(text, len(text))
    steps: list[Step] = []
    said = text
    for _ in range(_MORE_PASSES):
        before = said
        for step in (plain_signs, without_markup):
            said, way = step(said)
            steps.append(way)
        said, way = in_words(said, language)
        steps.append(way)
        said, way = _tidied(said)
        steps.append(way)
        if said == before or _SOMETHING.search(said) is None:
            break
    else:
        said, way = _words_only(said)
        steps.append(way)
    return Spoken(said, len(text), tuple(steps))


def warm(language: str) -> None:
    """Read what the language needs, and say its small numbers: some 30 ms, which no call should wait for."""
    known = language_of(language)
    for number in range(100):
        known.cardinal(number)
    spoken("$1.50 2 5%", language)


_UNTIDY = re.compile(
    r"(?<=[,;:])(?:\s*[,;])+|(?<=[!?])(?:\s*,)+|(?<!\.m\.)(?<=\.)(?:\s*,)+|\(\s*\)|(?<=\.m\.)\.(?!\w)"
    r"|\A[\s,;:.!?)]+|\s+\Z|\s+(?=[,;:.!?)](?!\w))|\s{2,}"
)


def _tidied(text: str) -> tuple[str, Step]:
    """One space between words, none before a comma; no comma twice."""
    rewriter = Rewriter(text)
    for found in _UNTIDY.finditer(text):
        start, end = found.span()
        inner = start > 0 and end < len(text) and found[0].isspace() and text[end] not in ",;:.!?)"
        rewriter.put(start, end, " " if inner else "")
    return rewriter.done()


_NO_WORDS = re.compile(r"[\W\d_]+|[^\W\d_]+")


def _words_only(text: str) -> tuple[str, Step]:
    """What no rule comes to an end with: its words, in small letters."""
    rewriter = Rewriter(text)
    for found in _NO_WORDS.finditer(text):
        start, end = found.span()
        if found[0][0].isalpha():
            if found[0].lower() != found[0]:
                rewriter.put(start, end, found[0].lower())
        else:
            rewriter.put(start, end, " " if start > 0 and end < len(text) else "")
    return rewriter.done()
