"""The sound of a kept call: speech where the record was silenced, and not a sample changed elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from telephony.replay.keep.sound import VOICE_HZ, Silenced, hum, refilled, silenced_turns
from telephony.replay.keep.surrogate import surrogates
from telephony.replay.reading.source import read_source
from tests.telephony.replay.keep.card_call import card_call

CARD = "four one one one " * 4


def caller() -> tuple[np.ndarray[Any, np.dtype[np.int16]], int, list[Silenced]]:
    recorded = read_source(card_call())
    samples = np.frombuffer(recorded.caller, "<i2")
    fresh = surrogates(recorded.events, call_id="card")
    return samples, recorded.rate_hz, silenced_turns(recorded.events, fresh, samples, recorded.rate_hz)


def test_the_turns_of_the_window_are_found_with_their_texts() -> None:
    samples, rate_hz, turns = caller()
    assert [len(turn.text.split()) for turn in turns] == [16, 1], "the number, and the yes to it"
    for turn in turns:
        assert turn.end - turn.start > 0.5 * rate_hz
        assert not samples[turn.start : turn.end].any()


@pytest.mark.parametrize("voice", [True, False])
def test_there_is_speech_in_them_and_the_rest_is_what_it_was(voice: bool) -> None:
    samples, rate_hz, turns = caller()
    fresh = refilled(samples, turns, rate_hz, language="en-US", voice=voice)
    outside = np.ones(len(samples), dtype=bool)
    for turn in turns:
        said = fresh[turn.start : turn.end].astype(np.float64)
        outside[turn.start : turn.end] = False
        # Loud to both ends, so that the turn begins and ends when it did, and never silent for as long as ends one.
        tenths = said[: len(said) // 800 * 800].reshape(-1, 800)
        loud = np.sqrt((tenths**2).mean(axis=1)) > 300
        assert loud[:3].any()
        assert loud[-3:].any()
        assert "FFFFF" not in "".join("T" if each else "F" for each in loud)
    assert (fresh[outside] == samples[outside]).all()
    assert len(fresh) == len(samples)
    assert (refilled(samples, turns, rate_hz, language="en-US", voice=voice) == fresh).all(), "the same every time"


@pytest.mark.parametrize("seconds", [0.3, 1.0, 2.5, 6.0, 20.0])
@pytest.mark.parametrize("text", ["yes", CARD, "I want to pay with my card please"])
@pytest.mark.parametrize("rate_hz", [8000, 16_000])
def test_any_text_fits_into_any_time(seconds: float, text: str, rate_hz: int) -> None:
    size = int(seconds * rate_hz)
    silence = np.zeros(size + 2000, np.int16)
    fresh = refilled(silence, [Silenced(1000, 1000 + size, text)], rate_hz, language="en-US", voice=True)
    assert len(fresh) == len(silence)
    assert not fresh[:1000].any()
    assert not fresh[1000 + size :].any()
    last = np.flatnonzero(np.abs(fresh.astype(np.int32)) > 200)[-1]
    assert last > 1000 + size - 0.15 * rate_hz - size // 15, "it lasts until the turn ended"


def test_a_caller_who_was_only_soft_is_left_alone() -> None:
    recorded = read_source(card_call())
    fresh = surrogates(recorded.events, call_id="card")
    soft = np.ones(len(recorded.caller) // 2, np.int16)
    assert silenced_turns(recorded.events, fresh, soft, recorded.rate_hz) == []


def test_where_nothing_is_masked_silence_is_silence() -> None:
    events = [
        {"kind": "turn.started", "turn": 1, "speech_ms": 100},
        {"kind": "turn.ended", "turn": 1, "speech_end_ms": 900},
    ]
    assert silenced_turns(events, events, np.zeros(16_000, np.int16), 8000) == []


def test_a_hum_is_as_loud_as_a_voice() -> None:
    pcm = hum(VOICE_HZ).astype(np.float64)
    assert 1000 < np.sqrt((pcm**2).mean()) < 6000
    assert len(hum(0)) == 0
