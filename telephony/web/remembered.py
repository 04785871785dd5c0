"""RememberedBook: what calls have said that must not be written, kept in memory while each may come back. Pure."""

from __future__ import annotations

from collections.abc import Callable

from agent.privacy import Remembered

#: A call comes back after a transfer that nobody answered (ten minutes of ringing at most), or much sooner.
KEPT_MS = 15 * 60_000
#: More calls than this do not end on one worker in that time; the oldest make room.
MAX_KEPT = 5_000


class RememberedBook:
    """By call. `now_ms` is a monotonic clock in milliseconds."""

    def __init__(self, *, now_ms: Callable[[], int], max_kept: int = MAX_KEPT) -> None:
        self._now_ms = now_ms
        self._max_kept = max_kept
        self._kept: dict[str, tuple[int, Remembered]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, call_sid: str, remembered: Remembered) -> None:
        """A stream of this call has ended; that nothing is to be remembered is worth knowing too."""
        self._kept.pop(call_sid, None)  # so that it stands last: the first is always the oldest
        self._kept[call_sid] = (self._now_ms() + KEPT_MS, remembered)
        while len(self._kept) > self._max_kept:
            del self._kept[next(iter(self._kept))]
        self.expire()

    def get(self, call_sid: str) -> Remembered | None:
        """What an earlier stream of this call left; None if that is not known (any more)."""
        self.expire()
        kept = self._kept.get(call_sid)
        return kept[1] if kept is not None else None

    def expire(self) -> None:
        """Forget what is too old. To be called after KEPT_MS, so that nothing stays where no call comes."""
        now_ms = self._now_ms()
        while self._kept and (oldest := next(iter(self._kept.items())))[1][0] <= now_ms:
            del self._kept[oldest[0]]
