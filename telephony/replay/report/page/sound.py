"""A call's audio as a page carries it: lossless while that is small, then Ogg/Opus, then not at all.

Every browser plays FLAC; Ogg/Opus all but Safari before 18.4 (2025), which then shows the call without its sound.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

FLAC_MS = 120_000
"""Lossless up to two minutes: about 0.9 MB a minute in base64, for two voices at 8 kHz."""
OPUS_LEVEL = 0.95
"""libsndfile's scale of compression: about 19 kbit/s a channel, where speech off a telephone loses nothing audible."""
OPUS_RATES_HZ = (8000, 12000, 16000, 24000, 48000)
FALLBACK_HZ = 16000
MAX_AUDIO_BYTES = 12_000_000
"""Of one page, before base64: some 40 minutes of a two-channel call. With more, a browser becomes slow to open it."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Encoded audio; `mime` names how."""

    mime: str
    data: bytes


def encode_sound(path: Path, *, lossless: bool, max_bytes: int = MAX_AUDIO_BYTES) -> Sound | None:
    """The first two channels of an audio file; None if they do not fit `max_bytes`.

    Raises OSError, soundfile.LibsndfileError if the file is no audio.
    """
    if lossless:
        sound = _written(path, "FLAC", "PCM_16", max_bytes)
        if sound is not None:
            return Sound("audio/flac", sound)
    opus = _written(path, "OGG", "OPUS", max_bytes)
    return Sound("audio/ogg", opus) if opus is not None else None


def _written(path: Path, container: str, subtype: str, max_bytes: int) -> bytes | None:
    out = io.BytesIO()
    with soundfile.SoundFile(path) as audio:
        opus = subtype == "OPUS"
        rate_hz = FALLBACK_HZ if opus and audio.samplerate not in OPUS_RATES_HZ else int(audio.samplerate)
        channels = min(audio.channels, 2)
        options = {"compression_level": OPUS_LEVEL} if opus else {}
        with soundfile.SoundFile(out, "w", rate_hz, channels, subtype, format=container, **options) as encoded:
            for block in _blocks(audio, channels, rate_hz):
                encoded.write(block)
                if out.tell() > max_bytes:
                    return None
    data = out.getvalue()
    return data if len(data) <= max_bytes else None


def _blocks(audio: soundfile.SoundFile, channels: int, rate_hz: int) -> Iterator[npt.NDArray[np.float32]]:
    """The file's audio at `rate_hz`, second by second: libsndfile's Ogg writers fail on long blocks."""
    same = rate_hz == audio.samplerate
    resample = soxr.ResampleStream(audio.samplerate, rate_hz, channels, dtype="float32")
    for block in audio.blocks(blocksize=int(audio.samplerate), dtype="float32", always_2d=True):
        part = np.ascontiguousarray(block[:, :channels])
        yield part if same else resample.resample_chunk(part)
    if not same:
        yield resample.resample_chunk(np.zeros((0, channels), dtype=np.float32), last=True)
