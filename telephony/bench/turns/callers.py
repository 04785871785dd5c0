"""Synthetic callers' turns, made in memory within seconds: the bench and its tests need no recordings."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from agent.slots.base import Asks
from telephony.bench.turns.items import Item, Part
from telephony.bench.turns.phrases import ANSWERED, ANSWERS, BACKCHANNELS, FREE, GREETINGS, INTERRUPTIONS, Phrase
from telephony.bench.turns.sounds import Voiced, joined
from telephony.bench.turns.strings import BETWEEN_MS, HESITATION_MS, digit_items, spelled_items
from telephony.bench.turns.synthetic import CORPUS, Speaker, begin_anew, speakers

PER_KIND = 45
FREE_ITEMS = 75
"""Each phrase by three voices."""
_PAUSES = re.compile(r"\s*(\|+)\s*")


@lru_cache(maxsize=2)
def synthetic_slots(seed: int = 1, per_kind: int = PER_KIND) -> tuple[Item, ...]:
    """Answers to questions, so many of each kind of slot. Raises MissingExtra."""
    voices = _fresh()
    banks = [speaker.bank() for speaker in voices]
    items = digit_items(banks, per_kind, seed) + spelled_items(banks, per_kind, seed)
    for kind, phrases in ANSWERS.items():
        items += _turns(voices, phrases, per_kind, Asks(kind, kind), "slots", seed)
    return tuple(items)


@lru_cache(maxsize=2)
def synthetic_free(seed: int = 1, count: int = FREE_ITEMS) -> tuple[Item, ...]:
    """Free telephone sentences, with and without pauses. Raises MissingExtra."""
    return tuple(_turns(_fresh(), FREE, count, Asks(), "free", seed))


@lru_cache(maxsize=2)
def synthetic_backchannels(seed: int = 1) -> tuple[Item, ...]:
    """ "mhm", "yeah" and their like, by every voice. Raises MissingExtra."""
    items: list[Item] = []
    voices = _fresh()
    for said, heard in BACKCHANNELS:
        for item in _turns(voices, (Phrase(said),), len(voices), Asks(), "backchannel", seed):
            first, last = item.words[0], item.words[-1]
            words = (replace(first, text=heard, end_ms=last.end_ms),) if " " not in heard else item.words
            items.append(replace(item, words=words, name=f"{CORPUS}/{item.speaker}/{heard.replace(' ', '-')}"))
    return tuple(items)


@lru_cache(maxsize=2)
def synthetic_interruptions(seed: int = 1, count: int = PER_KIND) -> tuple[Item, ...]:
    """Short sentences of callers who want the agent to stop. Raises MissingExtra."""
    phrases = tuple(Phrase(said) for said in INTERRUPTIONS)
    return tuple(_turns(_fresh(), phrases, count, Asks(), "interruption", seed))


@lru_cache(maxsize=2)
def synthetic_greetings(seed: int = 1) -> tuple[Item, ...]:
    """What machines say first, each by two voices. Raises MissingExtra."""
    return tuple(_turns(_fresh(), GREETINGS, 2 * len(GREETINGS), Asks(), "greeting", seed))


@lru_cache(maxsize=2)
def synthetic_answered(seed: int = 1) -> tuple[Item, ...]:
    """What people say when they answer a call, each by two voices. Raises MissingExtra."""
    return tuple(_turns(_fresh(), ANSWERED, 2 * len(ANSWERED), Asks(), "answered", seed))


def _turns(
    voices: Sequence[Speaker], phrases: Sequence[Phrase], count: int, asks: Asks, part: Part, seed: int
) -> list[Item]:
    """So many turns: all phrases once, then again by other voices."""
    out: list[Item] = []
    for at in range(count):
        phrase, voice = phrases[at % len(phrases)], voices[(at + at // len(phrases)) % len(voices)]
        name = f"{CORPUS}/{voice.name}/{asks.kind or part}-{at:03d}"
        chance = random.Random(f"{seed} {name}")
        tokens = _PAUSES.split(phrase.said)
        pauses_ms = [_pause(mark, chance) for mark in tokens[1::2]]
        said = joined([_said(voice, text) for text in tokens[::2]], pauses_ms, voice.room())
        out.append(
            Item(
                name=name,
                kind=asks.kind or "free",
                asks=asks,
                pcm=said.pcm,
                words=said.words,
                speech=said.speech,
                value=phrase.value,
                speaker=voice.name,
                corpus=CORPUS,
                part=part,
                shape="paused" if len(tokens) > 1 else "natural",
            )
        )
    return out


def _fresh() -> tuple[Speaker, ...]:
    """The voices as in a new process: else the items would depend on what was made before."""
    begin_anew()
    _said.cache_clear()
    return speakers()


@lru_cache(maxsize=1024)
def _said(voice: Speaker, text: str) -> Voiced:
    return voice.say(text)


def _pause(mark: str, chance: random.Random) -> int:
    return chance.randint(*HESITATION_MS) if len(mark) > 1 else round(chance.triangular(*BETWEEN_MS))
