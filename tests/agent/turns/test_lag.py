"""How far the recogniser is behind, by table."""

import pytest

from agent.turns.lag import FIRST_LAG_MS, MOST_LAG_MS, RecogniserLag


def after(*lags_ms: int) -> RecogniserLag:
    """A recogniser whose last words came so long after each stretch of speech."""
    lag = RecogniserLag()
    for at, lag_ms in enumerate(lags_ms):
        end_ms = 10_000 * (at + 1)
        lag.changed(end_ms + lag_ms)
        lag.pause_over(end_ms)
    return lag


@pytest.mark.parametrize(
    ("lags_ms", "learnt_ms"),
    [
        ((), FIRST_LAG_MS),
        ((300,), 300),
        ((0,), FIRST_LAG_MS // 2),
        ((-200,), FIRST_LAG_MS // 2),  # its last word came before the detector fell silent
        ((0, 300), 300),
        ((5000,), MOST_LAG_MS),
    ],
)
def test_slow_is_believed_at_once_quick_by_and_by(lags_ms: tuple[int, ...], learnt_ms: int) -> None:
    assert after(*lags_ms).lag_ms == learnt_ms


def test_speech_without_words_teaches_nothing() -> None:
    lag = after(100)
    before = lag.lag_ms
    lag.pause_over(90_000)
    assert lag.lag_ms == before


@pytest.mark.parametrize(
    ("changed_ms", "up_to_date"),
    [
        (1150, True),
        (1054, True),  # what is said in the 96 ms since is no word
        (1053, False),
        (900, False),  # words came while the caller was speaking: the last is still to come
    ],
)
def test_whether_a_word_can_be_missing(changed_ms: int, up_to_date: bool) -> None:
    lag = RecogniserLag()
    lag.changed(changed_ms)
    assert lag.up_to_date(1000) is up_to_date


@pytest.mark.parametrize(
    ("finals", "keeps_back"),
    [
        ([], True),
        ([("", "four seven")], True),
        ([("four", "for seven")], True),
        ([("four seven", "four seven")], False),
        ([("four seven", "Four, seven!")], False),
        ([("four seven", "")], False),
        ([("four seven", "four")], True),
        ([("four", "four seven"), ("one", "one")], True),
        ([("four", "four seven"), ("one", "one"), ("two", "two")], False),
    ],
)
def test_whether_last_words_are_kept_back_is_learnt_from_final_texts(
    finals: list[tuple[str, str]], keeps_back: bool
) -> None:
    lag = RecogniserLag()
    for shown, text in finals:
        lag.final(shown, text)
    assert lag.keeps_back is keeps_back


@pytest.mark.parametrize(
    ("told", "streams"),
    [("", None), ("s", True), ("f", False), ("fs", True), ("sf", True), ("ff", False)],
)
def test_who_streamed_once_streams(told: str, streams: bool | None) -> None:
    lag = RecogniserLag()
    for sign in told:
        lag.streamed() if sign == "s" else lag.final_alone()
    assert lag.streams is streams
