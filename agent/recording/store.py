"""CallStore: the files of a call's record, and the buffers before them. Blocking; for a worker thread."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from agent.recording.folder import AUDIO, JOURNAL, SUMMARY, create_file, make_folder, replace_file, write_all
from agent.recording.wav import StereoWav
from agent.summary import parse_journal, summarise

T = TypeVar("T")

_log = logging.getLogger(__name__)


class CallStore:
    """The loop appends; one worker thread at a time drains.

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
                text = json.dumps(summary, indent=1, ensure_ascii=False, default=plain)
                replace_file(self.folder / SUMMARY, text.encode("utf-8", "backslashreplace") + b"\n")
            except OSError as error:
                failure = failure or f"call.json: {error}"
            return failure

    def discard(self) -> None:
        """Close and remove what was made; nothing has been written yet."""
        with self._lock:
            self._close_files()
        for name in (JOURNAL, AUDIO):
            (self.folder / name).unlink(missing_ok=True)
        self.folder.rmdir()

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


class Opening:
    """A store being made by a thread, whose disk may hang. `take` it in time; what comes later removes itself."""

    def __init__(self, root: Path, call_id: str, audio_hz: int | None) -> None:
        self._root = root
        self._call_id = call_id
        self._audio_hz = audio_hz
        self._lock = threading.Lock()
        self._store: CallStore | None = None
        self._over = False

    def open(self) -> None:
        """Make it. Blocking. Raises OSError if the disk refuses, LocalError if there are too many of this name."""
        store = CallStore(make_folder(self._root, self._call_id), self._audio_hz)
        with self._lock:
            if not self._over:
                self._store = store
                return
        try:
            store.discard()
        except OSError as error:
            _log.warning("%s: opened too late, and left behind: %s", store.folder, error)

    def take(self) -> CallStore | None:
        """The store, if it is there by now."""
        with self._lock:
            self._over = True
            store, self._store = self._store, None
            return store


def _taken(buffer: deque[T]) -> Iterator[T]:
    """Everything in a buffer that another thread may be appending to; it is empty after."""
    while buffer:
        yield buffer.popleft()


def plain(value: object) -> object:
    """What JSON does not know, as something it does."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return str(value)
