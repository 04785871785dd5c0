"""Calls that the service ended, or that were too long: run again they end so again, whoever calls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from telephony.replay import run
from telephony.replay.plan import CallerKind, Plan
from telephony.replay.reading.source import read_source
from telephony.replay.run import replay
from tests.telephony.replay.parcel_call import parcel_recording

CALLERS: tuple[CallerKind, ...] = ("open", "reactive")


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A call in the midst of whose first answer the service stopped."""
    recorded = replace(read_source(parcel_recording()), wound_up=(8000, "the service stops"))
    with monkeypatch.context() as patched:
        patched.setattr(run, "read_source", lambda source, channel: recorded)
        made = replay(parcel_recording(), Plan(), tmp_path / "stopped")
    assert made.folder is not None, made.failed
    return made.folder


@pytest.mark.parametrize("caller", CALLERS)
def test_where_the_service_stopped_the_call_ends_again(caller: CallerKind, stopped: Path, tmp_path: Path) -> None:
    again = replay(stopped, Plan(caller=caller), tmp_path / "again")
    assert (again.failed, again.diverged) == ("", None)
    assert again.recorded is not None
    assert again.outcome.said[-1].text == again.recorded.said[-1].text
    assert again.outcome.said[-1].text.startswith("I'm sorry, I have to end this call now.")
    assert any(note.startswith("the service ended the call at 8.0 s") for note in again.notes) == (caller == "reactive")


@pytest.mark.parametrize("caller", CALLERS)
def test_a_call_that_was_too_long_ends_in_its_own_words(caller: CallerKind, tmp_path: Path) -> None:
    short = ("agent.max_call_s=10",)
    made = replay(parcel_recording(), Plan(settings=short), tmp_path / "made")
    assert made.folder is not None
    again = replay(made.folder, Plan(settings=short, caller=caller), tmp_path / "again")
    assert (again.failed, again.diverged) == ("", None)
    assert again.outcome.said[-1].text == made.outcome.said[-1].text
    longer = replay(made.folder, Plan(caller=caller), tmp_path / "longer")
    assert longer.diverged is not None, "with more time the call goes on"
