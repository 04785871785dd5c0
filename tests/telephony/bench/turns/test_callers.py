"""Synthetic callers: enough of each kind, their words where their sound is, the same every time."""

from __future__ import annotations

from collections import Counter

import pytest

from agent.slots.base import KINDS
from telephony.bench.turns.callers import (
    synthetic_backchannels,
    synthetic_free,
    synthetic_interruptions,
    synthetic_slots,
)
from telephony.bench.turns.items import Item
from telephony.bench.turns.sounds import audible
from telephony.bench.turns.synthetic import VOICES, Speaker

pytest.importorskip("espeakng_loader", reason="synthetic callers speak with the embedded voice")


@pytest.fixture(scope="module")
def everything() -> tuple[Item, ...]:
    return synthetic_slots() + synthetic_free() + synthetic_backchannels() + synthetic_interruptions()


def test_there_are_enough_of_each_kind(everything: tuple[Item, ...]) -> None:
    kinds = Counter(item.kind for item in everything if item.part != "backchannel")
    assert set(kinds) == set(KINDS)
    assert min(kinds.values()) >= 40
    assert sum(item.part == "backchannel" for item in everything) >= 40
    assert len({item.name for item in everything}) == len(everything)


def test_words_and_speech_lie_where_the_sound_is(everything: tuple[Item, ...]) -> None:
    for item in everything:
        assert len(item.pcm) == 16 * item.duration_ms
        assert all(word.start_ms < word.end_ms for word in item.words)
        assert all(
            a.start_ms <= b.start_ms and a.end_ms <= b.end_ms for a, b in zip(item.words, item.words[1:], strict=False)
        )
        assert all(a[1] < b[0] for a, b in zip(item.speech, item.speech[1:], strict=False))
        heard = audible(item.pcm)
        assert abs(heard[0][0] - item.first_sample_ms) <= 20, item.name
        assert abs(heard[-1][1] - item.last_sample_ms) <= 20, item.name
        assert abs(item.words[-1].end_ms - item.last_sample_ms) <= 20, item.name


def test_pauses_are_where_the_phrase_says(everything: tuple[Item, ...]) -> None:
    paused = [item for item in everything if item.shape == "paused"]
    assert len(paused) > 150
    assert all(item.inner_pauses() for item in paused)
    natural = [item for item in everything if item.shape == "natural" and item.part != "slots"]
    assert not any(item.inner_pauses() for item in natural)


def test_they_are_the_same_in_every_order() -> None:
    before = synthetic_slots(2, 12)
    for made in (synthetic_slots, synthetic_free):
        made.cache_clear()
    synthetic_free(2, 10)
    assert synthetic_slots(2, 12) == before


def test_single_letters_are_said_by_name() -> None:
    speaker = Speaker(VOICES[0])
    alone = speaker.say("a").words[0]
    assert alone.text == "a"
    assert alone.end_ms >= 200  # the article is half as long


def test_a_voice_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="no voice"):
        Speaker(type(VOICES[0])("xx-nobody", 150, 50))
