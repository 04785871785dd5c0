"""Stand-ins for numbers: digits that follow from the call's seed, card numbers that are published for tests, numbers of
telephones that nobody has. Pure.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from agent.language.numbers import NUMBER_WORDS, digit_runs, spoken_digits

#: Card numbers that payment services publish for tests (Stripe's and PayPal's documentation), by length. All pass the
#: Luhn check, none is anybody's.
TEST_CARDS: dict[int, tuple[str, ...]] = {
    13: ("4222222222222",),
    14: ("30569309025904", "38520000023237"),
    15: ("378282246310005", "371449635398431"),
    16: ("4111111111111111", "4012888888881881", "4242424242424242", "5555555555554444", "5105105105105100"),
}
LONGEST = 64
"""No number is longer; whoever wants more digits gets the same ones again."""
NO_NUMBER = frozenset({"", "anonymous", "unknown", "restricted", "unavailable", "private"})
"""What carriers say instead of a caller's number."""
LEAST_PART = 7
"""So many digits in a row of a number of a telephone are still that number: all but its country and area."""

_TOKEN = re.compile(r"\d+|[^\W\d_]+")


def stand_in(seed: int, slot: str, length: int) -> str:
    """`length` digits for what is asked as `slot`: the same ones for the same three. A card's are a test card's."""
    dice = hashlib.sha256(f"{seed}\x1f{slot}\x1f{length}".encode("utf-8", "surrogatepass")).digest()
    cards = TEST_CARDS.get(length)
    if cards is not None:
        return cards[dice[0] % len(cards)]
    digits = "".join(str(byte % 10) for byte in dice)
    digits = str(dice[0] % 9 + 1) + digits[1:]
    return (digits * (1 + max(0, length) // len(digits)))[: max(0, length)]


def telephone(seed: int, which: int) -> str:
    """A telephone number for the caller (`which` 0) or the called (1).

    555-0100 to 555-0199 are kept free for stories in every area of North America, and there is no area 555.
    """
    place = int.from_bytes(hashlib.sha256(f"{seed}".encode()).digest()[:4], "big") % 50
    return f"+155555501{place + 50 * which:02d}"


def digit_word(digit: str) -> str:
    """ "4" -> "four"."""
    return spoken_digits(digit)


def renumbered(text: str, number: str, instead: str) -> str:
    """`text` with every mention of the telephone number `number`, in figures or words, made one of `instead`.

    Both are digits. A mention is the whole number, or a part of it that is LEAST_PART digits or longer.
    """
    return renumbered_parts([text], number, instead)[0]


def renumbered_parts(parts: Sequence[str], number: str, instead: str, between: str = "") -> list[str]:
    """The same of a text that comes in parts, with `between` between them: a mention may begin in one of them and end
    in another."""
    fresh = list(parts)
    if len(number) < LEAST_PART:
        return fresh
    ends = list(accumulate(len(part) + len(between) for part in parts))
    for start, end, told in reversed(_changes(between.join(parts), number, instead)):
        first, last = bisect_right(ends, start), bisect_right(ends, end - 1)
        for place in range(last, first - 1, -1):
            offset = ends[place] - len(between) - len(parts[place])
            at, to = max(0, start - offset), min(len(parts[place]), end - offset)
            own = told if place == first else ""
            if len(told) == end - start:  # figures for figures: each part keeps its own
                own = told[max(start, offset) - start :][: max(0, to - at)]
            fresh[place] = fresh[place][:at] + own + fresh[place][to:]
    return fresh


def _changes(text: str, number: str, instead: str) -> list[tuple[int, int, str]]:
    """(from, to, what stands there now) of each piece of `text` that belongs to a mention, ascending."""
    tokens = list(_TOKEN.finditer(text))
    other = _aligned(instead, number)
    found: list[tuple[int, int, str]] = []
    for run in digit_runs([token[0].lower() for token in tokens]):
        digits = _exchanged(run.digits, number, other)
        if digits != run.digits:
            found += _respelled(text, tokens[run.start : run.end], digits)
    return found


def _exchanged(digits: str, number: str, other: str) -> str:
    """`digits` with what is a part of `number`, LEAST_PART or longer, replaced by the same part of `other`.

    A number is mostly told without its country, and with a 0 before its area.
    """
    fresh, at = "", 0
    while at < len(digits):
        size, place = LEAST_PART, number.find(digits[at : at + LEAST_PART])
        if place < 0 or at + size > len(digits):
            fresh, at = fresh + digits[at], at + 1
            continue
        while at + size < len(digits) and digits[at : at + size + 1] in number:
            size += 1
        place = number.find(digits[at : at + size])
        fresh, at = fresh + other[place : place + size], at + size
    return fresh


def _aligned(instead: str, number: str) -> str:
    """Of `instead` as many digits as `number` has, from the right: what two numbers share in shape are their ends."""
    return instead[-len(number) :].rjust(len(number), "1")


def _respelled(text: str, tokens: Sequence[re.Match[str]], digits: str) -> list[tuple[int, int, str]]:
    """These tokens' digits replaced, each group as long as it was, each word by a word."""
    sizes = [len(token[0]) if token[0].isdecimal() else int(token[0].lower() in NUMBER_WORDS) for token in tokens]
    if sum(sizes) != len(digits):  # "forty two", "double five": in figures, for nothing else is sure
        return [(tokens[0].start(), tokens[-1].end(), digits)]
    changes: list[tuple[int, int, str]] = []
    done = 0
    for token, size in zip(tokens, sizes, strict=True):
        piece = digits[done : done + size]
        changes.append((token.start(), token.end(), piece if token[0].isdecimal() or not piece else digit_word(piece)))
        done += size
    return changes
