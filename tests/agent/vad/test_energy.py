"""Energy: a steady noise that begins within a call becomes the floor, by and by; a sentence does not."""

import numpy as np

from agent.vad.energy import EnergyStream
from tests.agent.support import recorded_pcm


def noise(seconds: float, level_dbfs: float) -> bytes:
    spread = 32768 * 10 ** (level_dbfs / 20)
    return np.random.default_rng(3).normal(0, spread, int(8000 * seconds)).astype("<i2").tobytes()


def test_a_fan_that_is_switched_on_is_no_caller_for_long() -> None:
    stream = EnergyStream(13.0)
    assert max(stream.push(noise(2, -60))) < 0.35
    fan = stream.push(noise(10, -35))
    assert fan[0] > 0.9
    assert max(fan[-50:]) < 0.35


def test_a_sentence_is_heard_to_its_end() -> None:
    stream = EnergyStream(13.0)
    stream.push(noise(2, -60))
    voice = recorded_pcm("slt/where", 8000)
    first, again = stream.push(voice), stream.push(voice)
    assert sum(score >= 0.5 for score in first) > 0.5 * len(first)
    assert sum(score >= 0.5 for score in again) >= 0.9 * sum(score >= 0.5 for score in first)
