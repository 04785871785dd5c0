"""How well the detector tells speech from what is none, and what it costs, on recordings that were labelled by hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.agents import load_agent
from agent.errors import LocalError
from agent.turns.gate import SpeechBegan, SpeechGate
from agent.vad.base import ENTER, LEAVE, VAD_RATE_HZ, WINDOW_MS, WINDOW_SAMPLES
from agent.vad.silero import SileroStream, SileroVad
from telephony.bench.turns.recordings import Recording, read_manifest
from telephony.bench.turns.run import AGENT, shipped_settings

FRAME_MS = 20
_FRAME_BYTES = 2 * VAD_RATE_HZ * FRAME_MS // 1000
#: The points of the curve.
_THRESHOLDS = (0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7)
#: A stretch of noise that was taken for speech is over after so much of what was not.
_OVER_MS = 500
#: A turn's beginning is measured where nobody had spoken for so long.
_FRESH_MS = 200

Scores = NDArray[np.float64]
Labels = NDArray[np.bool_]


def measure_vad(folder: Path) -> dict[str, Any]:
    """Voice activity with its gate, as shipped, and without.

    `missed`: of the windows of speech (by majority), as a share of them; `false`: windows without speech taken for
    it, as a share of ALL windows; `false_of_silence`: as a share of those without speech. All three after the
    hysteresis of turn-taking, one decision for each window of 32 ms. `roc`: the bare scores, at several thresholds.
    `onset_*`: from a segment's start to SpeechBegan. `frame_us`: the mean for 20 ms of the recorded calls.
    Raises LocalError where the folder holds no labelled recordings.
    """
    recordings = read_manifest(folder)
    engine = SileroVad(load_agent(str(AGENT)))
    asyncio.run(engine.start())
    labelled = by_hand(recordings)
    result: dict[str, Any] = {"threshold": ENTER, **_told(labelled, engine.stream)}
    bare = _told(labelled, engine.every_window)
    result.update(_cost(recordings, engine))
    sounds = [each for each in recordings if each.sound in ("noise", "music", "tones")]
    result["false_opens"] = _false_opens(sounds, engine.stream)
    for name, value in result["false_opens"].items():
        result[f"{name}_opens_per_minute"] = value["per_minute"]
    result["without_gate"] = {**bare, "false_opens": _false_opens(sounds, engine.every_window)}
    for name in ("missed", "false", "onset_p50_ms", "onset_p95_ms"):
        result[f"{name}_without_gate"] = bare[name]
    return result


def by_hand(recordings: Sequence[Recording]) -> list[Recording]:
    """Those whose segments somebody drew; any with segments, where the manifest does not tell. LocalError: none."""
    labelled = [each for each in recordings if each.segments]
    if not labelled:
        raise LocalError("no recording of the manifest has speech_segments: nothing to hold the detector against")
    return [each for each in labelled if "hand" in each.note.lower()] or labelled


def labels(recording: Recording, windows: int) -> Labels:
    """Of each window, whether most of it is speech."""
    spoken = np.zeros(windows * WINDOW_SAMPLES, np.bool_)
    for start_ms, end_ms in recording.segments:
        spoken[start_ms * VAD_RATE_HZ // 1000 : end_ms * VAD_RATE_HZ // 1000] = True
    return np.asarray(spoken.reshape(windows, WINDOW_SAMPLES).mean(axis=1) >= 0.5)


def decisions(scores: Iterable[float]) -> Labels:
    """The hysteresis of turn-taking, within a stretch."""
    speech, decided = False, []
    for score in scores:
        speech = score >= (LEAVE if speech else ENTER)
        decided.append(speech)
    return np.array(decided, np.bool_)


def onsets_ms(scores: Sequence[float], segments: Sequence[tuple[int, int]]) -> list[float]:
    """From each segment's first sample to SpeechBegan; infinite where the segment ends first."""
    delays, before_ms = [], -_FRESH_MS
    for start_ms, end_ms in segments:
        if start_ms - before_ms >= _FRESH_MS:
            delays.append(_onset_ms(scores, start_ms, end_ms))
        before_ms = end_ms
    return delays


def _onset_ms(scores: Sequence[float], start_ms: int, end_ms: int) -> float:
    gate = SpeechGate(shipped_settings().min_speech_ms)
    for index in range(start_ms // WINDOW_MS, min(len(scores), -(-end_ms // WINDOW_MS))):
        event = gate.window(scores[index], WINDOW_MS * (index + 1))
        if isinstance(event, SpeechBegan):
            return event.media_ms - start_ms
    return float("inf")


def _told(recordings: Sequence[Recording], stream: Any) -> dict[str, Any]:
    scores, truth, decided, delays = [], [], [], []
    for recording in recordings:
        each = stream().push(recording.pcm())
        scores.append(np.array(each))
        truth.append(labels(recording, len(each)))
        decided.append(decisions(each))
        delays += onsets_ms(each, recording.segments)
    score, speech, told = np.concatenate(scores), np.concatenate(truth), np.concatenate(decided)
    return {
        "windows": len(score),
        **_shares(told, speech),
        "onset_p50_ms": _percentile(delays, 50),
        "onset_p95_ms": _percentile(delays, 95),
        "onsets": len(delays),
        "roc": [{"threshold": each, **_shares(score >= each, speech)} for each in _THRESHOLDS],
    }


def _percentile(delays: Sequence[float], share: int) -> float | None:
    value = float(np.percentile(delays, share, method="higher"))
    return round(value) if np.isfinite(value) else None


def _shares(told: Labels, speech: Labels) -> dict[str, float]:
    false = told & ~speech
    return {
        "missed": round(float(np.mean(~told[speech])), 4),
        "false": round(float(np.mean(false)), 4),
        "false_of_silence": round(float(false.sum() / max(1, (~speech).sum())), 4),
    }


def _cost(recordings: Sequence[Recording], engine: SileroVad) -> dict[str, Any]:
    calls = [each for each in recordings if "call" in each.set.lower()]
    rows: list[tuple[str, int, float, float, float]] = []
    for recording in calls:
        pcm = recording.pcm()
        gated, every = engine.stream(), engine.every_window()
        frames = max(1, len(pcm) // _FRAME_BYTES)
        spent_us, all_us = (_push_us(each, pcm) / frames for each in (gated, every))
        rows.append((recording.file, frames, spent_us, all_us, gated.runs / max(1, every.runs)))
    if not rows:
        return {}
    mean = np.average([row[2:] for row in rows], axis=0, weights=[row[1] for row in rows])
    return {
        "frame_us": round(float(mean[0]), 1),
        "frame_us_without_gate": round(float(mean[1]), 1),
        "windows_run": round(float(mean[2]), 3),
        "calls": [
            {
                "file": name,
                "frame_us": round(us, 1),
                "frame_us_without_gate": round(bare, 1),
                "windows_run": round(run, 3),
            }
            for name, _, us, bare, run in rows
        ],
    }


def _push_us(stream: SileroStream, pcm: bytes) -> float:
    began = time.thread_time()  # what the core spends; others may be at work on it
    for at in range(0, len(pcm), _FRAME_BYTES):
        stream.push(pcm[at : at + _FRAME_BYTES])
    return (time.thread_time() - began) * 1e6


def _false_opens(sounds: Sequence[Recording], stream: Any) -> dict[str, dict[str, float]]:
    """How often each kind of sound opened the gate. A second of a quiet line goes before each, and one after it."""
    kinds: dict[str, list[float]] = {}
    for recording in sounds:
        pcm = bytes(2 * VAD_RATE_HZ) + recording.pcm() + bytes(2 * VAD_RATE_HZ)
        tally = kinds.setdefault(recording.sound, [0, 0.0])
        tally[0] += opens(stream().push(pcm))
        tally[1] += len(pcm) / (2 * VAD_RATE_HZ * 60)
    return {
        kind: {"opens": count, "minutes": round(minutes, 2), "per_minute": round(count / minutes, 2)}
        for kind, (count, minutes) in sorted(kinds.items())
    }


def opens(scores: Iterable[float]) -> int:
    """How often the gate of turn-taking opens."""
    gate, count, heard_ms = SpeechGate(shipped_settings().min_speech_ms), 0, 0
    for index, score in enumerate(scores):
        end_ms = WINDOW_MS * (index + 1)
        event = gate.window(score, end_ms)
        if isinstance(event, SpeechBegan):
            count += 1
        if event is not None and (isinstance(event, SpeechBegan) or event.speech):
            heard_ms = end_ms
        elif gate.open and end_ms - heard_ms >= _OVER_MS:
            gate.close()
    return count
