"""Numbers and spelled words as people say them: digits and letters of one speaker, with pauses between groups.

People who read a number aloud leave 40 to 200 ms between the digits of a group and 300 to 1200 ms between groups;
some stop for up to 2 s to look for the rest.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.slots.base import Asks
from telephony.bench.turns.items import Item
from telephony.bench.turns.sounds import Room, Voiced, joined

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
LETTERS = tuple("abcdefghijklmnopqrstuvwxyz")
IN_GROUP_MS = (40, 200)
LETTERS_MS = (120, 450)
"""Between letters: who spells speaks for somebody who writes."""
BETWEEN_MS = (300, 1200, 550)
"""Least, most, and most often."""
HESITATION_MS = (1200, 2000)
LEAST_WORDS = 5
"""A speaker with fewer different digits (or letters) gives no strings worth counting."""


@dataclass(frozen=True, slots=True)
class Bank:
    """One speaker's single words, each said once or more often, and the room they were said in."""

    corpus: str
    speaker: str
    clips: Mapping[str, Sequence[Voiced]]
    room: Room

    def has(self, words: Sequence[str]) -> list[str]:
        return [word for word in words if self.clips.get(word)]


@dataclass(frozen=True, slots=True)
class Shape:
    """How a number is said. `groups`: digits between two long pauses. `hesitates`: one long pause is longer still.
    `open`: so many digits more would be taken than are said."""

    name: str
    groups: tuple[int, ...]
    weight: int
    hesitates: bool = False
    open: int = 0


SHAPES = (
    Shape("4 plain", (4,), 18),
    Shape("2-2", (2, 2), 14),
    Shape("3-1", (3, 1), 8),
    Shape("4 one by one", (1, 1, 1, 1), 8),
    Shape("6 plain", (6,), 7),
    Shape("3-3", (3, 3), 12),
    Shape("2-2-2", (2, 2, 2), 6),
    Shape("6 one by one", (1,) * 6, 4),
    Shape("3-3 hesitating", (3, 3), 5, hesitates=True),
    Shape("order 2-3", (2, 3), 5),
    Shape("order 4-3", (4, 3), 6),
    Shape("order 3-5", (3, 5), 5),
    Shape("order 5-1", (5, 1), 4),
    Shape("3-3-4", (3, 3, 4), 24),
    Shape("3-3-2-2", (3, 3, 2, 2), 8),
    Shape("10 plain", (10,), 4),
    Shape("3-3-4 hesitating", (3, 3, 4), 8, hesitates=True),
    Shape("4-4-4-4", (4, 4, 4, 4), 12),
    Shape("4-4-4-4 hesitating", (4, 4, 4, 4), 4, hesitates=True),
    Shape("ranged 4 of 6", (2, 2), 4, open=2),
    Shape("ranged 6 of 8", (3, 3), 4, open=2),
)
"""Weights: as a service meets them - telephone and order numbers, PINs, now and then a card."""

NAMES = (
    "smith garcia nowak okafor jensen patel kowalski nguyen brandt oconnor silva dubois haddad lindqvist moreau "
    "ivanova castillo fitzgerald yamamoto schneider quist zhao webb vaux"
).split()


def digit_items(banks: Sequence[Bank], count: int, seed: int) -> list[Item]:
    """So many numbers, the speakers in turn, the shapes by their weights."""
    banks = [bank for bank in banks if len(bank.has(DIGITS)) >= LEAST_WORDS]
    shapes = _spread(count, seed)
    return [_digits(banks[at % len(banks)], shape, at, seed) for at, shape in enumerate(shapes)] if banks else []


def spelled_items(banks: Sequence[Bank], count: int, seed: int) -> list[Item]:
    """Spelled names (half of them of known length) and ids of letters and digits, the speakers in turn."""
    banks = [bank for bank in banks if len(bank.has(LETTERS)) >= LEAST_WORDS]
    return [_spelled(banks[at % len(banks)], at, seed) for at in range(count)] if banks else []


def _spread(count: int, seed: int) -> list[Shape]:
    pool = [shape for shape in SHAPES for _ in range(shape.weight)]
    chance = random.Random(f"{seed} shapes")
    out: list[Shape] = []
    while len(out) < count:
        chance.shuffle(pool)
        out += pool
    return out[:count]


def _digits(bank: Bank, shape: Shape, at: int, seed: int) -> Item:
    chance = random.Random(f"{seed} {bank.corpus} {bank.speaker} {at} {shape.name}")
    words = [chance.choice(bank.has(DIGITS)) for _ in range(sum(shape.groups))]
    pauses = _pauses(shape.groups, IN_GROUP_MS, chance, hesitates=shape.hesitates)
    value = "".join(str(DIGITS.index(word)) for word in words)
    asks = Asks("number", "digits", length=len(words), longest=len(words) + shape.open if shape.open else 0)
    return _item(bank, words, pauses, asks, value, f"{bank.corpus}/{bank.speaker}/digits-{at:03d}", shape.name, chance)


def _spelled(bank: Bank, at: int, seed: int) -> Item:
    chance = random.Random(f"{seed} {bank.corpus} {bank.speaker} {at} spelled")
    letters, digits = bank.has(LETTERS), bank.has(DIGITS)
    names = [name for name in NAMES if set(name) <= set(letters)]
    if at % 4 in (0, 1) and names:
        words = list(chance.choice(names))
        cut = chance.randint(2, len(words) - 2)
        groups: tuple[int, ...] = (len(words),) if chance.random() < 0.5 else (cut, len(words) - cut)
        length = len(words) if at % 4 == 0 else 0
        shape = "name" if length else "name of any length"
    else:
        groups = chance.choice(((2, 4), (3, 3), (1, 3, 3), (2, 2, 2))) if len(digits) >= LEAST_WORDS else (3, 3)
        mixed = [letters, *([digits if len(digits) >= LEAST_WORDS else letters] * (len(groups) - 1))]
        words = [chance.choice(of) for of, size in zip(mixed, groups, strict=True) for _ in range(size)]
        length, shape = len(words), "id"
    pauses = _pauses(groups, LETTERS_MS if shape != "id" else (60, 300), chance, hesitates=chance.random() < 0.1)
    value = "".join(str(DIGITS.index(word)) if word in DIGITS else word for word in words)
    asks = Asks("spelling", "spelled", length=length)
    return _item(bank, words, pauses, asks, value, f"{bank.corpus}/{bank.speaker}/spelled-{at:03d}", shape, chance)


def _pauses(groups: Sequence[int], inner: tuple[int, int], chance: random.Random, *, hesitates: bool) -> list[int]:
    """After each word but the last."""
    pauses: list[int] = []
    for size in groups:
        pauses += [chance.randint(*inner) for _ in range(size - 1)]
        pauses.append(round(chance.triangular(*BETWEEN_MS)))
    pauses.pop()
    if hesitates and len(groups) > 1:
        group = chance.randrange(len(groups) - 1)
        pauses[sum(groups[: group + 1]) - 1] = chance.randint(*HESITATION_MS)
    return pauses


def _item(
    bank: Bank,
    words: Sequence[str],
    pauses: Sequence[int],
    asks: Asks,
    value: str,
    name: str,
    shape: str,
    chance: random.Random,
) -> Item:
    said = joined([chance.choice(bank.clips[word]) for word in words], pauses, bank.room)
    return Item(
        name=name,
        kind=asks.kind,
        asks=asks,
        pcm=said.pcm,
        words=said.words,
        speech=said.speech,
        value=value,
        speaker=bank.speaker,
        corpus=bank.corpus,
        shape=shape,
    )
