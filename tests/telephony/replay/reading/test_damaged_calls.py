"""Folders of calls that are old, torn, or in disagreement with themselves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.errors import LocalError
from telephony.replay.reading import source
from telephony.replay.reading.source import read_source
from tests.telephony.replay.reading.sounds import Samples, raw_wav, voice, write_wav

CALLER = voice(6.0)
AGENT = voice(6.0, seed=2)


def line(media_ms: int, kind: str, **fields: Any) -> dict[str, Any]:
    return {"v": 1, "n": 1, "media_ms": media_ms, "call_ms": media_ms + 10.0, "kind": kind, **fields}


EVENTS = [
    line(0, "call.started", call_id="CA1", agent="desk", rate_hz=8000, record="full", voice_hz=8000, seed=7),
    line(1100, "turn.started", turn=1, speech_ms=1000),
    line(1100, "engine.request", engine="stt", name="x", id="stt-1", input_hash="", input="audio"),
    line(2500, "turn.ended", turn=1, speech_end_ms=1900, reason="silence"),
    line(2550, "engine.result", id="stt-1", offset_ms=1450.0, final=True, result={"text": "hello", "confidence": None}),
    line(2550, "turn.committed", turn=1, text="hello", confidence=None, source="voice"),
    line(6000, "call.ended", reason="caller: stop"),
]


class Folder:
    """A call's folder, whole until a test breaks it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.journal(EVENTS)
        self.audio()
        (path / "call.json").write_text(json.dumps({"started_at": "2026-01-02T03:04:05.000+00:00"}))

    def journal(self, events: list[Any]) -> None:
        (self.path / "journal.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))

    def audio(self, caller: Samples = CALLER, agent: Samples = AGENT, rate_hz: int = 8000) -> None:
        write_wav(self.path / "audio.wav", caller, agent, rate_hz=rate_hz)

    def told(self) -> str:
        with pytest.raises(LocalError) as error:
            read_source(self.path)
        assert str(error.value).startswith(str(self.path))
        return str(error.value).removeprefix(str(self.path))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "CA1")


def test_a_whole_one(folder: Folder) -> None:
    recorded = read_source(folder.path)
    assert recorded.notes == ()
    assert recorded.began_at == "2026-01-02T03:04:05.000+00:00"
    assert [utterance.text for utterance in recorded.utterances] == ["hello"]


def test_a_call_is_read_at_its_own_rate_whatever_the_line_of_others(folder: Folder) -> None:
    folder.journal([{**EVENTS[0], "rate_hz": 16_000}, *EVENTS[1:]])
    folder.audio(voice(6.0, 16_000), voice(6.0, 16_000, seed=2), 16_000)
    recorded = read_source(folder.path, line_hz=8000, channel="right")
    assert recorded.rate_hz == 16_000
    assert np.array_equal(np.frombuffer(recorded.caller, "<i2"), voice(6.0, 16_000))


# --- what is missing ------------------------------------------------------------------------------------------------


def test_no_journal(folder: Folder) -> None:
    (folder.path / "journal.jsonl").unlink()
    assert folder.told().startswith(": holds no journal.jsonl: give the folder of a call, or a recording")


def test_a_call_of_which_no_audio_was_kept(folder: Folder) -> None:
    (folder.path / "audio.wav").unlink()
    folder.journal([{**EVENTS[0], "record": "journal"}, *EVENTS[1:]])
    assert folder.told().startswith(': that call kept no audio, and is run again from it: write record = "full"')


def test_a_call_whose_audio_is_gone(folder: Folder) -> None:
    (folder.path / "audio.wav").unlink()
    assert folder.told().startswith(": audio.wav is missing")


@pytest.mark.parametrize("summary", [None, b"", b"{", b"[]", b'{"started_at": 5}', b"[" * 100_000])
def test_a_summary_that_is_missing_or_damaged_costs_the_date(folder: Folder, summary: bytes | None) -> None:
    (folder.path / "call.json").unlink()
    if summary is not None:
        (folder.path / "call.json").write_bytes(summary)
    assert read_source(folder.path).began_at == ""


# --- journals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [None, 1, 0, "1"])
def test_older_journals_are_read(folder: Folder, version: object) -> None:
    old = [{name: value for name, value in event.items() if name not in ("v", "voice_hz")} for event in EVENTS]
    folder.journal(old if version is None else [{**event, "v": version} for event in old])
    recorded = read_source(folder.path)
    assert (recorded.voice_hz, recorded.turn_settings, len(recorded.utterances)) == (8000, {}, 1)


def test_a_newer_journal_is_not(folder: Folder) -> None:
    folder.journal([{**event, "v": 2} for event in EVENTS])
    assert folder.told() == ": this journal is of version 2, newer than this Offhook reads; update Offhook"


def test_torn_lines_are_passed_over_and_told(folder: Folder) -> None:
    whole = (folder.path / "journal.jsonl").read_text()
    (folder.path / "journal.jsonl").write_text(whole.replace('"turn.ended"', '"turn.en\n"') + '\n\n{"v":1,"n":')
    recorded = read_source(folder.path)
    assert recorded.notes == ("3 lines of the journal are torn or damaged, and were passed over",)
    assert len(recorded.events) == len(EVENTS) - 1


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\x00" * 5000, b"[1]\n2\n"])
def test_a_journal_without_events(folder: Folder, data: bytes) -> None:
    (folder.path / "journal.jsonl").write_bytes(data)
    assert folder.told().startswith("/journal.jsonl: holds no event that can be read; replay audio.wav alone")


def test_of_a_journal_without_end_the_beginning_is_read(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder.path / "journal.jsonl"
    monkeypatch.setattr(source, "MAX_JOURNAL_BYTES", path.stat().st_size + 50)
    folder.journal([*EVENTS, *[line(6000, "tick")] * 1000])
    recorded = read_source(folder.path)
    assert len(recorded.events) == len(EVENTS)
    (note,) = recorded.notes
    assert note.startswith("the journal is longer than ")
    # One line without end is no event at all.
    path.write_bytes(b"x" * (source.MAX_JOURNAL_BYTES + 1))
    assert "holds no event" in folder.told()


# --- disagreement ---------------------------------------------------------------------------------------------------


def test_another_rate_than_the_line_had(folder: Folder) -> None:
    folder.audio(rate_hz=16_000)
    assert folder.told().startswith(": audio.wav says 16000 samples a second, journal.jsonl says the line had 8000")


@pytest.mark.parametrize("rate_hz", [8001, 44_100])
def test_a_rate_that_no_line_has(folder: Folder, rate_hz: int) -> None:
    folder.audio(rate_hz=rate_hz)
    assert f"2 channels at {rate_hz} Hz, where a call's record has two at 8000 or 16000" in folder.told()


def test_a_wrong_rate_where_the_journal_does_not_tell_the_lines(folder: Folder) -> None:
    folder.journal([{**EVENTS[0], "rate_hz": None}, *EVENTS[1:]])
    folder.audio(rate_hz=16_000)
    assert folder.told().startswith(": audio.wav is 3.0 s long, but by journal.jsonl the call was 6.0 s")


def test_one_channel(folder: Folder) -> None:
    write_wav(folder.path / "audio.wav", CALLER)
    assert "1 channel at 8000 Hz, where a call's record has two" in folder.told()


def test_half_a_character_is_damage(folder: Folder) -> None:
    """JSON can hold it; no engine's input, no hash and no file can."""
    text = {"text": "hello \ud800", "confidence": None}
    broken = line(2550, "engine.result", id="stt-1", offset_ms=1450.0, final=True, result=text)
    folder.journal([*EVENTS[:4], broken, *EVENTS[5:]])
    recorded = read_source(folder.path)
    assert recorded.notes == ("1 lines of the journal are torn or damaged, and were passed over",)
    assert broken not in recorded.events


def test_audio_that_is_cut_off(folder: Folder) -> None:
    path = folder.path / "audio.wav"
    path.write_bytes(path.read_bytes()[: 44 + 8000 * 4 * 2])
    assert folder.told().startswith(
        ": audio.wav is 2.0 s long, but by journal.jsonl the call was 6.0 s: the file is cut off; copy the folder anew"
    )


def test_audio_of_another_call(folder: Folder) -> None:
    folder.audio(voice(60.0), voice(60.0))
    assert "audio.wav is 60.0 s long, but by journal.jsonl the call was 6.0 s: one of them is cut off" in folder.told()


def test_a_little_less_is_the_last_flush(folder: Folder) -> None:
    folder.audio(CALLER[:-8000], AGENT[:-8000])
    assert read_source(folder.path).notes == ()


def test_a_call_that_ended_in_a_stall(folder: Folder) -> None:
    stalled = [line(each, "tick") for each in range(6250, 16_000, 100)]
    folder.journal([*EVENTS[:-1], *stalled, line(16_000, "call.ended", reason="caller: silent")])
    recorded = read_source(folder.path)
    assert (recorded.duration_ms, recorded.ended_ms, recorded.stalls) == (6000, 16_000, ())


def test_a_journal_that_stops_in_the_middle_of_the_call(folder: Folder) -> None:
    folder.journal(EVENTS[:-1])
    recorded = read_source(folder.path)
    assert (recorded.ended_by, recorded.ended_ms, recorded.duration_ms) == ("", 2550, 6000)
    (note,) = recorded.notes
    assert note.startswith("the journal stops before the call's end")


def test_damaged_events_are_told(folder: Folder) -> None:
    folder.journal([*EVENTS[:2], line(1200, "key", digit=5), line(10**30, "tick"), *EVENTS[2:]])
    recorded = read_source(folder.path)
    assert recorded.notes == ("2 events of the journal are damaged, and were passed over",)
    assert (recorded.keys, recorded.ended_ms) == ((), 6000)


def test_speech_in_the_journal_and_none_in_the_audio(folder: Folder) -> None:
    folder.audio(np.zeros(48_000, np.int16))
    assert folder.told().startswith(": by journal.jsonl the caller spoke once, but in audio.wav the caller is silent")


def test_what_is_confidential_was_silenced(folder: Folder) -> None:
    folder.audio(np.zeros(48_000, np.int16))
    asked = line(900, "agent.asks", slot="card", slot_kind="digits", sensitive=True)
    folder.journal([*EVENTS[:1], asked, *EVENTS[1:]])
    assert read_source(folder.path).notes == (
        "the caller's audio is silent: what was said is confidential, and was not kept",
    )


def test_nobody_spoke(folder: Folder) -> None:
    folder.audio(np.zeros(48_000, np.int16))
    folder.journal([EVENTS[0], EVENTS[-1]])
    assert read_source(folder.path).notes == ("the caller's audio is silent, and the journal knows of no speech",)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Folder(tmp_path_factory.mktemp("broken") / "CA1").path


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["journal.jsonl", "audio.wav", "call.json"]),
    damage=st.lists(st.tuples(st.integers(0, 2000), st.binary(min_size=1, max_size=8)), max_size=8),
    cut=st.one_of(st.none(), st.integers(0, 2000)),
)
def test_damaged_folders_are_read_or_told(
    broken: Path, tmp_path: Path, name: str, damage: list[tuple[int, bytes]], cut: int | None
) -> None:
    copy = tmp_path / "CA1"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(broken, copy)
    data = bytearray((copy / name).read_bytes())
    for at, what in damage:
        data[at : at + len(what)] = what
    (copy / name).write_bytes(data[:cut])
    try:
        recorded = read_source(copy)
    except LocalError:
        return
    assert recorded.has_journal
    assert recorded.duration_ms > 0


def test_an_audio_file_that_says_nothing_of_its_length(folder: Folder) -> None:
    stereo = np.stack([CALLER, AGENT], axis=1)
    (folder.path / "audio.wav").write_bytes(raw_wav(stereo.tobytes(), channels=2, promised=0xFFFFFFFF))
    assert np.array_equal(np.frombuffer(read_source(folder.path).caller, "<i2"), CALLER)
