"""How time passes in a call outside its streams: shortened, and yet accounted for."""

from __future__ import annotations

import asyncio
import time

TIME_FACTOR = 0.04
"""A ringing time of 25 s then takes one."""
SAY_MS_PER_WORD = 20
"""Twilio's voices take about 400."""
MS_PER_WORD = 400
LONGEST_SAY_S = 2.0
"""A long text, or one said again and again, holds the sandbox's call up for no longer."""
FOR_EVER = 1000
"""So often Twilio repeats what is to be repeated for ever (https://www.twilio.com/docs/voice/twiml/say)."""


def natural_ms(text: str) -> int:
    """How long a voice takes to say it, roughly."""
    return len(text.split()) * MS_PER_WORD


class Pace:
    """A call's clock. `time_factor`: what a second of waiting really takes (1.0 is real time)."""

    def __init__(self, *, time_factor: float = TIME_FACTOR, say_ms_per_word: float = SAY_MS_PER_WORD) -> None:
        self._time_factor = time_factor
        self._say_ms_per_word = say_ms_per_word
        self._began_s = time.monotonic()
        self.skipped_s = 0.0
        """Of all waits: what was not waited for."""

    @property
    def elapsed_ms(self) -> int:
        """Since the call began, as this machine's clock has it."""
        return round((time.monotonic() - self._began_s) * 1000)

    @property
    def nominal_s(self) -> float:
        """As long as the call would have taken, had no wait been shortened."""
        return self.elapsed_ms / 1000 + self.skipped_s

    async def wait(self, length_s: float) -> None:
        """Let `length_s` seconds of the call pass."""
        await asyncio.sleep(length_s * self._time_factor)
        self.skipped_s += length_s * (1 - self._time_factor)

    async def say(self, text: str, times: int = 1) -> None:
        """Let a text be said, so many times (0: for ever, which is cut short)."""
        length_s = len(text.split()) * self._say_ms_per_word / 1000
        await asyncio.sleep(min(LONGEST_SAY_S, length_s * (times or FOR_EVER)))
