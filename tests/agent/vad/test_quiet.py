"""The cheap gate before the model: every window of the first second, then only what is louder than the line."""

from __future__ import annotations

import pytest

from agent.vad.quiet import QuietGate


def settled(level_dbfs: float) -> QuietGate:
    """A gate that has heard two seconds of a line's noise."""
    gate = QuietGate()
    for index in range(62):
        opened = gate.opens(level_dbfs)
        assert opened or index >= 31
        if opened:
            gate.heard(0.01)
    assert not gate.opens(level_dbfs)
    return gate


@pytest.mark.parametrize("level_dbfs", [-100.0, -60.0, -50.0, -43.0])
def test_it_opens_a_little_over_the_line_and_shuts_soon_after(level_dbfs: float) -> None:
    gate = settled(level_dbfs)
    floor_dbfs = max(level_dbfs, -60.0)
    assert not gate.opens(floor_dbfs + 3)
    assert gate.opens(floor_dbfs + 8)
    gate.heard(0.9)
    assert gate.opens(level_dbfs)  # the model still says speech
    gate.heard(0.5)
    assert gate.opens(level_dbfs)
    gate.heard(0.1)
    assert not gate.opens(level_dbfs)


def test_a_loud_line_is_always_heard() -> None:
    gate = QuietGate()
    for _ in range(300):
        assert gate.opens(-30.0)
        gate.heard(0.01)


def test_noise_that_grows_becomes_the_line_but_speech_does_not() -> None:
    gate, speech = settled(-58.0), settled(-58.0)
    ran = 0
    for _ in range(200):
        if gate.opens(-48.0):
            ran += 1
            gate.heard(0.01)
        assert speech.opens(-48.0)
        speech.heard(0.6)
    assert 20 < ran < 80


def test_loud_is_near_the_loudest_of_late_and_far_over_the_line() -> None:
    gate = settled(-55.0)
    assert gate.opens(-20.0)
    assert gate.loud
    gate.opens(-28.0)
    assert gate.loud
    gate.opens(-35.0)
    assert not gate.loud
    for _ in range(100):
        gate.opens(-45.0)
        gate.heard(0.9)
    assert not gate.loud  # not even near to itself: too near to the line
