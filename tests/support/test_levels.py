"""Levels: known signals measure what they must."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.levels import SILENCE_DBFS, active_dbfs, dbfs, peak_dbfs


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
