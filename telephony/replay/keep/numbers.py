"""Stand-ins for numbers: digits that follow from the call's seed, card numbers that are published for tests, numbers of
telephones that nobody has. Pure.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from agent.speech.numbers import NUMBER_WORDS, digit_runs, spoken_digits

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
    if len(number) < LEAST_PART or not text:
        return text
    tokens = list(_TOKEN.finditer(text))
    runs = digit_runs([token[0].lower() for token in tokens])
    for run in reversed(runs):
        at = run.digits.find(number)
        other = _aligned(instead, number)
        if at >= 0:
            digits = run.digits[:at] + other + run.digits[at + len(number) :]
        elif len(run.digits) >= LEAST_PART and run.digits in number:
            place = number.index(run.digits)
            digits = other[place : place + len(run.digits)]
        else:
            continue
        text = _respelled(text, tokens[run.start : run.end], digits)
    return text


def _aligned(instead: str, number: str) -> str:
    """Of `instead` as many digits as `number` has, from the right: what two numbers share in shape are their ends."""
    return instead[-len(number) :].rjust(len(number), "1")


def _respelled(text: str, tokens: Sequence[re.Match[str]], digits: str) -> str:
    """These tokens' digits replaced, each group as long as it was, each word by a word."""
    sizes = [len(token[0]) if token[0].isdecimal() else int(token[0].lower() in NUMBER_WORDS) for token in tokens]
    if sum(sizes) != len(digits):  # "forty two", "double five": in figures, for nothing else is sure
        return text[: tokens[0].start()] + digits + text[tokens[-1].end() :]
    parts: list[str] = []
    at, done = tokens[0].start(), 0
    for token, size in zip(tokens, sizes, strict=True):
        piece = digits[done : done + size]
        parts += [text[at : token.start()], piece if token[0].isdecimal() or not piece else digit_word(piece)]
        at, done = token.end(), done + size
    return text[: tokens[0].start()] + "".join(parts) + text[at:]
