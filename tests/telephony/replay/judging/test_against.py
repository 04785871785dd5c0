"""A change made on purpose, to a whole call that is really run again: it is caught, and named."""

from __future__ import annotations

import io
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
    assert "endpointing +200 ms in 3 of 4 turns (1 call); 0 new cutoffs; words changed in 0 turns" in report
    assert "worse: p50 +200 ms" in report
    assert summary.worse
    turns = summary.comparisons[0].turns
    assert [(turn.stage, turn.wait_ms) for turn in turns] == [
        ("endpointing_ms", 200),
        # A whole order number waits for no silence, only for words that stay as they are.
        ("", 0),
        # "Yes", 0.4 s of silence, "please". The base answers the "yes" before the "please", 250 ms after it. The slower
        # one still waits, hears both as one turn, and waits its 450 ms after the "please": 256 ms become 460. Of these
        # 204 ms the way to the line gives back 8: the audio is sent at another place of the far end's 20 ms.
        ("endpointing_ms", 196),
        ("endpointing_ms", 200),
    ]


def test_the_same_call_twice_is_no_change(tmp_path: Path) -> None:
    summary = compare_all([(run((), tmp_path / "base"), run((), tmp_path / "now"))])
    assert summary.verdict == "no turn moved (4 turns, 1 call); 0 new cutoffs; words changed in 0 turns"
    assert not summary.worse


def test_another_greeting_is_another_call(tmp_path: Path) -> None:
    other = run(('phrases.greeting="Another greeting altogether."',), tmp_path / "now")
    summary = compare_all([(run((), tmp_path / "base"), other)])
    assert "1 call went another way; 4 turns after that not scored" in summary.verdict
    assert summary.reasons == ("1 call went another way",)
