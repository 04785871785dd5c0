"""Numbers that are given digit by digit: order numbers, telephone numbers, PINs; said, keyed, or both.

What is said is split where the caller corrects himself; the last part counts. Within a part all digits make one number,
however they are grouped. A number said twice in a row is that number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.language.numbers import SOUND_ALIKES, digit_piece, is_digit_word, may_go_on
from agent.language.words import words
from agent.slots.base import Asks, Progress, Reading
from agent.slots.phrases import CARRIER_WORDS, CLOSINGS, CORRECTIONS, OBJECTIONS, PATIENCE, hesitates, match, phrases

#: What stands between digits and is no word of its own.
_JOINTS = frozenset(
    "dash hyphen then space and followed by next the a number area code extension plus slash dot point comma stroke "
    "in is it".split()
)
#: "One" and "two" in these are no digits.
_IDIOMS = phrases("one of, one thing, one time, one more, the one, that one, this one, no one, which one, any one")
_REPEATS = frozenset(("double", "triple", "treble", "quadruple"))
#: Before these, "oh" is no digit.
_AFTER_OH = frozenset("it i my the that yes yeah okay ok let here sure right you we no".split())
#: After these, a word that sounds like a digit may be the first one: "it is for seven one two".
_INTRODUCES = frozenset("is number code id says it are".split())
#: More digits than anybody is asked for: whatever follows is not looked at.
_MOST = 64


@dataclass(slots=True)
class _Part:
    """What was said between two corrections."""

    digits: str = ""
    pieces: int = 0
    #: The last piece may be the beginning of another number: "forty".
    open: bool = False
    #: The words after the last digit.
    tail: list[str] = field(default_factory=list)
    #: Words before or between the digits that belong to no number.
    strange: int = 0
    objects: bool = False
    began_oh: bool = False
    refused: bool = False


def read(asks: Asks, text: str) -> Reading:
    """How far `text` has come as a number of `asks.length` (to `asks.longest`) digits; of 0, as any number."""
    said = words(text)
    if not said:
        return Reading(Progress.NOTHING)
    parts = _parts(said)
    part = parts[-1]
    earlier = [p for p in parts[:-1] if p.digits and not p.refused]
    if part.refused:
        part = _Part(tail=part.tail, objects=part.objects)
    if not part.digits:
        return _without_digits(part, earlier, said)
    reading = _judged(asks, part, earlier)
    if reading.progress in (Progress.WHOLE, Progress.ENOUGH):
        return _with_tail(reading, part, text)
    if reading.progress is Progress.PART and part.objects and part.pieces == 1 and not earlier:
        return Reading(Progress.BESIDE, reading.value)
    if reading.progress is Progress.PART and _strange_tail(part):
        return Reading(Progress.BESIDE, reading.value)
    return reading


def _judged(asks: Asks, part: _Part, earlier: Sequence[_Part]) -> Reading:
    """The digits of the last part, against how many were asked for."""
    digits, least, most = part.digits, asks.length, max(asks.length, asks.longest)
    if not most or (not least and len(digits) < most):
        return Reading(Progress.ENOUGH, digits)
    if len(digits) > most:
        return _more_than_asked(digits, least or most, most, part)
    if len(digits) < least:
        if earlier and (mended := _mended(earlier[-1].digits, digits, least, most)):
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


def _more_than_asked(digits: str, least: int, most: int, part: _Part) -> Reading:
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


def _with_tail(reading: Reading, part: _Part, text: str) -> Reading:
    """A number that may be all, with what was said after it."""
    if _strange_tail(part):
        return Reading(Progress.BESIDE, reading.value)
    if part.open and part.tail == ["and"]:  # "four thousand and": twelve
        return Reading(Progress.ENOUGH, reading.value)
    unfinished = part.tail and not _closed(part.tail)
    if part.tail and part.tail[-1] in _REPEATS:
        return Reading(Progress.PART, reading.value)
    if part.tail and part.tail[-1] in ("and", "but", "then", "so", "because"):
        return Reading(Progress.BESIDE, reading.value)
    if unfinished or hesitates(text):
        return Reading(Progress.ENOUGH, reading.value)
    return reading


def _without_digits(part: _Part, earlier: Sequence[_Part], said: Sequence[str]) -> Reading:
    """No digit since the last correction, if there was one."""
    if earlier:
        return Reading(Progress.PART) if not part.objects else Reading(Progress.BESIDE)
    if part.objects or any(word not in CARRIER_WORDS | _REPEATS for word in part.tail):
        return Reading(Progress.BESIDE)
    if part.tail and part.tail[-1] in _REPEATS:
        return Reading(Progress.PART)
    return Reading(Progress.BESIDE if said[-1] in ("no", "nope") else Progress.NOTHING)


def _strange_tail(part: _Part) -> bool:
    """Whether words follow the digits that belong to no number and to no thanks."""
    return any(word not in CARRIER_WORDS and word not in _JOINTS and word not in _REPEATS for word in part.tail)


def _closed(tail: Sequence[str]) -> bool:
    """Whether the words after a number end with it: "please", "is my order number"."""
    return tail[-1] in ("number", "code", "id", "reference", "it", "please", "thanks", "right", "okay", "ok", "yes")


def _parts(said: Sequence[str]) -> list[_Part]:
    """The words, cut where the caller corrects himself. Never empty."""
    parts = [_Part()]
    at = 0
    while at < len(said) and len(parts[-1].digits) <= _MOST:
        part = parts[-1]
        size = match(PATIENCE, said, at)
        if not size and (part.digits or said[at] != "is"):
            size = match(CLOSINGS, said, at)
        if size:
            at += size
        elif size := match(CORRECTIONS, said, at):
            if part.digits or said[at] == "no":
                parts.append(_Part())
            at += size
        elif size := match(_IDIOMS, said, at):
            part.tail.extend(said[at : at + size])
            at += size
        else:
            at = _take(parts, said, at)
    return parts


def _take(parts: list[_Part], said: Sequence[str], at: int) -> int:
    """One piece of a number, or one word of what is around it. Returns where it goes on."""
    part = parts[-1]
    word = said[at]
    if word == "not" and at + 1 < len(said) and digit_piece(said, at + 1)[0]:
        parts.append(_Part(refused=True))
        return at + 1
    if word == "but" and part.refused:
        parts.append(_Part())
        return at + 1
    digits, after = _piece(said, at, part)
    if after > at:
        if part.tail and part.digits and _strange_tail(part):
            # Two numbers with something else between them: the second one is another one.
            part.digits, part.strange = "", part.strange + len(part.tail)
        part.began_oh = part.began_oh if part.digits else word == "oh"
        part.digits += digits
        part.pieces += 1
        part.open = may_go_on(said[at:after])
        part.tail = []
        return after
    if word in OBJECTIONS:
        part.objects = True
    part.tail.append(word)
    return at + 1


def _piece(said: Sequence[str], at: int, part: _Part) -> tuple[str, int]:
    """A piece of a number, with words that sound like digits where they stand beside digits."""
    word = said[at]
    following = said[at + 1] if at + 1 < len(said) else ""
    if word == "oh" and not part.digits and following in _AFTER_OH:
        return "", at
    if word not in SOUND_ALIKES:
        return digit_piece(said, at)
    after_digit = part.digits and not part.tail
    introduced = not part.digits and (not part.tail or part.tail[-1] in _INTRODUCES) and is_digit_word(following)
    return (digit_piece((SOUND_ALIKES[word],), 0)[0], at + 1) if after_digit or introduced else ("", at)
