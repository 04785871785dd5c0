"""Email addresses, said ("jane dot doe at gmail dot com", letters between) or written ("jane.doe@gmail.com")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.language.numbers import digit_piece
from agent.language.words import words
from agent.slots.base import Progress, Reading
from agent.slots.letters import letter_at
from agent.slots.phrases import CARRIER_WORDS, CLOSINGS, CORRECTIONS, OBJECTIONS, PATIENCE, begins, hesitates, match

_SIGNS = {
    "at": "@", "dot": ".", "point": ".", "period": ".", "underscore": "_", "dash": "-", "hyphen": "-", "minus": "-",
    "plus": "+", "@": "@", ".": ".", "_": "_", "-": "-", "+": "+",
}  # fmt: skip
_AROUND = CARRIER_WORDS | {"email", "mail", "e", "address", "reach", "send", "use", "spelled", "spelt", "all", "one"}
#: After these nothing more belongs to an address. Not "co", "ac", "org", "net", "gov": "dot uk" may follow.
_LAST = frozenset(
    "com edu info biz io de uk ca us au nz eu ai app dev tv fr nl es it ch be se dk fi pl ie in jp br mx za mil".split()
)
_INNER = frozenset(("co", "ac", "org", "net", "gov", "me"))
#: Providers whose names are heard in two words, or without the "dot".
_PROVIDERS = frozenset("gmail googlemail hotmail outlook yahoo icloud aol gmx protonmail proton live msn web".split())
#: No address is longer (RFC 5321, 4.5.3.1).
_MOST = 254
#: More words than this, and no "at" yet, are a sentence.
_MOST_NAMES = 5
#: As is one with these among its names.
_OF_SENTENCES = frozenset("my the to you your me it not as of that this be we us same before there here".split())


@dataclass(slots=True)
class _Address:
    local: list[str] = field(default_factory=list)
    domain: str = ""
    at: bool = False
    #: The letters said one by one just now; the words before them may be what they spell.
    letters: str = ""
    tail: list[str] = field(default_factory=list)
    strange: bool = False

    @property
    def value(self) -> str:
        return "".join(self.local) + ("@" + self.domain if self.at else "")

    def end_letters(self) -> None:
        """Letters that spell the word before them add nothing: "doe d o e"."""
        if self.letters and self.local[-1:] != [self.letters]:
            self.local.append(self.letters)
        self.letters = ""


def read(text: str) -> Reading:
    """How far `text` has come as an email address. Whole where its last label is one that ends addresses."""
    said = _pieces(text)
    if not said:
        return Reading(Progress.NOTHING)
    found = _addresses(said)
    last = found[-1]
    last.end_letters()
    first = next((address for address in reversed(found[:-1]) if _label(address) in _LAST | _INNER), None)
    if first is not None and not last.at:
        again = "".join(last.local)
        done = not again or again == "".join(first.local) or again in first.local
        return Reading(Progress.WHOLE if done and again else Progress.PART, first.value)
    if not last.local:
        objects = last.strange or said[-1] in ("no", "nope")
        return Reading(Progress.BESIDE if objects else Progress.NOTHING)
    names = [word for word in last.local if len(word) > 1 and word.isalpha()]
    sentence = len(names) > _MOST_NAMES or any(word in _OF_SENTENCES for word in names)
    if not last.at and (last.strange or sentence):
        return Reading(Progress.BESIDE)
    label = _label(last)
    if not label:
        return Reading(Progress.PART, last.value)
    if any(word not in _AROUND for word in last.tail):
        return Reading(Progress.BESIDE, last.value)
    whole = label in _LAST and not last.tail and not hesitates(text)
    return Reading(Progress.WHOLE if whole else Progress.ENOUGH, last.value)


def _label(address: _Address) -> str:
    """The last label of a domain that has two and is no beginning of one: "com"."""
    name, dot, label = address.domain.rpartition(".")
    return label if dot and name.strip(".") and len(label) > 1 and address.local else ""


def _pieces(text: str) -> list[str]:
    """Words, with the signs of an address that is written out as pieces of their own."""
    said: list[str] = []
    for token in text.lower().split():
        plain = token.strip(".,;:!?\"'()<>…")
        if not any(sign in plain for sign in "@._+-") or len(plain) < 2:
            said.extend(words(plain))
            continue
        piece = ""
        for sign in plain:
            if sign in "@._+-":
                said.extend((*words(piece), sign))
                piece = ""
            else:
                piece += sign
        said.extend(words(piece))
    return said


def _addresses(said: Sequence[str]) -> list[_Address]:
    """What was said, cut where the caller corrects or repeats himself. Never empty."""
    found = [_Address()]
    at = 0
    while at < len(said) and len(found[-1].value) < _MOST and len(found) < _MOST:
        last = found[-1]
        whole = _label(last)
        if size := _around(said, at, last):
            at += size
        elif (last.local or last.letters) and (size := _restart(said, at, last)):
            found.append(_Address())
            at += size
        elif not last.local and not last.letters and said[at] in OBJECTIONS:
            last.strange = True
            at += 1
        elif whole and said[at] not in _SIGNS and not (whole == "co" and said[at] == "m"):
            last.tail.append(said[at])
            at += 1
        else:
            at = _take(last, said, at)
    return found


def _around(said: Sequence[str], at: int, last: _Address) -> int:
    """How many words here belong to no address: an introduction, thanks."""
    word = said[at]
    if not last.local and not last.letters:
        if size := match(PATIENCE, said, at):
            return size
        if said[at : at + 2] == ["e", "mail"]:
            return 2
        alone = at + 1 < len(said) and said[at + 1] in _SIGNS and said[at + 1] != "at"
        return 1 if word in _AROUND and not alone and (len(word) > 1 or _word_follows(said, at)) else 0
    if _label(last):
        return match(CLOSINGS, said, at)
    return 1 if word in ("spelled", "spelt", "letter", "capital", "lowercase", "is") else 0


def _word_follows(said: Sequence[str], at: int) -> bool:
    """Whether a word, and no single letter or sign, comes after word `at`: "a" is no letter then."""
    return at + 1 < len(said) and len(said[at + 1]) > 1 and said[at + 1] not in _SIGNS


def _restart(said: Sequence[str], at: int, last: _Address) -> int:
    """How many words here say that the address, or its spelling, begins again."""
    if size := match(CORRECTIONS, said, at):
        return size
    if _label(last) and tuple(said[at : at + 2]) in (("that", "is"), ("it", "is"), ("so", "that")):
        return 2
    return 1 if _label(last) and said[at] in ("spelled", "spelt", "so") else 0


def _take(last: _Address, said: Sequence[str], at: int) -> int:
    """One piece of an address. Returns where it goes on."""
    word = said[at]
    sign = _SIGNS.get(word, "")
    if sign == "@" and last.at:
        sign = ""
    if sign:
        last.end_letters()
        if sign == "@":
            last.at = True
        elif last.at:
            last.domain += sign
        else:
            last.local.append(sign)
        return at + 1
    beside = bool(last.letters)
    letters, after, _ = letter_at(said, at, beside=beside)
    if len(word) > 1 and word not in ("double", "triple") and not beside:
        letters = ""  # "see", "bee", "mike" are words here
    if not letters:
        piece, after = digit_piece(said, at)
        letters, after = "", after if piece else at + 1
        word = piece or word
    if last.at:
        last.domain += letters or word
        _mend_domain(last)
    elif letters:
        last.letters += letters
    else:
        last.end_letters()
        if not (begins(CORRECTIONS, said, at) and word in ("i", "so")):
            last.local.append(word)
    return after


def _mend_domain(last: _Address) -> None:
    """A dot that was not heard: "gmail com"."""
    for ending in ("com", "dotcom"):
        if last.domain.endswith(ending) and last.domain[: -len(ending)] in _PROVIDERS:
            last.domain = last.domain[: -len(ending)] + ".com"
