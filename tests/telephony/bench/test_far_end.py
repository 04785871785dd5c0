"""The measure of machines and beeps: it counts what it is given, folder by folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from telephony.bench.far_end import measure_far_end
from tests.agent.fakes import LoudVad


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Three seconds of something loud as a greeting, as a caller, and without words."""
    loud = (np.random.default_rng(1).normal(0, 3000, 3 * 8000)).astype("<i2")
    items = [("greetings", "please leave a message after the tone"), ("callers", "where is my parcel"), ("rest", None)]
    lines = []
    for name, text in items:
        soundfile.write(tmp_path / f"{name}.flac", loud, 8000)
        lines.append(json.dumps({"file": f"{name}.flac", "set": name, "transcript": text}))
    lines.append(json.dumps({"file": "gone.flac", "set": "gone", "transcript": None}))
    (tmp_path / "manifest.jsonl").write_text("\n".join(lines))
    return tmp_path


def test_words_tell(recordings: Path) -> None:
    counts = measure_far_end(recordings, LoudVad())
    assert {name: count.machines for name, count in counts.items()} == {"greetings": 1, "callers": 0, "rest": 0}
    assert counts["greetings"].names == ("greetings.flac: greeting",)
    assert counts["callers"].tones == 0
    assert counts["callers"].seconds == pytest.approx(4.8)


def test_a_beep_tells_without_words(recordings: Path) -> None:
    counts = measure_far_end(recordings, LoudVad(), words=False, beep=True, most=1)
    assert [(count.machines, count.tones) for count in counts.values()] == [(1, 1)] * 3
    assert counts["rest"].names == ("rest.flac: beep",)
