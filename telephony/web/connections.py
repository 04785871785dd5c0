"""Connections: who is connected, who must go, and when. Bookkeeping without sockets; the clock is passed in.

A connection is a stranger until the service wants it for longer: a media socket that was admitted, an event stream.
Strangers have little time and a limited number of places; when these are full, the oldest makes room of those whose
request is not whole, head or body. So whoever is quick, as every carrier is, finds a place, however many others hold on
to theirs: with 2000 places and 300 newcomers a second, each has seconds, and a carrier needs milliseconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, MutableMapping
from enum import Enum
from typing import Any, Protocol

#: A carrier sends its head with the connection, or a round trip later.
HEAD_S = 10.0
#: From the head to the end of the body: a webhook's comes with its head, or a retransmission later. The app, which
#: gives up sooner (app.BODY_TIMEOUT_S), answers 408; this ends the connection.
BODY_S = 6.0
#: From the whole request to the end of the answer. A webhook is answered within milliseconds; the carrier gives up
#: after 15 s.
REQUEST_S = 20.0
#: A media socket whose call is over: close frame, linger, what is still to be sent. Then it is cut.
DISMISSED_S = 10.0
#: Cutting a connection ends its task; where it does not, the task is cancelled after this.
CUT_S = 1.0
#: Strangers at once, where there are descriptors enough: ten seconds of two hundred newcomers each.
MAX_STRANGERS = 2000
#: Why connections are closed that did not end by themselves, in words for whoever counts.
REASONS = (
    *("no request", "half a head", "half a body", "bad head", "head too big", "HTTP/2", "unanswered", "never left"),
    *("too many", "too many readers", "too much data", "server error"),
)

#: Where a request's own connection stands in its ASGI scope's "state".
STATE_KEY = "offhook.connection"


class Phase(Enum):
    """How far a connection has come."""

    HEAD = "head"
    BODY = "body"
    REQUEST = "request"
    KEPT = "kept"
    DISMISSED = "dismissed"
    CUT = "cut"


_TIME_S = {Phase.BODY: BODY_S, Phase.REQUEST: REQUEST_S, Phase.DISMISSED: DISMISSED_S, Phase.CUT: CUT_S}


class Wire(Protocol):
    """What can be done to a connection from outside."""

    def cut(self, reason: str) -> None:
        """Close it now, and tell why; what was not sent is lost. "" as reason: nothing is wrong with it."""

    def cancel(self) -> None:
        """It was cut, and whatever serves it still runs: end that."""

    def has_spoken(self) -> bool:
        """Whether anything has come from the peer."""


class Connection:
    """One connection. The app finds its own in the ASGI scope (`connection_of`)."""

    __slots__ = ("_book", "phase", "wire")

    def __init__(self, book: ConnectionBook, wire: Wire) -> None:
        self._book = book
        self.wire = wire
        self.phase = Phase.HEAD

    def whole(self) -> None:
        """The body of its request has come, too."""
        if self.phase is Phase.BODY:
            self._book.move(self, Phase.REQUEST)

    def close(self, reason: str) -> None:
        """Cut it. `reason` is one of REASONS."""
        self._book.close(self, reason)

    def keep(self) -> None:
        """The service wants it: it has all the time that it needs."""
        self._book.move(self, Phase.KEPT)

    def dismiss(self) -> None:
        """The service has done with it: it is cut if it has not ended soon."""
        self._book.move(self, Phase.DISMISSED)


class ConnectionBook:
    """All connections of a service. Whoever owns the clock calls `sweep` about once a second."""

    def __init__(self, counts: Counter[str], *, now_s: Callable[[], float], max_strangers: int = MAX_STRANGERS) -> None:
        """`counts` is told of every connection that is closed: "connection closed: <reason>"."""
        self.counts = counts
        self._now_s = now_s
        self._max_strangers = max_strangers
        # By phase, each with its deadline. All of a phase have equally long: the first is always the oldest.
        self._by_phase: dict[Phase, dict[Connection, float]] = {phase: {} for phase in Phase}
        # Whose request is not whole, the oldest first, whether the head is missing or the body: a head that was sent
        # does not make a peer younger.
        self._waiting: dict[Connection, None] = {}

    def number(self) -> dict[str, int]:
        """Connections by phase, for /readyz."""
        return {phase.value: len(those) for phase, those in self._by_phase.items()}

    def opened(self, wire: Wire) -> Connection:
        """A peer has connected. If there are too many strangers, one of them goes."""
        if len(self._waiting) + len(self._by_phase[Phase.REQUEST]) >= self._max_strangers:
            self.close(self._who_goes(), "too many")
        connection = Connection(self, wire)
        self._by_phase[Phase.HEAD][connection] = self._now_s() + HEAD_S
        self._waiting[connection] = None
        return connection

    def _who_goes(self) -> Connection:
        """The oldest whose request is not whole. Of those that are being answered only where they hold more than half
        of the places: else the newcomers would throw each other out."""
        requests = self._by_phase[Phase.REQUEST]
        crowd = requests if len(requests) > self._max_strangers // 2 else self._waiting
        return next(iter(crowd or requests))

    def requested(self, connection: Connection, *, body_due: bool = False) -> None:
        """Its head is whole; `body_due`: its body is not, see `Connection.whole`. Bodies have half of the places."""
        bodies = self._by_phase[Phase.BODY]
        if body_due and len(bodies) >= max(1, self._max_strangers // 2):
            self.close(next(iter(bodies)), "too many")
        self.move(connection, Phase.BODY if body_due else Phase.REQUEST)

    def ended(self, connection: Connection) -> None:
        """It is closed, and what served it has ended."""
        self._by_phase[connection.phase].pop(connection, None)
        self._waiting.pop(connection, None)

    def close(self, connection: Connection, reason: str) -> None:
        """Cut it. `reason` is one of REASONS."""
        if connection.phase is not Phase.CUT and connection in self._by_phase[connection.phase]:
            self.counts[f"connection closed: {reason}"] += 1
            self.move(connection, Phase.CUT)
            connection.wire.cut(reason)

    def move(self, connection: Connection, phase: Phase) -> None:
        """It has come so far. One that was cut, or has ended, stays so."""
        if connection.phase is Phase.CUT or self._by_phase[connection.phase].pop(connection, None) is None:
            return
        connection.phase = phase
        if phase is not Phase.BODY:
            self._waiting.pop(connection, None)
        self._by_phase[phase][connection] = self._now_s() + _TIME_S.get(phase, 0.0)

    def sweep(self) -> None:
        """Close every connection whose time is over."""
        for connection in self._due(Phase.HEAD):
            self.close(connection, "half a head" if connection.wire.has_spoken() else "no request")
        for connection in self._due(Phase.BODY):
            self.close(connection, "half a body")
        for connection in self._due(Phase.REQUEST):
            self.close(connection, "unanswered")
        for connection in self._due(Phase.DISMISSED):
            self.close(connection, "never left")
        for connection in self._due(Phase.CUT):
            connection.wire.cancel()

    def close_strangers(self) -> None:
        """The service stops: who has not asked for anything yet will not be answered."""
        for connection in list(self._by_phase[Phase.HEAD]):
            self.move(connection, Phase.CUT)
            connection.wire.cut("")

    def _due(self, phase: Phase) -> list[Connection]:
        now_s = self._now_s()
        due: list[Connection] = []
        for connection, until_s in self._by_phase[phase].items():
            if until_s > now_s:
                break
            due.append(connection)
        return due


def connection_of(scope: MutableMapping[str, Any]) -> Connection | None:
    """The connection that a request came on; None under a server that is not ours (a test's)."""
    connection = (scope.get("state") or {}).get(STATE_KEY)
    return connection if isinstance(connection, Connection) else None
