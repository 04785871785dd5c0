"""What a caller says: a recording as mu-law at 8000 Hz, and where in it speech begins and ends."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

from agent.audio.levels import PIECE_MS, levels_dbfs
from agent.errors import LocalError
from telephony import g711

SPEECH_DBFS = -45.0
"""A piece of 10 ms above this is speech …"""
SPEECH_BELOW_LOUDEST_DB = 35.0
"""… unless it lies this far below the recording's loudest piece: then it is the room."""
LONGEST_S = 600


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording, ready for the wire. Speech lies between `speech_start_ms` and `speech_end_ms`."""

    ulaw: bytes
    speech_start_ms: int
    speech_end_ms: int

    @property
    def duration_ms(self) -> float:
        return len(self.ulaw) * 1000 / g711.RATE_HZ


def load_clip(path: Path) -> Clip:
    """Read a WAV or FLAC file of any rate and any number of channels. LocalError when that cannot be done."""
    try:
        info = sf.info(path)
        if info.frames > LONGEST_S * info.samplerate:
            raise LocalError(f"{path}: longer than {LONGEST_S} s: cut it")
        samples, rate_hz = sf.read(path, dtype="float32", always_2d=True)
    except (OSError, sf.SoundFileError) as error:
        raise LocalError(f"{path}: cannot be read as WAV or FLAC: {error}") from None
    mono = samples.mean(axis=1)
    if rate_hz != g711.RATE_HZ:
        mono = soxr.resample(mono, rate_hz, g711.RATE_HZ)
    pcm = np.clip(np.round(mono * 32768), -32768, 32767).astype("<i2")
    levels = levels_dbfs(pcm.tobytes(), g711.RATE_HZ)
    speech = np.flatnonzero(levels > max(SPEECH_DBFS, levels.max(initial=SPEECH_DBFS) - SPEECH_BELOW_LOUDEST_DB))
    if not len(speech):
        raise LocalError(f"{path}: nothing in it is louder than {SPEECH_DBFS:.0f} dBFS: a caller must say something")
    start_ms, end_ms = int(speech[0]) * PIECE_MS, (int(speech[-1]) + 1) * PIECE_MS
    return Clip(g711.pcm_to_ulaw(pcm.tobytes()), start_ms, min(end_ms, len(pcm) // 8))
