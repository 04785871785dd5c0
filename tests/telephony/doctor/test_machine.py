"""The doctor's look at this machine: tables of verdicts, and the real thing where it is cheap."""

from __future__ import annotations

import os
import re
import socket
import sys
import time
from pathlib import Path

import pytest

from telephony.doctor import machine
from telephony.doctor.engines import check_agent
from telephony.settings import Settings, load_settings
from tests.integration.conftest import AGENT


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith(("OFFHOOK_", "TWILIO_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


HEX = "0123456789abcdef0123456789abcdef"
ORIGIN = "https://agent.example.com"


@pytest.mark.parametrize(
    ("token", "origin", "level", "said"),
    [
        (None, "", "ok", "one of its own"),
        (None, ORIGIN, "failed", "is not set"),
        (HEX, ORIGIN, "ok", "looks like one"),
        (HEX, "", "ok", "looks like one"),
        (f"{HEX}\n", ORIGIN, "failed", "a line end around it"),
        (f"AC{HEX}", ORIGIN, "failed", "the account's SID (AC…)"),
        (f"SK{HEX}", ORIGIN, "failed", "an API key's SID (SK…)"),
        (f"ZZ{HEX}", ORIGIN, "failed", "a SID (ZZ…)"),
        ("Zx" * 16, ORIGIN, "failed", "an API key's secret"),
        (HEX[:-1], ORIGIN, "warning", "31 characters"),
        ("correct horse battery staple", ORIGIN, "warning", "28 characters"),
    ],
)
def test_a_token_is_judged_and_never_shown(token: str | None, origin: str, level: str, said: str) -> None:
    found = machine.judge_token(token, origin)
    assert (found.level, said in found.said) == (level, True), found
    assert bool(found.mend) == (level != "ok")
    if token is not None:
        assert token.strip() not in str(found)


@pytest.mark.parametrize(
    ("origin", "has_token", "said"),
    [
        ("", False, "for this machine only"),
        ("", True, "for user operator"),
        ("https://a.example", True, "for user operator"),
        ("https://a.example", False, "shut (403), also on this machine; to open them, set OFFHOOK_OPERATOR_TOKEN (16 "),
    ],
)
def test_who_may_see_the_operators_pages(origin: str, has_token: bool, said: str) -> None:
    found = machine.judge_operator(origin, has_token=has_token)
    assert found.level == "ok"
    assert said in found.said


@pytest.mark.parametrize(("limit", "calls", "level"), [(1024, 60, "ok"), (1024, 200, "warning"), (608, 60, "ok")])
def test_file_descriptors_for_every_call(limit: int, calls: int, level: str) -> None:
    found = machine.judge_files(limit, calls)
    assert found.level == level
    assert level == "ok" or f"ulimit -n {128 + 8 * calls}" in found.mend


@pytest.mark.parametrize(
    ("free", "calls", "level"),
    [(10 * 2**20, 1, "failed"), (500 * 2**20, 60, "warning"), (500 * 2**20, 10, "ok"), (50 * 2**30, 60, "ok")],
)
def test_disk_space_for_recordings(free: int, calls: int, level: str) -> None:
    assert machine.judge_space(Path("calls"), free, calls).level == level


@pytest.mark.parametrize(
    ("offset_s", "level", "said"),
    [
        (0.4, "ok", "within 5 s"),
        (-4.9, "ok", "within 5 s"),
        (7.0, "warning", "7 s ahead of"),
        (-90, "warning", "90 s b"),
    ],
)
def test_the_clock(offset_s: float, level: str, said: str) -> None:
    found = machine.judge_clock(offset_s, "the other's")
    assert (found.level, said in found.said) == (level, True)


@pytest.mark.parametrize(("late_ms", "level"), [([0.1, 3], "ok"), ([0.1, 250], "warning")])
def test_the_timer(late_ms: list[float], level: str) -> None:
    assert machine.judge_timer(late_ms).level == level


async def test_the_timer_here_is_looked_at_for_as_long_as_it_says() -> None:
    began_s = time.monotonic()
    found = await machine.check_timer(waits=3)
    assert time.monotonic() - began_s > 0.059
    assert re.search(r"a wait of 20 ms (is at most|was up to) [\d.]+ ms late", found.said)


def test_a_folder_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    assert machine.check_folder("calls folder", "X", tmp_path).said == f"{tmp_path} can be written"
    deeper = tmp_path / "a" / "b"
    assert machine.check_folder("calls folder", "X", deeper).said == f"{deeper} can be made"
    (tmp_path / "file").touch()
    found = machine.check_folder("calls folder", "OFFHOOK_CALLS_DIR", tmp_path / "file" / "calls")
    assert found.level == "failed"
    assert "OFFHOOK_CALLS_DIR" in found.mend
    assert sorted(tmp_path.iterdir()) == [tmp_path / "file"]
    assert machine.check_space(deeper, 1).check == "disk"


def test_the_port_is_ours_or_free_or_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = Settings(port=taken.getsockname()[1])
        assert machine.check_port(settings, "1a2b3c4d").level == "ok"
        found = machine.check_port(settings, None)
        assert (found.level, "another program than Offhook" in found.said) == ("failed", True)
    assert machine.check_port(settings, None).level == "warning"
    assert machine.check_port(Settings(host="192.0.2.1"), None).level == "failed"


async def test_engines_are_started(tmp_path: Path) -> None:
    found = await check_agent(a_folder(tmp_path, AGENT), load_settings(), {})
    assert (found.level, "stt synthetic" in found.said) == ("ok", True), found
    found = await check_agent(a_folder(tmp_path, AGENT.replace('"energy"', '"nonsense"')), load_settings(), {})
    assert (found.level, 'engine "nonsense" is not known' in found.said) == ("failed", True)
    found = await check_agent("nobody", load_settings(), {})
    assert (found.level, "there is no agent 'nobody'" in found.said) == ("failed", True)


async def test_two_agents_of_one_name_are_told(tmp_path: Path) -> None:
    names: dict[str, str] = {}
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        found = await check_agent(a_folder(tmp_path / place, AGENT), load_settings(), names)
    assert (found.level, "is named test-desk, as is" in found.said) == ("failed", True)
    assert str(tmp_path / "one") in found.said


def a_folder(folder: Path, text: str) -> str:
    (folder / "agent.toml").write_text(text)
    return str(folder)


async def test_an_extra_that_is_missing_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    found = await check_agent("parcel-desk", load_settings(), {})
    assert found.level == "failed"
    assert "pip install 'offhook[local]'" in found.said
