"""Beeps: one tone, then quiet; keys, progress tones, music, speech and noise are none."""

from __future__ import annotations

import audioop
import io

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from agent.audio.beep import HZ, LENGTH_MS, BeepDetector, Tone
from tests.agent.support import espeak_pcm

RATE_HZ = 8000


def sines(ms: int, *hz: float, dbfs: float = -15.0) -> NDArray[np.float64]:
    """Sinusoids of the same level that add up to `dbfs` (RMS)."""
    time = np.arange(RATE_HZ * ms // 1000) / RATE_HZ
    wave = sum((np.sin(2 * np.pi * one * time) for one in hz), np.zeros(len(time)))
    return np.asarray(wave * np.sqrt(2 / len(hz)) * 10 ** (dbfs / 20))


def quiet(ms: int) -> NDArray[np.float64]:
    return np.zeros(RATE_HZ * ms // 1000)


def line(*pieces: NDArray[np.float64], noise_dbfs: float = -65.0, ulaw: bool = True) -> bytes:
    """The pieces as they come over a telephone line."""
    samples = np.concatenate(pieces)
    samples = samples + np.random.default_rng(7).normal(0, 10 ** (noise_dbfs / 20), len(samples))
    pcm = np.clip(samples * 32768, -32768, 32767).astype("<i2").tobytes()
    return audioop.ulaw2lin(audioop.lin2ulaw(pcm, 2), 2) if ulaw else pcm


def beeps(pcm: bytes, step: int = 320, start_ms: int = 0) -> list[Tone]:
    detector = BeepDetector(start_ms)
    found = (detector.push(pcm[at : at + step]) for at in range(0, len(pcm), step))
    return [tone for tone in found if tone is not None]


@pytest.mark.parametrize("hz", [360, 425, 440, 500, 620, 800, 850, 1000, 1004, 1400, 1800, 2000, 2150])
@pytest.mark.parametrize("ms", [110, 200, 500, 1000, 2400])
def test_a_tone_and_then_quiet_is_a_beep(hz: int, ms: int) -> None:
    (tone,) = beeps(line(quiet(507), sines(ms, hz), quiet(400)))
    assert abs(tone.hz - hz) < 6
    assert abs(tone.length_ms - ms) <= 15
    assert abs(tone.start_ms - 507) <= 15


@pytest.mark.parametrize("dbfs", [-33, -25, -10, -4])
@pytest.mark.parametrize("over_noise_db", [18, 25, 40])
def test_at_any_level_and_over_noise(dbfs: int, over_noise_db: int) -> None:
    pcm = line(quiet(600), sines(400, 1000, dbfs=dbfs), quiet(400), noise_dbfs=dbfs - over_noise_db)
    assert [round(tone.hz, -1) for tone in beeps(pcm)] == [1000]


@pytest.mark.parametrize("step", [2, 100, 320, 640, 1000, 100_000])
def test_audio_in_pieces_of_any_size(step: int) -> None:
    pcm = line(quiet(300), sines(300, 850), quiet(300))
    assert beeps(pcm, step) == beeps(pcm)
    assert beeps(pcm, start_ms=4000)[0].start_ms == beeps(pcm)[0].start_ms + 4000


def test_a_lost_packet_breaks_no_beep() -> None:
    cut = np.concatenate([sines(147, 1000), sines(200, 1000)])  # 13 ms of a wave are missing
    assert len(beeps(line(quiet(300), cut, quiet(300)))) == 1


@pytest.mark.parametrize("hz", [440, 620, 850, 1000, 1400, 2000])
@pytest.mark.parametrize("ms", [200, 600, 1500])
def test_through_a_mobile(hz: int, ms: int) -> None:
    wav = io.BytesIO()
    pcm = line(quiet(400), sines(ms, hz, dbfs=-18), quiet(400))
    soundfile.write(wav, np.frombuffer(pcm, "<i2"), RATE_HZ, format="WAV", subtype="GSM610")
    wav.seek(0)
    heard = soundfile.read(wav, dtype="int16")[0].astype("<i2").tobytes()
    assert [abs(tone.hz - hz) < 8 for tone in beeps(heard)] == [True]


def test_straight_behind_the_last_word() -> None:
    words = np.frombuffer(espeak_pcm("please leave a message after the tone", RATE_HZ), "<i2") / 32768
    assert len(beeps(line(words, sines(500, 1000), quiet(300)))) == 1


@pytest.mark.parametrize("voice_hz", [95, 120, 180, 210])
@pytest.mark.parametrize("gap_ms", [0, 20, 40])
def test_straight_behind_a_last_word_that_ends_in_a_hum(voice_hz: int, gap_ms: int) -> None:
    """As the n of "tone", which may stay the same for 100 ms, but is many frequencies."""
    hum = sines(180, *(voice_hz * number for number in range(1, 8)), dbfs=-20)
    assert len(beeps(line(quiet(310), hum, quiet(gap_ms), sines(500, 1000), quiet(300)))) == 1


def test_it_is_told_as_soon_as_it_has_been_quiet() -> None:
    pcm, detector = line(quiet(200), sines(300, 1000), quiet(400)), BeepDetector()
    told = next(at for at in range(0, len(pcm), 320) if detector.push(pcm[at : at + 320])) // 16
    assert 100 <= told - 500 <= 160


def test_a_tone_that_lasts_is_said_to_be_sounding() -> None:
    detector = BeepDetector()
    detector.push(line(quiet(200), sines(300, 1000)))
    assert detector.sounding
    detector.push(line(quiet(400)))
    assert not detector.sounding


DTMF = [(low, high) for low in (697, 770, 852, 941) for high in (1209, 1336, 1477)]


@pytest.mark.parametrize("hz", [*DTMF, (350, 440), (440, 480), (480, 620), (400, 450), (900, 1300)])
@pytest.mark.parametrize("ms", [120, 500, 2000])
def test_two_tones_at_once_are_a_key_or_the_network(hz: tuple[int, int], ms: int) -> None:
    assert beeps(line(quiet(300), sines(ms, *hz), quiet(400))) == []


@pytest.mark.parametrize(
    ("on_ms", "off_ms", "hz"),
    [(500, 500, 425), (250, 250, 425), (1000, 4000, 425), (500, 3000, 1100), (200, 300, 2000)],
)
def test_a_cadence_is_told_once_at_most(on_ms: int, off_ms: int, hz: int) -> None:
    assert len(beeps(line(*[sines(on_ms, hz), quiet(off_ms)] * 6))) <= 1


def _melody(rng: np.random.Generator) -> NDArray[np.float64]:
    return np.concatenate(
        [sines(int(rng.integers(100, 400)), 440 * 2 ** (rng.integers(0, 24) / 12)) for _ in range(30)]
    )


def _harmonics(hz: float, ms: int) -> NDArray[np.float64]:
    return np.asarray(sum(sines(ms, hz * n, dbfs=-15 - 5 * n) for n in range(1, 5)))


@pytest.mark.parametrize(
    "sound",
    [
        sines(60, 1000),
        sines(3200, 2100),
        sines(400, 1000, dbfs=-38),
        sines(400, 120),
        sines(400, 2800),
        np.concatenate([sines(330, 950), sines(330, 1400), sines(330, 1800)]),
        _melody(np.random.default_rng(1)),
        _harmonics(500, 400),
        np.random.default_rng(2).normal(0, 0.1, 8000),
        np.sin(2 * np.pi * np.cumsum(np.linspace(600, 1200, 4000)) / RATE_HZ) * 0.2,
        np.sin(2 * np.pi * np.cumsum(np.linspace(565, 540, 880)) / RATE_HZ) * 0.2,
    ],
    ids=["short", "fax", "faint", "hum", "high", "not in service", "melody", "instrument", "noise", "glide", "laugh"],
)
def test_what_is_no_beep(sound: NDArray[np.float64]) -> None:
    assert beeps(line(quiet(300), sound, quiet(400))) == []


def test_speech_is_none() -> None:
    text = "Hello, I would like to know where my parcel is. The number is four seven one two. Ooh, moo, who knew?"
    assert beeps(espeak_pcm(text, RATE_HZ)) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=700), max_size=30), st.integers(0, 100))
def test_any_bytes_in_any_pieces(pieces: list[bytes], hz: int) -> None:
    detector = BeepDetector()
    last = 0
    for piece in [*pieces, line(sines(300, 300 + 20 * hz)), *pieces]:
        tone = detector.push(piece)
        if tone is not None:
            assert last <= tone.start_ms < tone.end_ms
            assert LENGTH_MS[0] <= tone.length_ms <= LENGTH_MS[1]
            assert HZ[0] <= tone.hz <= HZ[1]
            last = tone.end_ms
