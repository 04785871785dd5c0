"""The pytest plugin: the fixtures `replay` and `caller`. All that they need is imported when they are used.

A test run that never asks for a fixture pays nothing for it: this module imports pytest alone. docs/testing.md tells
how tests are written; `-p no:offhook` turns the plugin off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from telephony.replay.testing.fixtures import Desk, Replays
    from telephony.replay.testing.script import CallerScript

PAGES = "offhook_pages"
#: Reports carry it to whoever writes the summary, from xdist's workers too.
PAGE = "offhook_page"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        PAGES, "Where Offhook writes the pages of calls that failed a test; from the rootdir.", default=".offhook"
    )


@pytest.fixture
def replay(request: pytest.FixtureRequest, tmp_path: Path) -> Replays:
    """`call = replay("tests/calls/parcel", mode="same")`: a recorded call, run again in virtual time."""
    from telephony.replay.testing.fixtures import Replays

    return Replays(_desk(request, tmp_path))


@pytest.fixture
def caller(request: pytest.FixtureRequest, tmp_path: Path) -> CallerScript:
    """`caller.says("where is my parcel")`, …, `call = caller.calls("my-desk")`: a scripted call, in virtual time."""
    from telephony.replay.testing.fixtures import script

    return script(_desk(request, tmp_path))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in terminalreporter.stats.get("failed", []):
        for name, path in getattr(report, "user_properties", ()):
            if name == PAGE:
                terminalreporter.write_line(f"call of {report.nodeid}: {path}")


def _desk(request: pytest.FixtureRequest, tmp_path: Path) -> Desk:
    from telephony.replay.testing.fixtures import Desk

    test: str = request.node.nodeid
    if not request.path.is_relative_to(request.config.rootpath):  # then pytest's ids do not tell files apart
        test = f"{request.path}::{test.partition('::')[2]}"
    return Desk(
        test=test,
        beside=request.path.parent,
        root=request.config.rootpath,
        tmp=tmp_path,
        pages=request.config.rootpath / str(request.config.getini(PAGES)),
        told=lambda path: request.node.user_properties.append((PAGE, path)),
    )
