"""CallRecord: what is on disk, when, with which modes and names - and that no disk and no onlooker hurts a call."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import soundfile

from agent import record as record_module
from agent.context import LiveContext
from agent.errors import LocalError
from agent.record import CallRecord, input_hash
from agent.recording.folder import folder_name
from tests.agent.support import make_context
from tests.support.virtual_loop import VirtualContext, virtual
from tests.support.waiting import until

T = TypeVar("T")


def journal(folder: Path | None) -> list[dict[str, object]]:
    assert folder is not None
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def tone(samples: int, level: int) -> bytes:
    return np.full(samples, level, "<i2").tobytes()


async def test_a_whole_call_leaves_journal_audio_and_summary(tmp_path: Path) -> None:
    record = CallRecord.open(tmp_path / "calls", "CA1", mode="full", rate_hz=8000, ctx=make_context())
    record.event("call.started", 0, call_id="CA1", agent="test-desk", record="full", retain_days=3)
    record.caller_audio(tone(160, 5), 20)
    record.agent_audio(tone(160, -7), 10)
    record.event("call.ended", 60, reason="done")
    await record.close({"host": "here"})

    assert record.folder == tmp_path / "calls" / "CA1"
    assert [(e["v"], e["n"], e["kind"], e["media_ms"]) for e in journal(record.folder)] == [
        (1, 1, "call.started", 0),
        (1, 2, "call.ended", 60),
    ]
    samples, rate_hz = soundfile.read(record.folder / "audio.wav", dtype="int16")
    assert rate_hz == 8000
    assert samples.shape == (320, 2)
    assert samples[:, 0].tolist() == [0] * 160 + [5] * 160
    assert samples[:, 1].tolist() == [0] * 80 + [-7] * 160 + [0] * 80
    summary = json.loads((record.folder / "call.json").read_text())
    assert (summary["call_id"], summary["ended_by"], summary["host"]) == ("CA1", "done", "here")
    assert summary["started_at"] <= summary["ended_at"]


async def test_the_audio_is_a_valid_file_after_every_flush(tmp_path: Path) -> None:
    record = CallRecord.open(tmp_path, "CA1", mode="full", rate_hz=8000, ctx=make_context())
    assert record.folder is not None
    assert soundfile.info(record.folder / "audio.wav").frames == 0
    for second in range(1, 4):
        record.caller_audio(tone(8000, 1), (second - 1) * 1000)
        await record.flush()
        assert soundfile.info(record.folder / "audio.wav").frames == second * 8000
    await record.close()


@virtual
async def test_run_flushes_within_half_a_second_and_stops_when_cancelled(tmp_path: Path) -> None:
    record = CallRecord.open(tmp_path, "CA1", mode="journal", rate_hz=8000, ctx=VirtualContext())
    running = asyncio.create_task(record.run())
    record.event("tick", 20)
    await asyncio.sleep(0.499)
    assert [event["media_ms"] for event in journal(record.folder)] == [20]
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    record.event("tick", 40)
    await record.close()
    assert [event["media_ms"] for event in journal(record.folder)] == [20, 40]


@pytest.mark.parametrize(
    ("mode", "files"),
    [("off", None), ("journal", {"journal.jsonl", "call.json"}), ("full", {"journal.jsonl", "call.json", "audio.wav"})],
)
async def test_modes(tmp_path: Path, mode: record_module.RecordMode, files: set[str] | None) -> None:
    record = CallRecord.open(tmp_path / "calls", "CA1", mode=mode, rate_hz=8000, ctx=make_context())
    heard: list[object] = []
    record.listen(lambda event: heard.append(event["kind"]))
    running = asyncio.create_task(record.run())
    record.event("tick", 0)
    record.caller_audio(tone(160, 1), 0)
    await record.close()
    running.cancel()
    assert heard == ["tick"]
    if files is None:
        assert record.folder is None
        assert not (tmp_path / "calls").exists()
    else:
        assert record.folder is not None
        assert {path.name for path in record.folder.iterdir()} == files


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277])
async def test_nobody_else_may_read_it_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        record = CallRecord.open(tmp_path, "CA1", mode="full", rate_hz=8000, ctx=make_context())
        await record.close()
    finally:
        os.umask(before)
    assert record.folder is not None
    assert mode_of(record.folder) == 0o700
    assert {path.name: mode_of(path) for path in record.folder.iterdir()} == dict.fromkeys(
        ["journal.jsonl", "audio.wav", "call.json"], 0o600
    )


HOSTILE = [
    "../../etc/passwd",
    "/etc/passwd",
    "",
    ".",
    "..",
    "a/b\\c",
    "CA\x00\n1",
    "-rf",
    "é" * 500,
    "x" * 5000,
    "~root",
]


@pytest.mark.parametrize("call_id", HOSTILE)
async def test_a_hostile_call_id_stays_inside_the_root(tmp_path: Path, call_id: str) -> None:
    root = tmp_path / "calls"
    record = CallRecord.open(root, call_id, mode="journal", rate_hz=8000, ctx=make_context())
    await record.close()
    assert record.folder is not None
    assert record.folder.parent == root
    assert os.listdir(tmp_path) == ["calls"]
    name = record.folder.name
    assert 0 < len(name) <= 80
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
    assert not name.startswith("-")
    assert folder_name(name) == name


async def test_an_existing_folder_or_link_is_never_written_to(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "CA1").symlink_to(tmp_path / "elsewhere")
    folders = []
    for _ in range(3):
        record = CallRecord.open(tmp_path, "CA1", mode="journal", rate_hz=8000, ctx=make_context())
        await record.close()
        assert record.folder is not None
        folders.append(record.folder.name)
    assert folders == ["CA1-2", "CA1-3", "CA1-4"]
    assert not list((tmp_path / "elsewhere").iterdir())


async def test_a_listener_that_raises_hurts_nobody_and_hears_no_more(tmp_path: Path) -> None:
    record = CallRecord.open(tmp_path, "CA1", mode="journal", rate_hz=8000, ctx=make_context())
    heard: list[tuple[str, object]] = []

    def broken(event: dict[str, object]) -> None:
        heard.append(("broken", event["n"]))
        raise KeyError("mine")

    record.listen(broken)
    stop = record.listen(lambda event: heard.append(("good", event["n"])))
    record.event("tick", 0)
    record.event("tick", 20)
    stop()
    record.event("tick", 40)
    await record.close()
    assert heard == [("broken", 1), ("good", 1), ("good", 2)]
    assert len(journal(record.folder)) == 3


async def test_any_text_and_any_value_can_be_journaled(tmp_path: Path) -> None:
    record = CallRecord.open(tmp_path, "CA1", mode="journal", rate_hz=8000, ctx=make_context())
    record.event("a", 0, text='line\nbreak "quoted" \ud800 é \u2028', path=Path("x"), words=("a", "b"))
    record.event("b", 0, value=float("nan"))
    loop: list[object] = []
    loop.append(loop)
    record.event("c", 0, value=loop)
    with pytest.raises(LocalError, match="media_ms"):
        record.event("d", 0, **{"media_ms": 3})
    await record.close()
    lines = (record.folder or tmp_path).joinpath("journal.jsonl").read_bytes().split(b"\n")
    assert [json.loads(line)["kind"] for line in lines[:-1]] == ["a", "b", "c"]
    first = json.loads(lines[0])
    assert first["text"] == 'line\nbreak "quoted" \ud800 é \u2028'
    assert first["words"] == ["a", "b"]
    assert (record.folder or tmp_path).joinpath("call.json").exists()


@virtual
async def test_close_twice_and_after_cancellation(tmp_path: Path) -> None:
    record = CallRecord.open(tmp_path, "CA1", mode="full", rate_hz=8000, ctx=VirtualContext())

    async def call() -> None:
        running = asyncio.create_task(record.run())
        try:
            record.event("call.started", 0, call_id="CA1")
            await asyncio.sleep(60)
        finally:
            running.cancel()
            record.event("call.ended", 0, reason="cancelled")
            await record.close({"by": "first"})

    task = asyncio.create_task(call())
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await record.close({"by": "second"})
    record.event("tick", 0)
    record.caller_audio(tone(160, 1), 0)
    assert record.folder is not None
    summary = json.loads((record.folder / "call.json").read_text())
    assert (summary["ended_by"], summary["by"]) == ("cancelled", "first")
    assert len(journal(record.folder)) == 2


async def test_closing_survives_a_second_cancellation(tmp_path: Path) -> None:
    record = CallRecord.open(tmp_path, "CA1", mode="journal", rate_hz=8000, ctx=make_context())
    record.event("call.ended", 0, reason="done")
    closing = asyncio.create_task(record.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await record.close()
    assert json.loads((record.folder or tmp_path).joinpath("call.json").read_text())["ended_by"] == "done"


async def test_a_full_disk_ends_the_record_not_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    record = CallRecord.open(tmp_path, "CA1", mode="full", rate_hz=8000, ctx=make_context())
    heard: list[object] = []
    record.listen(lambda event: heard.append(event["kind"]))
    record.event("call.started", 0, call_id="CA1")
    await record.flush()
    write = os.write

    def full(fd: int, data: bytes) -> int:
        if len(data) < 10:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, bytes(data[: len(data) - 5]))  # the last bytes do not fit: a torn line, at first

    monkeypatch.setattr(os, "write", full)
    for number in range(3):
        record.event("tick", 20 * number)
        record.caller_audio(tone(160, 1), 20 * number)
        await record.flush()
    monkeypatch.undo()
    await record.close()
    assert heard == ["call.started", "tick", "error", "tick", "tick"]
    assert [entry.levelname for entry in caplog.records] == ["ERROR"]
    assert "No space left" in caplog.text
    assert [event["kind"] for event in journal(record.folder)] == ["call.started"]
    assert json.loads((record.folder or tmp_path).joinpath("call.json").read_text())["call_id"] == "CA1"


async def test_a_root_that_cannot_be_made_is_logged_and_the_call_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "calls").write_text("a file where the folder should be")
    record = CallRecord.open(tmp_path / "calls", "CA1", mode="full", rate_hz=8000, ctx=make_context())
    record.event("tick", 0)
    record.caller_audio(tone(160, 1), 0)
    await record.run()
    await record.close()
    assert record.folder is None
    assert "not recorded" in caplog.text


async def test_a_disk_that_hangs_does_not_hold_the_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_module, "DISK_WITHIN_S", 0.05)
    monkeypatch.setattr(record_module, "CLOSE_WITHIN_S", 0.05)
    record = CallRecord.open(tmp_path, "CA1", mode="journal", rate_hz=8000, ctx=make_context())
    assert record._store is not None
    heard: list[object] = []
    record.listen(lambda event: heard.append(event["kind"]))
    with record._store._lock:  # as a write that does not return would
        record.event("tick", 0)
        await record.flush()
        await record.close()
    assert heard == ["tick", "error"]


CHILD = """
import asyncio, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from agent.context import LiveContext
from agent.record import CallRecord

async def main():
    ctx = LiveContext(ThreadPoolExecutor(2))
    record = CallRecord.open(Path(sys.argv[1]), "CA1", mode="full", rate_hz=8000, ctx=ctx)
    running = asyncio.create_task(record.run())
    began, frame = time.monotonic(), 0
    while True:
        while frame * 0.02 < time.monotonic() - began:
            record.caller_audio(b"\\1\\0" * 160, frame * 20)
            record.agent_audio(b"\\2\\0" * 160, frame * 20)
            record.event("tick", frame * 20)
            frame += 1
        print(frame * 20, flush=True)
        await asyncio.sleep(0.02)

asyncio.run(main())
"""


def test_a_killed_process_loses_at_most_the_last_second(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=root)
    assert child.stdout is not None
    said_ms, deadline = 0, time.monotonic() + 20
    while said_ms < 1700 and time.monotonic() < deadline:
        said_ms = int(child.stdout.readline())
    os.kill(child.pid, signal.SIGKILL)
    said_ms = max([said_ms, *map(int, child.stdout.read().split())])
    child.wait()
    child.stdout.close()

    samples, _ = soundfile.read(tmp_path / "CA1" / "audio.wav", dtype="int16")
    assert samples.any(axis=0).all()
    assert len(samples) / 8 >= said_ms - 1000
    events = journal(tmp_path / "CA1")
    assert int(str(events[-1]["media_ms"])) >= said_ms - 1000
    assert [event["n"] for event in events] == list(range(1, len(events) + 1))


def test_input_hash_names_the_input_part_by_part() -> None:
    assert input_hash("a", b"b") == input_hash(b"a", "b")
    assert len({input_hash("ab"), input_hash("a", "b"), input_hash("", "ab"), input_hash()}) == 4
    assert len(input_hash("x")) == 16
    assert input_hash("\ud800")


class HangingDisk(LiveContext):
    """Work apart waits until `back` is set: a disk that hangs, and one day comes back."""

    def __init__(self) -> None:
        super().__init__(ThreadPoolExecutor(2), seed=1)
        self.asked = threading.Event()
        self.back = threading.Event()
        self.served = threading.Event()

    async def offload(self, work: Callable[..., T], *args: object, cost_ms: float, apart: bool = False) -> T:
        def late() -> T:
            self.asked.set()
            self.back.wait(10)
            try:
                return work(*args)
            finally:
                self.served.set()

        return await super().offload(late, cost_ms=cost_ms, apart=apart)


async def test_a_disk_that_hangs_as_a_call_begins_costs_the_record_and_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert record_module.OPEN_WITHIN_S <= 1.0
    monkeypatch.setattr(record_module, "OPEN_WITHIN_S", 0.05)
    ctx = HangingDisk()
    files = len(os.listdir("/proc/self/fd"))
    opening = asyncio.create_task(CallRecord.open_apart(tmp_path, "CA1", mode="full", rate_hz=8000, ctx=ctx))
    looks = count()
    await until(lambda: next(looks) and opening.done(), within_s=5, what="the disk given up")
    record = await opening
    assert next(looks) > 3, "the loop stood still"
    assert record.folder is None
    assert "'CA1' is not recorded" in caplog.text
    assert "did not answer within" in caplog.text
    heard: list[object] = []
    record.listen(lambda line: heard.append(line["kind"]))
    record.event("tick", 0)
    record.caller_audio(tone(160, 1), 0)
    await record.run()
    await record.close()
    assert heard == ["tick", "error"]

    ctx.back.set()  # what comes too late removes itself
    assert await asyncio.to_thread(ctx.served.wait, 5)
    assert list(tmp_path.iterdir()) == []
    assert len(os.listdir("/proc/self/fd")) == files
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_call_that_ends_while_its_record_is_opened_leaves_no_file_open(tmp_path: Path) -> None:
    ctx = HangingDisk()
    files = len(os.listdir("/proc/self/fd"))
    opening = asyncio.create_task(CallRecord.open_apart(tmp_path, "CA1", mode="full", rate_hz=8000, ctx=ctx))
    await until(ctx.asked.is_set, within_s=5, what="the disk at work")
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    ctx.back.set()
    assert await asyncio.to_thread(ctx.served.wait, 5)
    assert list(tmp_path.iterdir()) == []
    assert len(os.listdir("/proc/self/fd")) == files


async def test_opened_apart_is_opened_all_the_same(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    record = await CallRecord.open_apart(tmp_path, "CA1", mode="full", rate_hz=8000, ctx=make_context())
    record.event("tick", 20)
    await record.close()
    assert [event["kind"] for event in journal(record.folder)] == ["tick"]
    (tmp_path / "file").touch()
    record = await CallRecord.open_apart(tmp_path / "file", "CA1", mode="full", rate_hz=8000, ctx=make_context())
    assert record.folder is None
    assert "is not recorded" in caplog.text
    record = await CallRecord.open_apart(tmp_path, "CA2", mode="off", rate_hz=8000, ctx=make_context())
    assert record.folder is None
