"""Progress: how far each call has come, so that an old request of it, sent again, changes nothing. Pure.

Twilio signs no time: whoever has read a signed request can send it again. So the addresses in each document say which
document they stand in, and how often the call had come back by then. The carrier signs the address with the rest, so
nobody else can change it, and the count outlives a worker that dies.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

#: No call of Twilio's lasts longer than four hours.
LIFETIME_MS = 4 * 3600_000
#: More calls than this are not known at once; the oldest make room.
MAX_CALLS = 20_000
_QUERY = re.compile(rb"at=([0-9]{1,3})\.([0-9]{1,3})\.([0-9a-f]{8})")


@dataclass(frozen=True, slots=True)
class Step:
    """A document's place in its call: how often the call had been cut off, how often it had come back otherwise."""

    revivals: int
    returns: int
    nonce: str

    @property
    def query(self) -> str:
        """What the addresses in the document end with."""
        return f"?at={self.revivals}.{self.returns}.{self.nonce}"


def read_step(query: bytes) -> Step | None:
    """The step that a request's address names; None if it names none."""
    found = _QUERY.fullmatch(query)
    return Step(int(found[1]), int(found[2]), found[3].decode("ascii")) if found else None


@dataclass(slots=True)
class _Call:
    until_ms: int
    latest: Step | None = None
    over: bool = False


class ProgressBook:
    """The latest step of each call that this worker knows, and the calls that are over."""

    def __init__(self, *, now_ms: Callable[[], int], new_nonce: Callable[[], str], max_calls: int = MAX_CALLS) -> None:
        """`new_nonce` gives 8 hexadecimal digits that nobody can guess."""
        self._now_ms = now_ms
        self._new_nonce = new_nonce
        self._max_calls = max_calls
        self._calls: dict[str, _Call] = {}

    def begin(self, call_sid: str) -> Step:
        """The first document of a call."""
        return self._next(call_sid, 0, 0)

    def come_back(self, call_sid: str, step: Step | None, *, cut_off: bool) -> Step:
        """The document that brings a call back; `step` as its request named it, None where that cannot be."""
        last = step or self.latest(call_sid) or Step(0, 0, "")
        return self._next(call_sid, last.revivals + cut_off, last.returns + (not cut_off))

    def go_on(self, call_sid: str, step: Step) -> Step:
        """A further document on the same way."""
        return self._next(call_sid, step.revivals, step.returns)

    def latest(self, call_sid: str) -> Step | None:
        """The step of the call's latest document; None if this worker made none."""
        call = self._known(call_sid)
        return call.latest if call is not None else None

    def is_current(self, call_sid: str, step: Step) -> bool:
        """Whether this is the call's latest step, as far as is known: a worker that is new believes the signature."""
        latest = self.latest(call_sid)
        return latest is None or latest == step

    def end(self, call_sid: str) -> None:
        """The call is over: nothing is to follow."""
        self._put(call_sid, _Call(self._now_ms() + LIFETIME_MS, over=True))

    def is_over(self, call_sid: str) -> bool:
        """Whether the call is known to be over."""
        call = self._known(call_sid)
        return call is not None and call.over

    def _next(self, call_sid: str, revivals: int, returns: int) -> Step:
        step = Step(min(revivals, 999), min(returns, 999), self._new_nonce())
        self._put(call_sid, _Call(self._now_ms() + LIFETIME_MS, step))
        return step

    def _put(self, call_sid: str, call: _Call) -> None:
        self._calls.pop(call_sid, None)  # so that it stands last: the first is always the oldest
        self._calls[call_sid] = call
        while len(self._calls) > self._max_calls:
            del self._calls[next(iter(self._calls))]

    def _known(self, call_sid: str) -> _Call | None:
        call = self._calls.get(call_sid)
        return call if call is not None and call.until_ms > self._now_ms() else None
