"""Running a call again: the same journal every time, in every mode, in whatever order and process; and honest words."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import resource
import shutil
import subprocess
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.language.yesno import is_yes
from agent.summary import parse_journal
from telephony.replay.judging.result import Divergence
from telephony.replay.plan import Mode, Plan
from telephony.replay.reading.source import read_source
from telephony.replay.recorded import Stall
from telephony.replay.run import replay
from tests.telephony.replay.parcel_call import parcel_call, parcel_recording

#: Of another interpreter that has Offhook installed: what it makes of a call must be the same, byte for byte.
OTHER_PYTHON = os.environ.get("OFFHOOK_OTHER_PYTHON", "")


#: 200 ms more wherever the words tell how long to wait.
SLOWER = ("turns.min_trailing_ms=450", "turns.trailing_ms=750", "turns.max_trailing_ms=2000")


def journal_of(source: Path, plan: Plan, out: Path) -> bytes:
    run = replay(source, plan, out)
    assert run.folder is not None, run.failed
    return (run.folder / "journal.jsonl").read_bytes()


def events_of(folder: Path) -> list[dict[str, Any]]:
    with (folder / "journal.jsonl").open("rb") as lines:
        return list(parse_journal(lines))


def one_of_many(source: Path, mode: Mode, out: Path) -> tuple[Mode, bytes]:
    return mode, journal_of(source, Plan(mode=mode), out)


def test_the_same_call_twenty_times_in_shuffled_parallel_runs_gives_twenty_identical_journals(tmp_path: Path) -> None:
    modes: list[Mode] = ["same"] * 20 + ["rehear"] * 3 + ["anew"] * 3
    random.Random(4).shuffle(modes)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("forkserver")) as pool:
        works = [pool.submit(one_of_many, parcel_call(), mode, tmp_path / str(n)) for n, mode in enumerate(modes)]
        found = [work.result(timeout=60) for work in works]
    for mode in ("same", "rehear", "anew"):
        journals = [journal for of, journal in found if of == mode]
        assert len(journals) == modes.count(mode)
        assert len(set(journals)) == 1, f"{mode}: {len(set(journals))} different journals"
        assert journals[0].count(b'"turn.committed"') == 4
    # And in this process, after whatever ran here before.
    assert journal_of(parcel_call(), Plan(mode="same"), tmp_path / "here") == next(j for m, j in found if m == "same")


@pytest.mark.skipif(not OTHER_PYTHON, reason="OFFHOOK_OTHER_PYTHON names no interpreter that has Offhook installed")
@pytest.mark.parametrize("mode", ["same", "rehear", "anew"])
def test_another_python_gives_the_same_journal(mode: Mode, tmp_path: Path) -> None:
    work = (
        "import sys; from pathlib import Path; from telephony.replay.plan import Plan; "
        "from telephony.replay.run import replay; "
        "print(replay(Path(sys.argv[1]), Plan(mode=sys.argv[2]), Path(sys.argv[3])).folder)"
    )
    command = [OTHER_PYTHON, "-c", work, str(parcel_call()), mode, str(tmp_path / "other")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60, cwd=Path.cwd())
    there = (Path(done.stdout.strip()) / "journal.jsonl").read_bytes()
    assert there == journal_of(parcel_call(), Plan(mode=mode), tmp_path / "here")


@pytest.mark.parametrize("mode", ["same", "rehear", "anew"])
def test_a_call_run_again_goes_as_it_went(mode: Mode, tmp_path: Path) -> None:
    run = replay(parcel_call(), Plan(mode=mode), tmp_path)
    assert (run.failed, run.diverged, run.deterministic) == ("", None, True)
    assert run.recorded is not None
    assert [turn.text for turn in run.outcome.turns] == [turn.text for turn in run.recorded.turns]
    moved = [
        (now.voice_to_voice_ms or 0) - (then.voice_to_voice_ms or 0)
        for now, then in zip(run.outcome.turns, run.recorded.turns, strict=True)
    ]
    assert max(map(abs, moved)) <= 20, "a frame at most: the wire's delay is the recorded one"
    assert run.outcome.ended_by == run.recorded.ended_by == "agent: hangup"
    assert [tool.name for tool in run.outcome.tools] == [tool.name for tool in run.recorded.tools]


def test_in_same_mode_every_engine_is_served_from_the_record(tmp_path: Path) -> None:
    run = replay(parcel_call(), Plan(mode="same"), tmp_path)
    assert {name.split(":")[0] for name in run.served} == {"stt", "llm", "tts", "tool"}
    assert not [name for name in run.served if name.endswith((": embedded", ": run", ": part", ": refused"))], (
        run.served
    )
    (started, *_) = [event for event in events_of(run.folder or Path()) if event["kind"] == "call.started"]
    assert started["engines"] == events_of(parcel_call())[0]["engines"]


def test_slower_endpointing_moves_the_turns_that_it_is_about_by_as_much(tmp_path: Path) -> None:
    """A whole order number does not wait for more; who says "yes ... please" is heard out by who waits longer."""
    before = replay(parcel_call(), Plan(), tmp_path / "before")
    after = replay(parcel_call(), Plan(settings=SLOWER), tmp_path / "after")
    slower = [
        now.stages["endpointing_ms"] - then.stages["endpointing_ms"]
        for now, then in zip(after.outcome.turns, before.outcome.turns, strict=True)
    ]
    assert [slower[0], slower[3]] == pytest.approx([200, 200], abs=20), slower
    assert slower[1] == 0


def test_a_question_that_the_record_cannot_answer_stops_the_run(tmp_path: Path) -> None:
    plan = Plan(settings=('phrases.greeting="Another greeting altogether."',), missing="stop")
    run = replay(parcel_call(), plan, tmp_path)
    assert run.failed.startswith("diverged at turn 0"), run.failed
    assert any("without --missing stop" in note for note in run.notes)
    assert run.diverged is not None
    assert run.folder is not None


def test_with_an_embedded_engine_for_what_is_missing_it_goes_on(tmp_path: Path) -> None:
    plan = Plan(settings=('phrases.greeting="Another greeting altogether."',))
    run = replay(parcel_call(), plan, tmp_path)
    assert run.failed == ""
    assert run.diverged is not None
    assert (run.diverged.turn, run.diverged.what) == (0, "answered")
    assert len(run.outcome.turns) == 4


def test_a_reactive_caller_waits_for_a_slower_agent(tmp_path: Path) -> None:
    slow = ("turns.min_trailing_ms=1500", "turns.trailing_ms=1500")
    run = replay(parcel_call(), Plan(mode="same", caller="reactive", settings=slow, tools="run"), tmp_path)
    assert run.failed == ""
    assert [turn.text for turn in run.outcome.turns] == [turn.text for turn in (run.recorded or run.outcome).turns]
    assert run.outcome.cutoffs == ()


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        (Plan(agent="nobody"), "there is no agent 'nobody'"),
        (Plan(settings=("turns.trailing_mss=1",)), "--set turns.trailing_mss=1"),
        (Plan(fault="nonsense"), "no such pattern or file of faults: nonsense"),
    ],
)
def test_what_cannot_be_run_is_told_in_a_sentence(plan: Plan, told: str, tmp_path: Path) -> None:
    run = replay(parcel_call(), plan, tmp_path)
    assert told in run.failed
    assert run.folder is None


@pytest.mark.parametrize("name", ["{folder}", "own-agent", "../own-agent/.", "x" * 5000, "a\0b"])
def test_a_record_does_not_choose_what_code_runs_here(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent's tools are Python: of a recording that somebody hands us, only its data is used."""
    call, agent = tmp_path / "CA1", tmp_path / "own-agent"
    shutil.copytree(parcel_call(), call)
    shutil.copytree("prompts/parcel-desk", agent)
    (agent / "tools.py").write_text(f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n")
    first, *others = events_of(call)
    first["agent"] = name.format(folder=agent)
    (call / "journal.jsonl").write_text("\n".join(map(json.dumps, [first, *others])) + "\n")
    monkeypatch.chdir(tmp_path)
    run = replay(call, Plan(), tmp_path / "out")
    assert "there is no agent" in run.failed
    assert "--agent" in run.failed
    assert not (tmp_path / "ran").exists()


def test_a_plain_recording_has_no_engine_results_to_serve(tmp_path: Path) -> None:
    run = replay(parcel_recording(), Plan(mode="same"), tmp_path)
    assert "a plain recording holds no engine results; run it with --mode anew" in run.failed


def test_an_older_journal_is_run_again_too(tmp_path: Path) -> None:
    """Of version 1 before replay was made: no phrases, no decisions, no voice's rate, no settings."""
    older = tmp_path / "CAolder"
    shutil.copytree(parcel_call(), older)
    lines = []
    for event in events_of(parcel_call()):
        if event["kind"] == "phrase":
            continue
        for name in ("voice_hz", "turns", "decision", "length", "aside"):
            event.pop(name, None)
        lines.append(json.dumps(event))
    (older / "journal.jsonl").write_text("\n".join(lines) + "\n")
    run = replay(older, Plan(), tmp_path / "out")
    assert (run.failed, run.diverged) == ("", None)
    assert [turn.text for turn in run.outcome.turns] == [turn.text for turn in (run.recorded or run.outcome).turns]


def test_damaged_texts_in_an_older_journal_are_passed_over(tmp_path: Path) -> None:
    call = tmp_path / "CA1"
    shutil.copytree(parcel_call(), call)
    events = events_of(call)
    for number, event in enumerate(event for event in events if event["kind"] == "agent.clause"):
        event.pop("aside", None)
        event["text"] = [[], {}, None, 7][number % 4]
    (call / "journal.jsonl").write_text("\n".join(map(json.dumps, events)) + "\n")
    run = replay(call, Plan(), tmp_path / "out")
    assert run.failed == "" or run.failed.startswith("diverged at turn"), run.failed


def test_a_folders_number_is_no_number_of_streams_to_look_for(tmp_path: Path) -> None:
    call = tmp_path / "CA1-999999999999"
    shutil.copytree(parcel_call(), call)
    first, *others = events_of(call)
    first["continues"] = "cut off"
    (call / "journal.jsonl").write_text("\n".join(map(json.dumps, [first, *others])) + "\n")
    run = replay(call, Plan(), tmp_path / "out")
    assert run.failed == "" or run.failed.startswith("diverged at turn"), run.failed


@pytest.mark.parametrize(
    ("at_ms", "exact", "told"),
    [(2000, False, False), (4400, False, True), (6600, False, True), (9000, False, False), (6600, True, False)],
)
def test_what_diverged_at_a_stall_that_was_guessed_is_not_laid_at_the_agents_door(
    at_ms: int, exact: bool, told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a stall an older record has only ticks: a turn that ended as the late audio came may end otherwise."""
    recorded = replace(read_source(parcel_call()), stalls=(Stall(5000, 5400, 5400, exact),))
    monkeypatch.setattr("telephony.replay.run.read_source", lambda source, channel: recorded)
    monkeypatch.setattr(
        "telephony.replay.run.first_divergence", lambda *_, **__: Divergence(1, at_ms, "heard", "hello", "hello where")
    )
    run = replay(parcel_call(), Plan(), tmp_path)
    assert any(note.startswith("the line stalled at 5.0 s") for note in run.notes) is told


def test_the_source_is_left_as_it_was(tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in parcel_call().iterdir()}
    replay(parcel_call(), Plan(), tmp_path)
    assert {path.name: path.read_bytes() for path in parcel_call().iterdir()} == before


def test_it_needs_no_time(tmp_path: Path) -> None:
    """Not a benchmark: half a minute that took half a minute would not be virtual time."""
    run = replay(parcel_call(), Plan(), tmp_path)
    assert run.audio_ms > 25_000
    assert run.took_s < 15


def test_a_record_that_the_disk_does_not_take_is_a_failure(tmp_path: Path) -> None:
    parcel_recording()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # as a full disk: the audio needs more
    try:
        run = replay(parcel_recording(), Plan(tools="run"), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert run.failed.startswith("its record is not complete: "), run.failed
    assert "File too large" in run.failed
    assert len(run.outcome.turns) == 4, "the call itself went on"


@pytest.mark.parametrize("mode", ["same", "rehear", "anew"])
def test_the_first_call_ever_kept_is_run_again_for_ever(mode: Mode, tmp_path: Path) -> None:
    """A real call as the first Offhook recorded it; its journal is never rewritten. See docs/journal.md, "Since"."""
    run = replay(Path(__file__).parent / "first_call", Plan(mode=mode), tmp_path)
    assert run.failed == ""
    if mode == "same":
        assert [turn.text for turn in run.outcome.turns] == [
            "hello where is my parcel",
            "it's four seven one two",
            "yes please",
            "that's all thank you goodbye",
        ]
    else:  # today's recogniser and turns need not hear every word as those did
        where, number, yes, *_, bye = [turn.text for turn in run.outcome.turns]
        assert "where is my parcel" in where
        assert number.endswith("four seven one two")
        assert is_yes(yes)
        assert "that's all" in bye or "goodbye" in bye
    assert [tool.name for tool in run.outcome.tools] == ["find_order", "send_tracking_link", "hang_up"]
    assert run.outcome.ended_by == "agent: hangup"
