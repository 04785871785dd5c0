"""DecisionBook: how each call is to go on once its stream has ended. Bounded, expiring, pure.

The session writes a decision and closes its socket; the carrier then asks the action webhook, which reads it here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.line import Decision

#: The action webhook follows the close of the stream within seconds; a retried one within a minute.
DECISION_LIFETIME_MS = 5 * 60_000
#: More calls than this do not end within those times on one worker; the oldest make room.
MAX_CALLS = 20_000


@dataclass(frozen=True, slots=True)
class _Entry:
    decision: Decision
    until_ms: int


class DecisionBook:
    """Decisions by call, each given out once."""

    def __init__(self, *, now_ms: Callable[[], int], max_calls: int = MAX_CALLS) -> None:
        self._now_ms = now_ms
        self._max_calls = max_calls
        self._decisions: dict[str, _Entry] = {}

    def put(self, call_sid: str, decision: Decision) -> None:
        """The call goes on like this. A later decision replaces an earlier one."""
        self._decisions.pop(call_sid, None)  # so that it stands last: the first is always the oldest
        self._decisions[call_sid] = _Entry(decision, self._now_ms() + DECISION_LIFETIME_MS)
        while len(self._decisions) > self._max_calls:
            del self._decisions[next(iter(self._decisions))]

    def take(self, call_sid: str) -> Decision | None:
        """The call's decision, given out once; None if there is none, or it is too old."""
        entry = self._decisions.pop(call_sid, None)
        return entry.decision if entry is not None and entry.until_ms > self._now_ms() else None

    def forget(self, call_sid: str) -> None:
        """A new stream of this call begins: what an earlier one decided no longer holds."""
        self._decisions.pop(call_sid, None)
