"""How a call's audio is carried: lossless, small, or not at all."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from telephony.replay.report.page.sound import encode_sound


def tone(path: Path, *, rate_hz: int = 8000, seconds: float = 3.0, channels: int = 2) -> Path:
    wave = 0.4 * np.sin(2 * np.pi * 300 * np.arange(int(seconds * rate_hz)) / rate_hz)
    soundfile.write(path, np.stack([wave * (channel == 0) for channel in range(channels)], axis=1), rate_hz)
    return path


def test_lossless_is_the_same_samples(tmp_path: Path) -> None:
    sound = encode_sound(tone(tmp_path / "a.wav"), lossless=True)
    assert sound is not None
    assert sound.mime == "audio/flac"
    assert (soundfile.read(io.BytesIO(sound.data))[0] == soundfile.read(tmp_path / "a.wav")[0]).all()


@pytest.mark.parametrize(("rate_hz", "channels"), [(8000, 2), (16000, 1), (11025, 2), (44100, 3)])
def test_opus_is_small_in_time_and_keeps_the_channels_apart(tmp_path: Path, rate_hz: int, channels: int) -> None:
    sound = encode_sound(tone(tmp_path / "a.wav", rate_hz=rate_hz, channels=channels), lossless=False)
    assert sound is not None
    assert sound.mime == "audio/ogg"
    assert len(sound.data) < 3 * 8000
    found, found_hz = soundfile.read(io.BytesIO(sound.data), always_2d=True)
    assert len(found) / found_hz == pytest.approx(3.0, abs=0.05)
    assert found.shape[1] == min(channels, 2)
    loud = np.sqrt((found**2).mean(axis=0))
    assert loud[0] == pytest.approx(0.283, abs=0.06)
    assert all(level < 0.03 for level in loud[1:])


def test_what_does_not_fit_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"  # noise: nothing makes that small without loss
    soundfile.write(path, np.random.default_rng(1).uniform(-0.3, 0.3, (160_000, 2)), 8000)
    small = encode_sound(path, lossless=False)
    assert small is not None
    found = encode_sound(path, lossless=True, max_bytes=len(small.data) + 2000)
    assert found is not None
    assert found.mime == "audio/ogg"
    assert encode_sound(path, lossless=True, max_bytes=1000) is None


def test_what_is_no_audio_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("noise")
    with pytest.raises(soundfile.LibsndfileError):
        encode_sound(tmp_path / "a.wav", lossless=True)
