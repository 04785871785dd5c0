"""Batches of replays, in real processes: order, crashes, hangs, limits, Ctrl-C - and nothing left behind."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.context import SpawnProcess
from pathlib import Path

import pytest

from agent.errors import LocalError
from agent.recording.folder import make_folder
from telephony.replay.batch import CALL_LIMIT_S, limit_s, replay_all, tasks_for
from telephony.replay.judging.outcome import Outcome
from telephony.replay.judging.result import Run
from telephony.replay.plan import Plan
from tests.support.waiting import block, until_sync

PLAN = Plan(mode="same", settings=("turns.trailing_ms=700",))


def fake(source: Path, plan: Plan, out: Path) -> Run:
    """What a source's name says: how this "call" goes. Notes tell which process ran it."""
    what = source.name.partition("-")[2]
    folder = make_folder(out, "CA1")
    run = Run(source.name, source, plan, folder, Outcome(), None, notes=(str(os.getpid()),))
    match what:
        case "slow":
            block(0.5)
        case "segv":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "exit":
            os._exit(3)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hangs":
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
            block(60)
        case "waits":
            block(60)
        case "child":
            (out.parent / "child").write_text(str(subprocess.Popen(["sleep", "60"]).pid))
            block(60)
        case "bad":
            raise LocalError(f"{source} is no call")
        case "bug":
            raise ZeroDivisionError("division by zero")
        case "prints":
            print("tool output", flush=True)  # noqa: T201
    return run


def names(*whats: str) -> list[Path]:
    return [Path(f"{number}-{what}") for number, what in enumerate(whats)]


def gone(pid: int) -> bool:
    """What is a zombie is gone, for nobody may have waited for it yet."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return True


def test_runs_come_in_the_order_of_their_sources(tmp_path: Path) -> None:
    told: list[Run] = []
    sources = names("slow", "", "", "")
    runs = replay_all(sources, PLAN, tmp_path, jobs=2, progress=told.append, replay=fake)
    assert [run.source for run in runs] == sources
    assert all(run.plan == PLAN and not run.failed for run in runs)
    assert told[0].source != sources[0], "progress is told as calls end"
    assert sorted(run.name for run in told) == [source.name for source in sources]
    processes = {run.notes[0] for run in runs}
    assert len(processes) == 2
    assert str(os.getpid()) not in processes
    assert all(gone(int(pid)) for pid in processes)


def test_one_call_runs_in_this_process(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    told: list[Run] = []
    (run,) = replay_all(names("prints"), PLAN, tmp_path, progress=told.append, replay=fake)
    assert run.notes == (str(os.getpid()),)
    assert told == [run]
    assert capfd.readouterr() == ("", "tool output\n"), "stdout is the report's"


def test_several_calls_and_one_job_have_one_process(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    runs = replay_all(names("", "prints", ""), PLAN, tmp_path, jobs=1, replay=fake)
    assert len({run.notes for run in runs} | {(str(os.getpid()),)}) == 2
    assert capfd.readouterr() == ("", "tool output\n"), "stdout is the report's"


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_dies_or_fails_does_so_alone(tmp_path: Path, jobs: int) -> None:
    sources = names("", "segv", "", "exit", "bad", "bug", "killed", "")
    runs = replay_all(sources, PLAN, tmp_path, jobs=jobs, replay=fake)
    assert [run.failed for run in runs] == [
        "",
        "the process that ran this call was ended by SIGSEGV (a crash in a library)",
        "",
        "the process that ran this call ended with status 3",
        "4-bad is no call",
        "a fault of ours: ZeroDivisionError: division by zero",
        "the process that ran this call was ended by SIGKILL (out of memory, perhaps)",
        "",
    ]
    assert all(run.source == source and run.plan == PLAN for run, source in zip(runs, sources, strict=True))


def test_a_call_that_hangs_is_given_up_and_its_process_replaced(tmp_path: Path) -> None:
    began_s = time.monotonic()

    def limit(source: Path) -> float:
        return 2.0 if source.name.endswith("hangs") else 30.0

    runs = replay_all(names("hangs", "", ""), PLAN, tmp_path, jobs=1, replay=fake, limit=limit)
    assert time.monotonic() - began_s < 10
    assert runs[0].failed == "given up after 2 s of real time: a call of this length may take no more"
    assert [run.failed for run in runs[1:]] == ["", ""]


def test_a_single_call_that_takes_too_long_is_given_up_too(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGALRM)
    began_s = time.monotonic()
    (run,) = replay_all(names("waits"), PLAN, tmp_path, replay=fake, limit=lambda source: 1.0)
    assert time.monotonic() - began_s < 4
    assert run.failed == "given up after 1 s of real time: a call of this length may take no more"
    assert (signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)) == (before, (0.0, 0.0))


def test_off_the_main_thread_a_single_call_runs_without_a_limit(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as threads:
        (run,) = threads.submit(
            replay_all, names("slow"), PLAN, tmp_path, replay=fake, limit=lambda source: 0.1
        ).result(10)
    assert run.failed == ""


def test_what_a_given_up_call_had_started_is_ended_too(tmp_path: Path) -> None:
    replay_all(names("child", ""), PLAN, tmp_path, jobs=2, replay=fake, limit=lambda source: 3.0)
    assert gone(int((tmp_path / "child").read_text()))


def test_a_source_may_take_as_long_as_its_audio_and_two_minutes(tmp_path: Path) -> None:
    (tmp_path / "call").mkdir()
    (tmp_path / "call" / "audio.wav").write_bytes(bytes(16_000))
    assert limit_s(tmp_path / "call") == CALL_LIMIT_S + 2
    assert limit_s(tmp_path / "call" / "audio.wav") == CALL_LIMIT_S + 2
    assert limit_s(tmp_path / "none") == CALL_LIMIT_S


def test_each_run_has_the_folder_of_its_source_whatever_ends_first(tmp_path: Path) -> None:
    sources = [Path("a/CA1-slow"), Path("b/CA1-slow.wav"), Path("b/CA1-slow.flac"), Path("CA2"), Path("x-bad")]
    folders = [tmp_path / name for name in ("CA1-slow", "CA1-slow-2", "CA1-slow-3", "CA2", "x-bad")]
    assert [task.folder for task in tasks_for(sources, PLAN, tmp_path)] == folders
    runs = replay_all(sources[:4], PLAN, tmp_path, jobs=2, replay=fake)
    assert [run.folder for run in runs] == folders[:4]
    assert sorted(tmp_path.iterdir()) == sorted(folders[:4])


def test_no_jobs_and_no_sources(tmp_path: Path) -> None:
    assert replay_all([], PLAN, tmp_path, replay=fake) == []
    with pytest.raises(LocalError, match="at least one process"):
        replay_all(names("", ""), PLAN, tmp_path, jobs=0, replay=fake)


def test_a_system_without_processes_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(process: object) -> None:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(SpawnProcess, "start", none)
    with pytest.raises(LocalError, match=r"no process could be started for the calls: Resource temp.*try fewer --jobs"):
        replay_all(names("", ""), PLAN, tmp_path, replay=fake)


def test_an_onlooker_that_fails_leaves_no_process_behind(tmp_path: Path) -> None:
    seen: list[int] = []

    def look(run: Run) -> None:
        seen.append(int(run.notes[0]))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replay_all(names("", "hangs"), PLAN, tmp_path, jobs=2, progress=look, replay=fake)
    assert gone(seen[0])


MAIN = """
import sys
from pathlib import Path
from agent.recording.folder import make_folder
from telephony.replay.batch import replay_all
from telephony.replay.plan import Plan
from tests.telephony.replay.test_batch import fake

if __name__ == "__main__":
    out = Path(sys.argv[1])
    replay_all([Path("0-child"), Path("1-hangs")], Plan(), out, jobs=2, replay=fake)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_ctrl_c_and_worse_leave_no_process_behind(tmp_path: Path, number: signal.Signals) -> None:
    """Workers, and what they started, go with whoever started them, even if that one cannot say goodbye."""
    main = tmp_path / "main.py"
    main.write_text(MAIN)
    root = Path(__file__).parents[3]
    batch = subprocess.Popen(
        [sys.executable, str(main), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(root), "TMPDIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    child = tmp_path / "child"
    what = "two workers, the child of one, a tracker of resources"
    until_sync(
        lambda: len(_descendants(batch.pid)) == 4 and child.exists() and child.read_text(), within_s=20, what=what
    )
    started = _descendants(batch.pid)
    assert len(started) == 4
    assert int(child.read_text()) in started
    os.killpg(batch.pid, number)  # as a terminal does
    assert batch.stderr is not None
    told = batch.stderr.read()  # to its end: whoever were left would hold it open
    assert batch.wait(5) == -number
    assert told.count("KeyboardInterrupt") <= 1, "the parent's own; workers say nothing"
    until_sync(lambda: all(gone(pid) for pid in started), within_s=2, what="the end of all of them")


def _descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for child in map(int, (task / "children").read_text().split()):
                found += [child, *_descendants(child)]
    return found
