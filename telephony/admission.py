"""Admissions: what is known of a call between the request that announced it and the stream that carries it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from agent.continuation import Reason

#: As long as the media socket's token lives: a socket that comes later is refused anyway.
KEPT_MS = 60_000
#: More calls than this are not announced within a minute on one worker; the oldest make room.
MAX_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Admission:
    """Who is to be served, by which agent. `agent` as the settings write it, "" for the service's own.

    `returns` says why a call comes back to its agent, None for a call that is new. `own_carrier`: the far end is ours
    (the browser phone), and may use what Twilio's protocol lacks. `listener` hears this call's journal.
    """

    agent: str = ""
    caller: str = ""
    called: str = ""
    returns: Reason | None = None
    own_carrier: bool = False
    listener: Callable[[dict[str, object]], None] | None = field(default=None, compare=False, repr=False)


class AdmissionBook:
    """Admissions by call, each until its token has expired."""

    def __init__(self, *, now_ms: Callable[[], int], max_kept: int = MAX_KEPT) -> None:
        self._now_ms = now_ms
        self._max_kept = max_kept
        self._kept: dict[str, tuple[int, Admission]] = {}

    def put(self, call_sid: str, admission: Admission) -> None:
        """This call is expected. A later admission replaces an earlier one."""
        self._kept.pop(call_sid, None)  # so that it stands last: the first is always the oldest
        self._kept[call_sid] = (self._now_ms() + KEPT_MS, admission)
        while len(self._kept) > self._max_kept:
            del self._kept[next(iter(self._kept))]

    def get(self, call_sid: str) -> Admission:
        """What is known of the call; an empty admission where nothing is (any more)."""
        until_ms, admission = self._kept.get(call_sid, (0, Admission()))
        return admission if until_ms > self._now_ms() else Admission()
