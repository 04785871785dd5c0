"""Supervisor: real processes. A worker that dies is replaced; who rings meanwhile waits, and is not refused."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from telephony.web.supervisor import LISTEN_FD, inherited_socket
from tests.support.waiting import stays_sync, until_sync

#: Answers each connection with its own pid; "die" ends it, "stop" is a graceful end.
WORKER = """
import os, signal, sys, threading
from telephony.web.supervisor import inherited_socket, parent_pipe
threading.Thread(target=lambda: (os.read(parent_pipe(), 1), os._exit(0)), daemon=True).start()
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
if os.path.exists("broken"):
    sys.exit(2)
listening = inherited_socket()
while True:
    connection, _ = listening.accept()
    with connection:
        asked = connection.recv(10)
        if asked == b"die":
            os.kill(os.getpid(), signal.SIGKILL)
        connection.sendall(str(os.getpid()).encode())
"""
PARENT = """
import socket, sys
from telephony.logs.setup import configure
from telephony.web.supervisor import Supervisor
configure("info", "json")
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
sys.exit(Supervisor(listening, [sys.executable, "-c", sys.argv[1]]).run())
"""


class Supervised:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        self.port = int(process.stdout.readline())

    def ask(self, what: bytes = b"who") -> str:
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(what)
            return connection.recv(100).decode()

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(10)


def _start() -> Supervised:
    return Supervised(
        subprocess.Popen(
            [sys.executable, "-c", PARENT, WORKER], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    )


@pytest.fixture
def supervised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervised]:
    monkeypatch.setenv("PYTHONPATH", os.getcwd())
    monkeypatch.chdir(tmp_path)
    running = _start()
    yield running
    running.process.terminate()
    try:
        running.process.wait(5)
    except subprocess.TimeoutExpired:
        running.process.kill()
        running.process.wait()


def test_a_worker_that_dies_is_replaced_and_nobody_is_refused(supervised: Supervised) -> None:
    first = supervised.ask()
    assert supervised.ask(b"die") == ""
    second = supervised.ask()  # at once: waits in the queue until there is a worker
    assert second not in ("", first)
    supervised.end(signal.SIGTERM)
    assert supervised.process.stderr is not None
    told = [json.loads(line) for line in supervised.process.stderr]
    assert [line["event"] for line in told] == ["supervisor.started", "supervisor.died", "supervisor.started"]
    assert [line.get("worker") for line in told] == [int(first), None, int(second)]
    assert told[1]["cause"] == "signal 9"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_worker_and_then_the_supervisor(supervised: Supervised, number: signal.Signals) -> None:
    worker = int(supervised.ask())
    assert supervised.end(number) == {signal.SIGTERM: 7, signal.SIGINT: 130, signal.SIGHUP: 129}[number]
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


def test_a_signal_while_the_next_start_is_waited_for_ends_it(supervised: Supervised) -> None:
    supervised.ask(b"die")
    # Waiting for the next start; a worker at work; the dead one not yet noticed; one still starting.
    assert supervised.end(signal.SIGTERM) in (0, 7, 137, 143)


def test_settings_that_cannot_be_served_are_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.getcwd())
    monkeypatch.chdir(tmp_path)
    Path("broken").touch()
    assert _start().process.wait(10) == 2


def test_settings_broken_later_are_tried_until_they_are_mended(supervised: Supervised) -> None:
    supervised.ask()
    Path("broken").touch()
    supervised.ask(b"die")
    stays_sync(lambda: supervised.process.poll() is None, for_s=0.1, what="the supervisor, trying again")
    Path("broken").unlink()
    assert supervised.ask() != ""


def test_a_supervisor_that_dies_takes_its_worker_with_it(supervised: Supervised) -> None:
    worker = int(supervised.ask())
    supervised.process.kill()
    supervised.process.wait()
    stat = Path(f"/proc/{worker}/stat")
    until_sync(
        lambda: not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z",
        within_s=5,
        what="the worker's end: it would hold the port",
    )


def test_systemds_socket_is_taken_only_by_whom_it_was_passed_to() -> None:
    assert inherited_socket({}) is None
    assert inherited_socket({"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid() + 1)}) is None
    with socket.create_server(("127.0.0.1", 0)) as listening:
        copy = os.dup(listening.fileno())
        taken = inherited_socket({LISTEN_FD: str(copy)})
        assert taken is not None
        with taken:
            assert taken.getsockname() == listening.getsockname()
