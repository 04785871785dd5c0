"""The command: its lines, its JSON, its status; against a real service, and against none."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from telephony.cli import run
from telephony.doctor.examine import examine
from telephony.settings import load_settings
from tests.integration.conftest import AGENT, StartService, clean_environment, start_service  # noqa: F401
from tests.integration.nginx import free_port

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith(("OFFHOOK_", "TWILIO_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    for name in ("own-desk", "other-desk"):
        folder = tmp_path / "prompts" / name
        folder.mkdir(parents=True)
        (folder / "agent.toml").write_text(AGENT.replace("test-desk", name).replace("speed = 50.0", "speed = 5000.0"))
    settings = f'agent = "own-desk"\nagents_dir = ["{tmp_path}/prompts"]\nport = {free_port()}\n'
    settings += '[numbers]\n"+15550100" = "own-desk"\n"+15550101" = "other-desk"\n'
    Path("offhook.toml").write_text(settings)


def test_a_machine_without_a_service(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor"]) == 0
    out = capfd.readouterr().out
    lines = out.splitlines()
    assert lines[0] == "ok       settings: public origin none, 2 numbers listed"
    assert any(line.startswith("ok       agent own-desk: stt synthetic") for line in lines)
    assert sum(line.startswith("ok       agent") for line in lines) == 2
    assert any(line.startswith("ok       agent other-desk: stt synthetic") for line in lines)
    assert any(line.startswith("warning  port: no service runs on 127.0.0.1") for line in lines)
    assert any(line.startswith("left out public origin, tls, http, websocket, signature, clock: no") for line in lines)
    assert lines[-1] == "nothing failed"
    assert not Path("data").exists(), "the doctor makes no secrets"


def test_what_fails_is_told_with_a_mend_and_a_status(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["doctor", "--public-origin", f"https://localhost:{free_port()}"]) == 1
    out = capfd.readouterr().out
    assert "FAILED   token: TWILIO_AUTH_TOKEN is not set" in out
    assert "primary auth token (Twilio console, Account info)" in out
    assert "FAILED   public origin: localhost means" in out
    assert "FAILED   tls: localhost port" in out
    assert "left out http, websocket, signature, clock: no TLS connection" in out
    assert out.endswith("checks failed\n")


def test_the_report_as_json(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", f"AC{TOKEN}")
    assert run(["doctor", "--json"]) == 1
    out = capfd.readouterr().out
    report = json.loads(out)
    assert report["ok"] is False
    assert [finding["check"] for finding in report["findings"] if finding["level"] == "failed"] == ["token"]
    assert TOKEN not in out


@pytest.mark.parametrize("args", [[], ["--json"]])
def test_settings_that_cannot_be_read(args: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    Path("offhook.toml").write_text("prot = 8080\n")
    assert run(["doctor", *args]) == 1
    assert "unknown key prot; did you mean port?" in capfd.readouterr().out


async def test_a_service_on_this_machine(
    start_service: StartService,  # noqa: F811
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    service = await start_service()
    settings = load_settings(port=service.port)
    found = {finding.check: finding async for finding in examine(settings)}
    timer = found.pop("timer")  # whether this machine is busy: no fact of the service
    words = {"ok": r"a wait of 20 ms is at most [\d.]+ ms late", "warning": r"a wait of 20 ms was up to \d+ ms late"}
    assert re.fullmatch(words[timer.level], timer.said), timer
    assert bool(timer.mend) == (timer.level == "warning")
    assert {check: finding for check, finding in found.items() if finding.level in ("failed", "warning")} == {}
    assert f"instance {service.host.instance}" in found["port"].said
    assert found["websocket"].said.startswith(f"ws://127.0.0.1:{service.port}/media/")
    assert found["signature"].details[0] == f"signed over: http://127.0.0.1:{service.port}/twilio/status"
    assert service.host.counts["call other"] == 1
    assert service.host.counts["refused: signature"] == 0
    assert [record.getMessage() for record in caplog.records if record.name == "offhook.media"] == [
        "offhook doctor tried whether a media socket without a token is refused: it is"
    ]
    assert not [record for record in caplog.records if record.levelname == "WARNING"], (
        "nothing that looks like an attack"
    )
    assert service.host.counts["socket refused: forged"] == 0


@pytest.mark.parametrize("code", ["hello", "31920x", "\u0663", "9" * 5000, "\x1b[2J"])
def test_what_is_no_code_is_told_in_our_words(code: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", code]) == 2
    err = capfd.readouterr().err
    assert err.startswith("offhook: '")
    assert "is no error code: write its number, as in `offhook doctor 31920`" in err
    assert err.count("\n") == 1
    assert "\x1b" not in err
