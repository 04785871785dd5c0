"""CallerScript: the caller of a test, written as one would tell it - what they say, play, press, and when they go.

    caller.says("where is my parcel")
    caller.says("four two … one nine").pauses(0.8)
    caller.interrupts("stop", after_ms=900)
    call = caller.calls("my-desk")

What is said waits until the agent has finished, as people do; `interrupts` does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from telephony.replay.testing.matching import spoken
from telephony.replay.testing.sentences import CallStory

#: How long "…" is silent, within what is said: longer than people breathe, shorter than they think.
PAUSE_S = 0.8
KEYS = frozenset("0123456789*#ABCD")

_PAUSE = re.compile(r"…|\.\.\.")


@dataclass(frozen=True, slots=True)
class Says:
    """Words, in pieces with `pause_s` of silence between them. `after_ms`: over the agent, so long after it began."""

    pieces: tuple[str, ...]
    pause_s: float = PAUSE_S
    after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Plays:
    """A recording, and what is said in it, if that is known. `after_ms` as in Says."""

    path: Path
    text: str = ""
    after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Pauses:
    seconds: float


@dataclass(frozen=True, slots=True)
class Presses:
    keys: str


@dataclass(frozen=True, slots=True)
class Stays:
    seconds: float


@dataclass(frozen=True, slots=True)
class HangsUp:
    pass


Step = Says | Plays | Pauses | Presses | Stays | HangsUp
Ear = Literal["auto", "as said", "real"]


@dataclass(frozen=True, slots=True)
class Wish:
    """How a script is to be held: `caller.calls(…)`'s arguments, checked."""

    agent: str
    settings: tuple[str, ...] = ()
    tools: Mapping[str, Any] | None = None
    model: Sequence[Any] | None = None
    ear: Ear = "auto"
    fault: str = ""
    on: str = ""
    caller_number: str = ""
    called_number: str = ""
    seed: int = 1


class CallerScript:
    """Each line adds a step and returns the script. `calls` holds the call; it may be asked again, of other agents. A
    step after a call begins the script of another one."""

    def __init__(self, hold: Callable[[Sequence[Step], Wish], CallStory], find: Callable[[str], Path]) -> None:
        """`hold` runs a script; `find` looks for a file that a test names."""
        self._hold = hold
        self._find = find
        self._steps: list[Step] = []
        self._called = False

    def says(self, text: str, *, pause_s: float = PAUSE_S) -> Self:
        """Words, once the agent has finished. At each "…" in them the caller is silent for `pause_s`."""
        __tracebackhide__ = True
        return self._add(Says(_pieces(text), _seconds(pause_s, "pause_s")))

    def interrupts(self, text: str, *, after_ms: int, pause_s: float = PAUSE_S) -> Self:
        """Words over the agent's next utterance, `after_ms` after it was first heard."""
        __tracebackhide__ = True
        return self._add(Says(_pieces(text), _seconds(pause_s, "pause_s"), _after(after_ms)))

    def plays(self, file: str | Path, *, text: str = "", after_ms: int | None = None) -> Self:
        """A recording (WAV or FLAC), in place of words. `text`: what is said in it, for an ear that is not real.
        `after_ms`: as in `interrupts`."""
        __tracebackhide__ = True
        return self._add(Plays(self._find(str(file)), text, None if after_ms is None else _after(after_ms)))

    def pauses(self, seconds: float) -> Self:
        """Silence, within one thought: what comes next is said (or pressed) after it, whatever the agent does then."""
        __tracebackhide__ = True
        return self._add(Pauses(_seconds(seconds, "pauses")))

    def presses(self, keys: str) -> Self:
        """Keys, once the agent has finished."""
        __tracebackhide__ = True
        wrong = sorted(set(keys) - KEYS)
        if wrong or not keys:
            raise ValueError(f"presses({keys!r}): a telephone has the keys 0-9 * # A-D")
        return self._add(Presses(keys))

    def stays(self, seconds: float = 30.0) -> Self:
        """The caller waits for the agent to hang up, until it has been silent for so long. (Who is told nothing leaves
        after the answer to the last step.)"""
        __tracebackhide__ = True
        return self._add(Stays(_seconds(seconds, "stays")))

    def hangs_up(self) -> Self:
        """The caller leaves, once the agent has finished."""
        __tracebackhide__ = True
        return self._add(HangsUp())

    def calls(
        self,
        agent: str | Path,
        *,
        set: Mapping[str, Any] | None = None,
        tools: Mapping[str, Any] | None = None,
        model: Sequence[Any] | None = None,
        ear: Ear = "auto",
        fault: str = "",
        on: str = "",
        caller_number: str = "",
        called_number: str = "",
        seed: int = 1,
    ) -> CallStory:
        """Hold the call, in virtual time, and give what came of it. Every argument is told of in docs/testing.md."""
        __tracebackhide__ = True
        if not self._steps:
            raise ValueError("the caller has nothing to do: caller.says(…) first")
        if ear not in ("auto", "as said", "real"):
            raise ValueError(f'ear={ear!r}: write "auto", "as said" or "real"')
        wish = Wish(str(agent), settings_of(set), tools, model, ear, fault, on, caller_number, called_number, seed)
        self._called = True
        return self._hold(tuple(self._steps), wish)

    def _add(self, step: Step) -> Self:
        __tracebackhide__ = True
        if self._called:
            self._steps, self._called = [], False
        if self._steps and isinstance(self._steps[-1], HangsUp):
            raise ValueError("the caller has hung up: nothing can come after hangs_up()")
        self._steps.append(step)
        return self


def settings_of(changes: Mapping[str, Any] | None) -> tuple[str, ...]:
    """{"turns.trailing_ms": 750} as the settings of a Plan: "turns.trailing_ms=750"."""
    return tuple(f"{key}={_toml(value)}" for key, value in (changes or {}).items())


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(f'"{item}"' if isinstance(item, str) else _toml(item) for item in value) + "]"
    return str(value)


def _pieces(text: str) -> tuple[str, ...]:
    __tracebackhide__ = True
    pieces = tuple(piece.strip() for piece in _PAUSE.split(text) if piece.strip())
    if not pieces or not all(spoken(piece) for piece in pieces):
        raise ValueError(f"says({text!r}): there must be words on both sides of a pause")
    return pieces


def _seconds(value: float, name: str) -> float:
    __tracebackhide__ = True
    if not 0 <= value <= 600:
        raise ValueError(f"{name}: {value!r} is not between 0 and 600 seconds")
    return float(value)


def _after(after_ms: int) -> int:
    __tracebackhide__ = True
    if not 0 <= after_ms <= 600_000:
        raise ValueError(f"after_ms: {after_ms!r} is not between 0 and 600000 milliseconds")
    return after_ms
