"""Items and events made up for the tests: tones where a caller would speak."""

from __future__ import annotations

from typing import Any

import numpy as np

from agent.slots.base import Asks
from telephony.bench.turns.items import RATE_HZ, Item, Word


def item(
    *words: tuple[str, int, int], kind: str = "digits", value: str = "", length: int = 0, speaker: str = "a"
) -> Item:
    """Words as (text, start_ms, end_ms); each is a stretch of speech of its own."""
    last_ms = max(end for _, _, end in words)
    pcm = np.zeros((last_ms + 100) * RATE_HZ // 1000, dtype=np.int16)
    at = np.arange(len(pcm)) / RATE_HZ
    for _, start, end in words:
        span = slice(start * RATE_HZ // 1000, end * RATE_HZ // 1000)
        pcm[span] = 6000 * np.sin(2 * np.pi * 300 * at[span])
    return Item(
        name="made/" + "-".join(text for text, _, _ in words),
        kind=kind,
        asks=Asks(kind, kind, length=length) if kind != "free" else Asks("", "free"),
        pcm=pcm.tobytes(),
        words=tuple(Word(*word) for word in words),
        speech=tuple((start, end) for _, start, end in words),
        value=value,
        speaker=speaker,
        corpus="made",
    )


def event(kind: str, media_ms: int, **fields: object) -> dict[str, Any]:
    return {"kind": kind, "media_ms": media_ms, **fields}
