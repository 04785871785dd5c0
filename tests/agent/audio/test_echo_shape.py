"""The shape of an echo's path, found again where the reference lies elsewhere."""

import numpy as np
import pytest

from agent.audio.echo_shape import PathShape
from agent.audio.whitened import Samples

_LEAD = 24
_DELAY = 800


def _echo(seed: int = 1) -> tuple[Samples, Samples]:
    """What came in, and what was played: 512 and 1200 ms at 8 kHz, of the same end."""
    chance = np.random.default_rng(seed)
    played = 3000 * chance.standard_normal(9600)
    path = np.zeros(400)
    path[[0, 90, 310]] = 0.2, -0.15, 0.08
    late = np.concatenate((np.zeros(_DELAY), played))[:9600]
    came = np.convolve(late, path)[:9600][-4096:] + 20 * chance.standard_normal(4096)
    return came.astype(np.float32), played.astype(np.float32)


@pytest.mark.parametrize("leap", [-240, -160, -13, 5, 160, 240])
def test_a_leap_is_found_from_a_few_windows_on(leap: int) -> None:
    came, played = _echo()
    shape = PathShape(8000, _LEAD)
    for _ in range(3):
        shape.learn(came, played, _DELAY)
    assert shape.leap(came, played, _DELAY) == 0
    assert shape.leap(came, played, _DELAY - leap) == leap


def test_what_is_no_echo_has_no_place() -> None:
    came, played = _echo()
    shape = PathShape(8000, _LEAD)
    assert shape.leap(came, played, _DELAY) == 0
    shape.learn(came, played, _DELAY)
    caller = 3000 * np.random.default_rng(7).standard_normal(4096).astype(np.float32)
    assert shape.leap(caller, played, _DELAY) == 0
    shape.forget()
    assert shape.leap(came, played, _DELAY - 100) == 0


def test_a_delay_beyond_what_is_there_is_silence() -> None:
    came, played = _echo()
    shape = PathShape(8000, _LEAD)
    for delay in (0, 4799, 9000):
        shape.learn(came, played, delay)
        assert abs(shape.leap(came, played, delay)) <= 240
