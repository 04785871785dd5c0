"""What a caller says: a recording as mu-law at 8000 Hz, and where in it speech begins and ends."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

from agent.errors import LocalError
from telephony import g711

SPEECH_DBFS = -45.0
"""A piece of 10 ms above this is speech …"""
SPEECH_BELOW_LOUDEST_DB = 35.0
"""… unless it lies this far below the recording's loudest piece: then it is the room."""
PIECE = g711.RATE_HZ // 100
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
    speech = _speech(pcm)
    if not len(speech):
        raise LocalError(f"{path}: nothing in it is louder than {SPEECH_DBFS:.0f} dBFS: a caller must say something")
    return Clip(g711.pcm_to_ulaw(pcm.tobytes()), int(speech[0]) * 10, min((int(speech[-1]) + 1) * 10, len(pcm) // 8))


def _speech(pcm: np.ndarray) -> np.ndarray:
    """The numbers of the 10 ms pieces that hold speech, ascending."""
    padded = np.pad(pcm.astype(np.float64), (0, -len(pcm) % PIECE)).reshape(-1, PIECE)
    if not len(padded):
        return np.empty(0, dtype=np.int64)
    levels = 10 * np.log10(np.mean((padded / 32768) ** 2, axis=1) + 1e-12)
    return np.flatnonzero(levels > max(SPEECH_DBFS, levels.max() - SPEECH_BELOW_LOUDEST_DB))
