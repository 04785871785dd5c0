"""Room: how many calls this worker has, expects, and may have, in all and from one number. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

#: A carrier opens the media socket within a second or two of its TwiML; then its place is given to another.
EXPECTED_FOR_MS = 10_000
#: Most sockets are there by then; a service that stops waits no longer for one.
ARRIVES_WITHIN_MS = 3_000
MINUTE_MS = 60_000
#: Calls of the last minute that are remembered; only without a limit on calls per minute are there ever so many.
MAX_RECENT = 20_000
#: Why a call finds no place, in words for whoever counts it.
REFUSALS = ("draining", "busy", "rate", "source", "source rate")
#: A caller's number is as long as the carrier, or whoever calls over SIP, makes it.
_MAX_SOURCE_CHARS = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """What new calls are held to, beside the number of places; 0 = no such limit."""

    per_source: int = 0
    """Calls at once from one calling number."""
    per_minute: int = 0
    """New calls in any minute."""
    per_minute_per_source: int = 0
    """New calls in any minute from one calling number."""


class Room:
    """Places for calls. A webhook reserves one, the media socket takes it, the call's end frees it.

    A source is a calling number as the carrier writes it; "", "anonymous" and the like are sources too, one each: who
    withholds the number shares a limit with all who do.
    """

    def __init__(self, max_calls: int, *, now_ms: Callable[[], int], limits: Limits | None = None) -> None:
        self.max_calls = max_calls
        self.draining = False
        self._limits = limits or Limits()
        self._now_ms = now_ms
        self._inside: dict[str, int] = {}
        self._expected: dict[str, int] = {}
        self._lapsed: list[str] = []
        # Who calls: of calls that are inside or expected, and of those that were new within the last minute.
        self._source_of: dict[str, str] = {}
        self._present: Counter[str] = Counter()
        self._recent: dict[str, tuple[int, str]] = {}
        self._recent_from: Counter[str] = Counter()

    @property
    def calls(self) -> int:
        """Streams that are served now."""
        return sum(self._inside.values())

    @property
    def expected(self) -> int:
        """Places that are kept for calls on their way."""
        self._sweep()
        return len(self._expected)

    @property
    def arriving(self) -> int:
        """Of these, those that were promised so lately that somebody may well be on the way."""
        from_ms = self._now_ms() + EXPECTED_FOR_MS - ARRIVES_WITHIN_MS
        return sum(until_ms > from_ms for until_ms in self._expected.values())

    @property
    def free(self) -> int:
        """Places for new calls: 0 when full or draining."""
        if self.draining:
            return 0
        self._sweep()
        return max(0, self.max_calls - self.calls - len(self._expected))

    def reserve(self, call_sid: str, source: str = "", *, returns: bool = False) -> str | None:
        """Keep a place for a call that will come in a moment; None, or which of REFUSALS.

        Asking again for the same call takes no second place. Only new calls are held to the limits: a retry is not
        new. A call that `returns` to its agent had a place a moment ago, and is in the middle of a conversation: it is
        refused by nothing.
        """
        free, source = self.free, source[:_MAX_SOURCE_CHARS]
        new = not returns and call_sid not in self._source_of and call_sid not in self._recent
        if self.draining and not returns:
            return "draining"
        if free == 0 and not returns and call_sid not in self._expected:
            return "busy"
        if new and (refusal := self._over_limit(source)) is not None:
            return refusal
        if new:
            self._recent[call_sid] = (self._now_ms() + MINUTE_MS, source)
            self._recent_from[source] += 1
        self._remember(call_sid, source)
        self._expected.pop(call_sid, None)  # so that it stands last: the first is always the oldest
        self._expected[call_sid] = self._now_ms() + EXPECTED_FOR_MS
        return None

    def enter(self, call_sid: str, source: str = "") -> bool:
        """A stream of this call is here. Takes its reserved place, or a free one; False when there is none.

        A place that was promised is kept through draining: the caller has been told nothing to the contrary.
        """
        free = self.free
        self._sweep()
        if self._expected.pop(call_sid, None) is None and free == 0:
            return False
        self._remember(call_sid, source[:_MAX_SOURCE_CHARS])
        self._inside[call_sid] = self._inside.get(call_sid, 0) + 1
        return True

    def leave(self, call_sid: str) -> None:
        """A stream of this call has ended."""
        left = self._inside.get(call_sid, 0) - 1
        if left > 0:
            self._inside[call_sid] = left
        else:
            self._inside.pop(call_sid, None)
            self._forget(call_sid)

    def take_lapsed(self) -> list[str]:
        """Calls whose place was kept in vain: their socket never came. Each is told once."""
        self._sweep()
        lapsed, self._lapsed = self._lapsed, []
        return lapsed

    def _over_limit(self, source: str) -> str | None:
        limits = self._limits
        if limits.per_minute and len(self._recent) >= limits.per_minute:
            return "rate"
        if limits.per_source and self._present[source] >= limits.per_source:
            return "source"
        if limits.per_minute_per_source and self._recent_from[source] >= limits.per_minute_per_source:
            return "source rate"
        return None

    def _sweep(self) -> None:
        now_ms = self._now_ms()
        while self._expected and self._expected[call := next(iter(self._expected))] <= now_ms:
            del self._expected[call]
            self._forget(call)
            self._lapsed.append(call)
        del self._lapsed[:-MAX_RECENT]
        while self._recent:
            call = next(iter(self._recent))  # the oldest: all are kept equally long
            until_ms, source = self._recent[call]
            if until_ms > now_ms and len(self._recent) <= MAX_RECENT:
                return
            del self._recent[call]
            _take_one(self._recent_from, source)

    def _remember(self, call_sid: str, source: str) -> None:
        if call_sid not in self._source_of:
            self._source_of[call_sid] = source
            self._present[source] += 1

    def _forget(self, call_sid: str) -> None:
        """The call's source has one call less, unless another stream of it is here or on its way."""
        if call_sid in self._inside or call_sid in self._expected:
            return
        if (source := self._source_of.pop(call_sid, None)) is not None:
            _take_one(self._present, source)


def _take_one(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
