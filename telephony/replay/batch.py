"""Many calls run again at once, over the cores; one that crashes or hangs fails alone, with a sentence."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path
from types import FrameType

from agent.errors import LocalError
from agent.recording.folder import folder_name
from telephony.replay.judging.result import Run
from telephony.replay.plan import Plan
from telephony.replay.worker import LEAVE_S, Replay, Task, Worker, failed_run, run_task

CALL_LIMIT_S = 120.0
"""Real time that any call may take, whatever its length: engines start, tools run."""
SLOWEST_BYTES_PER_S = 8000
"""And so much of its source: mu-law as it comes on a line, so real time at the least. A call takes a tenth of it."""

AGAIN_S = 2.0
"""What is to end within this process, and has not after so long, is told to once more: an exception that a signal
raises within a finaliser is lost."""

Progress = Callable[[Run], None]


def default_jobs() -> int:
    """One worker for each core that we may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def limit_s(source: Path) -> float:
    """So many real seconds a call may take: CALL_LIMIT_S, and what its audio would take on a slow line."""
    size = 0
    with contextlib.suppress(OSError):  # whoever reads it tells what is wrong with it
        files = source.iterdir() if source.is_dir() else [source]
        size = sum(file.stat().st_size for file in files)
    return CALL_LIMIT_S + size / SLOWEST_BYTES_PER_S


def replay_all(
    sources: Sequence[Path],
    plan: Plan,
    out: Path,
    *,
    jobs: int | None = None,
    progress: Progress | None = None,
    replay: Replay | None = None,
    limit: Callable[[Path], float] = limit_s,
) -> list[Run]:
    """Run each source again by this plan; the runs in the order of `sources`, their folders under `out`.

    `jobs`: so many processes; None: as many as there are cores. A single source runs in this process; what
    hangs in a C library is then not ended by its limit, nor is anything if this is not the process's main thread.
    `progress` is told of each run as it ends. `replay` is what runs one call (must be importable by name, for it goes
    to other processes); None: telephony.replay.run.replay. `limit`: the real seconds that a source may take.
    Raises LocalError for a number of jobs that is none; never for a source.
    """
    return run_tasks(
        tasks_for(sources, plan, out), jobs=jobs, progress=progress, replay=replay or replay_one, limit=limit
    )


def tasks_for(sources: Iterable[Path], plan: Plan, out: Path) -> list[Task]:
    """One task for each source. Their folders are OUT/NAME, of sources with the same name NAME-2, …"""
    taken: set[str] = set()
    tasks = []
    for source in sources:
        stem = source.name if source.is_dir() else source.stem
        names = (folder_name(stem, number) for number in itertools.count(1))
        name = next(name for name in names if name not in taken)
        taken.add(name)
        tasks.append(Task(source, plan, out / name))
    return tasks


def replay_one(source: Path, plan: Plan, out: Path) -> Run:
    """Run one call again. What that needs is imported by the process that does it."""
    from telephony.replay.run import replay

    return replay(source, plan, out)


def run_tasks(
    tasks: Sequence[Task],
    *,
    jobs: int | None = None,
    progress: Progress | None = None,
    replay: Replay = replay_one,
    limit: Callable[[Path], float] = limit_s,
) -> list[Run]:
    """As `replay_all`, for tasks whose plans may differ."""
    if jobs is not None and jobs < 1:
        raise LocalError(f"{jobs} jobs: at least one process is needed to run calls again")
    if len(tasks) == 1:
        with contextlib.redirect_stdout(sys.stderr):  # as in a worker: what tools print is no part of the report
            run = _run_here(tasks[0], replay, limit(tasks[0].source))
        if progress is not None:
            progress(run)
        return [run]
    # What a worker that was ended left there goes with the folder.
    with tempfile.TemporaryDirectory(prefix="offhook-workers-") as scratch:
        jobs = min(jobs or default_jobs(), len(tasks))
        batch = _Batch(tasks, jobs, progress, lambda: Worker(replay, Path(scratch)), limit)
        try:
            return batch.run()
        finally:
            batch.end()


class _GivenUp(KeyboardInterrupt):
    """Its time is over. It goes where Ctrl-C goes: out of any event loop, and through what tools may catch."""


def _run_here(task: Task, replay: Replay, limit_s: float) -> Run:
    began_s = time.monotonic()
    try:
        with _limited(limit_s):
            return run_task(task, replay)
    except _GivenUp:
        took_s = time.monotonic() - began_s
        return failed_run(task, _given_up(took_s), took_s)


@contextlib.contextmanager
def _limited(limit_s: float) -> Iterator[None]:
    """_GivenUp is raised in the block when it takes more real time; off the main thread, which cannot be, never."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def give_up(number: int, frame: FrameType | None) -> None:
        raise _GivenUp

    before = signal.signal(signal.SIGALRM, give_up)
    try:
        signal.setitimer(signal.ITIMER_REAL, limit_s, AGAIN_S)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _given_up(took_s: float) -> str:
    return f"given up after {took_s:.0f} s of real time: a call of this length may take no more"


class _Batch:
    """The state of a batch at work: what waits, who is at what until when, what has come of it."""

    def __init__(
        self,
        tasks: Sequence[Task],
        jobs: int,
        progress: Progress | None,
        hire: Callable[[], Worker],
        limit: Callable[[Path], float],
    ) -> None:
        self._tasks = tasks
        self._jobs = jobs
        self._progress = progress
        self._hire = hire
        self._limit = limit
        self._waiting = deque(range(len(tasks)))
        self._idle: list[Worker] = []
        self._at_work: dict[Worker, _Job] = {}
        self._runs: dict[int, Run] = {}

    def run(self) -> list[Run]:
        while len(self._runs) < len(self._tasks):
            while self._waiting and len(self._at_work) < self._jobs:
                self._begin(self._worker(), self._waiting.popleft())
            left_s = min(job.since_s + job.limit_s for job in self._at_work.values()) - time.monotonic()
            connection.wait([end for worker in self._at_work for end in worker.ends], max(0.0, left_s))
            for worker in list(self._at_work):
                self._look_at(worker)
        return [self._runs[number] for number in range(len(self._tasks))]

    def end(self) -> None:
        """Every worker is gone afterwards, whatever it was at."""
        for worker in self._idle:
            worker.dismiss()
        for worker in self._at_work:
            worker.end()
        until_s = time.monotonic() + LEAVE_S
        for worker in self._idle:
            worker.end(max(0.0, until_s - time.monotonic()))

    def _worker(self) -> Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.lives:
                return worker
            worker.end()  # it died over nothing: no call is to blame
        return self._hire()

    def _begin(self, worker: Worker, number: int) -> None:
        task = self._tasks[number]
        # Noted before it begins, so that `end` knows of it whatever interrupts us.
        self._at_work[worker] = _Job(number, time.monotonic(), self._limit(task.source))
        worker.give(task)

    def _look_at(self, worker: Worker) -> None:
        job = self._at_work[worker]
        took_s = time.monotonic() - job.since_s
        ready = connection.wait(worker.ends, 0)
        if not ready and took_s < job.limit_s:
            return
        run = worker.result() if ready else None
        del self._at_work[worker]
        if run is not None:
            self._idle.append(worker)
        else:
            how = worker.end(LEAVE_S if ready else 0.0)  # whose connection has ended is dying: let it, to know of what
            why = f"the process that ran this call {how}" if ready else _given_up(took_s)
            run = failed_run(self._tasks[job.number], why, took_s)
        self._runs[job.number] = run
        if self._progress is not None:
            self._progress(run)


@dataclass(frozen=True, slots=True)
class _Job:
    """Which task, since when, and how long it may take."""

    number: int
    since_s: float
    limit_s: float
