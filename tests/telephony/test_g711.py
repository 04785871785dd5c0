"""Mu-law and back loses nothing but the sign of zero."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony import g711


@given(st.binary(max_size=800))
def test_lossless_but_for_negative_zero(ulaw: bytes) -> None:
    pcm = g711.ulaw_to_pcm(ulaw)
    assert len(pcm) == 2 * len(ulaw)
    assert g711.pcm_to_ulaw(pcm) == ulaw.replace(b"\x7f", b"\xff")


@given(st.binary(max_size=400).map(lambda b: b[: len(b) // 2 * 2]))
def test_coding_error_is_bounded(pcm: bytes) -> None:
    again = g711.ulaw_to_pcm(g711.pcm_to_ulaw(pcm))
    for i in range(0, len(pcm), 2):
        before = int.from_bytes(pcm[i : i + 2], "little", signed=True)
        after = int.from_bytes(again[i : i + 2], "little", signed=True)
        assert abs(before - after) <= 644  # half the largest step, at full scale (or the clip above it)


@pytest.mark.parametrize(
    ("byte", "sample"), [(0xFF, 0), (0x7F, 0), (0x80, g711.PCM_PEAK), (0x00, -g711.PCM_PEAK), (0xFE, 8), (0x7E, -8)]
)
def test_known_codes(byte: int, sample: int) -> None:
    assert int.from_bytes(g711.ulaw_to_pcm(bytes([byte])), "little", signed=True) == sample


def test_silence_is_zero_and_as_long_as_asked() -> None:
    assert g711.silence(20) == b"\xff" * 160
    assert g711.ulaw_to_pcm(g711.silence(20)) == bytes(320)


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="pairs"):
        g711.pcm_to_ulaw(b"\x00\x00\x00")
