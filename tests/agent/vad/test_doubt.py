"""What "speech" is worth at a stretch's start."""

from __future__ import annotations

import numpy as np

from agent.vad.doubt import Doubt

TONE = np.asarray(np.sin(2 * np.pi * 425 * np.arange(512) / 8000) / 8, np.float32)
VOICE = np.asarray(np.random.default_rng(2).normal(0, 0.1, 512), np.float32)  # anything that is not steady


def test_a_voice_is_believed_at_once() -> None:
    doubt = Doubt()
    assert [doubt.check(each, VOICE, False, 0.0) for each in (0.1, 0.6, 0.9)] == [0.1, 0.6, 0.9]


def test_nothing_begins_in_silence_but_speech_may_fade_into_it() -> None:
    doubt = Doubt()
    assert doubt.check(0.9, VOICE, True, 0.0) == 0
    assert doubt.check(0.9, VOICE, False, 0.0) == 0.9
    assert doubt.check(0.8, VOICE, True, 0.0) == 0.8


def test_a_tone_is_not_believed_nor_its_edge_but_a_voice_after_it_is() -> None:
    doubt = Doubt()
    assert [doubt.check(0.9, TONE, False, 0.0) for _ in range(50)] == [0.0] * 50
    assert [doubt.check(0.9, VOICE, False, 0.0) for _ in range(3)] == [0.0, 0.9, 0.9]


def test_the_edge_of_the_next_beep_is_not_believed_either() -> None:
    doubt = Doubt()
    doubt.check(0.9, TONE, False, 0.0)
    doubt.check(0.9, VOICE, False, 0.0)  # its end
    doubt.check(0.9, VOICE, True, 0.0)  # the pause
    assert doubt.check(0.9, VOICE, False, 0.0) == 0
    assert doubt.check(0.9, TONE, False, 0.0) == 0


def test_long_after_a_tone_there_is_no_edge() -> None:
    doubt = Doubt()
    doubt.check(0.9, TONE, False, 0.0)
    for _ in range(31):
        doubt.silence()
    assert doubt.check(0.9, VOICE, False, 0.0) == 0.9


def test_within_speech_and_a_second_after_nothing_is_doubted() -> None:
    doubt = Doubt()
    for _ in range(3):
        doubt.check(0.9, VOICE, False, 0.0)
    assert doubt.check(0.9, TONE, False, 0.0) == 0.9  # a long vowel
    for _ in range(30):
        doubt.silence()
    assert doubt.check(0.9, TONE, False, 0.0) == 0.9
    for _ in range(31):
        doubt.check(0.1, TONE, False, 0.0)
    assert doubt.check(0.9, TONE, False, 0.0) == 0
