"""StreamResampler: same bytes whatever the chunks, exact length, no shift, little held back, clean band."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.audio.resample import StreamResampler

RATES = [(8000, 16000), (16000, 8000), (24000, 8000), (22050, 8000), (8000, 8000), (8000, 24000), (22050, 16000)]


def tone(hz: float, rate_hz: int, seconds: float = 0.5, peak: int = 10000) -> bytes:
    samples = peak * np.sin(2 * np.pi * hz * np.arange(int(rate_hz * seconds)) / rate_hz)
    return samples.astype("<i2").tobytes()


def at_once(pcm: bytes, in_hz: int, out_hz: int) -> bytes:
    resampler = StreamResampler(in_hz, out_hz)
    return resampler.push(pcm) + resampler.flush()


def level_db(pcm: bytes, peak: int = 10000) -> float:
    samples = np.frombuffer(pcm, "<i2").astype(float)[200:-200]
    return float(10 * np.log10(np.mean(samples**2) / (peak**2 / 2) + 1e-12))


@settings(max_examples=150, deadline=None)
@given(
    rates=st.sampled_from(RATES),
    seed=st.integers(0, 2**32 - 1),
    chunks=st.lists(st.integers(0, 700), max_size=12),
)
def test_any_chunking_gives_the_same_bytes(rates: tuple[int, int], seed: int, chunks: list[int]) -> None:
    samples = np.random.default_rng(seed).integers(-32768, 32768, sum(chunks)).astype("<i2")
    pcm = samples.tobytes()
    resampler = StreamResampler(*rates)
    pieces, at = [], 0
    for size in chunks:
        pieces.append(resampler.push(pcm[2 * at : 2 * (at + size)]))
        at += size
    pieces.append(resampler.flush())
    assert b"".join(pieces) == at_once(pcm, *rates)
    assert len(b"".join(pieces)) == 2 * -(-len(samples) * rates[1] // rates[0])
    # And after a flush it is as new.
    assert resampler.push(pcm) + resampler.flush() == at_once(pcm, *rates)


@settings(max_examples=100, deadline=None)
@given(rates=st.sampled_from(RATES), chunks=st.lists(st.integers(1, 700), min_size=1, max_size=12))
def test_holds_back_at_most_2_ms(rates: tuple[int, int], chunks: list[int]) -> None:
    in_hz, out_hz = rates
    resampler = StreamResampler(in_hz, out_hz)
    pushed = came = 0
    for size in chunks:
        came += len(resampler.push(bytes(2 * size))) // 2
        pushed += size
        assert pushed / in_hz - came / out_hz <= 0.002
    assert resampler.held_back_ms <= 2


@pytest.mark.parametrize(("in_hz", "out_hz"), RATES)
def test_a_tone_keeps_its_level_and_its_place(in_hz: int, out_hz: int) -> None:
    out = np.frombuffer(at_once(tone(1000, in_hz), in_hz, out_hz), "<i2").astype(float)
    expected = np.frombuffer(tone(1000, out_hz), "<i2").astype(float)
    assert np.max(np.abs(out - expected[: len(out)])[100:-100]) < 60


@pytest.mark.parametrize(("in_hz", "hz"), [(22050, 4400), (22050, 5000), (24000, 5000), (24000, 7000), (16000, 5000)])
def test_what_the_lower_rate_cannot_hold_does_not_fold_back(in_hz: int, hz: int) -> None:
    assert level_db(at_once(tone(hz, in_hz), in_hz, 8000)) < -50


@pytest.mark.parametrize("in_hz", [16000, 22050, 24000])
def test_the_telephones_band_passes(in_hz: int) -> None:
    for hz in (300, 1000, 3000, 3400):
        assert abs(level_db(at_once(tone(hz, in_hz), in_hz, 8000))) < 0.5


def test_full_scale_does_not_wrap_around() -> None:
    square = np.where(np.arange(800) // 40 % 2, 32767, -32768).astype("<i2")
    out = np.frombuffer(at_once(square.tobytes(), 8000, 16000), "<i2")
    assert np.all(np.sign(out[20:70].astype(int)) == -1)


def test_a_constant_stays_constant() -> None:
    out = np.frombuffer(at_once(np.full(4000, 12345, "<i2").tobytes(), 22050, 8000), "<i2")
    assert np.all(np.abs(out[30:-30].astype(int) - 12345) <= 4)


def test_same_rate_is_untouched_and_bad_rates_are_refused() -> None:
    pcm = tone(440, 8000)
    assert StreamResampler(8000, 8000).push(pcm) is pcm
    with pytest.raises(ValueError, match="must be positive"):
        StreamResampler(0, 8000)
