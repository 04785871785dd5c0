"""Numbers that are given digit by digit: order numbers, telephone numbers, PINs; said, keyed, or both."""

from __future__ import annotations

from collections.abc import Sequence

from agent.language.numbers import SOUND_ALIKES, digit_piece, is_digit_word, may_go_on
from agent.slots.base import Asks, Reading
from agent.slots.parts import Part, read_signs

#: Before these, "oh" is no digit.
_AFTER_OH = frozenset("it i my the that yes yeah okay ok let here sure right you we no".split())
#: After these, a word that sounds like a digit may be the first one: "it is for seven one two".
_INTRODUCES = frozenset("is number code id says it are".split())


def read(asks: Asks, text: str) -> Reading:
    """How far `text` has come as a number of `asks.length` (to `asks.longest`) digits; of 0, as any number."""
    return read_signs(asks, text, digits_at)


def digits_at(said: Sequence[str], at: int, part: Part) -> tuple[str, int, bool]:
    """A piece of a number, with words that sound like digits where they stand beside digits."""
    word = said[at]
    following = said[at + 1] if at + 1 < len(said) else ""
    if word == "oh" and not part.signs and following in _AFTER_OH:
        return "", at, False
    if word not in SOUND_ALIKES:
        digits, after = digit_piece(said, at)
        return digits, after, may_go_on(said[at:after])
    after_digit = part.signs and not part.tail
    introduced = not part.signs and (not part.tail or part.tail[-1] in _INTRODUCES) and is_digit_word(following)
    if after_digit or introduced:
        return digit_piece((SOUND_ALIKES[word],), 0)[0], at + 1, False
    return "", at, False
