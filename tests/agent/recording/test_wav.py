"""Two channels, aligned to the sample: whatever comes, in whatever pieces, however late."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from agent.recording.folder import create_file
from agent.recording.wav import MAX_GAP_S, StereoWav, Track, wav_header

RATES = st.sampled_from([8000, 16000])


@st.composite
def pieces(draw: st.DrawFn) -> list[tuple[int, int]]:
    """A channel: ascending (start ms, length ms), with gaps."""
    at, out = draw(st.integers(0, 200)), []
    for gap, length in draw(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 120)), max_size=12)):
        at += gap if gap > 150 else 0  # mostly contiguous
        out.append((at, length))
        at += length
    return out


@given(rate_hz=RATES, caller=pieces(), agent=pieces(), lag=st.integers(0, 8), every=st.integers(1, 5))
def test_every_sample_lands_in_its_place(
    tmp_path_factory: pytest.TempPathFactory,
    rate_hz: int,
    caller: list[tuple[int, int]],
    agent: list[tuple[int, int]],
    lag: int,
    every: int,
) -> None:
    """The agent's pieces come `lag` pieces late; the file is flushed after `every` pieces, and valid each time."""
    per_ms = rate_hz // 1000
    ends = [at + length for at, length in (*caller, *agent)]
    expected = np.zeros((max(ends, default=0) * per_ms, 2), "<i2")
    made: list[list[tuple[int, bytes]]] = [[], []]
    for channel, spans in enumerate((caller, agent)):
        for at, length in spans:
            samples = (np.arange(at * per_ms, (at + length) * per_ms) % 30_000 + 1 + channel).astype("<i2")
            expected[at * per_ms : (at + length) * per_ms, channel] = samples
            made[channel].append((at, samples.tobytes()))
    path = tmp_path_factory.mktemp("wav") / "audio.wav"
    fd = create_file(path)
    try:
        wav = StereoWav(fd, rate_hz)
        steps = max(len(caller), len(agent) + lag)
        for first in range(0, steps, every):
            wav.write(made[0][first : first + every], made[1][max(first - lag, 0) : max(first - lag + every, 0)])
            info = soundfile.info(path)
            assert os.path.getsize(path) == 44 + info.frames * 4
    finally:
        os.close(fd)
    samples, read_hz = soundfile.read(path, dtype="int16", always_2d=True)
    assert read_hz == rate_hz
    assert np.array_equal(samples.reshape(-1, 2), expected)
    assert wav.refused == 0


@given(lengths=st.lists(st.integers(1, 400), max_size=40), rate_hz=RATES, start_ms=st.integers(0, 50))
def test_pieces_of_odd_lengths_leave_no_seam(lengths: list[int], rate_hz: int, start_ms: int) -> None:
    """Media time is whole milliseconds, pieces are not: a stream without gaps stays one without gaps."""
    sample = start_ms * rate_hz // 1000
    stream = []
    for length in lengths:
        stream.append((sample * 1000 // rate_hz, b"\1\0" * length))
        sample += length
    runs = list(Track(rate_hz).runs(stream))
    assert sum(len(pcm) for _, pcm in runs) == 2 * sum(lengths)
    assert [start for start, _ in runs] == ([start_ms * rate_hz // 1000] if lengths else [])


@pytest.mark.parametrize(
    ("pushes", "runs"),
    [
        ([(0, 20), (10, 20)], [(0, 240)]),  # an overlap: what is there stays, what is behind it follows
        ([(0, 20), (0, 20)], [(0, 160)]),  # a repetition
        ([(-10, 20)], [(0, 80)]),  # before the beginning
        ([(-100, 20)], []),
        ([(0, 20), (30, 20)], [(0, 160), (240, 160)]),  # a gap
        ([(0, 20), (MAX_GAP_S * 1000 + 100, 20), (20, 20)], [(0, 320)]),  # a clock gone mad, and back
    ],
)
def test_times_that_do_not_follow(pushes: list[tuple[int, int]], runs: list[tuple[int, int]]) -> None:
    placed = Track(8000).runs([(at, b"\1\0" * (8 * length)) for at, length in pushes])
    assert [(start, len(pcm) // 2) for start, pcm in placed] == runs


def test_half_a_sample_is_dropped() -> None:
    assert Track(8000).place(b"\1\0\2", 0) == (0, b"\1\0")


def test_the_header_is_what_a_reader_expects(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav_header(16000, 3) + bytes(12))
    info = soundfile.info(path)
    assert (info.samplerate, info.channels, info.frames, info.subtype) == (16000, 2, 3, "PCM_16")
