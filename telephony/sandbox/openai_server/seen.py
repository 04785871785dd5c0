"""What the stand-in saw: each request with its times, and how much of its prompt had been sent before."""

from __future__ import annotations

import bisect
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from telephony.sandbox.openai_server.chunks import CHARS_A_TOKEN

#: OpenAI remembers a prompt's beginning from so many tokens on, and in such steps.
LEAST_CACHED = 1024
CACHE_STEP = 128
#: So many prompts are remembered; the vendor's memory is by time, minutes of it.
_KEPT = 64


@dataclass(slots=True)
class SeenRequest:
    """A completion that was asked for. Times are `time.monotonic()` seconds, as an event loop's are; None: not yet, or
    never."""

    number: int
    """From 1, in the order of coming."""
    connection: int
    """Which connection it came on, from 1: the same number, the same connection."""
    came_s: float
    """Its last byte was read."""
    body: Mapping[str, Any] = field(default_factory=dict)
    """Its JSON; empty where that was none."""
    status: int = 0
    """What it was answered with; 0: nothing yet."""
    fault: str = ""
    """The kind of fault it had."""
    pieces: int = 0
    """How many pieces of the answer were sent."""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    """How many of the prompt's tokens were its beginning as an earlier request had it."""
    first_byte_s: float | None = None
    """The HTTP head was sent."""
    first_piece_s: float | None = None
    ended_s: float | None = None
    """It was answered to the end, or broken off on our side."""
    cancelled_s: float | None = None
    """The client closed the connection before that."""

    @property
    def running(self) -> bool:
        """Whether it is being answered."""
        return self.ended_s is None and self.cancelled_s is None


class PromptMemory:
    """The beginnings of prompts, as the vendor's cache knows them: equal byte for byte, tools first."""

    def __init__(self) -> None:
        self._kept: deque[str] = deque(maxlen=_KEPT)

    def look(self, body: Mapping[str, Any]) -> tuple[int, int]:
        """The tokens of this request's prompt, and how many of them are known; it is known from then on."""
        prompt = json.dumps([body.get("tools"), body.get("messages")], ensure_ascii=False)
        longest = max((_shared(prompt, kept) for kept in self._kept), default=0)
        self._kept.append(prompt)
        known = longest // CHARS_A_TOKEN // CACHE_STEP * CACHE_STEP
        return len(prompt) // CHARS_A_TOKEN, known if known >= LEAST_CACHED else 0


def _shared(one: str, other: str) -> int:
    """How many characters they begin with in common."""
    ends = range(1, min(len(one), len(other)) + 1)
    return bisect.bisect_left(ends, True, key=lambda end: not other.startswith(one[:end]))
