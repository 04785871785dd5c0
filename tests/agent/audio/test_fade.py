"""The fade-in: silent at first, level by its end, and untouched behind it."""

import numpy as np
import pytest

from agent.audio.fade import faded_in

LOUD = np.full(800, 20_000, "<i2")


def test_it_rises_from_silence_without_a_step_and_leaves_the_rest_alone() -> None:
    faded = np.frombuffer(faded_in(LOUD.tobytes(), 200), "<i2")
    assert len(faded) == len(LOUD)
    assert faded[0] == 0
    steps = np.diff(faded[:201].astype(int))
    assert steps.min() >= 0
    assert steps.max() <= 20_000 * np.pi / 2 / 200 + 1
    assert (faded[200:] == 20_000).all()


@pytest.mark.parametrize("samples", [0, -5])
def test_no_fade_changes_nothing(samples: int) -> None:
    assert faded_in(LOUD.tobytes(), samples) == LOUD.tobytes()


@pytest.mark.parametrize("length", [0, 1, 7])
def test_what_is_shorter_than_its_fade_is_all_of_it_faded(length: int) -> None:
    faded = np.frombuffer(faded_in(LOUD[:length].tobytes(), 200), "<i2")
    assert len(faded) == length
    assert all(sample < 20_000 for sample in faded)


def test_the_loudest_samples_stay_within_their_range() -> None:
    extremes = np.array([32_767, -32_768] * 100, "<i2")
    faded = np.frombuffer(faded_in(extremes.tobytes(), 200), "<i2")
    assert (np.sign(faded[1:]) == np.sign(extremes[1:])).sum() >= 190
