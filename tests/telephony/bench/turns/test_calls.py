"""Whole calls of the bench, with synthetic callers, through the real audio path: a few seconds in all."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from agent.errors import MissingExtra
from telephony.bench.turns import command, measures, plans
from telephony.bench.turns.bench import Numbers, curve_points, run_bench
from telephony.bench.turns.callers import synthetic_interruptions, synthetic_slots
from telephony.bench.turns.items import Background, Item
from telephony.bench.turns.many import hold_all
from telephony.bench.turns.over_talk import words_in_history, words_played
from telephony.bench.turns.run import hold
from telephony.bench.turns.stock import Stock
from telephony.cli import run


@cache
def made() -> Stock:
    """A few items of one speaker each; skips where the embedded voice is not installed."""
    try:
        slots = [item for item in synthetic_slots(per_kind=5) if item.kind in ("digits", "spelled")]
        interruptions = synthetic_interruptions(count=3)
    except MissingExtra as missing:
        pytest.skip(str(missing))
    short: list[Item] = sorted(slots, key=lambda item: item.duration_ms)[:4]
    return Stock(slots=tuple(short), free=tuple(short), interruptions=interruptions)


def test_every_item_is_asked_for_played_and_taken_for_what_was_said() -> None:
    calls = plans.answer_plans(made().slots, tag="t")
    runs = hold_all(calls, jobs=1)
    assert [call.why for call in runs] == [""] * len(calls)
    ends = measures.turn_ends(runs)
    assert sorted(end.item.name for end in ends) == sorted(item.name for item in made().slots)
    assert [end.text.split() for end in ends] == [[word.text for word in end.item.words] for end in ends]
    asked = [event["slot_kind"] for call in runs for event in call.of("agent.asks")]
    assert set(asked) >= {item.kind for item in made().slots}
    for end in ends:
        assert end.cut or (end.ended_ms is not None and end.committed_ms is not None and end.ended_ms > 0)


def test_a_call_runs_twice_the_same() -> None:
    (call, *_) = plans.answer_plans(made().slots[:2], tag="t")
    first, second = hold(call), hold(call)
    assert first.events == second.events
    assert first.heard.played == second.heard.played


def test_an_agent_is_stopped_and_the_history_holds_what_was_played() -> None:
    (call,) = plans.interruption_plans(made().interruptions, 3, tag="t", keep=True)
    done = hold(call)
    stops, heard = measures.stops([done]), measures.heard([done])
    assert (stops["interruptions"], stops["broken"], stops["errors"]) == (3, [], [])
    assert stops["missed"] == 0
    assert 0 < stops["stop_p50_ms"] < 500
    assert heard["replies"] >= 3
    assert heard["off_max"] <= 1


def test_an_agent_that_nobody_interrupts_is_heard_to_its_end() -> None:
    (call,) = plans.listening_plans([Background("none", "quiet", bytes(16_000))], 0.1, tag="t")
    done = hold(call)
    (reply,) = done.replies
    assert words_played(done.heard.pieces) == list(reply)
    assert words_in_history(done.events) == list(reply)
    figures = measures.false_stops([done])["all"]
    assert (figures["stops"], figures["abandoned"]) == (0, 0)
    assert figures["agent_minutes"] == pytest.approx(0.1, abs=0.02)


def test_the_command_prints_figures_targets_and_the_curve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = made()
    monkeypatch.setattr(command, "load_stock", lambda folder: small)
    plot = tmp_path / "curve.html"
    asked = ["bench", "turns", "--only", "free", "--items", "3", "--jobs", "1", "--json", "--plot", str(plot)]
    assert run(asked) == 0
    told = json.loads(capsys.readouterr().out)
    assert {"free", "curves", "targets"} <= set(told)
    assert told["free"]["clean"]["broken"] == []
    assert len(curve_points(told, "silence")) > 1
    assert "<svg" in plot.read_text()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--only", "slots,nonsense"], "nonsense"),
        (["--stt", "best"], "released, embedded, both"),
        (["--plot", "curve.png"], ".svg or .html"),
        (["--only", "stops", "--plot", "curve.svg"], "free"),
        (["--only", "vad"], "--corpus"),
    ],
)
def test_wrong_options_are_told(options: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "turns", *options]) != 0
    assert says in capsys.readouterr().err


def test_what_is_not_wanted_is_not_measured() -> None:
    numbers = Numbers().scaled(4)
    result = run_bench(made(), numbers, only=["stops"])
    assert set(result) == {"stops"}
