"""Plain recordings: every coding, rate and channel that is read, and a sentence for each that is not."""

from __future__ import annotations

import audioop
import os
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.errors import LocalError
from telephony.g711 import pcm_to_ulaw, ulaw_to_pcm
from telephony.replay.plan import Channel
from telephony.replay.reading import audio
from telephony.replay.reading.source import read_source
from tests.telephony.replay.reading.sounds import raw_wav, samples_of, voice, write_wav

VOICE = voice(2.0)
ULAW = pcm_to_ulaw(VOICE.astype("<i2").tobytes())
ALAW = audioop.lin2alaw(VOICE.tobytes(), 2)


def told(path: Path) -> str:
    """The sentence, which names the file first."""
    with pytest.raises(LocalError) as error:
        read_source(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)
    return str(error.value).removeprefix(f"{path}: ")


# --- what is read ---------------------------------------------------------------------------------------------------


def test_mono_is_the_caller(tmp_path: Path) -> None:
    recorded = read_source(write_wav(tmp_path / "a.wav", VOICE))
    assert (recorded.name, recorded.rate_hz, recorded.heard) == ("a.wav", 8000, None)
    assert np.array_equal(samples_of(recorded.caller), VOICE)
    assert not recorded.has_journal
    assert (recorded.utterances, recorded.notes, recorded.ended_by) == ((), (), "")


@pytest.mark.parametrize(
    ("channel", "caller", "heard"), [(None, 0, 1), ("left", 0, 1), ("right", 1, 0), ("mix", None, None)]
)
def test_of_two_channels_the_caller_is_the_left_one_unless_told(
    tmp_path: Path, channel: Channel | None, caller: int | None, heard: int | None
) -> None:
    sides = (VOICE, voice(2.0, seed=2) // 2)
    recorded = read_source(write_wav(tmp_path / "a.wav", *sides), channel=channel)
    if caller is None or heard is None:
        mixed = (sides[0].astype(int) + sides[1]) / 2
        assert np.abs(samples_of(recorded.caller) - mixed).max() <= 1
        assert recorded.heard is None
    else:
        assert np.array_equal(samples_of(recorded.caller), sides[caller])
        assert recorded.heard is not None
        assert np.array_equal(samples_of(recorded.heard), sides[heard])


@pytest.mark.parametrize("rate_hz", [8000, 11_025, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("line_hz", [8000, 16_000])
def test_any_rate_becomes_the_lines(tmp_path: Path, rate_hz: int, line_hz: int) -> None:
    seconds = 9.0  # more than a block
    tone = np.rint(8000 * np.sin(2 * np.pi * 500 * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.int16)
    recorded = read_source(write_wav(tmp_path / "a.wav", tone, rate_hz=rate_hz), line_hz=line_hz)
    assert recorded.rate_hz == line_hz
    assert recorded.duration_ms == pytest.approx(9000, abs=1)
    got = samples_of(recorded.caller).astype(float)
    expected = 8000 * np.sin(2 * np.pi * 500 * np.arange(len(got)) / line_hz)
    assert np.abs(got - expected)[200:-200].max() < 40  # the same tone, at the same time


@pytest.mark.parametrize(
    ("name", "subtype"),
    [
        ("a.wav", "PCM_24"),
        ("a.wav", "FLOAT"),
        ("a.wav", "PCM_U8"),
        ("a.wav", "ULAW"),
        ("a.wav", "ALAW"),
        ("a.flac", "PCM_16"),
        ("a.flac", "PCM_24"),
        ("a.aiff", "PCM_16"),
        ("a.ogg", "VORBIS"),
        ("a.mp3", "MPEG_LAYER_III"),
    ],
)
def test_codings(tmp_path: Path, name: str, subtype: str) -> None:
    sf.write(tmp_path / name, VOICE / 32768, 8000, subtype=subtype)
    recorded = read_source(tmp_path / name)
    got = samples_of(recorded.caller).astype(float)[: len(VOICE)]
    assert recorded.notes == ()
    assert np.corrcoef(got, VOICE[: len(got)])[0, 1] > (0.9 if subtype in ("VORBIS", "MPEG_LAYER_III") else 0.98)


@pytest.mark.parametrize("suffix", [".ulaw", ".ul", ".UL"])
def test_headerless_mulaw_by_its_name(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"a{suffix}").write_bytes(ULAW)
    assert read_source(tmp_path / f"a{suffix}").caller == ulaw_to_pcm(ULAW)


def test_headerless_alaw_by_its_name_at_the_lines_rate(tmp_path: Path) -> None:
    (tmp_path / "a.alaw").write_bytes(ALAW)
    assert np.array_equal(samples_of(read_source(tmp_path / "a.alaw").caller), samples_of(audioop.alaw2lin(ALAW, 2)))
    assert read_source(tmp_path / "a.alaw", line_hz=16_000).duration_ms == 2000


def test_a_link_to_a_recording_is_one(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", VOICE)
    (tmp_path / "b.wav").symlink_to("a.wav")
    assert read_source(tmp_path / "b.wav").duration_ms == 2000


# --- what is odd, and does no harm ----------------------------------------------------------------------------------


def test_a_file_that_is_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", VOICE)
    os.truncate(path, 44 + 16_000 + 1)
    recorded = read_source(path)
    assert np.array_equal(samples_of(recorded.caller), VOICE[:8000])
    assert recorded.notes == ("the file is cut off, or damaged: 1.0 s can be read, of 2.0 s that its header promises",)


def test_a_flac_that_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    sf.write(path, voice(20.0), 8000)
    os.truncate(path, path.stat().st_size // 2)
    recorded = read_source(path)
    assert 5000 < recorded.duration_ms < 15_000
    (note,) = recorded.notes
    assert re.fullmatch(
        r"the file is cut off, or damaged: .* s can be read(, of 20.0 s that its header promises)?", note
    )


@pytest.mark.parametrize("seconds", [4.0, 20.0])
def test_of_a_flac_that_is_cut_off_no_second_is_lost(tmp_path: Path, seconds: float) -> None:
    path = tmp_path / "a.flac"
    sf.write(path, np.random.default_rng(1).normal(0, 3000, int(8000 * seconds)).astype(np.int16), 8000)
    os.truncate(path, path.stat().st_size // 2)
    recorded = read_source(path)
    assert recorded.duration_ms > 500 * seconds - 1100
    assert recorded.notes


def test_a_flac_that_was_written_into_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    sf.write(path, voice(20.0), 8000)
    coded = bytearray(path.read_bytes())
    coded[21] &= 0xF0  # the number of samples, of which the header then says nothing: 36 bits
    coded[22:26] = bytes(4)
    path.write_bytes(coded)
    recorded = read_source(path)
    assert np.array_equal(samples_of(recorded.caller), voice(20.0))
    assert recorded.notes == ()


@pytest.mark.parametrize("promised", [0xFFFFFFFF, 0x7FFFFFFF])
def test_a_header_that_was_never_finished(tmp_path: Path, promised: int) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(raw_wav(VOICE.tobytes(), promised=promised))
    recorded = read_source(path)
    assert np.array_equal(samples_of(recorded.caller), VOICE)
    assert bool(recorded.notes) == (promised != 0xFFFFFFFF)  # which says that the length is not known


@pytest.mark.parametrize("suffix", [".wav", ".ulaw"])
def test_of_a_recording_that_is_hours_long_the_beginning_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(audio, "MAX_HOURS", 1 / 3600)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(raw_wav(VOICE.tobytes()) if suffix == ".wav" else ULAW)
    recorded = read_source(path)
    assert recorded.duration_ms == 1000
    assert [note.partition(" hours")[2] for note in recorded.notes] == [": what comes after is not read"]


def test_samples_that_are_no_numbers_are_silence(tmp_path: Path) -> None:
    samples = VOICE.astype(np.float32) / 32768
    samples[100], samples[200], samples[300] = np.nan, np.inf, -np.inf
    sf.write(tmp_path / "a.wav", samples, 8000, subtype="FLOAT")
    recorded = read_source(tmp_path / "a.wav")
    assert [samples_of(recorded.caller)[at] for at in (100, 200, 300)] == [0, 0, 0]
    assert recorded.notes == ("3 samples are no numbers (NaN or infinite): taken as silence",)


def test_samples_beyond_full_scale_are_full_scale(tmp_path: Path) -> None:
    sf.write(tmp_path / "a.wav", np.array([0.5, 1e30, -1e30], np.float32), 8000, subtype="FLOAT")
    assert samples_of(read_source(tmp_path / "a.wav").caller).tolist() == [16384, 32767, -32768]


def test_silence_is_told(tmp_path: Path) -> None:
    quiet = np.full(8000, 5, np.int16)
    assert read_source(write_wav(tmp_path / "a.wav", quiet)).notes == ("nothing is said in it",)
    stereo = write_wav(tmp_path / "b.wav", quiet, VOICE[:8000])
    assert read_source(stereo).notes == ("nothing is said in it (is the caller on the other channel?)",)
    assert read_source(stereo, channel="right").notes == ()


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("a.wav", b"", "the file is empty"),
        ("a.ulaw", b"", "the file is empty"),
        ("a.wav", raw_wav(b""), "holds no samples"),
        ("a.wav", raw_wav(VOICE.tobytes())[:30], "cannot be read as audio|not audio that can be read"),
        ("a.wav", raw_wav(VOICE.tobytes(), channels=0), "its header says 0 channels"),
        ("a.wav", raw_wav(VOICE.tobytes(), channels=3), "3 channels"),
        ("a.wav", raw_wav(VOICE.tobytes(), rate_hz=0), "its header says 0 samples a second"),
        ("a.wav", raw_wav(VOICE.tobytes(), rate_hz=1), "its header says 1 samples a second"),
        ("a.wav", raw_wav(VOICE.tobytes(), rate_hz=10_000_000), "its header says 10000000 samples a second"),
        ("a.wav", raw_wav(VOICE.tobytes(), tag=0x1234), r"cannot be read as audio \("),
        ("a.wav", b"<html>not found</html>" * 40, "not audio that can be read"),
        ("a.flac", b"fLaC" + bytes(range(256)) * 20, "not audio that can be read"),
        ("a.raw", ULAW, "does not say how its samples are coded"),
        ("a.PCM", ULAW, "does not say how its samples are coded"),
        ("a.ulaw", raw_wav(VOICE.tobytes()), "has a header"),
        ("a.wav", ULAW, "its bytes sound like mu-law at 8 kHz: name it a.ulaw"),
        ("recording", ALAW, "its bytes sound like A-law at 8 kHz: name it recording.alaw"),
        ("a.wav", b"\xff" * 4000 + ULAW, "its bytes sound like mu-law at 8 kHz: name it a.ulaw"),
        ("a.wav", raw_wav(ULAW), "its header says PCM, but its samples sound like mu-law"),
        ("a.wav", raw_wav(ALAW), "its header says PCM, but its samples sound like A-law"),
        ("a.wav", raw_wav(ULAW, bits=8), "its header says PCM, but its samples sound like mu-law"),
        ("a.wav", raw_wav(ULAW, channels=2), "its header says PCM, but its samples sound like mu-law"),
        ("a.wav", raw_wav(b"\xff" * 8_000_000 + ULAW), "its header says PCM, but its samples sound like mu-law"),
    ],
)
def test_a_sentence_for_each(tmp_path: Path, name: str, data: bytes, sentence: str) -> None:
    (tmp_path / name).write_bytes(data)
    assert re.search(sentence, told(tmp_path / name))


def test_no_such_file(tmp_path: Path) -> None:
    assert told(tmp_path / "a.wav") == "cannot be opened: No such file or directory"
    assert "cannot be opened" in told(tmp_path / ("a" * 5000))
    with pytest.raises(LocalError, match="no file can have such a name"):
        read_source(tmp_path / "a\0b")


def test_what_never_ends_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.wav")
    assert told(tmp_path / "a.wav").startswith("not a regular file")
    assert told(Path("/dev/zero")).startswith("not a regular file")
    (tmp_path / "b.wav").symlink_to("/dev/zero")
    assert told(tmp_path / "b.wav").startswith("not a regular file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_what_may_not_be_read(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", VOICE)
    path.chmod(0)
    assert told(path) == "cannot be opened: Permission denied"


SEEDS = [
    raw_wav(VOICE[:3000].tobytes()),
    raw_wav(ULAW[:3000], tag=7, bits=8),
    raw_wav(VOICE[:3000].tobytes(), channels=2),
]


@pytest.fixture(scope="module")
def flac(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("flac") / "a.flac"
    sf.write(path, VOICE[:3000], 8000)
    return path.read_bytes()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    which=st.integers(0, len(SEEDS)),
    damage=st.lists(st.tuples(st.integers(0, 4000), st.binary(min_size=1, max_size=6)), max_size=6),
    cut=st.one_of(st.none(), st.integers(0, 4000)),
    suffix=st.sampled_from([".wav", ".flac", ".ulaw", ".mp3", ""]),
)
def test_damaged_recordings_are_read_or_told(
    tmp_path: Path, flac: bytes, which: int, damage: list[tuple[int, bytes]], cut: int | None, suffix: str
) -> None:
    data = bytearray([*SEEDS, flac][which])
    for at, what in damage:
        at %= len(data) if at > 200 else 60  # headers break most
        data[at : at + len(what)] = what
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data[:cut])
    try:
        recorded = read_source(path)
    except LocalError:
        told(path)
        return
    assert len(recorded.caller) > 0
    assert recorded.heard is None or len(recorded.heard) == len(recorded.caller)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=4000), suffix=st.sampled_from([".wav", ".mp3", ".ogg", ""]))
def test_any_bytes_are_read_or_told(tmp_path: Path, data: bytes, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data)
    with pytest.raises(LocalError):
        read_source(path)
