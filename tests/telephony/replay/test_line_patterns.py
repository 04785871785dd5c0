"""A call on each of the named lines, run again from its record with nothing changed: it goes as it went."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.summary import parse_journal
from telephony.replay.judging.result import Run
from telephony.replay.plan import Plan
from telephony.replay.run import replay
from tests.telephony.replay.parcel_call import parcel_call

FRAME_MS = 20
LINES = ("wifi", "mobile", "bad-trunk", "stalls", "fast-clock", "slow-clock", "dropped-line", "closed-line")
TURNS = ("turn.started", "turn.ended", "turn.committed", "turn.rejected", "barge_in")


def events_of(run: Run) -> list[dict[str, Any]]:
    assert run.folder is not None, run.failed
    with (run.folder / "journal.jsonl").open("rb") as lines:
        return list(parse_journal(lines))


def held_on(fault: str, out: Path) -> Run:
    run = replay(parcel_call(), Plan(mode="anew", fault=fault, tools="run", missing="embedded"), out)
    assert run.folder is not None, run.failed
    return run


def turns(run: Run) -> list[tuple[object, ...]]:
    """Each turn event with what it says, but for when."""
    return [
        (event["kind"], event["turn"], event.get("text"), event.get("reason"))
        for event in events_of(run)
        if event["kind"] in TURNS
    ]


def moments(run: Run) -> list[int]:
    """When each turn event was, and the speech that it is about began or ended."""
    events = [event for event in events_of(run) if event["kind"] in TURNS]
    return [event.get(at, 0) for event in events for at in ("media_ms", "speech_ms", "speech_end_ms")]


def assert_as_it_went(held: Run, out: Path) -> None:
    again = replay(held.folder or Path(), Plan(mode="same", tools="run"), out / "again")
    once_more = replay(held.folder or Path(), Plan(mode="same", tools="run"), out / "once-more")
    assert (again.failed, again.diverged) == ("", None)
    assert turns(again) == turns(held)
    moved = [now - then for now, then in zip(moments(again), moments(held), strict=True)]
    assert max(map(abs, moved)) <= FRAME_MS, moved
    assert events_of(again)[-1]["reason"] == events_of(held)[-1]["reason"]
    assert json.dumps(events_of(again)) == json.dumps(events_of(once_more))


@pytest.mark.parametrize("fault", LINES)
def test_a_call_on_a_bad_line_goes_again_as_it_went(fault: str, tmp_path: Path) -> None:
    assert_as_it_went(held_on(fault, tmp_path / "held"), tmp_path)


@pytest.mark.parametrize("from_ms", [10_000, 10_333, 11_666, 13_000])
def test_a_stall_anywhere_in_a_turn_and_in_its_answer(from_ms: int, tmp_path: Path) -> None:
    fault = tmp_path / "stall.toml"
    fault.write_text(
        f'description = "one"\n[[line]]\nkind = "stall"\nfrom_ms = {from_ms}\nto_ms = {from_ms + 700}\n'
        f'[[line]]\nkind = "delay"\nfrom_ms = {from_ms + 700}\nto_ms = {from_ms + 1100}\n'
        "delays_ms = [200, 190, 180, 170, 160, 150, 140, 130, 120, 110, 100, 90, 80, 70, 60, 50, 40, 30, 20, 10]\n"
    )
    held = held_on(str(fault), tmp_path / "held")
    assert [event["kind"] for event in events_of(held)].count("line.stall") == 1
    assert_as_it_went(held, tmp_path)


@pytest.mark.parametrize(
    ("from_ms", "up_to_ms", "seed"),
    [
        pytest.param(333, 780, 4, id="no answer's mark came in time"),
        pytest.param(1000, 780, 5, id="texts come while the clock stands in for the audio"),
        pytest.param(0, 780, 6, id="a deadline goes by the clock from a frame that was little late"),
        pytest.param(0, 780, 21, id="it begins late"),
        pytest.param(0, 2000, 8, id="media time runs ahead of all that is said"),
    ],
)
def test_a_line_that_is_late_all_the_time(from_ms: int, up_to_ms: int, seed: int, tmp_path: Path) -> None:
    fault = tmp_path / "late.toml"
    fault.write_text(
        f'description = "late"\n[[line]]\nkind = "lose"\nlose = {{ percent = 3, mean_burst = 3, seed = {seed} }}\n'
        f'[[line]]\nkind = "delay"\nfrom_ms = {from_ms}\n'
        f"delays_ms = {{ percent = 20, up_to_ms = {up_to_ms}, seed = {seed} }}\n"
        f'[[line]]\nkind = "stall"\nfrom_ms = {6000 + from_ms}\nto_ms = {6240 + from_ms}\nevery_ms = 12000\n'
    )
    assert_as_it_went(held_on(str(fault), tmp_path / "held"), tmp_path)
