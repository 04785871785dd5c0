"""The line's noise floor: probed in the first second, then followed; speech never lifts it."""

import pytest

from agent.audio.noise import HIGHEST_DBFS, LOWEST_DBFS, NoiseFloor


def probed(levels: list[float], speech: tuple[int, ...] = ()) -> NoiseFloor:
    floor = NoiseFloor(32)
    for index in range(31):
        assert floor.probing
        floor.follow(levels[index % len(levels)], speech=index in speech)
    assert not floor.probing
    return floor


@pytest.mark.parametrize(
    ("levels", "floor_dbfs"),
    [([-50.0], -50), ([-100.0], LOWEST_DBFS), ([-20.0], HIGHEST_DBFS), ([-50.0, -50.0, -50.0, -20.0], -50)],
)
def test_the_first_second_tells(levels: list[float], floor_dbfs: float) -> None:
    assert probed(levels).dbfs == floor_dbfs


def test_somebody_who_speaks_in_the_first_second_is_not_the_floor() -> None:
    assert probed([-50.0, -45.0], speech=tuple(range(1, 31, 2))).dbfs == -50
    assert probed([-45.0], speech=tuple(range(31))).dbfs == LOWEST_DBFS


def test_it_falls_fast_and_rises_slowly_and_never_for_speech() -> None:
    floor = probed([-45.0])
    for _ in range(31):
        floor.follow(-55.0, speech=False)
    assert floor.dbfs == pytest.approx(-55, abs=0.5)
    for _ in range(31):
        floor.follow(-45.0, speech=True)
    assert floor.dbfs == pytest.approx(-55, abs=0.5)
    for _ in range(31):
        floor.follow(-45.0, speech=False)
    assert floor.dbfs == pytest.approx(-49, abs=0.7)  # 6 dB in a second
