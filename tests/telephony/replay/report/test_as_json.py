"""The report as JSON: plain, whole, and with the keys that its documentation names."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from telephony.replay.judging.compare import compare, compare_all
from telephony.replay.judging.outcome import ToolRun, outcome_of
from telephony.replay.judging.result import Divergence, Run
from telephony.replay.plan import Plan
from telephony.replay.report import as_json
from telephony.replay.report.as_json import comparison_as_dict, run_as_dict, summary_as_dict
from tests.telephony.replay.journals import call, event

EVENTS = [
    *call(("where is it", "In Leeds."), ("thank you \ud800", "Goodbye.")),
    event("tool.called", 3700, id="1", name="find", arguments={"n": float("nan")}, turn=1),
    event("turn.rejected", 900, turn=9, reason="no text"),
    event("error", 950, where="stt", message="silent"),
]
RUN = Run(
    name="CA1",
    source=Path("calls/CA1"),
    plan=Plan(settings=("turns.trailing_ms=750",), agents_dir=(Path("agents"),)),
    folder=Path("out/CA1"),
    outcome=outcome_of(EVENTS),
    recorded=outcome_of(EVENTS),
    diverged=Divergence(1, 3000, "heard", "where is it", "where is he"),
    served={"stt: hash": 2},
    took_s=0.12345,
)


def through_json(value: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(value, allow_nan=False)
    again = json.loads(text)
    assert again == value
    assert isinstance(again, dict)
    return again


def test_a_run() -> None:
    report = through_json(run_as_dict(RUN))
    assert (report["version"], report["name"], report["source"], report["folder"]) == (
        1,
        "CA1",
        "calls/CA1",
        "out/CA1",
    )
    assert (report["took_s"], report["served"], report["scored_turns"]) == (0.123, {"stt: hash": 2}, 1)
    assert report["plan"]["settings"] == ["turns.trailing_ms=750"]
    assert report["plan"]["agents_dir"] == ["agents"]
    assert report["diverged"] == {
        "turn": 1,
        "at_ms": 3000,
        "what": "heard",
        "recorded": "where is it",
        "now": "where is he",
    }
    outcome = report["outcome"]
    assert [turn["turn"] for turn in outcome["turns"]] == [1, 2]
    assert outcome["turns"][0]["voice_to_voice_ms"] == 800
    assert outcome["dead_air"][1] == {
        "from_ms": 3000,
        "to_ms": 3800,
        "ms": 800,
        "turn": 1,
        "why": "before the answer",
    }
    assert outcome["tools"][0]["arguments"] == {"n": "nan"}
    assert outcome["latency"]["p50_ms"] == 800
    assert outcome["errors"] == [{"at_ms": 950, "message": "stt: silent"}]
    assert report["recorded"] == outcome


def test_a_comparison_and_a_summary() -> None:
    now = replace(RUN, outcome=outcome_of(call(("where is it", "In Leeds."), ("thank you", "Bye."), slower_ms=200)))
    report = through_json(comparison_as_dict(compare(RUN, now)))
    assert report["turns"][0] | {"stages": None} == {
        "base": 1,
        "now": 1,
        "scored": True,
        "moved": True,
        "wait_ms": 200,
        "stages": None,
        "stage": "endpointing_ms",
        "heard": False,
        "said": False,
        "tools": True,
    }
    assert report["stage_medians"]["endpointing_ms"] == {"base": 560, "now": 760}
    assert report["latency"]["now"]["p50_ms"] == 1000
    summary = through_json(summary_as_dict(compare_all([(RUN, now), (RUN, None)])))
    assert summary["worse"] is True
    assert [one["vanished"] for one in summary["calls"]] == [False, True]
    assert summary["calls"][1]["now"] is None


def test_what_json_cannot_hold() -> None:
    deep: Any = "end"
    for _ in range(3000):
        deep = [deep]
    odd = ToolRun(1, "x", {"deep": deep, "bytes": b"\x00", "path": Path("a"), "no": {1, 2}}, 0, True, float("inf"))
    outcome = replace(RUN.outcome, tools=(odd,))
    (tool,) = through_json(run_as_dict(replace(RUN, outcome=outcome)))["outcome"]["tools"]
    assert tool["result"] == "inf"
    assert (tool["arguments"]["bytes"], tool["arguments"]["path"], tool["arguments"]["no"]) == ("<bytes>", "a", "<set>")


def test_every_key_is_documented() -> None:
    told = set(re.findall(r"[a-z_0-9]+", as_json.__doc__ or ""))
    now = replace(RUN, outcome=outcome_of(call(("a", "b"))))
    keys = {*run_as_dict(RUN), *run_as_dict(RUN)["plan"], *run_as_dict(RUN)["outcome"]}
    keys |= {*comparison_as_dict(compare(RUN, now)), *summary_as_dict(compare_all([(RUN, now)]))}
    keys |= set(comparison_as_dict(compare(RUN, now))["turns"][0])
    keys |= {key for rows in run_as_dict(RUN)["outcome"].values() if isinstance(rows, list) for key in _keys(rows)}
    assert keys - told == set()


def _keys(rows: list[Any]) -> set[str]:
    return {key for row in rows if isinstance(row, dict) for key in row}
