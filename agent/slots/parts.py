"""Values given sign by sign (digits, letters): their pieces, corrections and repeats, and how far they have come.

What is said is split where the caller corrects himself; the last part counts. Within a part all signs make one value,
however they are grouped. A value said twice in a row is that value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from agent.language.numbers import REPEATS
from agent.language.words import words
from agent.slots.base import MAX_LENGTH, Asks, Progress, Reading
from agent.slots.phrases import (
    CARRIER_WORDS,
    CLOSINGS,
    CORRECTIONS,
    OBJECTIONS,
    PATIENCE,
    begins,
    hesitates,
    match,
    phrases,
)

#: What stands between signs and is no word of its own.
_JOINTS = frozenset(
    "dash hyphen then space and followed by next the a number area code extension plus slash dot point comma stroke "
    "in is it for capital upper lower case uppercase lowercase small letter letters spelled spelt spelling".split()
)
#: "One" and "two" in these are no digits.
_IDIOMS = phrases(
    "one of, one thing, one time, one more, that one, this one, no one, which one, any one, one that, one with, one "
    "from"
)
#: Said last instead of a value: a refusal, "sorry?", "say that again".
_ALONE = frozenset("no nope sorry pardon again thanks bye goodbye".split())
_AROUND = CARRIER_WORDS | REPEATS.keys() | _JOINTS
#: Whatever follows is not looked at.
_MOST = MAX_LENGTH


@dataclass(slots=True)
class Part:
    """What was said between two corrections."""

    signs: str = ""
    pieces: int = 0
    #: The last piece may be the beginning of another one: "forty", "b as in".
    open: bool = False
    #: The words after the last sign.
    tail: list[str] = field(default_factory=list)
    #: Words that stand before the signs and introduce nothing: "smith" before its letters.
    before: list[str] = field(default_factory=list)
    objects: bool = False
    began_oh: bool = False
    refused: bool = False


#: The signs of the piece that begins at a word, the word after it, and whether more words may make it another piece;
#: ("", at, False) where none begins.
Take = Callable[[Sequence[str], int, Part], tuple[str, int, bool]]


def read_signs(asks: Asks, text: str, take: Take) -> Reading:
    """How far `text` has come as `asks.length` (to `asks.longest`) signs; of 0, as any number of them."""
    said = words(text)
    if not said:
        return Reading(Progress.NOTHING)
    parts = _parts(said, take)
    part = parts[-1]
    earlier = [p for p in parts[:-1] if p.signs and not p.refused]
    if part.refused:
        part = Part(tail=part.tail, objects=part.objects)
    if not part.signs:
        return _without_signs(part, earlier, said)
    reading = _judged(asks, part, earlier)
    if reading.progress in (Progress.WHOLE, Progress.ENOUGH):
        return _with_tail(reading, part, text)
    if reading.progress is Progress.PART and (_strange_tail(part) or (part.objects and part.pieces == 1)):
        return Reading(Progress.BESIDE if not earlier or _strange_tail(part) else Progress.PART, reading.value)
    return reading


def _judged(asks: Asks, part: Part, earlier: Sequence[Part]) -> Reading:
    """The signs of the last part, against how many were asked for."""
    digits, least, most = part.signs, max(0, asks.length), max(0, asks.length, asks.longest)
    if not most or (not least and len(digits) < most):
        return Reading(Progress.ENOUGH, digits)
    if len(digits) > most:
        return _more_than_asked(digits, least or most, most, part)
    if len(digits) < least:
        if earlier and (mended := _mended(earlier[-1].signs, digits, least, most)):
            return Reading(Progress.ENOUGH, mended)
        return Reading(Progress.PART, digits)
    if len(digits) < most or part.open or _repeated(digits, least or most):
        return Reading(Progress.ENOUGH, digits)
    return Reading(Progress.WHOLE, digits)


def _mended(before: str, digits: str, least: int, most: int) -> str:
    """A correction that puts other digits in place of the last one: "four seven one two no three", "four seven no
    eight one two". Not where it begins as the number did: that is the number again, from its beginning."""
    whole = before[:-1] + digits
    if digits[0] == before[0] or not least <= len(whole) <= most or len(before) > most:
        return ""
    return whole if len(digits) == 1 or len(before) < least else ""


def _more_than_asked(digits: str, least: int, most: int, part: Part) -> Reading:
    """More digits than asked: the number said again, or said otherwise; a number after "oh"; else something else."""
    for length in range(most, least - 1, -1):
        first, again = digits[:length], digits[length:]
        while len(again) > length and again.startswith(first):
            again = again[length:]
        if again == first:
            return Reading(Progress.WHOLE, first)
        if first.startswith(again):
            return Reading(Progress.PART, first)
        if len(again) == length and sum(a != b for a, b in zip(first, again, strict=True)) == 1:
            return Reading(Progress.ENOUGH, again)
    if part.began_oh and len(digits) == most + 1:
        return Reading(Progress.WHOLE, digits[1:])
    return Reading(Progress.BESIDE, digits)


def _repeated(digits: str, least: int) -> bool:
    """Whether these may be a shorter number and the beginning of its repetition: 471247, where four to six may come."""
    return any(digits[:length].startswith(digits[length:]) for length in range(max(least, 3), len(digits) - 1))


def _with_tail(reading: Reading, part: Part, text: str) -> Reading:
    """A number that may be all, with what was said after it."""
    if _strange_tail(part):
        return Reading(Progress.BESIDE, reading.value)
    if part.open and part.tail == ["and"]:  # "four thousand and": twelve
        return Reading(Progress.ENOUGH, reading.value)
    unfinished = part.tail and not _closed(part.tail)
    if part.tail and part.tail[-1] in REPEATS:
        return Reading(Progress.PART, reading.value)
    if part.tail and part.tail[-1] in ("and", "but", "then", "so", "because"):
        return Reading(Progress.BESIDE, reading.value)
    if unfinished or hesitates(text):
        return Reading(Progress.ENOUGH, reading.value)
    return reading


def _without_signs(part: Part, earlier: Sequence[Part], said: Sequence[str]) -> Reading:
    """No sign since the last correction, if there was one."""
    if earlier:
        return Reading(Progress.PART) if not part.objects else Reading(Progress.BESIDE)
    if not part.objects and any(begins(PATIENCE, said, at) for at in range(max(0, len(said) - 4), len(said))):
        return Reading(Progress.NOTHING)
    if part.objects or any(word not in _AROUND for word in part.tail):
        return Reading(Progress.BESIDE)
    if part.tail and part.tail[-1] in REPEATS:
        return Reading(Progress.PART)
    return Reading(Progress.BESIDE if said[-1] in _ALONE else Progress.NOTHING)


def _strange_tail(part: Part) -> bool:
    """Whether words follow the signs that belong to no value and to no thanks."""
    return any(word not in _AROUND for word in part.tail)


def _closed(tail: Sequence[str]) -> bool:
    """Whether the words after a number end with it: "please", "is my order number"."""
    return tail[-1] in ("number", "code", "id", "reference", "it", "please", "thanks", "right", "okay", "ok", "yes")


def split(text: str, take: Take) -> list[Part]:
    """What was said, cut where the caller corrects himself. Never empty."""
    return _parts(words(text), take)


def _parts(said: Sequence[str], take: Take) -> list[Part]:
    """The words, cut where the caller corrects himself. Never empty."""
    parts = [Part()]
    at = 0
    while at < len(said) and len(parts[-1].signs) <= _MOST and len(parts) <= _MOST:
        part = parts[-1]
        size = match(PATIENCE, said, at)
        if not size and part.signs:
            size = match(CLOSINGS, said, at)
        if size:
            at += size
        elif size := match(CORRECTIONS, said, at):
            if part.signs or said[at] == "no":
                parts.append(Part())
            at += size
        elif size := match(_IDIOMS, said, at):
            part.tail.extend(said[at : at + size])
            at += size
        else:
            at = _taken(parts, said, at, take)
    return parts


def _taken(parts: list[Part], said: Sequence[str], at: int, take: Take) -> int:
    """One piece, or one word of what is around the pieces. Returns where it goes on."""
    part = parts[-1]
    word = said[at]
    if word == "not" and at + 1 < len(said) and take(said, at + 1, part)[0]:
        parts.append(Part(refused=True))
        return at + 1
    if word == "but" and part.refused:
        parts.append(Part())
        return at + 1
    signs, after, is_open = take(said, at, part)
    if after > at:
        part.before.extend(word for word in part.tail if word not in CARRIER_WORDS)
        if part.signs and _strange_tail(part):
            part.signs = ""  # two values with something else between them: the second one is another one
        part.began_oh = part.began_oh if part.signs else word == "oh"
        part.signs += signs
        part.pieces += 1
        part.open = is_open
        part.tail = []
        return after
    if word in OBJECTIONS:
        part.objects = True
    part.tail.append(word)
    return at + 1
