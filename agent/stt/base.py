"""Speech recognition: the Protocol that engines keep, and its events.

One SttEngine per worker, one SttCall per call, one SttUtterance per stretch of caller speech. Audio is PCM16 mono at
the engine's `rate_hz`; the session resamples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from agent.context import CallContext
from agent.slots.base import NOTHING_ASKED, Asks


@dataclass(frozen=True, slots=True)
class Partial:
    """What has been recognised so far. The first `stable_chars` characters are not expected to change."""

    text: str
    stable_chars: int = 0


@dataclass(frozen=True, slots=True)
class Transcript:
    """The final text of an utterance; "" when nothing was understood. `confidence` is 0..1, None where unknown."""

    text: str
    confidence: float | None = None


class SttUtterance(Protocol):
    """One stretch of speech being recognised."""

    def push(self, pcm: bytes) -> None:
        """More audio. Never blocks: decoding happens off the loop, in order."""

    async def final(self) -> Transcript:
        """No more audio: the final text. Call once, or `cancel`."""

    async def cancel(self) -> None:
        """Forget this utterance. Idempotent; harmless after `final`."""


class SttCall(Protocol):
    """One call's ear. Its state starts from the same prior in every call."""

    def begin(self, on_partial: Callable[[Partial], None], hint: Asks = NOTHING_ASKED) -> SttUtterance:
        """Start an utterance; `on_partial` runs on the event loop. `hint`: what the caller was asked for."""

    async def close(self) -> None:
        """The call is over."""


class SttEngine(Protocol):
    """One for the whole worker (or per agent, where a grammar binds it)."""

    name: str
    #: Whether it waits for something outside this process: such an engine cannot run in virtual time unattended.
    remote: bool
    rate_hz: int

    async def start(self) -> None:
        """Load models, fill pools. Idempotent."""

    def call(self, ctx: CallContext, line_hz: int = 8000) -> SttCall:
        """An ear for one call. `line_hz`: the rate of its line; above half of that there is nothing to hear, whatever
        `rate_hz` is."""

    async def close(self) -> None:
        """Let go of everything."""
