"""The turn that is open in a running call, and the number of the latest one: what the parts of turn-taking share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from agent.errors import EngineError
from agent.hearing import Hearing
from agent.language.words import words
from agent.stt.base import Transcript
from agent.turns.echo import EchoTally


@dataclass(slots=True)
class OpenTurn:
    """A turn: its number, when its speech began, and what listens to it (nothing, to keys alone)."""

    number: int
    began_ms: int
    alone_ms: int = 0  # since when the agent was heard out, if it began before
    hearing: Hearing | None = None
    taken: list[asyncio.Future[Transcript | EngineError]] = field(default_factory=list)  # last words, one for each rest
    rests: bool = False  # the latest is of this hearing: what is said next needs another one
    understood: bool = False  # a hearing before this one had words
    keyed: bool = False
    echo: EchoTally = field(default_factory=EchoTally)  # of its speech, while an echo could be heard
    met: bool = False  # the rules of interruption know of its speech
    text: str = ""  # of this hearing, so far
    spoke_ms: int = 0  # when speech was last heard
    over_agent: bool = False  # it began while the agent spoke
    probably_over: bool = False
    runs_on: bool = False  # behind the longest turn, without a pause: a television, or who listens to nobody

    @property
    def has_words(self) -> bool:
        """Whether any word of it has been understood."""
        return self.understood or bool(words(self.text))

    def alone_until(self, end_ms: int) -> int:
        """How long, until `end_ms`, it had the line for itself, in ms."""
        return end_ms - max(self.began_ms, self.alone_ms)


@dataclass(slots=True)
class Turns:
    """One call's turns, as far as they are told apart by a number; at most one is open."""

    latest: int = 0
    open: OpenTurn | None = None

    def begin(self, began_ms: int) -> OpenTurn:
        """A new turn, and it is open."""
        self.latest += 1
        self.open = OpenTurn(self.latest, began_ms)
        return self.open

    def close(self) -> None:
        """The open turn is over: what is said next is another one's."""
        self.open = None
