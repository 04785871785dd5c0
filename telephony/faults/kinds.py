"""The kinds of fault there are, as data: each is one table of a faults file. Made by reading.py. Pure.

Times are the stream's, in milliseconds from its first frame.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Window:
    """When a fault of the line holds: [from_ms, to_ms), None: to the end; `every_ms`: again in each such period."""

    from_ms: int = 0
    to_ms: int | None = None
    every_ms: int = 0

    def end_ms(self, at_ms: float) -> float | None:
        """The end of the window that `at_ms` lies in; None outside of any."""
        began = at_ms // self.every_ms * self.every_ms if self.every_ms else 0
        end = float("inf") if self.to_ms is None else began + self.to_ms
        return end if began + self.from_ms <= at_ms < end else None


@dataclass(frozen=True, slots=True)
class Lose:
    """Frame after frame, over and over: 1 is lost."""

    lose: tuple[int, ...]
    window: Window = field(default_factory=Window)


@dataclass(frozen=True, slots=True)
class Delay:
    """Frame after frame, over and over: so late."""

    delays_ms: tuple[int, ...]
    window: Window = field(default_factory=Window)


@dataclass(frozen=True, slots=True)
class Reorder:
    """Of each group of so many frames: which comes first, second, … (0 is the first that was sent)."""

    order: tuple[int, ...]
    window: Window = field(default_factory=Window)


@dataclass(frozen=True, slots=True)
class Burst:
    """So many frames are held, and come at once."""

    frames: int
    window: Window = field(default_factory=Window)


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Frame after frame, over and over: 1 comes twice."""

    duplicate: tuple[int, ...]
    window: Window = field(default_factory=Window)


@dataclass(frozen=True, slots=True)
class Skew:
    """The far end's clock is so many millionths too fast; negative: too slow."""

    ppm: int
    window: Window = field(default_factory=Window)


@dataclass(frozen=True, slots=True)
class Stall:
    """Nothing comes until the window's end, and then all of it."""

    window: Window


@dataclass(frozen=True, slots=True)
class Drop:
    """The line is gone: its socket closes, or nothing comes any more (until the window's end), either way."""

    how: Literal["close", "silence"]
    window: Window


FrameFault = Lose | Delay | Reorder | Burst | Duplicate | Stall
LineFault = FrameFault | Skew | Drop


@dataclass(frozen=True, slots=True)
class Which:
    """Which of a call's utterances, replies or clauses, counted from 1: the `turn`-th alone, or from `first` on."""

    first: int = 1
    turn: int = 0

    def holds(self, number: int) -> bool:
        return number == self.turn if self.turn else number >= self.first


@dataclass(frozen=True, slots=True)
class SttFault:
    """silent: nothing comes any more. slow: the final text comes `delay_ms` late. fails: with an error."""

    fault: Literal["silent", "slow", "fails"]
    which: Which
    delay_ms: int = 0


@dataclass(frozen=True, slots=True)
class LlmFault:
    """After so many words of a reply (0: before anything): stall (for `for_ms`, 0: for ever), slow (each further
    word takes `delay_ms`), fails."""

    fault: Literal["stall", "slow", "fails"]
    which: Which
    after: int = 0
    for_ms: int = 0
    delay_ms: int = 0


@dataclass(frozen=True, slots=True)
class TtsFault:
    """After so much of a clause's speech: dies (the rest is an error), stalls (for ever). slow: every piece takes
    `delay_ms` more. fails: with an error, before anything."""

    fault: Literal["dies", "stalls", "slow", "fails"]
    which: Which
    after_ms: int = 0
    delay_ms: int = 0


@dataclass(frozen=True, slots=True)
class ToolFault:
    """hangs: never returns. fails: raises. slow: begins `delay_ms` late. `name` "*": every tool."""

    name: str
    fault: Literal["hangs", "fails", "slow"]
    delay_ms: int = 0
