"""`offhook config`: what holds, and where it came from."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from telephony.cli import run
from telephony.settings import Settings, load_settings
from telephony.settings_table import Row, rows_as_table, settings_rows

TWILIO = "0123456789abcdef0123456789abcdef"
OPERATOR = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.upper().startswith(("OFFHOOK_", "TWILIO_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def row(rows: list[Row], name: str) -> tuple[object, str]:
    (found,) = (row for row in rows if row.name == name)
    return found.value, found.source


def test_every_setting_is_a_row_and_defaults_are_told_as_such() -> None:
    rows = settings_rows()
    assert [row.name for row in rows] == list(Settings.model_fields)
    assert {row.source for row in rows} == {"default"}
    assert row(rows, "twilio_auth_token") == ("not set", "default")


def test_each_source_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("offhook.toml").write_text(
        'max_calls_per_source = 3\n# max_calls = 1\nmax_calls = 7\nagents_dir = ["a", "b"]\nport = 1\nhost = "::1"\n\n'
        '[numbers]\n"+1 555-0100" = "parcel-desk"\n"+15550101" = { mode = "gather", max_hops = 10 }\n'
    )
    monkeypatch.setenv("offhook_port", "2")
    monkeypatch.setenv("OFFHOOK_HOST", "127.0.0.2")
    monkeypatch.setenv("OFFHOOK_DRAIN_S", "")
    rows = settings_rows(host="127.0.0.3", agent=None)
    assert row(rows, "max_calls") == (7, "offhook.toml, line 3")
    assert row(rows, "max_calls_per_source") == (3, "offhook.toml, line 1")
    assert row(rows, "agents_dir") == (["a", "b"], "offhook.toml, line 4")
    assert row(rows, "port") == (2, "environment offhook_port")
    assert row(rows, "host") == ("127.0.0.3", "command line")
    assert row(rows, "drain_s")[1] == "default"
    number, source = row(rows, "numbers.+15550100")
    assert number == {"agent": "parcel-desk", "mode": "stream", "max_hops": 0}
    assert source == "offhook.toml, line 9"
    assert row(rows, "numbers.+15550101")[1] == "offhook.toml, line 10"
    table = rows_as_table(rows)
    assert "numbers.+15550101 parcel-desk, mode gather, at most 10 documents" in " ".join(table.split())


def test_what_it_tells_is_what_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFHOOK_MAX_CALLS", "9")
    settings = load_settings(port=5)
    for row in settings_rows(port=5):
        value = getattr(settings, row.name)
        if value is not None and row.name not in ("agents_dir", "calls_dir", "data_dir"):
            assert row.value == value


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", TWILIO)
    monkeypatch.setenv("OFFHOOK_OPERATOR_TOKEN", OPERATOR)
    assert run(["config"]) == 0
    assert run(["config", "--json", "--port", "0"]) == 0
    table, _, as_json = capsys.readouterr().out.partition("{")
    assert "set, 32 characters" in table
    assert "environment OFFHOOK_OPERATOR_TOKEN" in table
    told = json.loads("{" + as_json)
    assert told["twilio_auth_token"] == {"value": "set, 32 characters", "source": "environment TWILIO_AUTH_TOKEN"}
    assert told["port"] == {"value": 0, "source": "command line"}
    for part in (TWILIO[:8], TWILIO[-8:], "horse", "staple"):
        assert part not in table + as_json


def test_a_bad_file_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("offhook.toml").write_text("max_cals = 1\n")
    assert run(["config"]) == 2
    assert capsys.readouterr().err == ("offhook: offhook.toml, line 1: unknown key max_cals; did you mean max_calls?\n")


def test_a_file_moves_no_terminal() -> None:
    Path("offhook.toml").write_text('agent = "a\\u001b[2J\\nb"\n')
    table = rows_as_table(settings_rows())
    assert "\x1b" not in table
    assert len(table.splitlines()) == len(Settings.model_fields)
