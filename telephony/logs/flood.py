"""Flood: of many log lines of one kind from one source, which few are written; the others are counted. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

#: Enough of one source's refusals to see what it tries.
MOST_OF_A_SOURCE = 5
#: And of all sources together: an attack from everywhere.
MOST_OF_A_KIND = 50
WINDOW_S = 10.0
#: Sources that are told apart at once. An attacker may have any number of addresses.
MAX_SOURCES = 1000


@dataclass(frozen=True, slots=True)
class Suppressed:
    """So many lines were not written. `source` is "" for those from anywhere."""

    kind: str
    source: str
    count: int


@dataclass(slots=True)
class _Window:
    until_s: float
    written: int = 0
    suppressed: int = 0


class Flood:
    """Counts lines in windows of WINDOW_S, by kind and source, and by kind alone."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._windows: OrderedDict[tuple[str, str | None], _Window] = OrderedDict()

    def admit(self, kind: str, source: str) -> bool:
        """Whether this line is to be written."""
        of_kind = self._window(kind, None)
        crowded = len(self._windows) >= MAX_SOURCES and (kind, source) not in self._windows
        of_source = of_kind if crowded else self._window(kind, source)
        if of_source is not of_kind and of_source.written >= MOST_OF_A_SOURCE:
            of_source.suppressed += 1
            return False
        if of_kind.written >= MOST_OF_A_KIND:  # only what is written counts: so few sources get a summary of their own
            of_kind.suppressed += 1
            return False
        of_kind.written += 1
        of_source.written += of_source is not of_kind
        return True

    def due(self) -> list[Suppressed]:
        """What was suppressed in windows that are over; each is told once."""
        now_s = self._now_s()
        over: list[Suppressed] = []
        # All windows are of one length: the first is always the oldest.
        while self._windows and next(iter(self._windows.values())).until_s <= now_s:
            (kind, source), window = self._windows.popitem(last=False)
            if window.suppressed:
                over.append(Suppressed(kind, source or "", window.suppressed))
        return over

    def _window(self, kind: str, source: str | None) -> _Window:
        window = self._windows.get((kind, source))
        if window is None:
            window = self._windows[kind, source] = _Window(self._now_s() + WINDOW_S)
        return window
