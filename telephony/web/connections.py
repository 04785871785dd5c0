"""Connections: who is connected, who must go, and when. Bookkeeping without sockets; the clock is passed in.

A connection is a stranger until the service wants it for longer: a media socket that was admitted, an event stream.
Strangers have little time and a limited number of places; when these are full, the one that has been silent longest
makes room. So whoever is quick, as every carrier is, finds a place, however many others hold on to theirs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, MutableMapping
from enum import Enum
from typing import Any, Protocol

#: A carrier sends its head with the connection, or a round trip later.
HEAD_S = 10.0
#: From the head to the end of the answer. A webhook is answered within milliseconds; the carrier gives up after 15 s.
REQUEST_S = 20.0
#: A media socket whose call is over: close frame, linger, what is still to be sent. Then it is cut.
DISMISSED_S = 10.0
#: Cutting a connection ends its task; where it does not, the task is cancelled after this.
CUT_S = 1.0
#: Strangers at once, where there are descriptors enough: ten seconds of two hundred newcomers each.
MAX_STRANGERS = 2000
#: Why connections are closed that did not end by themselves, in words for whoever counts.
REASONS = (
    *("no request", "half a head", "bad head", "head too big", "HTTP/2", "unanswered", "never left"),
    *("too many", "too much data", "server error"),
)

#: Where a request's own connection stands in its ASGI scope's "state".
STATE_KEY = "offhook.connection"


class Phase(Enum):
    """How far a connection has come."""

    HEAD = "head"
    REQUEST = "request"
    KEPT = "kept"
    DISMISSED = "dismissed"
    CUT = "cut"


_TIME_S = {Phase.REQUEST: REQUEST_S, Phase.DISMISSED: DISMISSED_S, Phase.CUT: CUT_S}


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

    def number(self) -> dict[str, int]:
        """Connections by phase, for /readyz."""
        return {phase.value: len(those) for phase, those in self._by_phase.items()}

    def opened(self, wire: Wire) -> Connection:
        """A peer has connected. If there are too many strangers, the one that has been silent longest goes."""
        heads, requests = self._by_phase[Phase.HEAD], self._by_phase[Phase.REQUEST]
        if len(heads) + len(requests) >= self._max_strangers:
            self.close(next(iter(heads or requests)), "too many")
        connection = Connection(self, wire)
        heads[connection] = self._now_s() + HEAD_S
        return connection

    def requested(self, connection: Connection) -> None:
        """Its head is whole."""
        self.move(connection, Phase.REQUEST)

    def ended(self, connection: Connection) -> None:
        """It is closed, and what served it has ended."""
        self._by_phase[connection.phase].pop(connection, None)

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
        self._by_phase[phase][connection] = self._now_s() + _TIME_S.get(phase, 0.0)

    def sweep(self) -> None:
        """Close every connection whose time is over."""
        for connection in self._due(Phase.HEAD):
            self.close(connection, "half a head" if connection.wire.has_spoken() else "no request")
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
