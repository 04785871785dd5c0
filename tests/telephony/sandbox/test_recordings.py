"""The committed recordings: all there, as a telephone carries them, and under a megabyte together."""

import tomllib
from collections import Counter
from pathlib import Path

import pytest
import soundfile as sf

from telephony import g711
from telephony.sandbox.clip import load_clip
from telephony.sandbox.script import CALLERS

RECORDINGS = Path(__file__).parents[2] / "recordings"
TURNS = tomllib.loads((RECORDINGS / "turns.toml").read_text())["turn"]


def test_sixty_turns_in_three_voices_say_the_same() -> None:
    assert len(TURNS) == 60
    assert set(Counter(turn["voice"] for turn in TURNS).values()) == {20}
    assert set(Counter((turn["text"], turn["intent"], turn["digits"]) for turn in TURNS).values()) == {3}
    wide = set(RECORDINGS.glob("wide/*.flac"))
    assert {RECORDINGS / turn["file"] for turn in TURNS} == set(RECORDINGS.glob("*/*.flac")) - wide
    assert len(wide) == 5
    assert {sf.info(file).samplerate for file in wide} == {16000}


def test_together_under_a_megabyte() -> None:
    assert sum(file.stat().st_size for folder in (RECORDINGS, CALLERS) for file in folder.rglob("*.flac")) < 1_000_000


@pytest.mark.parametrize("file", [turn["file"] for turn in TURNS])
def test_each_is_telephone_audio_trimmed(file: str) -> None:
    info = sf.info(RECORDINGS / file)
    assert (info.samplerate, info.channels) == (8000, 1)
    pcm = sf.read(RECORDINGS / file, dtype="int16")[0].astype("<i2").tobytes()
    assert g711.ulaw_to_pcm(g711.pcm_to_ulaw(pcm)) == pcm  # mu-law's own values: nothing is lost on the wire
    clip = load_clip(RECORDINGS / file)
    assert clip.speech_start_ms <= 60
    assert clip.duration_ms - clip.speech_end_ms <= 70
