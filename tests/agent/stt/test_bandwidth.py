"""Whether speech has anything above the telephone's band."""

from __future__ import annotations

import numpy as np
import pytest

from agent.stt.bandwidth import begins_quiet, is_wideband
from tests.agent.support import recorded_pcm


def beginning(name: str) -> bytes:
    """What the recogniser is given first: a pause, and 0.16 s of speech."""
    pcm = recorded_pcm(name, 16000)
    samples = np.abs(np.frombuffer(pcm, "<i2").astype(int))
    onset = int(np.argmax(samples > 400))
    return pcm[max(0, onset - 16 * 480) * 2 : (onset + 16 * 160) * 2]


@pytest.mark.parametrize("name", ["slt-where", "rms-where", "awb-where", "slt-number-sentence"])
def test_wideband_speech_is_told_by_its_first_sounds(name: str) -> None:
    assert is_wideband(beginning(f"wide/{name}"), 16000)


@pytest.mark.parametrize("name", ["where", "yes", "number-plain", "person", "goodbye", "number-oh", "thanks", "no"])
@pytest.mark.parametrize("voice", ["slt", "rms", "awb"])
def test_what_a_telephone_carried_is_not(voice: str, name: str) -> None:
    assert not is_wideband(beginning(f"{voice}/{name}"), 16000)


@pytest.mark.parametrize("pcm", [b"", b"\x00\x00", bytes(640)])
def test_what_is_no_speech_is_nothing_to_go_by(pcm: bytes) -> None:
    assert not is_wideband(pcm, 16000)
    assert not is_wideband(recorded_pcm("wide/slt-where", 16000), 8000), "a rate that cannot hold it"


def test_a_pause_before_speech_is_a_quiet_beginning() -> None:
    speech = recorded_pcm("slt/where", 16000)
    assert begins_quiet(bytes(2 * 640 * 16) + speech, 16000)
    onset = int(np.argmax(np.abs(np.frombuffer(speech, "<i2").astype(int)) > 400))
    assert not begins_quiet(speech[2 * onset :], 16000)
    steady = np.random.default_rng(1).normal(0, 1000, 16000).astype("<i2").tobytes()
    assert not begins_quiet(steady, 16000)
    assert not begins_quiet(b"", 16000)
