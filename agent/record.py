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
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal, TypeVar

from agent.context import CallContext
from agent.errors import LocalError
from agent.privacy import Confidential
from agent.recording.folder import AUDIO, JOURNAL, SUMMARY, create_file, make_folder, replace_file, write_all
from agent.recording.wav import StereoWav
from agent.summary import parse_journal, summarise

T = TypeVar("T")

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
    """The record of one call. Make it with `open`, run `run()` beside the call, `close()` at its end.

    `event`, `caller_audio` and `agent_audio` are for the event loop's thread; they never block, and do nothing after
    `close`.
    """

    def __init__(self, ctx: CallContext, store: _Store | None, *, audio: bool, rate_hz: int) -> None:
        self._ctx = ctx
        self._store = store
        self._keeping = store is not None
        self._audio = audio
        self._rate_hz = rate_hz
        self._confidential = Confidential()
        self._opened_s = ctx.now_s()
        self._started_at = ctx.wall_time().isoformat(timespec="milliseconds")
        self._n = 0
        self._media_ms = 0
        self._listeners: tuple[Listener, ...] = ()
        self._pressing = asyncio.Event()
        self._closed = False
        self._closing: asyncio.Future[str | None] | None = None
        self.folder: Path | None = store.folder if store else None
        """Where the record is; None if nothing is kept."""

    @classmethod
    def open(cls, root: Path, call_id: str, *, mode: RecordMode, rate_hz: int, ctx: CallContext) -> CallRecord:
        """Begin a record under `root`, at the line's rate. A disk that refuses is logged, and nothing is kept.

        `mode`: "off" keeps nothing (listeners still hear), "journal" no audio, "full" everything.
        """
        if mode == "off":
            return cls(ctx, None, audio=False, rate_hz=rate_hz)
        try:
            store = _Store(make_folder(root, call_id), rate_hz if mode == "full" else None)
        except (OSError, LocalError) as error:
            _log.error("call %.80r is not recorded, %s: %s", call_id, root, error)
            return cls(ctx, None, audio=False, rate_hz=rate_hz)
        return cls(ctx, store, audio=mode == "full", rate_hz=rate_hz)

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


class _Store:
    """The record's files, and the buffers before them. The loop appends; one worker thread at a time drains.

    Work that its caller has given up on may still run: the lock keeps it apart from what comes after, and because the
    buffers are emptied under it, lines stay in order whoever comes first. Descriptors are closed under it too, so that
    no late write can land in a file that got the same number.
    """

    def __init__(self, folder: Path, audio_hz: int | None) -> None:
        self.folder = folder
        self.lines: deque[str] = deque()
        self.caller: deque[tuple[int, bytes]] = deque()
        self.agent: deque[tuple[int, bytes]] = deque()
        self.withdrawn: deque[tuple[int, int]] = deque()
        self._lock = threading.Lock()
        self._wav_fd: int | None = None
        self._wav: StereoWav | None = None
        self._failure: str | None = None
        self._good_bytes = 0
        self._journal_fd = create_file(folder / JOURNAL)
        try:
            if audio_hz is not None:
                self._wav_fd = create_file(folder / AUDIO)
                self._wav = StereoWav(self._wav_fd, audio_hz)
        except OSError:
            self._close_files()
            raise

    def drain(self) -> str | None:
        """Write what is buffered. Returns what went wrong, or None. Blocking."""
        with self._lock:
            return self._drain()

    def finish(self, extra: Mapping[str, object]) -> str | None:
        """Write what is buffered and the summary, and close the files. Blocking; the last call."""
        with self._lock:
            failure = self._drain()
            if self._wav is not None and self._wav.refused:
                _log.warning("%s: %d pieces of audio were placed out of reach", self.folder, self._wav.refused)
            self._close_files()
            try:  # even after a failure: what did reach the disk deserves its summary
                with (self.folder / JOURNAL).open("rb") as journal:
                    summary = {**summarise(parse_journal(journal)), **extra}
                text = json.dumps(summary, indent=1, ensure_ascii=False, default=_plain)
                replace_file(self.folder / SUMMARY, text.encode("utf-8", "backslashreplace") + b"\n")
            except OSError as error:
                failure = failure or f"call.json: {error}"
            return failure

    def _drain(self) -> str | None:
        # First: what is withdrawn was given before, so it is among what is taken next, or on the disk.
        withdrawn = list(_taken(self.withdrawn))
        lines, caller, agent = list(_taken(self.lines)), list(_taken(self.caller)), list(_taken(self.agent))
        if self._failure is not None or self._journal_fd < 0:
            return self._failure
        try:
            if lines:
                data = ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")
                write_all(self._journal_fd, data)
                self._good_bytes += len(data)
            if self._wav is not None:
                self._wav.write(caller, agent)
                for from_ms, to_ms in withdrawn:
                    self._wav.silence(from_ms, to_ms)
        except OSError as error:
            self._failure = str(error)
            with contextlib.suppress(OSError):
                os.ftruncate(self._journal_fd, self._good_bytes)  # no torn line
        return self._failure

    def _close_files(self) -> None:
        if self._wav_fd is not None:
            os.close(self._wav_fd)
        if self._journal_fd >= 0:
            os.close(self._journal_fd)
        self._journal_fd, self._wav_fd, self._wav = -1, None, None


def _taken(buffer: deque[T]) -> Iterator[T]:
    """Everything in a buffer that another thread may be appending to; it is empty after."""
    while buffer:
        yield buffer.popleft()


def _encode(line: dict[str, object]) -> str:
    """One line of JSON. Lone surrogates pass; they are escaped when the line becomes bytes, which JSON allows."""
    try:
        return _ENCODER.encode(line)
    except (TypeError, ValueError) as error:  # a field JSON cannot hold must not end a call
        envelope = {name: line[name] for name in _ENVELOPE}
        return _ENCODER.encode({**envelope, "unwritable": str(error), "fields": repr(line)[:2000]})


def _plain(value: object) -> object:
    """What JSON does not know, as something it does."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return str(value)


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain)
