"""LineWriter: writes lines to a descriptor from a thread of its own, so that nobody waits for whoever reads them.

A pipe whose reader is stuck takes 64 KiB, and then blocks every writer. What waits here is bounded: lines beyond it are
dropped, counted, and told of once lines are taken again.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import select
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TextIO

#: Some four thousand ordinary lines: a reader that stalls for a while under load loses none.
MAX_WAITING_BYTES = 1024 * 1024
#: At the end of the program, so long may the reader take for what still waits.
EXIT_S = 1.0
_write = os.write


class LineWriter:
    """One descriptor's lines. `put` never blocks; it is called under one lock, or from one thread."""

    def __init__(self, fd: int, tell_lost: Callable[[int], str]) -> None:
        """Writes to a copy of `fd`. `tell_lost` makes the line that says how many were lost."""
        # Not through a file object: at the interpreter's end a stuck thread would hold that one's lock, and Python
        # aborts the process. A copy: the number may be closed and used for another file by somebody else.
        self._fd = os.dup(fd)
        self._lost_line = tell_lost
        # A line; lines that were dropped here, as their number; None: the end. SimpleQueue: its `put` may be entered
        # again by a destructor that logs.
        self._queue: SimpleQueue[bytes | int | None] = SimpleQueue()
        # Two counts, each written by one side: so neither needs a lock.
        self._put_bytes = self._taken_bytes = 0
        self._lost_waiting = self._lost_writing = 0
        self._losing = 0
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="log writer", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> int:
        """Lines that were never written, so far."""
        return self._lost_waiting + self._lost_writing

    def put(self, line: str) -> None:
        """Write this line (without its newline) when its turn comes; dropped when too much waits."""
        self.tell_lost()
        data = line.encode("utf-8", "backslashreplace") + b"\n"
        if self._closed or self._losing or self._waiting_bytes + len(data) > MAX_WAITING_BYTES:
            self._losing += 1
            self._lost_waiting += 1
            return
        self._put_bytes += len(data)
        self._queue.put(data)

    def tell_lost(self) -> None:
        """If lines were dropped, and the reader has taken half of what waited: say how many, and take lines again."""
        if self._losing and not self._closed and self._waiting_bytes <= MAX_WAITING_BYTES // 2:
            self._queue.put(self._losing)
            self._losing = 0

    def close(self, within_s: float = EXIT_S) -> None:
        """Write what waits, for so long; later lines are dropped."""
        if not self._closed:
            if self._losing:
                self._queue.put(self._losing)
            self._closed = True
            self._queue.put(None)
            self._thread.join(within_s)

    @property
    def _waiting_bytes(self) -> int:
        return self._put_bytes - self._taken_bytes

    # --- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        lost, torn = 0, False
        while (item := self._queue.get()) is not None:
            line = item if isinstance(item, bytes) else b""
            lost += 0 if line else int(item)
            try:
                if torn:
                    self._write_all(b"\n")
                    torn = False
                if lost:
                    self._write_all(self._lost_line(lost).encode() + b"\n")
                    lost = 0
                self._write_all(line)
            except OSError as error:  # the reader is gone, or the disk is full
                torn = isinstance(error, _Torn)
                lost += 1 if line else 0
                self._lost_writing += 1 if line else 0
            self._taken_bytes += len(line)
        os.close(self._fd)

    def _write_all(self, data: bytes) -> None:
        written = 0
        while written < len(data):
            try:
                written += _write(self._fd, data[written:] if written else data)
            except BlockingIOError:  # whoever shares the pipe with us has made it so
                select.select((), (self._fd,), ())
            except OSError as error:
                if written:
                    raise _Torn from error
                raise


class _Torn(OSError):
    """A part of a line was written, and the rest could not be."""


def line_writer(stream: TextIO, tell_lost: Callable[[int], str]) -> LineWriter | None:
    """A writer to the stream's descriptor; None if it has none (it is in memory), or is closed."""
    try:
        stream.flush()
        return LineWriter(stream.fileno(), tell_lost)
    except (OSError, ValueError, AttributeError):
        return None


def say(text: str) -> None:
    """A line on stdout that holds up nobody. For a service; a command that ends at once prints."""
    said = _stdout()
    if said is None:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            print(text, flush=True)  # noqa: T201  to memory
    else:
        said.put(text)


@functools.cache
def _stdout() -> LineWriter | None:
    made = line_writer(sys.stdout, lambda lost: f"({lost} lines were lost: nobody read them)")
    if made is not None:
        atexit.register(made.close, EXIT_S / 2)
    return made
