"""Makes the recorded callers with Debian's flite, as a telephone would carry them.

    apt install flite && .venv/bin/python scripts/callers/make.py

Nothing else needs flite: what this writes is committed. The same flite writes the same samples each time.
The phrases were fixed before any recogniser heard them; do not bend them to what it likes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

from telephony import g711

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "telephony" / "sandbox" / "callers"
RECORDINGS = ROOT / "tests" / "recordings"
RATE_HZ = g711.RATE_HZ
VOICES = ("slt", "rms", "awb")  # US female, US male, Scottish male

# (name, what is said, what it means: the parcel desk's intent, and the digits in it)
TURNS = (
    ("where", "Hello, where is my parcel?", "track", ""),
    ("track", "I'd like to track my order, please.", "track", ""),
    ("when", "Can you tell me when my package will arrive?", "track", ""),
    ("number-sentence", "My order number is four seven one two.", "number", "4712"),
    ("number-plain", "Four seven one two.", "number", "4712"),
    ("number-paused", "It's five zero ... three eight.", "number", "5038"),
    ("number-pairs", "The number is forty seven twelve.", "number", "4712"),
    ("number-oh", "Um, it's two oh eight five.", "number", "2085"),
    ("number-double", "One double eight six.", "number", "1886"),
    ("where-number", "Where is order six one nine four?", "track", "6194"),
    ("yes", "Yes, please.", "yes", ""),
    ("right", "Yeah, that's right.", "yes", ""),
    ("no", "No, thank you.", "no", ""),
    ("cancel", "I want to cancel my order.", "cancel", ""),
    ("cancel-number", "Please cancel order four seven one two.", "cancel", "4712"),
    ("person", "Can I speak to a person?", "person", ""),
    ("thanks", "Thank you very much.", "thanks", ""),
    ("repeat", "Could you repeat that, please?", "repeat", ""),
    ("all", "That's all, thank you.", "goodbye", ""),
    ("goodbye", "Goodbye.", "goodbye", ""),
)

#: Also as a wideband line carries them, at 16 kHz: what a browser sends.
WIDE_HZ = 16000
WIDE = {("slt", "where"), ("rms", "where"), ("awb", "where"), ("slt", "number-sentence"), ("slt", "goodbye")}

DEMO_VOICE = "slt"
DEMO_LINES = (
    ("where", "Hello, where is my parcel?"),
    ("number", "It's four seven one two."),
    ("yes", "Yes, please."),
    ("goodbye", "That's all, thank you. Goodbye."),
)

BAND_HZ = (300, 3400)  # ITU-T G.712: what a telephone channel carries
ACTIVE_DBFS = -24.0  # between the network's average of -26 and the loudest that still sounds natural
PAUSE_MS = 350  # what "..." is: the pause between the groups of a number read out
EDGE_MS = 50  # silence kept before and after speech
SPEECH_DBFS = -45.0  # a 10 ms piece at this level is speech; the synthesiser's pauses lie far below


def say(text: str, voice: str) -> np.ndarray:
    """The phrase as float samples at 8000 Hz, in flite's voice, with a real pause at each "..."."""
    pause = np.zeros(RATE_HZ * PAUSE_MS // 1000)
    groups = [say_group(group.strip(), voice) for group in text.split("...")]
    if len(groups) == 1:
        return groups[0]
    parts = [trim(group, 0) for group in groups]
    return np.concatenate([parts[0], *(piece for part in parts[1:] for piece in (pause, part))])


def say_group(text: str, voice: str, out_hz: int = RATE_HZ) -> np.ndarray:
    """What flite makes of `text`, at `out_hz`."""
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "said.wav"
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(wav)], check=True, timeout=60)
        samples, rate_hz = sf.read(wav, dtype="float64")
    return np.asarray(soxr.resample(samples, rate_hz, out_hz, quality="VHQ"))


def telephone(samples: np.ndarray) -> np.ndarray:
    """Band-limit, set the level, trim, and pass through mu-law: int16 samples, as they leave a telephone exchange."""
    taps = np.arange(-128, 129)
    low, high = (np.sinc(2 * edge / RATE_HZ * taps) * 2 * edge / RATE_HZ for edge in BAND_HZ)
    samples = np.convolve(samples, (high - low) * np.hamming(len(taps)), mode="same")
    samples = samples * 10 ** ((ACTIVE_DBFS - active_dbfs(samples)) / 20)
    samples = trim(samples)
    pcm = np.clip(np.round(samples * 32767), -32767, 32767).astype("<i2").tobytes()
    return np.frombuffer(g711.ulaw_to_pcm(g711.pcm_to_ulaw(pcm)), dtype="<i2")


def levels_dbfs(samples: np.ndarray, piece: int = RATE_HZ // 100) -> np.ndarray:
    """The level of each 10 ms."""
    whole = samples[: len(samples) // piece * piece].reshape(-1, piece)
    return np.asarray(10 * np.log10(np.mean(whole**2, axis=1) + 1e-12))


def active_dbfs(samples: np.ndarray) -> float:
    """The mean level of the pieces within 25 dB of the loudest: speech without its pauses."""
    levels = levels_dbfs(samples)
    active = levels[levels > levels.max() - 25]
    return float(10 * np.log10(np.mean(10 ** (active / 10))))


def trim(samples: np.ndarray, edge_ms: int = EDGE_MS) -> np.ndarray:
    """Cut the silence at both ends down to `edge_ms`."""
    speech = np.flatnonzero(levels_dbfs(samples) > SPEECH_DBFS)
    edge = RATE_HZ * edge_ms // 1000
    first = max(0, int(speech[0]) * RATE_HZ // 100 - edge)
    last = (int(speech[-1]) + 1) * RATE_HZ // 100 + edge
    return samples[first:last]


def write(path: Path, text: str, voice: str) -> int:
    """Make one recording; returns its size in bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, telephone(say(text, voice)), RATE_HZ, subtype="PCM_16", format="FLAC", compression_level=1.0)
    return path.stat().st_size


def write_wide(path: Path, text: str, voice: str) -> int:
    """Make one recording at 16 kHz with all that the voice has, at the same level; returns its size in bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = say_group(text, voice, WIDE_HZ)
    samples = samples * 10 ** ((ACTIVE_DBFS - active_dbfs(samples)) / 20)
    pcm = np.clip(np.round(samples * 32767), -32767, 32767).astype("<i2")
    sf.write(path, pcm, WIDE_HZ, subtype="PCM_16", format="FLAC", compression_level=1.0)
    return path.stat().st_size


def main() -> int:
    """Write everything; fails if it weighs a megabyte or more."""
    size = sum(write(DEMO / "demo" / f"{name}.flac", text, DEMO_VOICE) for name, text in DEMO_LINES)
    lines = [
        "# Sixty caller turns, fixed in advance: 20 phrases, 3 voices (flite), as a telephone carries them.",
        "# Written by scripts/callers/make.py. `intent` and `digits` are what the turn means.",
    ]
    for voice in VOICES:
        for name, text, intent, digits in TURNS:
            file = f"{voice}/{name}.flac"
            size += write(RECORDINGS / file, text, voice)
            if (voice, name) in WIDE:
                size += write_wide(RECORDINGS / "wide" / f"{voice}-{name}.flac", text, voice)
            meaning = {"file": file, "voice": voice, "text": text, "intent": intent, "digits": digits}
            lines += ["", "[[turn]]", *(f"{key} = {json.dumps(value)}" for key, value in meaning.items())]
    (RECORDINGS / "turns.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(VOICES) * len(TURNS)} turns and {len(DEMO_LINES)} lines of the demo: {size / 1000:.0f} kB")
    return 0 if size < 1_000_000 else 1


if __name__ == "__main__":
    sys.exit(main())
