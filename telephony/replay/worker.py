"""A process of its own that runs calls again, one at a time, for whoever started it; it never outlives them.

Engines hold threads and C libraries, and an agent's tools are anybody's code: here they may crash or hang without
harm to other calls. A worker leads a session of its own, so that it can be ended with all that it started.
"""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path

from agent.errors import LocalError, OffhookError
from telephony.replay.judging.outcome import Outcome
from telephony.replay.judging.result import Run
from telephony.replay.plan import Plan

Replay = Callable[[Path, Plan, Path], Run]

LEAVE_S = 2.0
"""A worker that has nothing to do ends at once; one whose engines' threads hang on does not."""
_SIGINT = frozenset({signal.SIGINT})


@dataclass(frozen=True, slots=True)
class Task:
    """One call to be run: what, how, and `folder`, which must not be there yet, for the run's own record."""

    source: Path
    plan: Plan
    folder: Path


def run_task(task: Task, replay: Replay) -> Run:
    """Run it in this process. Never raises: what goes wrong is told in `failed`."""
    began_s = time.monotonic()
    # A record is named by the call's id, which two streams of one call share: where it stands must not be a matter of
    # which of them is run first.
    place = task.folder.with_name(f"{task.folder.name}.run")
    try:
        run = replay(task.source, task.plan, place)
        if run.folder is None:
            return run
        run.folder.rename(task.folder)
        place.rmdir()
        return replace(run, folder=task.folder)
    except OffhookError as error:
        return failed_run(task, str(error), time.monotonic() - began_s)
    except OSError as error:  # a disk that is full, before there was a call
        return failed_run(task, f"its files could not be made: {error}", time.monotonic() - began_s)
    except Exception as error:  # noqa: BLE001 - a call's outer boundary: the other calls go on
        what = f"a fault of ours: {type(error).__name__}: {error}"
        return failed_run(task, what, time.monotonic() - began_s)


def failed_run(task: Task, why: str, took_s: float) -> Run:
    """A run of which nothing is known but why it failed."""
    return Run(task.source.name, task.source, task.plan, None, Outcome(), None, failed=why, took_s=took_s)


class Worker:
    """One worker, as its starter sees it. Wait for one of its `ends`, then ask `result`."""

    def __init__(self, replay: Replay, scratch: Path) -> None:
        """`replay` is what runs a call; `scratch` a folder for its temporary files, which it may leave there.

        Raises LocalError if the system gives no process.
        """
        context = get_context("spawn")  # a fork would take over locks that a thread of ours may hold
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, replay, scratch), daemon=True)
        try:
            with _no_interrupts(), theirs:  # else a Ctrl-C before it can ignore one ends it with a traceback
                self._process.start()
        except OSError as error:
            raise LocalError(f"no process could be started for the calls: {error.strerror}; try fewer --jobs") from None
        if self._process.pid is None:
            raise LocalError("no process could be started for the calls")
        self._pid = self._process.pid

    @property
    def ends(self) -> tuple[Connection, int]:
        """For `multiprocessing.connection.wait`: one is ready when there is a result, or the process has died."""
        return self._connection, self._process.sentinel

    @property
    def lives(self) -> bool:
        return not wait([self._process.sentinel], 0)

    def give(self, task: Task) -> None:
        """Have it run; it must have nothing to do. If it has died, its `ends` tell so."""
        with contextlib.suppress(OSError):
            self._connection.send(task)

    def result(self) -> Run | None:
        """The run that is ready; None: the process has died."""
        try:
            if self._connection.poll():
                run: Run = self._connection.recv()
                return run
        except (OSError, EOFError):
            pass
        return None

    def dismiss(self) -> None:
        """No more work: it may end."""
        self._connection.close()

    def end(self, within_s: float = 0.0) -> str:
        """End it, at the latest after so long, and all that it started; how it ended, in words."""
        wait([self._process.sentinel], within_s)  # no join: until the kill below its id must stay its own
        with contextlib.suppress(ProcessLookupError, PermissionError):  # it leads no group yet, or all have gone
            os.killpg(self._pid, signal.SIGKILL)
        self._process.kill()
        self._process.join()
        code = self._process.exitcode or 0
        self._process.close()
        self._connection.close()
        return _ending(code)


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    known = {"SIGSEGV": " (a crash in a library)", "SIGKILL": " (out of memory, perhaps)"}
    return f"was ended by {name}{known.get(name, '')}"


@contextlib.contextmanager
def _no_interrupts() -> Iterator[None]:
    """Ctrl-C waits until the block's end; processes started meanwhile hold it back until they say otherwise."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGINT)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(connection: Connection, replay: Replay, scratch: Path) -> None:
    """The process: a task in, a run out, until the other end is closed."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started us has heard it, and ends us
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGINT)
    tempfile.tempdir = os.environ["TMPDIR"] = str(scratch)
    os.dup2(2, 1)  # what an agent's tools print must not come between the report's lines
    threading.Thread(target=_follow_parent, daemon=True).start()
    with connection:
        while True:
            try:
                task: Task = connection.recv()
            except EOFError:
                return
            run = run_task(task, replay)
            try:
                connection.send(run)
            except OSError:
                return  # nobody waits for it any more


def _follow_parent() -> None:
    """However our starter ends (kill -9 among it), we end too, in the middle of a call if need be."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os.killpg(0, signal.SIGKILL)
