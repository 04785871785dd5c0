"""CallFeed: what the browser phone is told of one call - journal lines boiled down, kept for whoever reads them.

A reader may come late, or come back (a browser re-opens its event stream by itself): it says which line it saw last.
What a feed holds is bounded; a reader that falls further behind than that misses the oldest lines, and nothing waits
for it.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

from agent.summary import STAGES

#: So many lines are kept: some hundred turns.
MAX_LINES = 1_000
#: A page shows no more of one text.
MAX_CHARS = 2_000
#: Readers at once: the page's own, one that its browser has opened anew, and some who look on. Each is a connection
#: and several tasks of the server's.
MAX_READERS = 4
#: A comment goes out this often, so that nothing on the way takes a quiet stream for a dead one.
PING_S = 15.0

#: The fields of each kind of journal line that the page shows. What is not named here never leaves.
_FIELDS: dict[str, tuple[str, ...]] = {
    "call.started": ("agent", "rate_hz", "record"),
    "call.ended": ("reason",),
    "turn.started": ("turn",),
    "turn.committed": ("turn", "text", "source"),
    "turn.corrected": ("turn", "text"),
    "turn.rejected": ("turn", "reason"),
    "turn.latency": ("turn", "voice_to_voice_ms", *STAGES),
    "agent.clause": ("utterance", "turn", "text"),
    "agent.heard": ("utterance", "turn", "text", "said", "complete"),
    "agent.yielded": ("turn", "utterance"),
    "agent.took_up": ("turn", "utterance", "reason"),
    "barge_in": ("turn", "utterance", "reason"),
    "key": ("digit",),
    "tool.called": ("id", "name", "arguments", "turn"),
    "tool.returned": ("id", "name", "ok", "result", "took_ms"),
    "silence.prompt": ("count",),
    "error": ("where", "message"),
}
_DECISION = ("type", "to", "digits", "reason")


def for_the_page(event: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the page needs of one journal line, or None. Everything in it is data, to be shown as text."""
    kind = event["kind"]
    if kind == "engine.result":
        return _partial(event)
    if kind == "leave":
        decision = event.get("decision")
        source: Mapping[str, Any] = decision if isinstance(decision, Mapping) else {}
        fields: tuple[str, ...] = _DECISION
    else:
        if kind not in _FIELDS:
            return None
        source, fields = event, _FIELDS[kind]
    line = {"kind": kind, "at": event.get("media_ms", 0)}
    line.update({name: _shown(source[name]) for name in fields if name in source})
    return line


def _partial(event: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the recogniser has so far: the only results of engines that a page shows."""
    result = event.get("result")
    if event.get("final") or not str(event.get("id", "")).startswith("stt-") or not isinstance(result, Mapping):
        return None
    return {"kind": "partial", "at": event.get("media_ms", 0), "text": _shown(result.get("text", ""))}


def _shown(value: object) -> object:
    """A plain value as it is; anything else as JSON text. Long texts are cut."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if not isinstance(value, str):
        try:
            value = json.dumps(value, ensure_ascii=False, default=str)
        except (TypeError, ValueError, RecursionError):  # what a tool returned, and JSON cannot hold
            value = repr(value)
    return value if len(value) <= MAX_CHARS else value[:MAX_CHARS] + " …"


class CallFeed:
    """The lines of one call. `push` is a listener of its journal; MAX_READERS at once, the oldest makes room."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=MAX_LINES)
        self._count = 0
        self._more = asyncio.Event()
        self._readers: dict[object, Callable[[], None]] = {}
        self.begun = False
        self.ended = False

    def push(self, event: Mapping[str, Any]) -> None:
        """Take a journal line. On the loop; quick."""
        line = for_the_page(event)
        if line is None or self.ended:
            return
        self.begun = True
        self._lines.append(json.dumps(line))
        self._count += 1
        if line["kind"] == "call.ended":
            self.ended = True
        self._wake()

    def end(self) -> None:
        """Nothing more will come: readers are told so."""
        self.ended = True
        self._wake()

    def _wake(self) -> None:
        more, self._more = self._more, asyncio.Event()
        more.set()

    async def read(
        self, after: int, ping_s: float = PING_S, put_out: Callable[[], None] = lambda: None
    ) -> AsyncGenerator[str, None]:
        """Blocks of an event stream (text/event-stream), from the line after number `after` on; ends after the last.

        `put_out` is called if this reader has to make room: it may wait where it reads nothing any more.
        """
        me = object()
        self._readers[me] = put_out
        if len(self._readers) > MAX_READERS:
            self._readers.pop(next(iter(self._readers)))()
            self._wake()
        try:
            after = min(after, self._count)
            yield "retry: 1000\n\n"
            while me in self._readers:
                more = self._more
                while after < self._count:
                    after = max(after, self._count - len(self._lines)) + 1
                    yield f"id: {after}\ndata: {self._lines[after - 1 - self._count]}\n\n"
                if self.ended:
                    yield "event: over\ndata: {}\n\n"
                    return
                try:
                    async with asyncio.timeout(ping_s):
                        await more.wait()
                except TimeoutError:
                    yield ": ping\n\n"
        finally:
            self._readers.pop(me, None)
