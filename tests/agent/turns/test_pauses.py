"""The silence to wait for, by table and by chance."""

from hypothesis import given
from hypothesis import strategies as st

from agent.definition import TurnSettings
from agent.turns.pauses import LEAST_FACTOR, MOST_FACTOR, CallerPauses

SETTINGS = TurnSettings()


def test_the_three_settings_are_the_three_corners() -> None:
    pauses = CallerPauses()
    assert pauses.wait_ms(1.0, SETTINGS) == SETTINGS.min_trailing_ms
    assert pauses.wait_ms(0.5, SETTINGS) == SETTINGS.trailing_ms
    assert pauses.wait_ms(0.0, SETTINGS) == SETTINGS.max_trailing_ms


def test_one_long_pause_moves_little_and_many_move_to_the_bound() -> None:
    pauses = CallerPauses()
    pauses.inner(4000)
    assert 1.0 < pauses.factor <= MOST_FACTOR
    many = CallerPauses()
    for _ in range(8):
        many.inner(1500)
    assert many.factor == MOST_FACTOR
    assert many.wait_ms(0.5, SETTINGS) > SETTINGS.trailing_ms


def test_an_outlier_among_quick_pauses_is_forgiven() -> None:
    pauses = CallerPauses()
    for pause_ms in (300, 280, 5000, 320, 290):
        pauses.inner(pause_ms)
    assert pauses.factor < 1.0


def test_gaps_between_words_are_no_pauses() -> None:
    pauses = CallerPauses()
    for _ in range(20):
        pauses.inner(90)
    assert pauses.factor == 1.0


@given(
    st.lists(st.integers(-1000, 100_000), max_size=30),
    st.floats(0, 1),
    st.floats(0, 1),
    st.tuples(st.integers(0, 3000), st.integers(0, 3000), st.integers(0, 3000)),
)
def test_waits_stay_within_the_settings_and_never_rise_with_the_likelihood(
    inner: list[int], one: float, other: float, waits: tuple[int, int, int]
) -> None:
    low, middle, high = sorted(waits)
    settings = TurnSettings(min_trailing_ms=low, trailing_ms=middle, max_trailing_ms=high)
    pauses = CallerPauses()
    for pause_ms in inner:
        pauses.inner(pause_ms)
    assert LEAST_FACTOR <= pauses.factor <= MOST_FACTOR
    less, more = sorted((one, other))
    assert low <= pauses.wait_ms(more, settings) <= pauses.wait_ms(less, settings) <= high
