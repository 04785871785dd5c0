"""Room: how many calls this worker has, expects, and may have. Pure; the clock is passed in."""

from __future__ import annotations

from collections.abc import Callable

#: A carrier opens the media socket within a second or two of its TwiML; then its place is given to another.
EXPECTED_FOR_MS = 10_000


class Room:
    """Places for calls. A webhook reserves one, the media socket takes it, the call's end frees it."""

    def __init__(self, max_calls: int, *, now_ms: Callable[[], int]) -> None:
        self.max_calls = max_calls
        self.draining = False
        self._now_ms = now_ms
        self._inside: dict[str, int] = {}
        self._expected: dict[str, int] = {}

    @property
    def calls(self) -> int:
        """Streams that are served now."""
        return sum(self._inside.values())

    @property
    def free(self) -> int:
        """Places for new calls: 0 when full or draining."""
        if self.draining:
            return 0
        now_ms = self._now_ms()
        self._expected = {call: until_ms for call, until_ms in self._expected.items() if until_ms > now_ms}
        return max(0, self.max_calls - self.calls - len(self._expected))

    def reserve(self, call_sid: str) -> bool:
        """Keep a place for a call that will come in a moment; asking again for the same call takes no second place."""
        if self.free == 0 and (self.draining or call_sid not in self._expected):
            return False
        self._expected[call_sid] = self._now_ms() + EXPECTED_FOR_MS
        return True

    def enter(self, call_sid: str) -> bool:
        """A stream of this call is here. Takes its reserved place, or a free one; False when there is none.

        A place that was promised is kept through draining: the caller has been told nothing to the contrary.
        """
        free = self.free  # sweeps what has expired
        if self._expected.pop(call_sid, None) is None and free == 0:
            return False
        self._inside[call_sid] = self._inside.get(call_sid, 0) + 1
        return True

    def leave(self, call_sid: str) -> None:
        """A stream of this call has ended."""
        left = self._inside.get(call_sid, 0) - 1
        if left > 0:
            self._inside[call_sid] = left
        else:
            self._inside.pop(call_sid, None)
