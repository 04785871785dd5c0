"""Telling G.711 bytes from PCM: with the recordings of the tests, in every coding, and with what is no speech."""

from __future__ import annotations

import audioop
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from numpy.typing import NDArray

from telephony.replay.reading.disguise import MIN_BYTES, law_of
from tests.telephony.replay.reading.sounds import Samples, voice

RECORDINGS = sorted((Path(__file__).parents[3] / "recordings").glob("*/*.flac"))
LAWS = {"mu-law": audioop.lin2ulaw, "A-law": audioop.lin2alaw}


def as_u8(data: bytes) -> Samples:
    """What a header of 8-bit PCM makes of these bytes, on PCM16's scale."""
    return ((np.frombuffer(data, np.uint8).astype(np.int16) - 128) << 8).astype(np.int16)


@pytest.fixture(scope="module", params=RECORDINGS[::3], ids=lambda path: f"{path.parent.name}-{path.stem}")
def speech(request: pytest.FixtureRequest) -> Samples:
    samples, _ = sf.read(request.param, dtype="int16", always_2d=True)
    first: Samples = samples[: len(samples) // 2 * 2, 0]
    return first


@pytest.mark.parametrize("law", LAWS)
def test_speech_in_either_law_is_found(speech: Samples, law: str) -> None:
    data = LAWS[law](speech.tobytes(), 2)
    assert law_of(data) == law
    assert law_of(data, np.frombuffer(data, "<i2")) == law
    assert law_of(data, as_u8(data)) == law


def test_speech_in_pcm_is_not_taken_for_it(speech: Samples) -> None:
    assert law_of(speech.tobytes(), speech) is None
    assert law_of(speech.tobytes()) is None
    loud = np.clip(speech.astype(int) * 20, -32768, 32767).astype(np.int16)
    assert law_of(loud.tobytes(), loud) is None
    eight_bits = ((speech >> 8) + 128).astype(np.uint8).tobytes()
    assert law_of(eight_bits, as_u8(eight_bits)) is None


def noise(seed: int = 1) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0, 9000, 40_000)


@pytest.mark.parametrize(
    "samples",
    [
        noise(),
        np.zeros(40_000),
        32_000 * np.sin(np.arange(40_000) / 5),
        32_000 * np.sign(np.sin(np.arange(40_000) / 20)),
        np.arange(40_000) % 65_536 - 32_768,
        np.clip(noise().cumsum(), -32_768, 32_767),
    ],
    ids=["noise", "nothing", "tone", "square", "ramp", "rumble"],
)
def test_other_sounds_in_pcm_are_not_taken_for_it(samples: NDArray[np.float64]) -> None:
    pcm = np.clip(samples, -32768, 32767).astype(np.int16)
    assert law_of(pcm.tobytes(), pcm) is None
    eight_bits = ((pcm >> 8) + 128).astype(np.uint8).tobytes()
    assert law_of(eight_bits, as_u8(eight_bits)) is None


@pytest.mark.parametrize(
    "data",
    [
        b"The quick brown fox jumps over the lazy dog. " * 500,
        bytes(range(256)) * 100,
        np.random.default_rng(1).bytes(20_000),
        b"\xff" * 20_000,
        b"",
        audioop.lin2ulaw(voice(1.0).tobytes(), 2)[: MIN_BYTES - 1],
    ],
    ids=["text", "counting", "chance", "mu-law silence", "nothing", "too short"],
)
def test_other_bytes_are_not_taken_for_it(data: bytes) -> None:
    assert law_of(data) is None
