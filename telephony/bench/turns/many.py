"""Many calls of the bench over the cores, each whole in one process; one that breaks is told, and the others go on."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from telephony.bench.turns.run import CallPlan, CallRun, hold

#: What the libraries that compute in threads read when they are loaded: a process for each core is enough.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def hold_all(plans: Sequence[CallPlan], *, jobs: int, progress: Callable[[], None] = lambda: None) -> list[CallRun]:
    """Hold each call; runs in the order of the plans. `progress` is told of each that is over. With one job, or one
    call, all is done in this process."""
    if jobs <= 1 or len(plans) <= 1:
        runs = []
        for plan in plans:
            runs.append(hold(plan))
            progress()
        return runs
    found: dict[int, CallRun] = {}
    # A fork would take over the threads' locks of whoever calls us.
    with ProcessPoolExecutor(min(jobs, len(plans)), get_context("spawn"), _begin_worker) as pool:
        futures = {pool.submit(hold, plan): number for number, plan in enumerate(plans)}
        for future in as_completed(futures):
            found[futures[future]] = future.result()
            progress()
    return [found[number] for number in range(len(plans))]


def _begin_worker() -> None:
    for name in _ONE_THREAD:
        os.environ.setdefault(name, "1")
