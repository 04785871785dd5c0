"""Levels: known signals measure what they must."""

from __future__ import annotations

import numpy as np
import pytest

from agent.audio.levels import SILENCE_DBFS, active_dbfs, dbfs, fade_in, fade_out, gain, peak_dbfs


def square(peak: int, samples: int = 8000) -> bytes:
    return np.where(np.arange(samples) % 2, peak, -peak).astype("<i2").tobytes()


def test_levels_of_known_signals() -> None:
    assert dbfs(square(16384)) == pytest.approx(-6.02, abs=0.01)
    assert peak_dbfs(square(3277)) == pytest.approx(-20, abs=0.01)
    assert dbfs(b"") == dbfs(bytes(320)) == peak_dbfs(b"") == active_dbfs(bytes(3200), 8000) == SILENCE_DBFS


def test_pauses_do_not_count_as_active() -> None:
    speech = square(3277) + bytes(3 * 16000)
    assert active_dbfs(speech, 8000) == pytest.approx(-20, abs=0.1)
    assert dbfs(speech) == pytest.approx(-26, abs=0.1)


def test_gain_and_its_clipping() -> None:
    assert dbfs(gain(square(1000), 6)) == pytest.approx(dbfs(square(1000)) + 6, abs=0.01)
    assert peak_dbfs(gain(square(30000), 12)) <= 0


def test_fades() -> None:
    pcm = np.full(100, 1000, "<i2").tobytes()
    rising = np.frombuffer(fade_in(pcm, 50), "<i2")
    falling = np.frombuffer(fade_out(pcm, 50), "<i2")
    assert rising[0] == 0
    assert np.all(np.diff(rising[:50]) > 0)
    assert np.all(rising[50:] == 1000)
    assert falling[-1] == 0
    assert np.all(np.diff(falling[50:]) < 0)
    assert np.all(falling[:50] == 1000)
    assert fade_in(b"", 50) == fade_out(b"", 50) == b""
    short = np.frombuffer(fade_out(pcm[:20], 50), "<i2")
    assert short[-1] == 0
    assert len(short) == 10
