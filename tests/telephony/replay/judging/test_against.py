"""A change made on purpose, to a whole call that is really run again: it is caught, and named."""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console

from telephony.replay.judging.compare import compare_all
from telephony.replay.judging.result import Run
from telephony.replay.plan import Plan
from telephony.replay.report.compared_table import summary_view
from telephony.replay.run import replay
from tests.telephony.replay.parcel_call import parcel_call


def run(settings: tuple[str, ...], out: Path) -> Run:
    return replay(parcel_call(), Plan(mode="same", settings=settings, missing="embedded"), out)


def test_endpointing_made_200_ms_slower_is_caught_and_named(tmp_path: Path) -> None:
    base, slower = run((), tmp_path / "base"), run(("turns.trailing_ms=750",), tmp_path / "now")
    summary = compare_all([(base, slower)])
    out = io.StringIO()
    Console(file=out, width=80).print(summary_view(summary))
    report = " ".join(out.getvalue().split())
    # By windows of 32 ms, so 192 or 224 ms.
    assert re.search(
        r"endpointing \+(192|224) ms in 4 of 4 turns \(1 call\); 0 new cutoffs; words changed in 0", report
    )
    assert "worse: p50 +" in report
    assert summary.worse
    assert all(turn.stage == "endpointing_ms" for turn in summary.comparisons[0].turns)


def test_the_same_call_twice_is_no_change(tmp_path: Path) -> None:
    summary = compare_all([(run((), tmp_path / "base"), run((), tmp_path / "now"))])
    assert summary.verdict == "no turn moved (4 turns, 1 call); 0 new cutoffs; words changed in 0 turns"
    assert not summary.worse


def test_another_greeting_is_another_call(tmp_path: Path) -> None:
    other = run(('phrases.greeting="Another greeting altogether."',), tmp_path / "now")
    summary = compare_all([(run((), tmp_path / "base"), other)])
    assert "1 call went another way; 4 turns after that not scored" in summary.verdict
    assert summary.reasons == ("1 call went another way",)
