from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.bench.turns.marks import END_SAMPLES, WORDS, marked_text, numbers, word, word_audio, words_in
from telephony.g711 import pcm_to_ulaw, ulaw_to_pcm


def through_the_line(pcm: bytes) -> bytes:
    return ulaw_to_pcm(pcm_to_ulaw(pcm))


@given(st.lists(st.integers(0, WORDS - 1), max_size=8))
def test_words_are_read_back_from_what_a_line_carries(said: list[int]) -> None:
    assert words_in(through_the_line(b"".join(word_audio(number, 300) for number in said))) == said


@given(st.integers(0, WORDS - 1), st.integers(1, 2400 - 1))
def test_a_word_that_is_cut_before_its_end_does_not_count(number: int, samples: int) -> None:
    whole = word_audio(7, 300)
    assert words_in(through_the_line(whole + word_audio(number, 300)[: 2 * samples])) == [7]


def test_a_word_that_begins_with_a_fade_counts() -> None:
    audio = np.frombuffer(word_audio(4321, 300), "<i2").astype(float)
    audio[:400] *= np.linspace(0, 1, 400)
    assert words_in(through_the_line(audio.astype("<i2").tobytes())) == [4321]


@pytest.mark.parametrize("pcm", [b"", bytes(1600), b"\x10\x00" * END_SAMPLES, b"\x00\x70" * (END_SAMPLES - 1)])
def test_other_sound_is_no_word(pcm: bytes) -> None:
    assert words_in(pcm) == []


@given(st.integers(0, WORDS - 50), st.integers(1, 40))
def test_a_text_tells_the_numbers_of_its_words(first: int, count: int) -> None:
    text = marked_text(first, count)
    assert numbers(text) == list(range(first, first + count))
    assert numbers(text.upper()) == numbers(text)
    assert text.endswith(".")


def test_words_that_are_not_marked_have_no_number() -> None:
    assert numbers("What was that? We will walk westward, wbbbbb.") == []
    assert numbers(f"and {word(0)} then {word(9)}") == [0, 9]
