"""What a bench run is made of: items, backgrounds and rooms, taken in equal shares."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from telephony.bench.turns.corpora import corpora
from telephony.bench.turns.items import RATE_HZ, Background, EchoItem, Item

RESPONSE_SAMPLES = RATE_HZ // 4
"""Of a room's response so much counts: what comes later lies below the line's noise."""
MIXED_IN = ("noise", "white", "pink", "hum", "comfort")
"""Kinds of background that lie under a caller's speech."""
DISTURBING = ("noise", "music", "tones", "dtmf", "bursts", "white", "pink", "hum")
"""What must not stop the agent for good. Babble is speech: whether it is meant is beyond any detector's knowledge."""


@dataclass(frozen=True, slots=True)
class Stock:
    """Items by what they measure. `noise`: to be mixed into callers' speech; `disturbing`: what sounds while the agent
    speaks; `babble`: several people at once; `echoes`: recorded sessions; `greetings`, `answered`, `prompts`, `people`:
    who may be at the far end (far_end.py); `responses`: rooms (samples at 8 kHz, of unit energy); `notes`: what could
    not be made, and why."""

    slots: tuple[Item, ...] = ()
    free: tuple[Item, ...] = ()
    interruptions: tuple[Item, ...] = ()
    backchannels: tuple[Item, ...] = ()
    noise: tuple[Background, ...] = ()
    disturbing: tuple[Background, ...] = ()
    babble: tuple[Background, ...] = ()
    echoes: tuple[EchoItem, ...] = ()
    greetings: tuple[Item, ...] = ()
    answered: tuple[Item, ...] = ()
    prompts: tuple[Item, ...] = ()
    people: tuple[Item, ...] = ()
    responses: tuple[tuple[float, ...], ...] = ()
    notes: tuple[str, ...] = ()


def load_stock(folder: Path | None) -> Stock:
    """All that `folder` has and what is made up beside it; made-up callers alone without a folder. Some ten seconds,
    more with a folder. Raises LocalError for a folder that cannot be read."""
    found = corpora(folder)
    return Stock(
        slots=found.slots,
        free=found.free,
        interruptions=found.interruptions,
        backchannels=found.backchannels,
        noise=tuple(each for each in found.backgrounds if each.kind in MIXED_IN),
        disturbing=tuple(each for each in found.backgrounds if each.kind in DISTURBING),
        babble=tuple(each for each in found.backgrounds if each.kind == "babble"),
        echoes=found.echoes,
        greetings=found.greetings,
        answered=found.answered,
        prompts=found.prompts,
        people=found.people,
        responses=tuple(response[:RESPONSE_SAMPLES] for response in found.rooms),
        notes=found.notes,
    )


def spread(items: Sequence[Item], count: int, seed: int = 1) -> list[Item]:
    """`count` of the items: of each kind the same number, of each shape within it, of each corpus, of each speaker, as
    far as there are so many; the same ones in every run."""
    shuffled = sorted(items, key=lambda item: item.name)
    random.Random(seed).shuffle(shuffled)
    return _in_turn(shuffled, count, ("kind", "shape", "corpus", "speaker"))


def _in_turn(items: list[Item], count: int, fields: tuple[str, ...]) -> list[Item]:
    """`count` of the items, the values of the first field in turn; within each the same by the other fields."""
    if not fields or count <= 0:
        return items[: max(0, count)]
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(getattr(item, fields[0]), []).append(item)
    queues = [_in_turn(groups[value], count, fields[1:])[::-1] for value in sorted(groups)]
    chosen: list[Item] = []
    while len(chosen) < count and any(queues):
        chosen += [queue.pop() for queue in queues if queue]
    return chosen[:count]


def some(backgrounds: Sequence[Background], count: int) -> list[Background]:
    """`count` of the backgrounds, the kinds in turn."""
    kinds: dict[str, list[Background]] = {}
    for background in backgrounds:
        kinds.setdefault(background.kind, []).append(background)
    chosen: list[Background] = []
    while len(chosen) < count and any(kinds.values()):
        for queue in kinds.values():
            if queue and len(chosen) < count:
                chosen.append(queue.pop(0))
    return chosen
