"""Reads: what one call has looked up - each result good for a while, and one lookup for all who want the same at once.

A lookup may be started before it is known to be wanted (prefetch); it is never cancelled by who does not want it.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from agent.llm.base import ToolCall
from agent.tools.base import ToolOutcome

#: A result that was looked up for this caller is told for so long; then the world may have changed.
GOOD_FOR_S = 30.0
#: Lookups remembered; one call makes a handful.
MAX_KEPT = 64


@dataclass(slots=True)
class _Lookup:
    task: asyncio.Task[ToolOutcome]
    began_s: float
    wanted: bool


class Reads:
    """One call's lookups. `run` makes one; `spawn` starts a task in the call's group."""

    def __init__(
        self,
        run: Callable[[ToolCall], Coroutine[Any, Any, ToolOutcome]],
        spawn: Callable[[Coroutine[Any, Any, ToolOutcome]], asyncio.Task[ToolOutcome]],
        now_s: Callable[[], float],
    ) -> None:
        self._run = run
        self._spawn = spawn
        self._now_s = now_s
        self._lookups: OrderedDict[str, _Lookup] = OrderedDict()
        self.hits = 0
        """Lookups made ahead that were wanted."""
        self.ahead = 0
        """Lookups made ahead, wanted or not."""

    def want(self, call: ToolCall) -> asyncio.Task[ToolOutcome]:
        """The result of this call, looked up already or from now on."""
        lookup = self._at(call)
        if lookup is None:
            lookup = self._begin(call, wanted=True)
        elif not lookup.wanted:
            lookup.wanted = True
            self.hits += 1
        return lookup.task

    def look_ahead(self, call: ToolCall) -> asyncio.Task[ToolOutcome]:
        """The same, where the result is probably going to be wanted."""
        lookup = self._at(call)
        if lookup is None:
            self.ahead += 1
            lookup = self._begin(call, wanted=False)
        return lookup.task

    def forget(self) -> None:
        """The world has been changed: what was looked up before is no longer told."""
        self._lookups.clear()

    def _begin(self, call: ToolCall, *, wanted: bool) -> _Lookup:
        lookup = _Lookup(self._spawn(self._run(call)), self._now_s(), wanted)
        self._lookups[_key(call)] = lookup
        while len(self._lookups) > MAX_KEPT:
            self._lookups.popitem(last=False)
        return lookup

    def _at(self, call: ToolCall) -> _Lookup | None:
        """A lookup of the same that still counts: under way, or a result that is no failure and not too old."""
        lookup = self._lookups.get(_key(call))
        if lookup is None or not lookup.task.done():
            return lookup
        failed = lookup.task.cancelled() or lookup.task.exception() is not None or not lookup.task.result().ok
        return None if failed or self._now_s() - lookup.began_s > GOOD_FOR_S else lookup


def _key(call: ToolCall) -> str:
    return json.dumps([call.name, dict(call.arguments)], sort_keys=True, default=str)
