"""Numbers and spelled words joined from single words: their truth holds to the sample."""

from __future__ import annotations

import numpy as np
import pytest

from telephony.bench.turns.items import RATE_HZ, Word
from telephony.bench.turns.sounds import FLOOR_DBFS, PER_MS, Room, Voiced, audible, joined, trimmed
from telephony.bench.turns.strings import DIGITS, LETTERS, Bank, digit_items, spelled_items


def tone(ms: int, dbfs: float = -20.0) -> np.ndarray:
    at = np.arange(ms * PER_MS) / RATE_HZ
    return np.round(32768 * 10 ** (dbfs / 20) * np.sqrt(2) * np.sin(2 * np.pi * 440 * at)).astype(np.int16)


def clip(text: str, ms: int) -> Voiced:
    return Voiced(tone(ms), (Word(text, 0, ms),), ((0, ms),))


def bank(speaker: str = "a", words: tuple[str, ...] = (*DIGITS, *LETTERS)) -> Bank:
    clips = {word: [clip(word, 200 + 10 * at)] for at, word in enumerate(words)}
    return Bank("made", speaker, clips, Room([], speaker))


def test_what_is_audible_is_found_to_ten_milliseconds() -> None:
    quiet = np.zeros(500 * PER_MS, np.int16)
    pcm = np.concatenate((quiet, tone(300), quiet, tone(200), quiet)).astype("<i2").tobytes()
    assert audible(pcm) == ((500, 800), (1300, 1500))
    cut = trimmed(pcm, "seven")
    assert cut is not None
    assert cut.words == (Word("seven", 0, 1000),)
    assert cut.speech == ((0, 300), (800, 1000))


def test_a_click_and_what_lies_under_the_floor_are_not_audible() -> None:
    quiet = np.zeros(500 * PER_MS, np.int16)
    pcm = np.concatenate((quiet, tone(20), quiet, tone(200, FLOOR_DBFS - 3), quiet)).astype("<i2").tobytes()
    assert audible(pcm) == ()
    assert trimmed(pcm, "seven") is None


def test_joined_words_lie_where_they_are_said_to() -> None:
    said = joined([clip("four", 250), clip("seven", 300)], [700], Room([], "x"))
    assert said.words == (Word("four", 300, 550), Word("seven", 1250, 1550))
    assert said.speech == ((300, 550), (1250, 1550)) == audible(said.pcm)
    assert len(said.pcm) == 2 * PER_MS * (300 + 250 + 700 + 300 + 300)


def test_a_part_that_is_no_whole_millisecond_long_moves_no_word_after_it() -> None:
    odd = Voiced(tone(250)[:-3], (Word("four", 0, 250),), ((0, 250),))
    said = joined([odd, clip("seven", 300)], [100], Room([], "x"))
    assert said.words[1].start_ms == 300 + 250 + 100
    assert len(said.pcm) == 2 * PER_MS * (300 + 250 + 100 + 300 + 300)


def test_the_room_keeps_its_level_and_its_chance() -> None:
    noise = np.random.default_rng(1).normal(0, 60, RATE_HZ).astype(np.int16)
    made = Room([noise], "a").ms(3000)
    assert np.std(made) == pytest.approx(np.std(noise), rel=0.1)
    assert np.array_equal(made, Room([noise], "a").ms(3000))
    assert not np.array_equal(made, Room([noise], "b").ms(3000))


def test_without_a_room_there_is_a_quiet_line() -> None:
    made = Room([], "a").ms(3000)
    assert 20 * np.log10(np.std(made) / 32768) == pytest.approx(-68, abs=1.5)


def test_a_room_holds_neither_words_nor_clicks_nor_digital_silence() -> None:
    noise = np.random.default_rng(1).normal(0, 60, 2 * RATE_HZ).astype(np.int16)
    clicks = noise.copy()
    clicks[::2000] = 9000
    made = Room([noise, clicks, tone(300, -30), np.zeros(RATE_HZ, np.int16)], "a").ms(3000)
    assert np.std(made) == pytest.approx(np.std(noise), rel=0.15)
    assert np.abs(made).max() < 600


def test_numbers_hold_the_pauses_of_their_shape() -> None:
    items = digit_items([bank("a"), bank("b")], 230, seed=3)
    assert len(items) == 230
    assert {item.speaker for item in items} == {"a", "b"}
    for item in items:
        assert item.value == "".join(str(DIGITS.index(word.text)) for word in item.words)
        assert item.asks.length == len(item.value)
        gaps = [after.start_ms - before.end_ms for before, after in zip(item.words, item.words[1:], strict=False)]
        assert all(40 <= gap <= 2000 for gap in gaps)
        if item.shape == "3-3-4":
            assert [at for at, gap in enumerate(gaps) if gap >= 300] == [2, 5]
        if "plain" in item.shape:
            assert item.inner_pauses(201) == ()
    hesitating = [item for item in items if "hesitating" in item.shape]
    assert hesitating
    assert all(max(end - start for start, end in item.inner_pauses()) >= 1200 for item in hesitating)


def test_the_same_seed_gives_the_same_items_and_another_gives_others() -> None:
    assert digit_items([bank()], 20, seed=1) == digit_items([bank()], 20, seed=1)
    assert digit_items([bank()], 20, seed=1) != digit_items([bank()], 20, seed=2)
    assert len({item.name for item in digit_items([bank()], 50, seed=1)}) == 50


def test_spelled_words_and_ids() -> None:
    items = spelled_items([bank()], 80, seed=1)
    assert {item.shape for item in items} == {"name", "name of any length", "id"}
    for item in items:
        assert item.kind == "spelled"
        assert item.asks.length == (0 if item.shape == "name of any length" else len(item.value))
        assert len(item.words) == len(item.value)
        assert any(char.isdigit() for char in item.value) == (item.shape == "id")


def test_who_has_too_few_words_gives_no_strings() -> None:
    assert digit_items([bank(words=("one", "two"))], 10, seed=1) == []
    assert spelled_items([bank(words=DIGITS)], 10, seed=1) == []
    assert digit_items([], 10, seed=1) == []
