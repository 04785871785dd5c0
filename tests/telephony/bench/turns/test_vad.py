"""The measure of voice activity: labels by majority, hysteresis, onsets, openings; and a small folder, end to end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from agent.errors import LocalError
from telephony.bench.turns.recordings import Recording
from telephony.bench.turns.vad import by_hand, decisions, labels, measure_vad, onsets_ms, opens
from tests.agent.support import recorded_pcm


def recording(segments: tuple[tuple[int, int], ...] = (), note: str = "") -> Recording:
    return Recording(folder=Path(), file="a.flac", set="some", segments=segments, note=note)


def test_a_window_is_what_most_of_it_is() -> None:
    assert labels(recording(((48, 100), (130, 160))), 5).tolist() == [False, True, True, False, True]


def test_labels_drawn_by_hand_go_before_others() -> None:
    rough, drawn = recording(((0, 10),)), recording(((0, 10),), "segments hand labelled")
    assert by_hand([recording(), rough, drawn]) == [drawn]
    assert by_hand([recording(), rough]) == [rough]
    with pytest.raises(LocalError, match="speech_segments"):
        by_hand([recording()])


def test_decisions_hold_a_dip() -> None:
    assert decisions([0.4, 0.6, 0.4, 0.3, 0.4]).tolist() == [False, True, True, False, False]


def test_onsets_are_measured_after_silence_and_are_infinite_where_nothing_opens() -> None:
    scores = [0.0] * 10 + [0.2, 0.9, 0.9] + [0.0] * 20
    assert onsets_ms(scores, [(325, 400), (450, 500), (800, 900)]) == [12 * 32 - 325, float("inf")]


def test_openings_are_counted_once_a_stretch() -> None:
    assert opens([0.9] * 5 + [0.0] * 5 + [0.9] * 5 + [0.0] * 30 + [0.9] * 3) == 2
    assert opens([0.3] * 100) == 0


def test_a_folder_from_end_to_end(tmp_path: Path) -> None:
    voice = np.frombuffer(recorded_pcm("slt/where", 8000), "<i2")
    loud = np.flatnonzero(np.abs(voice.astype(int)) > 300)
    hiss = np.random.default_rng(4).normal(0, 12, len(voice) + 16000).astype("<i2")
    hiss[16000:] += voice
    start_s, end_s = (16000 + int(loud[0])) / 8000, (16000 + int(loud[-1])) / 8000
    time_s = np.arange(32000) / 8000
    tone = (3000 * np.sin(2 * np.pi * 440 * time_s)).astype("<i2")
    rows = [
        {"file": "told.flac", "set": "told", "speech_segments": [[start_s, end_s]]},
        {"file": "told.flac", "set": "calls"},
        {"file": "tone.flac", "set": "tones"},
    ]
    soundfile.write(tmp_path / "told.flac", hiss, 8000)
    soundfile.write(tmp_path / "tone.flac", tone, 8000)
    (tmp_path / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
    told = measure_vad(tmp_path)
    assert told["missed"] < 0.1
    assert told["false"] < 0.1, "most of it from before the first loud sample, and the model's own tail"
    assert 0 <= told["onset_p95_ms"] <= 200
    assert 0 < told["windows_run"] < 0.8
    assert 0 < told["frame_us"] < told["frame_us_without_gate"]
    assert told["tones_opens_per_minute"] == 0
    assert [point["missed"] for point in told["roc"]] == sorted(point["missed"] for point in told["roc"])
