"""CallRecord: what a call leaves behind - its journal, its two-channel audio, its summary - written as the call goes.

`<root>/<call id>/` holds `journal.jsonl` (one event a line, JOURNAL_VERSION in each), `audio.wav` (left the caller,
right what the caller heard of the agent, at the line's rate) and, once the call has ended, `call.json`
(agent/summary.py). The call's own methods only append to a buffer, which goes to disk off the event loop, at least
every half second. A disk that fails costs the record, never the call.

What is confidential (agent/privacy.py) is masked and silenced here, before anything is buffered or told.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from agent.context import CallContext
from agent.errors import LocalError
from agent.privacy import NOTHING, Confidential, Remembered
from agent.recording.store import CallStore, Opening, plain

RecordMode = Literal["off", "journal", "full"]
Listener = Callable[[dict[str, object]], None]

JOURNAL_VERSION = 1
FLUSH_EVERY_S = 0.4
"""With the writing itself, under the half second that a crash may cost."""
PRESSING = frozenset(("turn.committed", "tool.called", "tool.returned"))
"""What a call that comes back after a crash must know, or it would ask again for what it was told."""
DISK_WITHIN_S = 10.0
"""A disk (or a network file system) that takes longer has failed."""
CLOSE_WITHIN_S = 5.0
OPEN_WITHIN_S = 1.0
"""The caller waits for it: a disk that takes longer costs the record."""
FLUSH_COST_MS = 0.5
"""What virtual time charges for a flush."""

_ENVELOPE = frozenset({"v", "n", "media_ms", "call_ms", "kind"})
_log = logging.getLogger(__name__)


def input_hash(*parts: str | bytes) -> str:
    """16 hex digits that name an engine request's input: SHA-256 over the parts, each with its length before it."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(b"%d:" % len(data))
        digest.update(data)
    return digest.hexdigest()[:16]


class CallRecord:
    """The record of one call. Make it with `open` or `open_apart`, run `run()` beside the call, `close()` at its end.

    `event`, `caller_audio` and `agent_audio` are for the event loop's thread; they never block, and do nothing after
    `close`.
    """

    def __init__(
        self, ctx: CallContext, store: CallStore | None, *, audio: bool, rate_hz: int, before: Remembered = NOTHING
    ) -> None:
        self._ctx = ctx
        self._store = store
        self._keeping = store is not None
        self._audio = audio
        self._rate_hz = rate_hz
        self._confidential = Confidential(before)
        self._opened_s = ctx.now_s()
        self._started_at = ctx.wall_time().isoformat(timespec="milliseconds")
        self._n = 0
        self._media_ms = 0
        self._listeners: tuple[Listener, ...] = ()
        self._pressing = asyncio.Event()
        self._refused = ""
        self._closed = False
        self._closing: asyncio.Future[str | None] | None = None
        self.folder: Path | None = store.folder if store else None
        """Where the record is; None if nothing is kept."""

    @classmethod
    def open(cls, root: Path, call_id: str, *, mode: RecordMode, rate_hz: int, ctx: CallContext) -> CallRecord:
        """Begin a record under `root`, at the line's rate. A disk that refuses is logged, and nothing is kept.

        `mode`: "off" keeps nothing (listeners still hear), "journal" no audio, "full" everything.
        """
        store: CallStore | None = None
        if mode != "off":
            opening = Opening(root, call_id, rate_hz if mode == "full" else None)
            try:
                opening.open()
            except (OSError, LocalError) as error:
                _log.error("call %.80r is not recorded, %s: %s", call_id, root, error)
            store = opening.take()
        return cls(ctx, store, audio=mode == "full" and store is not None, rate_hz=rate_hz)

    @classmethod
    async def open_apart(
        cls,
        root: Path,
        call_id: str,
        *,
        mode: RecordMode,
        rate_hz: int,
        ctx: CallContext,
        before: Remembered = NOTHING,
    ) -> CallRecord:
        """As `open`, off the event loop. Of a disk that does not answer within OPEN_WITHIN_S nothing is kept either.

        `before`: what an earlier stream of the call has said that must not be written.
        """
        store: CallStore | None = None
        why = ""
        if mode != "off":
            opening = Opening(root, call_id, rate_hz if mode == "full" else None)
            try:
                async with asyncio.timeout(OPEN_WITHIN_S):
                    await ctx.offload(opening.open, cost_ms=FLUSH_COST_MS, apart=True)
            except TimeoutError:
                why = f"the disk did not answer within {OPEN_WITHIN_S:g} s"
            except (OSError, LocalError) as error:
                why = str(error)
            except asyncio.CancelledError:
                if (late := opening.take()) is not None:
                    late.discard()
                raise
            if (store := opening.take()) is not None:
                why = ""  # it came at the last moment
            else:
                _log.error("call %.80r is not recorded, %s: %s", call_id, root, why)
        record = cls(ctx, store, audio=mode == "full" and store is not None, rate_hz=rate_hz, before=before)
        record._refused = why
        return record

    def remembered(self) -> Remembered:
        """What must not be written should the call come back on another stream. For memory only."""
        return self._confidential.remembered()

    def event(self, kind: str, media_ms: int, /, **data: object) -> None:
        """Journal one event at `media_ms`, what is confidential masked; listeners hear it at once.

        Raises LocalError if `data` uses a name of the envelope (v, n, media_ms, call_ms, kind).
        """
        if self._closed:
            return
        if not _ENVELOPE.isdisjoint(data):
            raise LocalError(f"journal event {kind!r} names a field {sorted(_ENVELOPE & data.keys())}; rename it")
        self._n += 1
        self._media_ms = media_ms
        call_ms = round((self._ctx.now_s() - self._opened_s) * 1000, 1)
        line: dict[str, object] = {"v": JOURNAL_VERSION, "n": self._n, "media_ms": media_ms, "call_ms": call_ms}
        line["kind"] = kind
        line.update(self._confidential.line(kind, media_ms, data))
        if self._audio and self._store is not None:
            self._store.withdrawn.extend(self._confidential.withdrawn())
        if self._keeping and self._store is not None:
            self._store.lines.append(_encode(line))
            if kind in PRESSING:
                self._pressing.set()
        if self._listeners:
            self._tell(line)

    def caller_audio(self, pcm: bytes, media_ms: int) -> None:
        """The caller's next audio: PCM16 mono at the line's rate, its first sample at `media_ms`. Ascending."""
        if self._audio and self._store is not None:
            if media_ms < self._confidential.quiet_until_ms:
                pcm = self._confidential.silenced(pcm, media_ms, self._rate_hz)
            self._store.caller.append((media_ms, pcm))

    def agent_audio(self, pcm: bytes, media_ms: int) -> None:
        """Agent audio that the caller heard at `media_ms`. Ascending; may come as late as it likes."""
        if self._audio and self._store is not None:
            if media_ms < self._confidential.quiet_until_ms:
                pcm = self._confidential.silenced(pcm, media_ms, self._rate_hz)
            self._store.agent.append((media_ms, pcm))

    def listen(self, callback: Listener) -> Callable[[], None]:
        """Let `callback` hear every event from now on, on the loop, as it is journaled. Returns how to stop that.

        It must be quick, and must not change the event. If it raises, it is logged and hears no more.
        """
        self._listeners += (callback,)
        return lambda: self._deafen(callback)

    async def run(self) -> None:
        """Flush to disk every FLUSH_EVERY_S, and at once what PRESSING names. Ends when cancelled, or when there is
        nothing (more) to keep."""
        if self._refused:  # told here: whoever listens does so by now
            self.event("error", self._media_ms, where="record", message=self._refused)
        while self._keeping and not self._closed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_EVERY_S):
                    await self._pressing.wait()
            self._pressing.clear()
            await self.flush()

    async def close(self, summary_extra: Mapping[str, object] | None = None) -> None:
        """Flush what is left and write call.json, with `summary_extra` laid over the summary.

        May be called again, and from a cancelled call; takes at most CLOSE_WITHIN_S.
        """
        self._closed = True
        self._audio = False
        store = self._store
        if store is None:
            return
        if self._closing is None:
            ended_at = self._ctx.wall_time().isoformat(timespec="milliseconds")
            extra = {"started_at": self._started_at, "ended_at": ended_at, **(summary_extra or {})}
            finishing = self._ctx.offload(store.finish, extra, cost_ms=FLUSH_COST_MS, apart=True)
            self._closing = asyncio.ensure_future(finishing)
        try:
            async with asyncio.timeout(CLOSE_WITHIN_S):
                failure = await asyncio.shield(self._closing)
        except TimeoutError:
            failure = f"the disk did not answer within {CLOSE_WITHIN_S:g} s"
        if failure is not None:
            self._give_up(failure)
        self._keeping = False

    async def flush(self) -> None:
        """Write to disk what has been told so far."""
        store = self._store
        if store is None or self._closed or not self._keeping:
            return
        try:
            async with asyncio.timeout(DISK_WITHIN_S):
                failure = await self._ctx.offload(store.drain, cost_ms=FLUSH_COST_MS, apart=True)
        except TimeoutError:
            failure = f"the disk did not answer within {DISK_WITHIN_S:g} s"
        if failure is not None and not self._closed:
            self._give_up(failure)

    def _give_up(self, failure: str) -> None:
        """Recording is over; the call is not."""
        if self._keeping:
            self._keeping = self._audio = False
            _log.error("%s: recording stops, the call goes on: %s", self.folder, failure)
            self.event("error", self._media_ms, where="record", message=failure)

    def _tell(self, line: dict[str, object]) -> None:
        for listener in self._listeners:
            try:
                listener(line)
            except Exception:  # noqa: BLE001  an onlooker's mistake is not the call's
                _log.exception("a listener of the journal failed, and hears no more")
                self._deafen(listener)

    def _deafen(self, listener: Listener) -> None:
        self._listeners = tuple(other for other in self._listeners if other is not listener)


def _encode(line: dict[str, object]) -> str:
    """One line of JSON. Lone surrogates pass; they are escaped when the line becomes bytes, which JSON allows."""
    try:
        return _ENCODER.encode(line)
    except (TypeError, ValueError) as error:  # a field JSON cannot hold must not end a call
        envelope = {name: line[name] for name in _ENVELOPE}
        return _ENCODER.encode({**envelope, "unwritable": str(error), "fields": repr(line)[:2000]})


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=plain)
