"""How often a recording is taken for a machine, or a sound for a beep: recordings in, counts out, by folder.

A recording is heard as the far end of a call is: by the detector, the gate and the beep detector. Its transcript, where
there is one, is what a recogniser would have given; without one, early speech and a beep are all there is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import soundfile

from agent.audio.beep import RATE_HZ, BeepDetector, Tone
from agent.turns.far_end import FarEnd, Voicemail
from agent.turns.gate import SpeechBegan, SpeechGate, SpeechWindow
from agent.vad.base import VadEngine

_FRAME_BYTES = 2 * RATE_HZ // 50
#: A turn is over after so much quiet (TurnSettings.trailing_ms); then its words are known.
_TRAILING_MS = 550
#: The far end begins so long after the call, and is followed by this much quiet.
_BEFORE_MS, _AFTER_MS = 300, 1500
_BEEP_AFTER_MS, _BEEP_MS, _BEEP_HZ, _BEEP_LEVEL = 600, 400, 1000, 0.2


@dataclass(slots=True)
class FarEndCount:
    """Of one folder's recordings."""

    recordings: int = 0
    seconds: float = 0.0
    machines: int = 0
    """Taken for a machine."""
    tones: int = 0
    """Sounds that passed for a beep."""
    names: tuple[str, ...] = ()
    """What was taken for a machine, and why."""
    tone_us: float = 0.0
    """What looking for beeps took, for 20 ms of audio."""


def measure_far_end(
    folder: Path, vad: VadEngine, *, words: bool = True, beep: bool = False, most: int = 10_000
) -> dict[str, FarEndCount]:
    """Hear every recording of `folder` (its manifest.jsonl names `file`, `set`, `transcript`) from the call's first
    second on. `words`: transcripts are known; `beep`: each recording is followed by one, as a greeting is."""
    counts: dict[str, FarEndCount] = {}
    for line in (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        count = counts.setdefault(item["set"], FarEndCount())
        path = folder / item["file"]
        if count.recordings >= most or not path.is_file():
            continue
        samples, rate_hz = soundfile.read(path, dtype="int16", always_2d=True)
        if rate_hz != RATE_HZ:
            continue
        pcm = _call(samples[:, 0].astype("<i2").tobytes(), beep)
        _hear(pcm, (item.get("transcript") or "") if words else "", item["file"], vad, count)
    return {name: count for name, count in counts.items() if count.recordings}


def _call(pcm: bytes, beep: bool) -> bytes:
    def quiet(ms: int) -> bytes:
        noise = np.random.default_rng(ms).normal(0, 8, RATE_HZ * ms // 1000)
        return noise.astype("<i2").tobytes()

    tone = b""
    if beep:
        time = np.arange(RATE_HZ * _BEEP_MS // 1000) / RATE_HZ
        wave = _BEEP_LEVEL * 32768 * np.sin(2 * np.pi * _BEEP_HZ * time)
        tone = quiet(_BEEP_AFTER_MS) + wave.astype("<i2").tobytes()
    return quiet(_BEFORE_MS) + pcm + tone + quiet(_AFTER_MS)


def _hear(pcm: bytes, text: str, name: str, vad: VadEngine, count: FarEndCount) -> None:
    far_end, gate, stream, beeps = FarEnd(), SpeechGate(64), vad.stream(), BeepDetector()
    known: Voicemail | None = None
    began_ms = spoke_ms = window_ms = 0
    took_s = 0.0
    for at in range(0, len(pcm), _FRAME_BYTES):
        frame = pcm[at : at + _FRAME_BYTES]
        start_s = perf_counter()
        tone: Tone | None = beeps.push(frame)
        took_s += perf_counter() - start_s
        events = far_end.beep(tone) if tone else ()
        count.tones += tone is not None
        for probability in stream.push(frame):
            window_ms += 32
            match gate.window(probability, window_ms, int(np.abs(np.frombuffer(frame, "<i2")).max(initial=0))):
                case SpeechBegan(speech_ms, media_ms):
                    began_ms, spoke_ms = speech_ms, media_ms
                case SpeechWindow(True, media_ms, False):
                    spoke_ms = media_ms
                case SpeechWindow() if window_ms - spoke_ms >= _TRAILING_MS:
                    gate.close()
            if spoke_ms:
                events += far_end.speech(began_ms, spoke_ms)
        known = known or next((event for event in events if isinstance(event, Voicemail)), None)
    end_ms = len(pcm) * 500 // RATE_HZ
    known = known or next((event for event in far_end.words(text, end_ms) if isinstance(event, Voicemail)), None)
    frames = max(1, len(pcm) // _FRAME_BYTES)
    total = count.tone_us * count.seconds * 50 + took_s * 1e6
    count.recordings += 1
    count.seconds += frames / 50
    count.tone_us = total / (count.seconds * 50)
    if known is not None:
        count.machines += 1
        count.names += (f"{name}: {known.reason}",)
