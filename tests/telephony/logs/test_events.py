"""The events that log lines are named by: the page for operators lists every one."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pytest

from telephony.logs.context import event
from telephony.logs.lines import json_line

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8").partition("\n## Logs")[2].partition("\n## ")[0]
LISTED = set(re.findall(r"`([a-z_.…]+)`", PAGE))
NAMES = sorted(
    {
        name
        for file in (ROOT / "telephony").rglob("*.py")
        for name in re.findall(r'\bevent\(f?"([a-z_]+\.[a-z_.-]*)', file.read_text("utf-8"))
    }
)


def test_the_code_is_read_rightly() -> None:
    assert {"call.started", "refused.token", "socket.", "supervisor.died"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_event_is_listed(name: str) -> None:
    families = {listed for listed in LISTED if listed.endswith("…") and name.startswith(listed[:-1])}
    assert name in LISTED or families


def test_the_pages_sample_is_a_line_as_it_is_written() -> None:
    (sample,) = re.findall(r"^    (\{.*\})$", PAGE, re.MULTILINE)
    told = json.loads(sample)
    made = logging.LogRecord(told["logger"], logging.WARNING, "", 0, told["message"], None, None)
    made.__dict__ |= event(told["event"], source=told["source"], reason=told["reason"])
    assert re.sub(r"20[^Z]*Z", told["time"], json_line(made), count=1) == sample
