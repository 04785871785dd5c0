"""How the stand-in behaves, as data: its pace, what goes wrong and in which request, other servers' habits. Pure.

Requests are completions (`POST /v1/chat/completions`), counted from 1; pieces are what a stream brings of an answer:
each token of its text, the head of each tool call, each piece of a call's arguments.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

#: How a request is refused; the words of each: refusals.py.
RefusalKind = Literal[
    "rate_limit",
    "token_limit",
    "quota",
    "server_error",
    "overloaded",
    "context_length",
    "bad_key",
    "no_model",
    "bad_gateway",
]
FaultKind = Literal["slow", "stall", "garbage", "error", "end", "break", "hang_up", "refuse"]

#: A model that has hung stays so for longer than any caller waits.
STALL_MS = 90_000


@dataclass(frozen=True, slots=True)
class Pace:
    """When an answer comes, in milliseconds after its request: the HTTP head, the first piece; and then each piece."""

    headers_ms: int = 0
    first_token_ms: int = 0
    token_ms: int = 0


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with a request, when `after` pieces of its answer were sent, or all of them.

    slow: it comes at this `pace`. stall: nothing comes for `for_ms`, on a connection that stays open, with status 200.
    garbage: an event that is no JSON, and the answer goes on. error: an error in the stream, which ends it. end: the
    stream ends in order, but without finish_reason and [DONE]. break: the connection closes within the stream. hang_up:
    it is reset, with no byte of an answer. refuse: `refusal`, with `retry_after_s` in its headers if that is given.

    `request` is the one request this is about; 0: the one numbered `first`, and all behind it.
    """

    kind: FaultKind
    request: int = 0
    first: int = 1
    after: int = 0
    for_ms: int = STALL_MS
    pace: Pace = Pace()
    refusal: RefusalKind = "server_error"
    retry_after_s: float | None = None

    def holds(self, number: int) -> bool:
        """Whether the request of this number has it."""
        return number == self.request if self.request else number >= self.first


@dataclass(frozen=True, slots=True)
class Quirks:
    """Habits of other servers that speak this protocol; all off: as OpenAI's own speaks it."""

    whole_calls: bool = False
    """A tool call comes in one chunk, with all of its arguments."""
    no_index: bool = False
    """Tool calls have no `index`."""
    no_ids: bool = False
    """Tool calls have no `id`."""
    repeats_name: bool = False
    """Each piece of a tool call has its name again."""
    empty_choices_first: bool = False
    """The first chunk has no choices."""
    no_done: bool = False
    """The stream ends with its last chunk: no [DONE]."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """All of it, as a file says it (reading.py)."""

    name: str = ""
    description: str = ""
    pace: Pace = Pace()
    faults: tuple[Fault, ...] = ()
    quirks: Quirks = Quirks()


def fault_of(faults: Iterable[Fault], number: int) -> Fault | None:
    """What goes wrong with the request of this number (from 1): the first fault that holds."""
    return next((fault for fault in faults if fault.holds(number)), None)
