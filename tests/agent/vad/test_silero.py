"""Silero: what its runtime must not do; its gate, its catching up, and its doubts about tones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from agent.turns.gate import SpeechGate
from agent.vad import silero
from agent.vad.silero import SileroStream
from tests.agent.support import recorded_pcm


def test_its_runtime_keeps_no_id_of_this_machine_and_tells_nobody(tmp_path: Path) -> None:
    """onnxruntime's own telemetry begins with a file in the temporary folder."""
    pytest.importorskip("onnxruntime")
    work = "from agent.vad.silero import _load; session = _load(); print('loaded')"
    env = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", work],
        env={**env, "TMPDIR": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stdout == "loaded\n"
    assert list(tmp_path.iterdir()) == []


class Counted:
    """A session that counts its runs, and keeps what it heard of each."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.runs = 0

    def io_binding(self) -> Any:
        return self.session.io_binding()

    def run_with_iobinding(self, binding: Any) -> None:
        self.runs += 1
        self.session.run_with_iobinding(binding)


@pytest.fixture
def session() -> Counted:
    pytest.importorskip("onnxruntime")
    from agent.vad.silero import _load

    return Counted(_load())


def hiss(seconds: float, level_dbfs: float = -60, seed: int = 3) -> NDArray[np.int16]:
    spread = 32768 * 10 ** (level_dbfs / 20)
    return np.random.default_rng(seed).normal(0, spread, int(8000 * seconds)).astype("<i2")


def spoken() -> NDArray[np.int16]:
    return np.frombuffer(recorded_pcm("slt/where", 8000), "<i2")


def plain(session: Counted, pcm: bytes) -> list[float]:
    """Every window through the model, by its plainest interface."""
    state, context, scores = np.zeros((2, 1, 128), np.float32), np.zeros(32, np.float32), []
    for at in range(0, len(pcm) - 511, 512):
        window = np.asarray(np.frombuffer(pcm, "<i2", 256, at) / 32768, np.float32)
        heard = np.concatenate([context, window])[None]
        rate = np.array(8000, np.int64)
        output, state = session.session.run(None, {"input": heard, "state": state, "sr": rate})
        scores.append(float(output[0, 0]))
        context = window[-32:]
    return scores


def test_a_silent_caller_costs_one_second_of_the_model(session: Counted) -> None:
    stream = SileroStream(session)
    scores = stream.push(hiss(20).tobytes())
    assert len(scores) == 625
    assert session.runs <= 40
    assert max(scores) < 0.35


def test_a_word_after_silence_is_heard_as_without_a_gate(session: Counted) -> None:
    pcm = np.concatenate([hiss(4), spoken(), hiss(2)]).tobytes()
    gated, every = SileroStream(session).push(pcm), plain(session, pcm)
    assert session.runs < 0.7 * len(every)
    first = next(index for index, score in enumerate(every) if score >= 0.5)
    assert next(index for index, score in enumerate(gated) if score >= 0.5) <= first + 1
    changed = [abs(a - b) for a, b in zip(gated, every, strict=True) if b >= 0.5]
    assert sum(change < 0.3 for change in changed) >= 0.9 * len(changed)


def test_what_came_before_the_gate_opened_reaches_the_model(session: Counted) -> None:
    stream = SileroStream(session)
    stream.push(hiss(3.008).tobytes())
    before = session.runs
    assert stream.push(hiss(0.032, -30).tobytes()) != []
    assert session.runs - before == 6  # five windows of what was skipped, and this one


def test_a_voice_without_a_pause_costs_less_than_every_window(session: Counted) -> None:
    pcm = np.concatenate([hiss(1)] + [spoken()[4000:-4000]] * 3).tobytes()
    scores = SileroStream(session).push(pcm)
    assert session.runs < 0.9 * len(scores)
    every = plain(session, pcm)
    same = [(a >= 0.5) == (b >= 0.5) for a, b in zip(scores, every, strict=True)]
    assert sum(same) >= 0.93 * len(same)


KEYS = {"1": (697, 1209), "5": (770, 1336), "0": (941, 1336), "#": (941, 1477)}
PROGRESS = {"dial": (350, 440), "busy": (480, 620), "ringing": (440, 480), "European": (425,), "fax": (1100,)}


def beeps(hz: tuple[int, ...], on_ms: int, off_ms: int, level_db: float) -> NDArray[np.int16]:
    time = np.arange(24000)
    wave = np.sum([np.sin(2 * np.pi * each * time / 8000) for each in hz], axis=0) / len(hz)
    on = time % (8 * (on_ms + off_ms)) < 8 * on_ms
    return np.asarray(wave * on * 32000 * 10 ** (level_db / 20), "<i2")


@pytest.mark.parametrize("level_db", [-6, -15, -25])
@pytest.mark.parametrize("times", [(100, 100), (250, 250), (3000, 0)])
@pytest.mark.parametrize("hz", [*KEYS.values(), *PROGRESS.values()], ids=[*KEYS, *PROGRESS])
def test_keys_and_progress_tones_open_no_turn(
    session: Counted, hz: tuple[int, ...], times: tuple[int, int], level_db: float
) -> None:
    tones = beeps(hz, *times, level_db)
    pcm = np.concatenate([hiss(1, -65), tones + hiss(3, -65), hiss(1, -65)]).tobytes()
    gate = SpeechGate(64)
    for index, score in enumerate(SileroStream(session).push(pcm)):
        assert gate.window(score, 32 * (index + 1)) is None


def test_speech_over_a_tone_opens_one(session: Counted) -> None:
    voice = spoken().astype(np.int32)
    tone = np.resize(beeps((440, 480), 3000, 0, -25), len(voice) + 8000)
    tone[8000:] = np.clip(tone[8000:] + voice, -32768, 32767)
    scores = SileroStream(session).push(np.concatenate([hiss(1), tone]).tobytes())
    alone = plain(session, spoken().tobytes())
    assert sum(score >= 0.5 for score in scores[70:]) > 0.5 * sum(score >= 0.5 for score in alone)


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=30))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_same_scores_whatever_the_chunks(session: Counted, sizes: list[int]) -> None:
    pcm = np.concatenate([hiss(1.5), spoken()[3000:15000], hiss(0.7)]).tobytes()
    stream, pieces, at = SileroStream(session), [], 0
    for size in sizes:
        pieces += stream.push(pcm[at : at + size])
        at += size
    pieces += stream.push(pcm[at:])
    assert pieces == SileroStream(session).push(pcm)


@pytest.mark.parametrize(("windows", "forgotten"), [(40, False), (100, False), (150, True), (300, True)])
def test_after_seconds_without_speech_the_model_hears_afresh(session: Counted, windows: int, forgotten: bool) -> None:
    """Two hisses of the same levels, of which the model makes different things, and then the same word."""
    noise = hiss(0.032 * windows)
    other = noise.reshape(-1, 256)[:, ::-1].reshape(-1)
    word = np.concatenate([hiss(0.32, seed=4), spoken()]).tobytes()
    heard = []
    for before in (noise, other):
        stream = SileroStream(session)
        stream.push(before.tobytes())
        heard.append(stream.push(word))
    assert max(heard[0]) > 0.9
    assert (heard[0] == heard[1]) is forgotten


def test_while_somebody_speaks_nothing_is_forgotten(session: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    pcm = np.concatenate([spoken()] * 6).tobytes()
    assert len(pcm) > 2 * 8000 * 6
    scores = SileroStream(session).push(pcm)
    monkeypatch.setattr(silero, "_FORGET_WINDOWS", len(scores) + 1)
    assert SileroStream(session).push(pcm) == scores
    monkeypatch.setattr(silero, "_FORGET_WINDOWS", 0)
    assert SileroStream(session).push(pcm) != scores, "it could be told"
