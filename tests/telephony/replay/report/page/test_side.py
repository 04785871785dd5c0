"""What of a call's record is drawn on its page."""

from __future__ import annotations

import json
from pathlib import Path

from telephony.replay.judging.outcome import outcome_of
from telephony.replay.picture.scene import Span
from telephony.replay.report.page.side import read_side
from tests.telephony.replay.report.page.made import events_of
from tests.telephony.replay.sample_call import make_call


async def test_what_was_heard_after_all_is_not_struck_through(tmp_path: Path) -> None:
    folder = await make_call(tmp_path, call=[])
    said = "I am still here. What else?"
    heard = [("I am", 1000, 1500, False, said), ("still here. What else?", 3000, 4500, True, "still here. What else?")]
    heard.append(("Good", 6000, 6200, False, "Good bye."))
    with (folder / "journal.jsonl").open("a") as journal:
        for number, (text, start_ms, end_ms, complete, whole) in enumerate(heard, 1):
            event = {
                "kind": "agent.heard",
                "media_ms": end_ms,
                "utterance": number,
                "turn": 1,
                "text": text,
                "said": whole,
            }
            journal.write(json.dumps({**event, "complete": complete, "start_ms": start_ms, "end_ms": end_ms}) + "\n")
    side = read_side(folder, "now", outcome_of(events_of(folder)), None)
    assert side is not None
    assert [[(word.text, word.unheard) for word in speech.words] for speech in side.scene.speeches] == [
        [("I", False), ("am", False)],
        [("still", False), ("here.", False), ("What", False), ("else?", False)],
        [("Good", False), ("bye.", True)],
    ]


async def test_what_a_fault_did_to_the_line_is_marked(tmp_path: Path) -> None:
    folder = await make_call(tmp_path, call=[])
    kinds = [(900, "reply.heard"), (1250, "tick"), (1350, "tick"), (1450, "tick"), (1600, "reply.heard")]
    with (folder / "journal.jsonl").open("a") as journal:
        for at_ms, kind in kinds:
            journal.write(json.dumps({"kind": kind, "media_ms": at_ms, "call_ms": at_ms + 10}) + "\n")
        journal.write(json.dumps({"kind": "line.gap", "media_ms": 3000, "from_ms": 2500, "to_ms": 2900}) + "\n")
        journal.write(json.dumps({"kind": "line.gap", "media_ms": 3000, "from_ms": "x", "to_ms": 10**30}) + "\n")
        for at_ms in (6000, 6100, 7000):  # a bad line: one flag for them all
            journal.write(
                json.dumps({"kind": "line.gap", "media_ms": 8000, "from_ms": at_ms, "to_ms": at_ms + 20}) + "\n"
            )
    side = read_side(folder, "now", outcome_of(events_of(folder)), None)
    assert side is not None
    assert [span for span in side.scene.spans if span.start_ms < 6000] == [
        Span(2500, 2900, "gap"),
        Span(1000, 1500, "stall"),
    ]
    flags = [(flag.at_ms, flag.label) for flag in side.scene.flags if flag.kind == "line"]
    assert flags == [(1000, "audio late by up to 500 ms"), (2500, "line gap 400 ms"), (6000, "3 line gaps, 60 ms")]


async def test_of_late_audio_only_what_was_missed_is_marked_and_one_stall_once(tmp_path: Path) -> None:
    folder = await make_call(tmp_path, call=[])
    came = [[1000, 1300, 1500.5], [1300, 1320, 1510], [1320, 1340, 1520], [2000, 2020, 2060], [2400, 2420, 2480]]
    with (folder / "journal.jsonl").open("a") as journal:
        journal.write(json.dumps({"kind": "line.stall", "media_ms": 3000, "call_ms": 3010, "came": came}) + "\n")
    side = read_side(folder, "now", outcome_of(events_of(folder)), None)
    assert side is not None
    assert [span for span in side.scene.spans if span.kind == "stall"] == [Span(1000, 1340, "stall")]
    flags = [(flag.at_ms, flag.label) for flag in side.scene.flags if flag.kind == "line"]
    assert flags == [(1000, "audio late by up to 500 ms")]


def test_a_folder_without_a_record_is_no_side(tmp_path: Path) -> None:
    assert read_side(tmp_path / "nothing", "now", outcome_of([]), None) is None
    (tmp_path / "journal.jsonl").write_text('{"v": 99, "kind": "call.started"}\n')
    assert read_side(tmp_path, "now", outcome_of([]), None) is None
