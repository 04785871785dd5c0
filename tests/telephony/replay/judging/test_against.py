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

#: 200 ms more wherever the words tell how long to wait.
SLOWER = ("turns.min_trailing_ms=450", "turns.trailing_ms=750", "turns.max_trailing_ms=2000")


def run(settings: tuple[str, ...], out: Path) -> Run:
    return replay(parcel_call(), Plan(mode="same", settings=settings, missing="embedded"), out)


def test_endpointing_made_200_ms_slower_is_caught_and_named(tmp_path: Path) -> None:
    base, slower = run((), tmp_path / "base"), run(SLOWER, tmp_path / "now")
    summary = compare_all([(base, slower)])
    out = io.StringIO()
    Console(file=out, width=80).print(summary_view(summary))
    report = " ".join(out.getvalue().split())
    # A whole order number waits for nothing; of "yes ... please" the slower one hears both words: there they part.
    assert re.search(r"endpointing \+(1[7-9]\d|2[0-2]\d) ms in [2-4] of [2-4] turns \(1 call\); 0 new cutoffs", report)
    assert "worse: p50 +" in report
    assert summary.worse
    moved = [turn.stage for turn in summary.comparisons[0].turns]
    assert moved[0] == "endpointing_ms"
    assert moved.count("endpointing_ms") >= 2
    assert set(moved) <= {"endpointing_ms", ""}


def test_the_same_call_twice_is_no_change(tmp_path: Path) -> None:
    summary = compare_all([(run((), tmp_path / "base"), run((), tmp_path / "now"))])
    assert summary.verdict == "no turn moved (4 turns, 1 call); 0 new cutoffs; words changed in 0 turns"
    assert not summary.worse


def test_another_greeting_is_another_call(tmp_path: Path) -> None:
    other = run(('phrases.greeting="Another greeting altogether."',), tmp_path / "now")
    summary = compare_all([(run((), tmp_path / "base"), other)])
    assert "1 call went another way; 4 turns after that not scored" in summary.verdict
    assert summary.reasons == ("1 call went another way",)
