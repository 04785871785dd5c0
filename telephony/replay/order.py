"""Carrying out what `offhook replay` was asked for: the runs, the comparison, the report, the exit status."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from agent.errors import LocalError
from telephony.replay.batch import replay_one, run_tasks, tasks_for
from telephony.replay.judging.compare import Summary, compare, compare_all
from telephony.replay.judging.result import Run
from telephony.replay.judging.turn_changes import Bounds
from telephony.replay.plan import Plan
from telephony.replay.report.as_json import REPORT_VERSION, run_as_dict, summary_as_dict
from telephony.replay.report.compared_table import summary_view
from telephony.replay.report.table import batch_view, run_view
from telephony.replay.request import check_settings, new_folder, same_agents
from telephony.replay.worker import Replay

#: All ran, and nothing is worse; a call could not be run to its end, or is worse. (2: nothing was run.)
FINE, NOT_FINE = 0, 1
PAGE = ".html"


@dataclass(frozen=True, slots=True)
class Order:
    """What to run and what to make of it. `compared` with `base` None: with the records themselves."""

    sources: tuple[Path, ...]
    plan: Plan
    compared: bool = False
    base: Plan | None = None
    jobs: int | None = None
    out: Path | None = None
    html: Path | None = None
    as_json: bool = False


def carry_out(order: Order, replay: Replay = replay_one) -> int:
    """Run everything, tell it on stdout, write what is to be written; FINE or NOT_FINE. `replay` as in `replay_all`.

    Raises LocalError, before anything is run, for an order that makes no sense and for places that cannot be written.
    """
    if sys.__stdout__ is None:
        raise LocalError("stdout is closed, and the report goes there: redirect it, to /dev/null if need be")
    _check(order)
    with _ended_in_order(), _out(order) as out:
        base, now = _run(order, out, replay)
        page = _write_pages(order, order.html, base, now) if order.html is not None else None
    if order.out is None:  # then none of their folders is there any more
        base = [run and replace(run, folder=None) for run in base]
        now = [replace(run, folder=None) for run in now]
    summary = compare_all(zip(base, now, strict=True), _bounds(order)) if order.compared else None
    told = _tell(lambda: _write_json(now, summary) if order.as_json else _print(order, now, summary, page))
    failed = not told or any(run is not None and run.failed for run in [*base, *now])
    return NOT_FINE if failed or (summary is not None and summary.worse) else FINE


@contextlib.contextmanager
def _ended_in_order() -> Iterator[None]:
    """Whoever ends us (a CI job that is cancelled, a terminal that is closed) leaves no caller's voice behind in
    temporary folders: it goes as with Ctrl-C, but for the status."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ended_by: list[int] = []

    def leave(number: int, frame: FrameType | None) -> None:
        if not ended_by:  # what follows must not be interrupted again
            ended_by.append(number)
            signal.raise_signal(signal.SIGINT)

    before = {each: signal.signal(each, leave) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    except KeyboardInterrupt:
        if ended_by:
            raise SystemExit(128 + ended_by[0]) from None
        raise
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _bounds(order: Order) -> Bounds:
    """Another agent is to say other words: they are not worse for it."""
    return Bounds(words=same_agents(order.plan, order.base or Plan(), order.sources))


def _check(order: Order) -> None:
    check_settings([plan for plan in (order.plan, order.base) if plan is not None], order.sources)
    if order.compared and order.base is None:
        for source in order.sources:
            if not source.is_dir():
                raise LocalError(f"--against record: {source} is a recording, no call that was; compare with as-is")
    if order.html is None:
        return
    if order.html.suffix != PAGE:
        new_folder("--html", order.html)
    elif len(order.sources) > 1:
        raise LocalError(f"--html {order.html}: {len(order.sources)} calls make a folder of pages: give a folder")
    elif not order.html.parent.is_dir() or order.html.is_dir():
        raise LocalError(f"--html {order.html} cannot be written: its folder is missing, or it is one itself")


@contextlib.contextmanager
def _out(order: Order) -> Iterator[Path]:
    """Where the runs' records go: a folder that stays, or one that is gone afterwards."""
    if order.out is not None:
        yield new_folder("--out", order.out)
        return
    with tempfile.TemporaryDirectory(prefix="offhook-replay-") as folder:
        yield Path(folder)


def _run(order: Order, out: Path, replay: Replay) -> tuple[list[Run | None], list[Run]]:
    """The runs to compare with (None: there is no record of it), and those that were asked for; in one batch."""
    if order.base is None:
        tasks, base_tasks = tasks_for(order.sources, order.plan, out), []
    else:
        tasks = tasks_for(order.sources, order.plan, out / "now")
        base_tasks = tasks_for(order.sources, order.base, out / "base")
    with _bar("running again", len(tasks) + len(base_tasks), shown=not order.as_json) as step:
        runs = run_tasks([*base_tasks, *tasks], jobs=order.jobs, progress=lambda run: step(), replay=replay)
    now = runs[len(base_tasks) :]
    if order.base is not None:
        return list(runs[: len(base_tasks)]), now
    return [_record(run) for run in now] if order.compared else [], now


def _record(run: Run) -> Run | None:
    """The recorded call itself, as if it were a run."""
    if run.recorded is None:
        return None
    return Run(run.name, run.source, Plan(), run.source, run.recorded, run.recorded, audio_ms=run.audio_ms)


def _tell(report: Callable[[], None]) -> bool:
    """Write the report to stdout, all of it; whether that could be done. (Who stops reading knows.)"""
    try:
        report()
        sys.stdout.flush()
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            sys.stderr.write(f"offhook: the report could not be written to stdout: {error.strerror}\n")
        # What is left of it is flushed at the process's end, and must not fail once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True


def _write_json(runs: Sequence[Run], summary: Summary | None) -> None:
    report: dict[str, Any]
    if summary is None:
        report = {"version": REPORT_VERSION, "calls": [run_as_dict(run) for run in runs]}
    else:
        report = summary_as_dict(summary)
    sys.stdout.write(json.dumps(report, indent=1) + "\n")


def _print(order: Order, runs: Sequence[Run], summary: Summary | None, page: Path | None) -> None:
    console = Console()
    if summary is not None:
        console.print(summary_view(summary))
    else:
        console.print(run_view(runs[0]) if len(runs) == 1 else batch_view(runs))
    if order.out is not None:
        sys.stdout.write(f"the runs' records are in {order.out}\n")
    if page is not None:
        sys.stdout.write(f"wrote {page}\n")


def _write_pages(order: Order, html: Path, base: Sequence[Run | None], now: Sequence[Run]) -> Path:
    """A page for each call, of both its sides where there are two; of several calls, an index of them. The path of the
    one to begin with."""
    from telephony.replay.report.page.comparison import write_comparison
    from telephony.replay.report.page.index import write_comparison_index, write_index
    from telephony.replay.report.page.report import write_page

    base_name = "base" if order.base is not None else "as recorded"
    if html.suffix == PAGE:
        was = base[0] if base else None
        if was is None:
            write_page(now[0], html)
        else:
            write_comparison(was, now[0], html, comparison=compare(was, now[0], _bounds(order)), base_name=base_name)
        return html
    with _bar("writing pages", len(now), shown=not order.as_json) as step:
        if not base:
            return write_index(now, html, step=step)
        summary = compare_all(zip(base, now, strict=True), _bounds(order))
        return write_comparison_index(summary, html, base_name=base_name, step=step)


@contextlib.contextmanager
def _bar(what: str, number: int, *, shown: bool) -> Iterator[Callable[[], None]]:
    """A bar on stderr, where that is a terminal; it is gone when all is done."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not (shown and console.is_terminal)) as bar:
        task = bar.add_task(what, total=number)
        yield lambda: bar.advance(task)
