"""What the turn bench plays to an agent: callers' turns, noises and echoes, each with the truth about it.

All audio is PCM16 mono at 8000 Hz. All times are whole milliseconds from the first sample of the piece they are in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agent.slots.base import Asks

RATE_HZ = 8000
BYTES_PER_MS = 2 * RATE_HZ // 1000
INNER_PAUSE_MS = 200
"""A quiet stretch inside a turn counts as a pause from here on: the field's curves of false cutoffs count so."""

Part = Literal["slots", "free", "backchannel", "interruption", "greeting", "answered"]
"""What an item measures: an answer to a question for a slot, free speech, an "mhm" while the agent speaks, a real
interruption of the agent; what a machine or a person says who is called."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a caller: `text` as a recogniser writes it (small letters; a digit as a word: "seven")."""

    text: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Item:
    """One turn of one caller.

    `kind`: what is asked for, of agent/slots/base.py ("digits", "free" ...); `asks`: the question's declaration, empty
    of what asks for nothing. `speech`: what counts as speech, from the first to the last audible sample of each
    stretch. `value`: the slot's normal form ("4712"; "" of free speech). `shape`: how it is said ("3-3-4", "natural",
    "paused" ...), to count by. `name` is the same in every run.
    """

    name: str
    kind: str
    asks: Asks
    pcm: bytes
    words: tuple[Word, ...]
    speech: tuple[tuple[int, int], ...]
    value: str = ""
    speaker: str = ""
    corpus: str = ""
    part: Part = "slots"
    shape: str = ""

    @property
    def duration_ms(self) -> int:
        return len(self.pcm) // BYTES_PER_MS

    @property
    def text(self) -> str:
        """All its words, as the best recogniser would hear them."""
        return " ".join(word.text for word in self.words)

    @property
    def first_sample_ms(self) -> int:
        """Where speech begins."""
        return self.speech[0][0]

    @property
    def last_sample_ms(self) -> int:
        """Where speech is over: what ends the turn before is a false cutoff."""
        return self.speech[-1][1]

    def inner_pauses(self, least_ms: int = INNER_PAUSE_MS) -> tuple[tuple[int, int], ...]:
        """(start, end) of each quiet stretch inside the turn that lasts at least so long."""
        gaps = ((before[1], after[0]) for before, after in zip(self.speech, self.speech[1:], strict=False))
        return tuple((start, end) for start, end in gaps if end - start >= least_ms)


@dataclass(frozen=True, slots=True)
class Background:
    """A long stream without a word for the agent. `kind`: "noise", "music", "tones", "babble", "hum", "quiet" ..."""

    name: str
    kind: str
    pcm: bytes
    corpus: str = ""

    @property
    def duration_ms(self) -> int:
        return len(self.pcm) // BYTES_PER_MS


@dataclass(frozen=True, slots=True)
class EchoItem:
    """What the agent plays (`far`), what comes back of it (`echo`), and what the caller says meanwhile (`near`, heard
    where `speech` says so; b"" where nobody speaks). Each apart, so that the echo can end when the agent falls silent;
    equally long."""

    name: str
    far: bytes
    echo: bytes
    near: bytes = b""
    speech: tuple[tuple[int, int], ...] = ()
    corpus: str = ""
