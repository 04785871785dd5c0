"""A recogniser for load tests: hears the script's words, whatever is said, at a known pace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from agent.context import CallContext
from agent.definition import AgentDefinition
from agent.engines.options import OPTIONS, read_options
from agent.slots.base import NOTHING_ASKED, Asks
from agent.stt.base import Partial, SttUtterance, Transcript


@dataclass(frozen=True, config=OPTIONS)
class Options:
    """What [stt] may say for this engine. The delays are the load test's (docs/architecture.md)."""

    script: list[str] = Field(default_factory=lambda: ["where is my parcel"], min_length=1)
    """What each turn of the caller says; past its end the last text is heard again."""
    word_ms: Annotated[int, Field(ge=1)] = 300
    """A word is taken to last so long."""
    partial_delay_ms: Annotated[int, Field(ge=0)] = 100
    final_delay_ms: Annotated[int, Field(ge=0)] = 50


class SyntheticStt:
    """Every call begins at the start of the script."""

    name = "synthetic"
    remote = False
    #: The telephone's own rate: nothing to resample.
    rate_hz = 8000

    def __init__(self, agent: AgentDefinition, **options: Any) -> None:
        self._options = read_options(Options, agent, "stt", self.name, options)

    async def start(self) -> None:
        """Nothing to load."""

    def call(self, ctx: CallContext, line_hz: int = 8000) -> SyntheticCall:
        """An ear at the script's first text."""
        return SyntheticCall(self._options, self.rate_hz)

    async def close(self) -> None:
        """Nothing to let go of."""


class SyntheticCall:
    """One call's place in the script. An utterance that is cancelled does not use up its text."""

    def __init__(self, options: Options, rate_hz: int) -> None:
        self._options = options
        self._bytes_per_word = 2 * rate_hz * options.word_ms // 1000
        self._turn = 0

    def begin(self, on_partial: Callable[[Partial], None], hint: Asks = NOTHING_ASKED) -> SttUtterance:
        """Start hearing the next text of the script."""
        script = self._options.script
        return SyntheticUtterance(
            script[min(self._turn, len(script) - 1)],
            self._bytes_per_word,
            self._options,
            on_partial,
            self._next_turn,
        )

    async def close(self) -> None:
        """Nothing to let go of."""

    def _next_turn(self) -> None:
        self._turn += 1


class SyntheticUtterance:
    """Shows one more word for every `bytes_per_word` of audio, a little later."""

    def __init__(
        self,
        text: str,
        bytes_per_word: int,
        options: Options,
        on_partial: Callable[[Partial], None],
        taken: Callable[[], None],
    ) -> None:
        self._text = text
        self._words = text.split()
        self._bytes_per_word = bytes_per_word
        self._options = options
        self._on_partial = on_partial
        self._taken = taken
        self._bytes = 0
        self._said = 0
        self._over = False

    def push(self, pcm: bytes) -> None:
        """Only the audio's length counts."""
        self._bytes += len(pcm)
        while self._said < len(self._words) and self._bytes >= (self._said + 1) * self._bytes_per_word:
            self._said += 1
            asyncio.get_running_loop().call_later(
                self._options.partial_delay_ms / 1000, self._show, " ".join(self._words[: self._said])
            )

    async def final(self) -> Transcript:
        """The script's text for this turn, whole."""
        self._taken()
        await asyncio.sleep(self._options.final_delay_ms / 1000)
        self._over = True
        return Transcript(self._text, 1.0)

    async def cancel(self) -> None:
        """No more partials; the text stays for the next utterance."""
        self._over = True

    def _show(self, text: str) -> None:
        if not self._over:
            self._on_partial(Partial(text, len(text)))
