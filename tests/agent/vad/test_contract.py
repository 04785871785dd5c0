"""What every detector keeps: one probability per 32 ms whatever the chunks, streams apart, silence is not speech."""

from __future__ import annotations

import numpy as np
import pytest

from agent.definition import EngineChoice
from agent.errors import LocalError
from agent.kit import make_engine
from agent.vad.base import WINDOW_SAMPLES, VadEngine
from tests.agent.support import espeak_pcm, make_agent


@pytest.fixture(params=["silero", "energy"])
async def engine(request: pytest.FixtureRequest) -> VadEngine:
    made: VadEngine = make_engine("vad", EngineChoice(request.param), make_agent())
    await made.start()
    await made.start()  # idempotent
    return made


@pytest.fixture(scope="module")
def speech() -> bytes:
    """Half a second of quiet line noise, then speech, at 8 kHz."""
    noise = np.random.default_rng(1).normal(0, 12, 4000).astype("<i2").tobytes()
    return noise + espeak_pcm("I would like to know where my parcel is, please.", 8000)


async def test_one_probability_per_window_whatever_the_chunks(engine: VadEngine, speech: bytes) -> None:
    whole = engine.stream().push(speech)
    assert len(whole) == len(speech) // 2 // WINDOW_SAMPLES
    for size in (2, 320, 514, 4096):
        stream, pieces = engine.stream(), []
        for at in range(0, len(speech), size):
            pieces += stream.push(speech[at : at + size])
        assert pieces == pytest.approx(whole, abs=1e-6)
    assert all(0 <= probability <= 1 for probability in whole)


async def test_speech_is_told_from_quiet_noise(engine: VadEngine, speech: bytes) -> None:
    probabilities = engine.stream().push(speech)
    quiet, loud = probabilities[:14], probabilities[16:]
    assert max(quiet) < 0.5
    assert sum(probability > 0.5 for probability in loud) > 0.6 * len(loud)


async def test_streams_do_not_know_each_other(engine: VadEngine, speech: bytes) -> None:
    alone = engine.stream().push(speech)
    one, other, mixed = engine.stream(), engine.stream(), []
    for at in range(0, len(speech), 320):
        mixed += one.push(speech[at : at + 320])
        other.push(bytes(320))
    assert mixed == pytest.approx(alone, abs=1e-6)


async def test_silence_is_never_speech_and_speech_after_it_is(engine: VadEngine, speech: bytes) -> None:
    stream = engine.stream()
    assert max(stream.push(bytes(16000 * 5))) < 0.3
    assert max(stream.push(speech)) > 0.8
    assert max(stream.push(bytes(16000 * 5))[10:]) < 0.3


async def test_close_can_be_repeated(engine: VadEngine) -> None:
    await engine.close()
    await engine.close()


@pytest.mark.parametrize("name", ["silero", "energy"])
async def test_unknown_options_are_refused(name: str) -> None:
    with pytest.raises(LocalError, match="threshold"):
        make_engine("vad", EngineChoice(name, {"threshold": 0.5}), make_agent())
