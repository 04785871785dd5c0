"""Reads: what one call has looked up - each result good for a while, and one lookup for all who want the same at once.

A lookup may be started before it is known to be wanted (prefetch); it is never cancelled by who does not want it.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from agent.llm.base import ToolCall
from agent.tools.base import ToolOutcome

#: A result that was looked up for this caller is told for so long; then the world may have changed.
GOOD_FOR_S = 30.0
#: A guess that takes longer than this is given up, if it is not wanted by then.
PREFETCH_S = 2.0
GIVEN_UP = "looked up ahead, and given up"
#: Lookups remembered; one call makes a handful.
MAX_KEPT = 64


@dataclass(slots=True)
class _Lookup:
    began_s: float
    wanted: bool
    kept: bool  # somebody waits for it, wanted by a reply or only by a draft of one
    task: asyncio.Task[ToolOutcome] = field(init=False)


def key_of(call: ToolCall) -> str:
    """The tool and its arguments, as they were given."""
    return json.dumps([call.name, dict(call.arguments)], sort_keys=True, default=str)


class Reads:
    """One call's lookups. `run` makes one; `spawn` starts a task in the call's group; `good_for_s` says by a tool's
    name how long its results are told; calls with one `key` are the same lookup."""

    def __init__(
        self,
        run: Callable[[ToolCall], Coroutine[Any, Any, ToolOutcome]],
        spawn: Callable[[Coroutine[Any, Any, ToolOutcome]], asyncio.Task[ToolOutcome]],
        now_s: Callable[[], float],
        good_for_s: Callable[[str], float] = lambda name: GOOD_FOR_S,
        key: Callable[[ToolCall], str] = key_of,
    ) -> None:
        self._run = run
        self._spawn = spawn
        self._now_s = now_s
        self._good_for_s = good_for_s
        self._key = key
        self._lookups: OrderedDict[str, _Lookup] = OrderedDict()
        self.hits = 0
        """Lookups made ahead that were wanted."""
        self.ahead = 0
        """Lookups made ahead, wanted or not."""

    @property
    def waste(self) -> int:
        """Lookups made ahead that nobody has wanted so far."""
        return self.ahead - self.hits

    def want(self, call: ToolCall) -> asyncio.Task[ToolOutcome]:
        """The result of this call, looked up already or from now on."""
        lookup = self._at(call)
        if lookup is None:
            lookup = self._begin(call, wanted=True)
        elif not lookup.wanted:
            lookup.wanted = lookup.kept = True
            self.hits += 1
        return lookup.task

    def look_ahead(self, call: ToolCall) -> asyncio.Task[ToolOutcome]:
        """The same, where the result is probably going to be wanted."""
        lookup = self._at(call)
        if lookup is None:
            self.ahead += 1
            lookup = self._begin(call, wanted=False)
        lookup.kept = True
        return lookup.task

    def prefetch(self, call: ToolCall) -> None:
        """Look up what a rule says may be wanted (agent/tools/prefetch.py): given up after PREFETCH_S, unless somebody
        asks for it by then."""
        if self._at(call) is None:
            self.ahead += 1
            self._begin(call, wanted=False, limit_s=PREFETCH_S)

    def forget(self) -> None:
        """The world has been changed: what was looked up before is no longer told."""
        self._lookups.clear()

    def _begin(self, call: ToolCall, *, wanted: bool, limit_s: float | None = None) -> _Lookup:
        lookup = _Lookup(self._now_s(), wanted, kept=wanted)
        work = self._run(call) if limit_s is None else self._guess(lookup, call, limit_s)
        lookup.task = self._spawn(work)
        self._lookups[self._key(call)] = lookup
        while len(self._lookups) > MAX_KEPT:
            self._lookups.popitem(last=False)
        return lookup

    async def _guess(self, lookup: _Lookup, call: ToolCall, limit_s: float) -> ToolOutcome:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self._run(call))
            done, _ = await asyncio.wait([task], timeout=limit_s)
            if not done and not lookup.kept:
                task.cancel()
                self._lookups = OrderedDict((key, each) for key, each in self._lookups.items() if each is not lookup)
                return ToolOutcome({"error": GIVEN_UP}, ok=False)
        return task.result()

    def _at(self, call: ToolCall) -> _Lookup | None:
        """A lookup of the same that still counts: under way, or a result that is no failure and not too old."""
        lookup = self._lookups.get(self._key(call))
        if lookup is None or not lookup.task.done():
            return lookup
        failed = lookup.task.cancelled() or lookup.task.exception() is not None or not lookup.task.result().ok
        return None if failed or self._now_s() - lookup.began_s > self._good_for_s(call.name) else lookup
