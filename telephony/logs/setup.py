"""Sends everything that this process has to say to one stream: our log, libraries' logs, warnings, uncaught errors."""

from __future__ import annotations

import logging
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any, TextIO

from telephony.logs.context import event
from telephony.logs.flood import WINDOW_S, Flood, Suppressed
from telephony.logs.lines import LogFormat, json_line, text_line
from telephony.logs.writer import EXIT_S, line_writer

log = logging.getLogger("offhook")

#: What strangers can cause as often as they like: lines with such an event are held to a few.
FLOODING = ("refused.", "socket.")


class OneLineHandler(logging.Handler):
    """Writes each record as one line, and of a flood only the beginning and the number.

    The line is made where the record is: there its call is known. It is written by another thread: here nobody waits.
    """

    def __init__(self, stream: TextIO, log_format: LogFormat, now_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._line = json_line if log_format == "json" else text_line
        self._flood = Flood(now_s)
        self._stream = stream
        self._writer = line_writer(stream, lambda lost: self._line(_lost(lost)))

    @property
    def lost_lines(self) -> int:
        """Lines that were never written."""
        return self._writer.lost if self._writer is not None else 0

    def format(self, record: logging.LogRecord) -> str:
        return self._line(record)

    def emit(self, record: logging.LogRecord) -> None:
        self.tell_suppressed()
        kind = getattr(record, "event", "")
        if isinstance(kind, str) and kind.startswith(FLOODING):
            fields = getattr(record, "fields", None)
            source = str(fields.get("source", "")) if isinstance(fields, dict) else ""
            if not self._flood.admit(kind, source):
                return
        self._put(record)

    def tell_suppressed(self) -> None:
        """Write one line for each flood whose window is over, and one if lines were lost."""
        with self.lock or threading.RLock():
            for suppressed in self._flood.due():
                self._put(_summary(suppressed))
            if self._writer is not None:
                self._writer.tell_lost()

    def close(self) -> None:
        """Write what waits, for at most EXIT_S. Python's logging calls it as the program ends."""
        if self._writer is not None:
            self._writer.close(EXIT_S)
        super().close()

    def _put(self, record: logging.LogRecord) -> None:
        try:
            line = self._line(record)
        except Exception as error:  # noqa: BLE001  not handleError: it prints a traceback, and waits for its reader
            line = self._line(_note(f"a log line of {record.name} could not be made: {type(error).__name__}", {}))
        if self._writer is not None:
            self._writer.put(line)
        else:
            self._stream.write(line + "\n")  # in memory


def _summary(suppressed: Suppressed) -> logging.LogRecord:
    message = f"… and {suppressed.count} more like this in the last {WINDOW_S:g} s"
    return _note(message, event(suppressed.kind, source=suppressed.source or "anywhere", more=suppressed.count))


def _lost(lost: int) -> logging.LogRecord:
    were = "line was" if lost == 1 else "lines were"
    return _note(f"{lost} {were} lost: nobody read the log", event("log.lost", lost=lost))


def _note(message: str, about: dict[str, Any]) -> logging.LogRecord:
    record = logging.LogRecord("offhook", logging.WARNING, "", 0, message, None, None)
    record.__dict__ |= {"call": "", **about}  # not of the call that happens to be served now
    return record


_handler: OneLineHandler | None = None


def configure(level: str, log_format: LogFormat, stream: TextIO | None = None) -> Callable[[], None]:
    """From now on everything goes to `stream` (else stderr), from `level` ("info") up. Returns how to undo it."""
    global _handler
    root = logging.getLogger()
    handler = OneLineHandler(stream or sys.stderr, log_format)
    kept = (root.handlers[:], root.level, sys.excepthook, threading.excepthook, sys.unraisablehook)
    kept_handler, kept_warnings = _handler, warnings.showwarning
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    sys.excepthook = _on_uncaught
    threading.excepthook = _on_thread_error
    sys.unraisablehook = _on_unraisable
    _handler = handler

    def undo() -> None:
        global _handler
        root.handlers[:], level_was, sys.excepthook, threading.excepthook, sys.unraisablehook = kept
        root.setLevel(level_was)
        logging.captureWarnings(False)
        warnings.showwarning = kept_warnings
        _handler = kept_handler
        handler.close()

    return undo


def tell_suppressed() -> None:
    """To be called every few seconds: what was suppressed, or lost, is told though nothing else is logged."""
    if _handler is not None:
        _handler.tell_suppressed()


def lost_lines() -> int:
    """Lines that nobody read in time, or that could not be written, since the log was configured."""
    return _handler.lost_lines if _handler is not None else 0


def _on_uncaught(kind: type[BaseException], error: BaseException, traceback: Any) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    log.critical("the program failed", exc_info=(kind, error, traceback), extra={"event": "crash"})


def _on_thread_error(args: threading.ExceptHookArgs) -> None:
    if args.exc_type is SystemExit:
        return
    name = args.thread.name if args.thread else "?"
    error = args.exc_value or args.exc_type()
    log.error("thread %s failed", name, exc_info=(args.exc_type, error, args.exc_traceback), extra={"event": "crash"})


def _on_unraisable(args: sys.UnraisableHookArgs) -> None:
    what = args.err_msg or "an error where none can be raised"
    error = args.exc_value or args.exc_type()
    # The object only by its kind: it may be half destroyed.
    log.error(
        "%s in a %s",
        what,
        type(args.object).__name__,
        exc_info=(args.exc_type, error, args.exc_traceback),
        extra={"event": "unraisable"},
    )
