"""The loudness of PCM, piece by piece."""

from __future__ import annotations

import numpy as np
import pytest

from agent.audio.levels import BLOCK_PIECES, PIECE_MS, levels_dbfs


@pytest.mark.parametrize("rate_hz", [8000, 16_000])
def test_each_ten_milliseconds_has_its_level(rate_hz: int) -> None:
    piece = rate_hz * PIECE_MS // 1000
    pcm = np.repeat(np.array([16384, 0, -328], "<i2"), piece).tobytes()
    assert levels_dbfs(pcm, rate_hz) == pytest.approx([-6.02, -120.0, -40.0], abs=0.01)


def test_the_last_piece_is_filled_up_and_half_a_sample_is_none() -> None:
    pcm = np.full(120, 16384, "<i2").tobytes()
    assert levels_dbfs(pcm + b"\x01", 8000) == pytest.approx([-6.02, -9.03], abs=0.01)
    assert not len(levels_dbfs(b"", 8000))


def test_hours_are_taken_in_blocks_that_do_not_show() -> None:
    levels = levels_dbfs(np.full((BLOCK_PIECES + 3) * 80, 8192, "<i2").tobytes(), 8000)
    assert len(levels) == BLOCK_PIECES + 3
    assert levels == pytest.approx(-12.04, abs=0.01)
