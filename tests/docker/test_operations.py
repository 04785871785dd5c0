"""docs/operations.md keeps to what is there: metrics, log events, units for systemd."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.agents import load_agent
from telephony.web.loop_watch import LoopWatch
from telephony.web.metrics import ServiceMetrics

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/operations.md").read_text()


def table_after(heading: str) -> str:
    return TEXT.split(heading)[1].split("\n\n|")[1].split("\n\n")[0]


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", TEXT, re.DOTALL)


async def test_every_metric_is_told_of_and_no_other() -> None:
    metrics = ServiceMetrics([load_agent("parcel-desk", ())])
    state: dict[str, Any] = {"ready": True, "draining": False, "calls": 0, "max_calls": 1}
    watch = LoopWatch(lambda _: None)
    metrics.observe(state=lambda: state, counts=dict, open_sockets=lambda: 0, lag_p99_s=watch.p99_s)
    there: set[str] = set()
    for family in metrics.registry.collect():
        suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
        if family.name.startswith("offhook_"):
            there.add(family.name.removeprefix("offhook_") + suffix)
    told = {
        name
        for line in table_after("Labels are bounded").splitlines()
        for name in re.findall(r"`([a-z_0-9]+)`", line.split("|")[1 if line.startswith("|") else 0])
    }
    assert told == there
    watched = set(re.findall(r"offhook_([a-z_0-9]+?)(?:_bucket)?[\[{ `)]", table_after("### What to watch")))
    assert len(watched) > 8
    assert watched <= there


def test_every_event_of_the_log_is_told_of() -> None:
    """Those with a name of its own; what is made of a kind (f"socket.{kind}") may stand there as a whole."""
    events: set[str] = set()
    made_of_kinds: set[str] = set()
    for path in (ROOT / "telephony").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "event":
                if node.args and isinstance(node.args[0], ast.Constant):
                    events.add(str(node.args[0].value))
                elif node.args and isinstance(node.args[0], ast.JoinedStr):
                    begins = node.args[0].values[0]
                    assert isinstance(begins, ast.Constant)
                    made_of_kinds.add(str(begins.value))
            elif isinstance(node, ast.Dict) and any(getattr(key, "value", "") == "event" for key in node.keys):
                events |= {
                    value.value
                    for key, value in zip(node.keys, node.values, strict=True)
                    if getattr(key, "value", "") == "event"
                    and isinstance(value, ast.Constant)
                    and isinstance(value.value, str)
                    and path.parent.name == "logs"
                }
    assert len(events) > 20, "the search finds nothing"
    told = set(re.findall(r"`([a-z_.]+)`", table_after("## Logs")))
    assert {name for name in events - told if not name.startswith("socket.")} == set()
    assert {name for name in told - events if "." in name and not name.startswith(tuple(made_of_kinds))} == set()


def test_systemd_understands_the_units(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    socket, service = (unit for unit in blocks("ini"))
    offhook = tmp_path / "offhook"
    offhook.write_text("#!/bin/sh\n")
    offhook.chmod(0o755)
    (tmp_path / "offhook.socket").write_text(socket)
    (tmp_path / "offhook.service").write_text(service.replace("/opt/offhook/bin/offhook", str(offhook)))
    done = subprocess.run(
        [analyze, "verify", str(tmp_path / "offhook.socket"), str(tmp_path / "offhook.service")],
        capture_output=True,
        text=True,
        timeout=30,
        env={"SYSTEMD_LOG_TARGET": "console", "PATH": "/usr/bin:/bin"},
    )
    ours = [line for line in done.stderr.splitlines() if "offhook.s" in line]
    assert ours == []


def test_the_scrape_is_yaml() -> None:
    (block,) = blocks("yaml")
    (job,) = yaml.safe_load(block)["scrape_configs"]
    assert job["basic_auth"]["username"] == "operator"
