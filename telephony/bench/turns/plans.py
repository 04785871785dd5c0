"""The calls of a bench run: items put together into courses, with their noise, questions and random moments. Pure.

Items of one speaker stand in one call, as people phone: what a turn engine learns of a caller's pauses counts.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from telephony.bench.turns.course import Act
from telephony.bench.turns.echo import EchoSetting
from telephony.bench.turns.items import BYTES_PER_MS, RATE_HZ, Background, Item
from telephony.bench.turns.run import CallPlan, Stt
from telephony.bench.turns.sounds import active_dbfs
from telephony.bench.turns.voice import CHAR_MS

ITEMS_PER_CALL = 20
#: How far what is behind the caller lies below speech.
SNRS_DB = (20, 10, 5)
_PIECE = RATE_HZ // 50
#: A person begins to answer so long after the question's end.
ANSWER_MS = (300, 600)
#: Where an interruption begins, after the agent became audible.
INTERRUPT_MS = (700, 4000)
#: Between the beginnings of two backchannels.
BACKCHANNEL_MS = (3500, 6000)
BACKCHANNELS_PER_REPLY = 5
#: A marked word, and the longest text that one reply may have (MAX_REPLY_CHARS of agent/completions.py).
WORD_MS = 6 * CHAR_MS
LONGEST_WORDS = 600
#: Where an interruption is to be cut short, the reply is longer than anybody waits.
INTERRUPTED_WORDS = 40
#: The level of telephone speech, active, where no speech is there to be measured (telephony-facts I5).
SPEECH_DBFS = -22.0


def bed(background: Background | None, dbfs: float) -> bytes:
    """A background at this level, as PCM16 to be played over and over; b"" for none. The level is that of its sounding
    parts: a knock now and then is as loud as a steady noise."""
    if background is None:
        return b""
    samples = np.frombuffer(background.pcm, "<i2").astype(np.float64)
    pieces = samples[: len(samples) // _PIECE * _PIECE].reshape(-1, _PIECE)
    powers = np.mean(pieces**2, axis=1)
    if not len(powers) or not powers.max():
        return b""
    level = np.sqrt(np.mean(powers[powers > powers.max() / 100]))
    scaled = samples * (32768 * 10 ** (dbfs / 20) / level)
    pcm: bytes = np.clip(scaled, -32768, 32767).astype("<i2").tobytes()
    return pcm


def speech_dbfs(items: Iterable[Item]) -> float:
    """The active level of these items' speech, the median; SPEECH_DBFS of none."""
    levels = [active_dbfs(item.pcm, item.speech) for item in items]
    return float(np.median(levels)) if levels else SPEECH_DBFS


def answer_plans(
    items: Sequence[Item],
    *,
    tag: str,
    backgrounds: Sequence[Background] = (),
    snr_db: float = 0.0,
    stt: Stt = "released",
    settings: tuple[tuple[str, int], ...] = (),
    seed: int = 1,
) -> list[CallPlan]:
    """Calls in which the agent asks for each item, and the caller answers with it. `backgrounds`: one of them is on
    each call's line, all the time, `snr_db` below the call's speech; with none the line is quiet."""
    plans = []
    for number, group in enumerate(_calls(items)):
        chance = random.Random(f"{seed}/{group[0].name}")
        acts = tuple(Act(item, asks=item.asks, wait_ms=chance.randint(*ANSWER_MS)) for item in group)
        noise = bed(_turn(backgrounds, number), speech_dbfs(group) - snr_db)
        plans.append(CallPlan(f"{tag} {number}", acts, noise, stt, settings, seed=seed + number, tag=tag))
    return plans


def _turn(backgrounds: Sequence[Background], number: int) -> Background | None:
    return backgrounds[number % len(backgrounds)] if backgrounds else None


def _calls(items: Sequence[Item]) -> list[list[Item]]:
    speakers: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        speakers.setdefault((item.corpus, item.speaker), []).append(item)
    return [
        theirs[at : at + ITEMS_PER_CALL] for theirs in speakers.values() for at in range(0, len(theirs), ITEMS_PER_CALL)
    ]


def interruption_plans(
    items: Sequence[Item],
    count: int,
    *,
    tag: str,
    backgrounds: Sequence[Background] = (),
    snr_db: float = 20.0,
    delay_s: float = 0.0,
    keep: bool = False,
    seed: int = 1,
) -> list[CallPlan]:
    """Calls in which the agent says more than anybody hears out, and is interrupted at random moments."""
    chance = random.Random(f"{seed}/{tag}")
    chosen = [items[at % len(items)] for at in range(count)]
    plans = []
    for number, at in enumerate(range(0, count, ITEMS_PER_CALL)):
        group = chosen[at : at + ITEMS_PER_CALL]
        acts = tuple(
            Act(item, words=INTERRUPTED_WORDS, when="over", wait_ms=moment)
            for item, moment in ((item, chance.randint(*INTERRUPT_MS)) for item in group)
        )
        noise = bed(_turn(backgrounds, number), speech_dbfs(group) - snr_db)
        plans.append(CallPlan(f"{tag} {number}", acts, noise, delay_s=delay_s, keep=keep, seed=seed + number, tag=tag))
    return plans


def backchannel_plans(
    items: Sequence[Item],
    count: int,
    *,
    tag: str,
    backgrounds: Sequence[Background] = (),
    snr_db: float = 20.0,
    seed: int = 1,
) -> list[CallPlan]:
    """Calls in which the agent says something long, and the caller an "mhm" now and then."""
    chance = random.Random(f"{seed}/{tag}")
    chosen = [items[at % len(items)] for at in range(count)]
    plans = []
    for number, first in enumerate(range(0, count, BACKCHANNELS_PER_REPLY)):
        group = chosen[first : first + BACKCHANNELS_PER_REPLY]
        waits = [chance.randint(*BACKCHANNEL_MS) for _ in group]
        words = (sum(waits) + sum(item.duration_ms for item in group) + 6000) // WORD_MS
        acts = [
            Act(item, words=min(words, LONGEST_WORDS), when="over", wait_ms=wait, same_reply=at > 0)
            for at, (item, wait) in enumerate(zip(group, waits, strict=True))
        ]
        noise = bed(_turn(backgrounds, number), speech_dbfs(group) - snr_db)
        plans.append(CallPlan(f"{tag} {number}", tuple(acts), noise, keep=True, seed=seed + number, tag=tag))
    return plans


def listening_plans(
    backgrounds: Sequence[Background],
    minutes: float,
    *,
    tag: str,
    snr_db: float = 10.0,
    level_dbfs: float = SPEECH_DBFS,
    seed: int = 1,
) -> list[CallPlan]:
    """Calls in which the agent speaks for so many minutes in all, and the line carries nothing but a background,
    `snr_db` below telephone speech."""
    each_ms = min(round(minutes * 60_000 / max(1, len(backgrounds))), LONGEST_WORDS * WORD_MS)
    plans = []
    for number, background in enumerate(backgrounds):
        act = Act(words=each_ms // WORD_MS, when="listen", wait_ms=round(each_ms * 0.95))
        noise = bed(_from(background, number), level_dbfs - snr_db)
        plans.append(CallPlan(background.name, (act,), noise, keep=True, seed=seed + number, tag=tag))
    return plans


def babble_plans(backgrounds: Sequence[Background], minutes: float, *, tag: str, seed: int = 1) -> list[CallPlan]:
    """Calls in which people talk behind the caller's phone while the agent speaks, at each level; at the middle one
    also with a recogniser that may find words in it. The minutes are those of all together."""
    rows: list[tuple[float, Stt]] = [(snr_db, "released") for snr_db in SNRS_DB]
    rows.append((SNRS_DB[1], "embedded"))
    plans = []
    for snr_db, stt in rows:
        share = minutes / len(rows)
        for plan in listening_plans(backgrounds, share, tag=tag, snr_db=snr_db, seed=seed):
            told = "" if stt == "released" else ", embedded recogniser"
            plans.append(replace(plan, name=f"{plan.name}, {snr_db} dB{told}", stt=stt))
    return plans


def _from(background: Background, number: int) -> Background:
    """Not every background at its own beginning, where a recording may be quieter."""
    at = number * 997 * BYTES_PER_MS % max(1, len(background.pcm) // BYTES_PER_MS * BYTES_PER_MS)
    return replace(background, pcm=background.pcm[at:] + background.pcm[:at])


def echo_plans(
    responses: Sequence[tuple[float, ...]],
    texts: Sequence[str],
    minutes: float,
    *,
    tag: str,
    voice: str = "espeak",
    seed: int = 1,
) -> list[CallPlan]:
    """Calls in which the agent's own voice comes back to it: 80 to 400 ms later, 10 to 30 dB down, through a room."""
    chance = random.Random(f"{seed}/{tag}")
    plans = []
    sentences = max(1, round(minutes * 60_000 / len(ECHO_SETTINGS) / SENTENCE_MS))
    for number, (delay_ms, down_db) in enumerate(ECHO_SETTINGS):
        response = responses[number % len(responses)] if responses else ()
        text = " ".join(chance.choice(texts) for _ in range(sentences))
        act = Act(says=text, when="listen", wait_ms=sentences * SENTENCE_MS // 2)
        echo = EchoSetting(delay_ms, down_db, response)
        name = f"{delay_ms} ms, {down_db:.0f} dB down"
        plans.append(CallPlan(name, (act,), voice=voice, echo=echo, seed=seed + number, tag=tag))
    return plans


ECHO_SETTINGS = ((80, 10.0), (80, 20.0), (150, 15.0), (250, 10.0), (250, 30.0), (400, 10.0), (400, 20.0), (160, 30.0))
"""Speakerphones are loud and near, hybrids late and soft."""
SENTENCE_MS = 2500
