"""A log that nobody reads: nothing waits for it, what is lost is counted and told, the program still ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from telephony.logs import setup, writer
from telephony.logs.context import call_context
from telephony.logs.writer import LineWriter
from tests.support.waiting import until, until_sync

log = logging.getLogger("offhook.test")


class Pipe:
    """Whoever reads the log, or does not."""

    def __init__(self) -> None:
        self.reader, self.end = os.pipe()
        os.set_blocking(self.reader, False)
        self._open = {self.reader, self.end}

    def read(self) -> bytes:
        data = b""
        with contextlib.suppress(BlockingIOError):
            while more := os.read(self.reader, 65536):
                data += more
        return data

    def read_until(self, part: bytes, within_s: float = 5.0) -> bytes:
        data = bytearray()

        def came() -> bool:
            data.extend(self.read())
            return part in data

        until_sync(came, within_s=within_s, what=f"{part!r} in the log")
        return bytes(data)

    def close(self, *ends: int) -> None:
        for end in ends or tuple(self._open):
            self._open.discard(end)
            os.close(end)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


@pytest.fixture
def line_writer(pipe: Pipe) -> Iterator[LineWriter]:
    made = LineWriter(pipe.end, lambda lost: f"{lost} lost")
    yield made
    pipe.read()  # so that a stuck thread comes to its end
    made.close(1.0)


def test_lines_come_whole_and_in_order(pipe: Pipe, line_writer: LineWriter) -> None:
    for number in range(50):
        line_writer.put(f"line {number} é \udc80")
    told = pipe.read_until(b"line 49 \xc3\xa9 \\udc80\n").decode().splitlines()
    assert [line.split()[1] for line in told] == [str(number) for number in range(50)]
    assert line_writer.lost == 0


def test_nobody_waits_and_what_was_lost_is_told_in_its_place(
    pipe: Pipe, line_writer: LineWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MAX_WAITING_BYTES", 50_000)
    began_s = time.monotonic()
    for number in range(2000):
        line_writer.put(f"{number:0100d}")
    assert time.monotonic() - began_s < 2
    assert 0 < line_writer.lost < 2000
    taken = 2000 - line_writer.lost
    told = pipe.read_until(f"{taken - 1:0100d}\n".encode())
    line_writer.tell_lost()
    line_writer.put("after")
    told += pipe.read_until(b"after\n")
    lines = told.decode().splitlines()
    assert lines == [*(f"{number:0100d}" for number in range(taken)), f"{2000 - taken} lost", "after"]


def test_a_reader_that_is_gone_costs_lines_only(pipe: Pipe) -> None:
    made = LineWriter(pipe.end, lambda lost: f"{lost} lost")
    pipe.close(pipe.reader)
    made.put("a")
    made.put("b")
    made.close(1.0)
    assert made.lost == 2


def test_a_pipe_that_somebody_made_non_blocking_loses_nothing(pipe: Pipe, line_writer: LineWriter) -> None:
    os.set_blocking(pipe.end, False)
    for number in range(100):
        line_writer.put(f"{number} {'x' * 2000}")
    assert len(pipe.read_until(b"\n99 xx").splitlines()) == 100
    assert line_writer.lost == 0


def test_a_full_disk_is_told_once_there_is_room(monkeypatch: pytest.MonkeyPatch, pipe: Pipe) -> None:
    room, real = [False], os.write

    def write(fd: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(28, "No space left on device")
        return real(fd, data)

    monkeypatch.setattr(writer, "_write", write)
    made = LineWriter(pipe.end, lambda lost: f"{lost} lost")
    for number in range(3):
        made.put(str(number))
    until_sync(lambda: made.lost == 3, within_s=5, what="three lines lost")
    room[0] = True
    made.put("after")
    assert pipe.read_until(b"after\n") == b"3 lost\nafter\n"
    made.close(1.0)


def test_closing_flushes_and_gives_up_on_a_stuck_reader(pipe: Pipe) -> None:
    made = LineWriter(pipe.end, str)
    made.put("first")
    made.close(1.0)
    assert pipe.read() == b"first\n"
    stuck = LineWriter(pipe.end, str)
    stuck.put("x" * 200_000)
    began_s = time.monotonic()
    stuck.close(0.2)
    assert 0.1 < time.monotonic() - began_s < 2
    stuck.put("too late")
    pipe.read_until(b"x\n")


async def test_the_loop_goes_on_and_lines_keep_their_call(pipe: Pipe) -> None:
    with os.fdopen(os.dup(pipe.end), "w") as stream:
        undo = setup.configure("info", "json", stream)
        try:
            with call_context("CA7"):
                log.info("first")
            await asyncio.wait_for(asyncio.to_thread(pipe.read_until, b"CA7"), 5)
            with call_context("CA8"):
                for _ in range(3 * writer.MAX_WAITING_BYTES // 3000):
                    log.info("%s", "y" * 3000)
            assert setup.lost_lines() > 0
            told = await asyncio.to_thread(pipe.read_until, b"\n" * 1)

            def said_so() -> bool:
                nonlocal told
                setup.tell_suppressed()
                told += pipe.read()
                return b"were lost" in told

            await until(said_so, within_s=5, what="the line that tells how many were lost")
        finally:
            pipe.read()
            undo()
    lines = [json.loads(line) for line in told.decode().splitlines() if line.endswith("}")]
    assert {line["call"] for line in lines if "y" * 3000 in line["message"]} == {"CA8"}
    (lost,) = [line for line in lines if line.get("event") == "log.lost"]
    assert lost["message"] == f"{lost['lost']} lines were lost: nobody read the log"
    assert lost["level"] == "warning"
    assert "call" not in lost


CHILD = """
import logging, sys
from telephony.logs.setup import configure
from telephony.logs.writer import say
configure("info", "text")
for number in range(int(sys.argv[1])):
    logging.getLogger("offhook").info("%d %s", number, "z" * 2000)
say("said")
say("said again")
sys.exit(5)
"""


def test_a_program_whose_output_nobody_reads_ends_all_the_same() -> None:
    pipe = Pipe()
    began_s = time.monotonic()
    child = subprocess.Popen([sys.executable, "-c", CHILD, "3000"], stdout=pipe.end, stderr=pipe.end)
    try:
        assert child.wait(15) == 5
    finally:
        child.kill()
        pipe.close()
    assert time.monotonic() - began_s < 10


def test_what_was_logged_and_said_last_is_written() -> None:
    ended = subprocess.run([sys.executable, "-c", CHILD, "300"], capture_output=True, text=True, timeout=15)
    assert ended.returncode == 5
    assert [line.split()[3] for line in ended.stderr.splitlines()] == [str(number) for number in range(300)]
    assert ended.stdout == "said\nsaid again\n"
