"""Tones against voices: keys, progress tones and hum are tones at any level; speech, also over a tone, is none."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.audio.tones import HEARD_SAMPLES, is_tone
from tests.agent.support import espeak_pcm, recorded_pcm

RATE_HZ = 8000


def sines(hz: tuple[float, ...], samples: int = HEARD_SAMPLES, level_db: float = -20) -> NDArray[np.float32]:
    time_s = np.arange(samples) / RATE_HZ
    wave = np.sum([np.sin(2 * np.pi * each * time_s + phase) for phase, each in enumerate(hz)], axis=0) / len(hz)
    return np.asarray(wave * 10 ** (level_db / 20), np.float32)


def noise(level_dbfs: float, samples: int = HEARD_SAMPLES) -> NDArray[np.float32]:
    return np.random.default_rng(5).normal(0, 10 ** (level_dbfs / 20), samples).astype(np.float32)


TONES = {
    "key 1": (697.0, 1209.0),
    "key D": (941.0, 1633.0),
    "American dial tone": (350.0, 440.0),
    "American ringing": (440.0, 480.0),
    "busy": (480.0, 620.0),
    "European tone": (425.0,),
    "fax": (1100.0,),
    "answer tone": (2100.0,),
    "hum 50": (50.0, 100.0, 150.0, 250.0, 350.0),
    "hum 60": (60.0, 120.0, 180.0, 300.0, 420.0),
    "hum 120": (120.0, 240.0, 360.0, 480.0),
}


@pytest.mark.parametrize("level_db", [-6, -20, -40])
@pytest.mark.parametrize("hz", TONES.values(), ids=TONES)
def test_steady_tones(hz: tuple[float, ...], level_db: float) -> None:
    assert is_tone(sines(hz, level_db=level_db) + noise(level_db - 30))


@pytest.mark.parametrize("start", range(0, HEARD_SAMPLES - 319, 64))
def test_a_key_of_40_ms_anywhere_in_what_is_heard(start: int) -> None:
    heard = noise(-70)
    heard[start : start + 320] += sines((852.0, 1477.0), 320)
    assert is_tone(heard)


def test_a_faint_tone_over_the_lines_noise() -> None:
    heard = sines((425.0,), level_db=-32) + noise(-50)
    assert is_tone(heard, 1e-5)
    assert not is_tone(noise(-50), 1e-5)


@pytest.mark.parametrize("pitch_hz", [(110, 118), (140, 152), (210, 224)])
def test_the_hum_of_an_n_that_glides_is_no_tone(pitch_hz: tuple[float, float]) -> None:
    turns = np.cumsum(np.linspace(*pitch_hz, HEARD_SAMPLES)) / RATE_HZ
    hum = sum(np.sin(2 * np.pi * k * turns) * 10 ** (-8 * (k - 1) / 20) for k in (1, 2, 3, 4))
    heard = np.asarray(0.01 * hum, np.float32) + noise(-65)
    assert not is_tone(heard)


def voices() -> dict[str, NDArray[np.float32]]:
    pcm = {
        "recorded": recorded_pcm("slt/where", RATE_HZ),
        "espeak": espeak_pcm("oh no, my number is one two three nine eight seven", RATE_HZ),
    }
    return {name: np.asarray(np.frombuffer(each, "<i2") / 32768, np.float32) for name, each in pcm.items()}


def share_of_tones(samples: NDArray[np.float32]) -> float:
    """Of the windows in which somebody speaks (within 20 dB of the loudest)."""
    pieces = [samples[at : at + HEARD_SAMPLES] for at in range(0, len(samples) - HEARD_SAMPLES, 256)]
    powers = [float(piece[-256:] @ piece[-256:]) for piece in pieces]
    loud = [piece for piece, power in zip(pieces, powers, strict=True) if power > max(powers) / 100]
    return sum(is_tone(piece) for piece in loud) / len(loud)


@pytest.mark.parametrize("name", ["recorded", "espeak"])
def test_a_voice_is_no_tone(name: str) -> None:
    """A held vowel may pass for one, for a few windows; only a stretch's first windows are ever asked about."""
    assert share_of_tones(voices()[name]) <= 0.3


def test_a_voice_over_a_tone_is_no_tone() -> None:
    voice = voices()["recorded"]
    voice = voice * (10 ** (-20 / 20) / np.sqrt(np.mean(np.square(voice[np.abs(voice) > 0.01]))))
    mixed = voice + sines((440.0, 480.0), len(voice), -20)
    spoken = [at for at in range(0, len(voice) - 512, 256) if np.mean(np.square(voice[at : at + 512])) > 10**-2.2]
    assert sum(is_tone(mixed[at : at + 512]) for at in spoken) <= 0.05 * len(spoken)


@pytest.mark.parametrize("noise_power", [0.0, 1e-6])
def test_silence_divides_nothing_by_nothing(noise_power: float) -> None:
    assert is_tone(np.zeros(HEARD_SAMPLES, np.float32), noise_power) is True  # perfectly steady
