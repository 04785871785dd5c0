"""`offhook demo --once` and `offhook serve`, as a user starts them: processes, signals, exit statuses."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import AGENT


@pytest.fixture
def folder(clean_environment: None, tmp_path: Path) -> Path:
    (tmp_path / "test-desk").mkdir()
    (tmp_path / "test-desk" / "agent.toml").write_text(AGENT)
    return tmp_path


def offhook(*args: str) -> list[str]:
    return [sys.executable, "-m", "telephony.cli", *args]


@pytest.mark.long  # half a minute of talk; the wheel test of ./scripts/test does the same with the real engines
def test_the_demo_rings_the_service_and_shows_the_conversation(folder: Path) -> None:
    done = subprocess.run(
        offhook("demo", "--once", "--agent", "./test-desk", "--port", "0"),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for said in ("agent   Hello, this is the test desk.", "caller  where is my parcel", "answered after", "was served"):
        assert said in done.stdout
    assert "demo.wav" in done.stdout
    with wave.open(str(folder / "demo.wav")) as audio:
        assert audio.getnchannels() == 2
    (call,) = (folder / "calls").iterdir()
    assert str(call.relative_to(folder)) in done.stdout
    assert {file.name for file in call.iterdir()} == {"audio.wav", "call.json", "journal.jsonl"}


def test_the_demo_fails_when_the_caller_is_not_served(folder: Path) -> None:
    # A desk that is deaf: it says goodbye while its caller still has things to say.
    deaf = AGENT.replace('engine = "energy"', 'engine = "energy"\nhalf_db = 100.0')
    (folder / "test-desk" / "agent.toml").write_text(deaf)
    done = subprocess.run(
        offhook("demo", "--once", "--agent", "./test-desk", "--port", "0"),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "NOT served" in done.stdout


@pytest.fixture
def serving(folder: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        offhook("serve", "--agent", "./test-desk", "--port", "0"),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    assert "answering calls: test-desk; the number's voice webhook is http://127.0.0.1:" in process.stdout.readline()
    phone = process.stdout.readline()
    assert re.fullmatch(r"the browser phone is http://127.0.0.1:[0-9]+/phone; Ctrl-C stops the service\n", phone)
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_the_service_quietly(serving: subprocess.Popen[str], number: int, status: int) -> None:
    began = time.monotonic()
    serving.send_signal(number)
    _, errors = serving.communicate(timeout=10)
    assert serving.returncode == status
    assert "Traceback" not in errors
    assert time.monotonic() - began < 5
