"""Supervisor: a parent that holds the listening socket, and starts a new worker when one dies.

Because the socket outlives the worker, nobody is refused in between: a caller's next webhook waits in the socket's
queue until the new worker takes it. The parent does nothing else, so there is nothing in it to fail.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from types import FrameType

from telephony.logs.context import event

log = logging.getLogger("offhook.supervisor")

#: How a worker of ours is told which descriptor to listen on.
LISTEN_FD = "OFFHOOK_LISTEN_FD"
#: And where it sees that its supervisor is gone: the end of a pipe into which nobody writes.
PARENT_FD = "OFFHOOK_PARENT_FD"
#: systemd's socket activation (sd_listen_fds(3)): the first descriptor it passes.
SYSTEMD_FIRST_FD = 3
#: A worker that dies sooner than this after its start would die again at once.
SHORT_LIFE_S = 10.0
#: Then the next start waits, each time twice as long, up to the second figure.
BACK_OFF_S = (0.5, 30.0)
#: Each ends the service; SIGHUP is what a terminal sends that is closed.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
#: The status of a worker that the system would not start (os.EX_OSERR).
CANNOT_START = 71
#: Settings that cannot be served: no restart mends them (telephony/cli.py USAGE).
USAGE = 2


def inherited_socket(environment: Mapping[str, str] = os.environ) -> socket.socket | None:
    """The listening socket that our supervisor, or systemd, has passed to this process; None if nobody did."""
    if environment.get(LISTEN_FD, "").isdecimal():
        return socket.socket(fileno=int(environment[LISTEN_FD]))
    if environment.get("LISTEN_PID") == str(os.getpid()) and environment.get("LISTEN_FDS", "0") != "0":
        return socket.socket(fileno=SYSTEMD_FIRST_FD)
    return None


def parent_pipe(environment: Mapping[str, str] = os.environ) -> int | None:
    """A descriptor that becomes readable when our supervisor is gone; None if there is none."""
    return int(environment[PARENT_FD]) if environment.get(PARENT_FD, "").isdecimal() else None


class Supervisor:
    """Keeps one worker running. `run()` blocks until a signal ends it, and gives the last worker's exit status."""

    def __init__(self, listening: socket.socket, command: Sequence[str]) -> None:
        """`command` starts a worker that takes its socket from `inherited_socket`."""
        self._listening = listening
        self._command = list(command)
        self._worker: subprocess.Popen[bytes] | None = None
        self._life = -1  # a pipe that ends with this process, while it runs
        self._stopping = threading.Event()

    def run(self) -> int:
        """Start workers until SIGTERM, SIGINT or SIGHUP, which the worker gets too; the first must find its settings
        right."""
        handlers = {number: signal.signal(number, self._on_signal) for number in SIGNALS}
        self._life, held = os.pipe()
        try:
            return self._keep_running()
        finally:
            os.close(self._life)
            os.close(held)
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def _keep_running(self) -> int:
        wait_s, first = BACK_OFF_S[0], True
        while True:
            began_s = time.monotonic()
            status = self._one_worker()
            if self._stopping.is_set() or (first and status == USAGE):
                return status if status >= 0 else 128 - status  # as a shell tells of a signal
            lived_s, first = time.monotonic() - began_s, False
            cause = _cause(status)
            died = event("supervisor.died", cause=cause, lived_s=round(lived_s, 1))
            log.error("the worker died (%s) after %.0f s; a new one is started", cause, lived_s, extra=died)
            if lived_s > SHORT_LIFE_S:
                wait_s = BACK_OFF_S[0]
                continue
            if self._stopping.wait(wait_s):
                return 0
            wait_s = min(2 * wait_s, BACK_OFF_S[1])

    def _one_worker(self) -> int:
        fd, life = self._listening.fileno(), self._life
        environment = {**os.environ, LISTEN_FD: str(fd), PARENT_FD: str(life)}
        try:
            # A session of its own: Ctrl-C in a terminal reaches the worker through us alone, once.
            self._worker = subprocess.Popen(self._command, pass_fds=(fd, life), env=environment, start_new_session=True)
        except OSError as error:  # no memory, no process left: perhaps later
            log.error("no worker can be started: %s", error.strerror, extra=event("supervisor.failed"))
            return CANNOT_START
        if self._stopping.is_set():  # the signal came before there was a worker to get it
            self._worker.terminate()
        started = event("supervisor.started", worker=self._worker.pid)
        log.info("worker %d has been started", self._worker.pid, extra=started)
        return self._worker.wait()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stopping.set()
        if self._worker is not None:
            with contextlib.suppress(ProcessLookupError):
                self._worker.send_signal(number)


def _cause(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"status {status}"
