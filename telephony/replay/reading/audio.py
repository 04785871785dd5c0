"""Recordings, read as PCM16: any rate, one channel or two, WAV, FLAC, mu-law and A-law; bounded in memory.

A file is opened without following what never ends (a pipe, a device), and by its content, not by its name; only
headerless mu-law and A-law go by their suffix, for nothing in them says what they are.
"""

from __future__ import annotations

import audioop
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile as sf

from agent.errors import LocalError
from telephony import g711
from telephony.replay.plan import Channel
from telephony.replay.reading.blocks import BLOCK_FRAMES, Blocks, Resampler, Samples, Sound
from telephony.replay.reading.disguise import law_of
from telephony.replay.reading.riff import RiffFacts, riff_facts

MAX_HOURS: float = 2
"""Of a longer recording so much is read: 115 MB a channel at 8 kHz. A service's calls last half an hour at most, unless
an agent says otherwise."""
RATES_HZ = (4000, 192_000)
"""What a recording of a telephone may have; any other rate is a header that lies."""
MAX_CHANNELS = 2
LOOKED_AT_BLOCKS = 8
"""So much of a recording is looked at to tell what its samples are: a minute of sound at 8 kHz."""
_UNKNOWN_FRAMES = 2**62
"""libsndfile's word for a length that is not known is 2**63 - 1."""
SILENT_PEAK = 33
"""-60 dBFS: what stays below is silence, and the noise of a line."""
RAW = {".ulaw": "mu-law", ".ul": "mu-law", ".alaw": "A-law", ".al": "A-law"}
_SUFFIXES = {"mu-law": ".ulaw", "A-law": ".alaw"}
_UNTOLD = (".raw", ".pcm", ".sln")


@dataclass(frozen=True, slots=True)
class Audio:
    """PCM16 at `rate_hz`, each channel for itself, equally long; what was odd in `notes`. `cut_off`: the file promises
    more than it holds."""

    rate_hz: int
    channels: tuple[bytes, ...]
    notes: tuple[str, ...] = ()
    cut_off: bool = False

    @property
    def duration_ms(self) -> int:
        return len(self.channels[0]) * 1000 // (2 * self.rate_hz)


def read_audio(path: Path, *, to_hz: int | None = None) -> Audio:
    """All channels of a recording (one or two), resampled to `to_hz`, or at its own rate if that is None.

    Raises LocalError; its message names the file, what is wrong with it, and what to do.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if not size:
            raise LocalError(f"{path}: the file is empty: record it again, or copy it anew")
        if path.suffix.lower() in RAW:
            return _read_raw(path, file, to_hz)
        if path.suffix.lower() in _UNTOLD:
            raise LocalError(
                f"{path}: a {path.suffix.lower()} file does not say how its samples are coded: name headerless 8 kHz "
                "mu-law .ulaw, A-law .alaw; give anything else a header (WAV or FLAC)"
            )
        head = file.read(1 << 16)
        facts = riff_facts(head, size)
        if facts is not None:
            _check(path, facts.rate_hz, facts.channels)
        os.lseek(file.fileno(), 0, os.SEEK_SET)  # the library reads the descriptor; seek() may move in the buffer only
        return _read_coded(path, file, facts, to_hz)


def open_regular(path: Path) -> BinaryIO:
    """The file, opened for reading, if it is a regular one: opening a pipe would wait, and a device has no end."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise LocalError(f"{path}: cannot be opened: {error.strerror or error}") from None
    except ValueError:  # a zero byte in the name
        raise LocalError(f"{str(path)!r}: no file can have such a name") from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise LocalError(f"{path}: not a regular file: give a recording, or a call's folder")
    return os.fdopen(fd, "rb")


def pick(audio: Audio, channel: Channel | None) -> tuple[bytes, bytes | None]:
    """The caller, and what the caller heard, of a plain recording: None where there is but one channel, or a mix.

    `channel` None is left: in a dual-channel recording of Twilio's, the first channel is the parent call, that is, the
    caller (telephony-facts A16, from Twilio's API specification).
    """
    if len(audio.channels) == 1:
        return audio.channels[0], None
    left, right = audio.channels
    if channel == "mix":
        # Half of each: the sum of two full voices would be clipped.
        mixed = (_samples(left) >> 1) + (_samples(right) >> 1)
        return mixed.tobytes(), None
    return (right, left) if channel == "right" else (left, right)


def silent(pcm: bytes) -> bool:
    """Whether there is nothing in it that somebody could have said."""
    samples = _samples(pcm)
    return not len(samples) or max(int(samples.max()), -int(samples.min())) < SILENT_PEAK


def _samples(pcm: bytes) -> Samples:
    return np.frombuffer(pcm, "<i2")


def _check(path: Path, rate_hz: int, channels: int) -> None:
    if not channels:
        raise LocalError(f"{path}: its header says 0 channels: record it again, or mend the header")
    if channels > MAX_CHANNELS:
        raise LocalError(f"{path}: {channels} channels: give one with the caller alone, or two (caller, agent)")
    if not RATES_HZ[0] <= rate_hz <= RATES_HZ[1]:
        raise LocalError(
            f"{path}: its header says {rate_hz} samples a second, which no recording of a call has "
            f"({RATES_HZ[0]} to {RATES_HZ[1]}): write the true rate into the header, or record it again"
        )


# --- headerless -----------------------------------------------------------------------------------------------------


def _read_raw(path: Path, file: BinaryIO, to_hz: int | None) -> Audio:
    most = int(MAX_HOURS * 3600 * g711.RATE_HZ)
    data = file.read(most + 1)
    if data[:4] in (b"RIFF", b"fLaC", b"OggS", b"FORM") or data[:4] == b".snd":
        raise LocalError(
            f"{path}: this file has a header, so it is not headerless {RAW[path.suffix.lower()]}: rename it"
        )
    notes = [_capped()] if len(data) > most else []
    data = data[:most]
    if RAW[path.suffix.lower()] == "mu-law":
        pcm = g711.ulaw_to_pcm(data)
    else:
        pcm = audioop.alaw2lin(data, 2)
        pcm = audioop.byteswap(pcm, 2) if sys.byteorder == "big" else pcm
    resampler = Resampler(g711.RATE_HZ, to_hz or g711.RATE_HZ)
    pcm = resampler.push(_samples(pcm)) + resampler.rest()
    return Audio(resampler.out_hz, (pcm,), tuple(notes))


# --- with a header --------------------------------------------------------------------------------------------------


def _read_coded(path: Path, file: BinaryIO, facts: RiffFacts | None, to_hz: int | None) -> Audio:
    try:
        with Sound(file.fileno(), closefd=False) as sound:
            if sound.format == "MP3" and path.suffix.lower() != ".mp3":
                raise _unknown(path, file)  # four bytes of anything may look like MPEG; mu-law's silence does
            _check(path, sound.samplerate, sound.channels)
            return _read_sound(path, sound, facts, to_hz)
    except sf.SoundFileError as error:
        if facts is None:
            raise _unknown(path, file) from None
        what = str(error).removeprefix("Error opening").lstrip(" 0123456789:").rstrip(".") or "damaged"
        raise LocalError(f"{path}: cannot be read as audio ({what}): copy it anew, or convert it to WAV") from None


def _unknown(path: Path, file: BinaryIO) -> LocalError:
    """What cannot be read as audio: maybe it is, but has no header."""
    law = law_of(os.pread(file.fileno(), LOOKED_AT_BLOCKS * BLOCK_FRAMES, 0))
    if law:
        name = path.with_suffix(_SUFFIXES[law]).name
        return LocalError(f"{path}: no header, and its bytes sound like {law} at 8 kHz: name it {name} if it is that")
    return LocalError(f"{path}: not audio that can be read: give WAV, FLAC, or headerless .ulaw or .alaw")


def _read_sound(path: Path, sound: sf.SoundFile, facts: RiffFacts | None, to_hz: int | None) -> Audio:
    in_hz, out_hz = sound.samplerate, to_hz or sound.samplerate
    parts = [bytearray() for _ in range(sound.channels)]
    resamplers = [Resampler(in_hz, out_hz) for _ in parts]
    looked_at: list[Samples] = []
    reader = Blocks(sound, int(MAX_HOURS * 3600 * in_hz))
    for block in reader:
        if len(looked_at) < LOOKED_AT_BLOCKS and block.min() != block.max():  # silence may be any byte
            looked_at.append(block)
        for channel, resampler in enumerate(resamplers):
            parts[channel].extend(resampler.push(np.ascontiguousarray(block[:, channel])))
    if not reader.read:
        raise LocalError(f"{path}: holds no samples: record it again, or copy it anew")
    if looked_at:
        _refuse_disguise(path, sound.subtype, np.concatenate(looked_at))
    for part, resampler in zip(parts, resamplers, strict=True):
        part.extend(resampler.rest())
    promised = facts.frames if facts is not None and facts.frames is not None else sound.frames
    short = reader.read < promised < _UNKNOWN_FRAMES
    cut_off = not reader.capped and (short or reader.broke)
    notes = [_capped()] if reader.capped else []
    if cut_off:
        notes.append(_cut_off(reader.read / in_hz, promised / in_hz if short else None))
    if reader.damaged:
        notes.append(f"{reader.damaged} samples are no numbers (NaN or infinite): taken as silence")
    return Audio(out_hz, tuple(_taken(part) for part in parts), tuple(notes), cut_off)


def _taken(part: bytearray) -> bytes:
    """Its content; what held it is let go: of hours, each copy counts."""
    pcm = bytes(part)
    part.clear()
    return pcm


def _cut_off(there_s: float, promised_s: float | None) -> str:
    promise = "" if promised_s is None else f", of {promised_s:.1f} s that its header promises"
    return f"the file is cut off, or damaged: {there_s:.1f} s can be read{promise}"


def _capped() -> str:
    return f"longer than {MAX_HOURS:g} hours: what comes after is not read"


def _refuse_disguise(path: Path, subtype: str, block: Samples) -> None:
    """Mu-law bytes behind a header that calls them PCM: a recording of noise, as far as the header goes."""
    if subtype == "PCM_16":
        law = law_of(block.astype("<i2").tobytes(), block)
    elif subtype == "PCM_U8":
        law = law_of(((block >> 8) + 128).astype(np.uint8).tobytes(), block)
    else:
        return
    if law:
        raise LocalError(
            f"{path}: its header says PCM, but its samples sound like {law}: cut the header off and name it "
            f"{path.with_suffix(_SUFFIXES[law]).name}, or write a header that says {law}"
        )
