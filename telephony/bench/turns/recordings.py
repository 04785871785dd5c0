"""A folder of recorded speech and sounds: its manifest.jsonl, read with patience, and each recording's audio."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import LocalError
from telephony.bench.turns.items import RATE_HZ
from telephony.replay.reading.audio import read_audio

MANIFEST = "manifest.jsonl"
_NO_SPEECH = re.compile(r"noise|music|tones?\b|\brir\b|impulse")
_SPEECH = re.compile(r"speech|talk|conv|call")


@dataclass(frozen=True, slots=True)
class Recording:
    """One line of the manifest. `segments`: where somebody speaks, in ms, labelled by hand; () where not labelled."""

    folder: Path
    file: str
    set: str
    transcript: str = ""
    speaker: str = ""
    segments: tuple[tuple[int, int], ...] = ()
    label: str = ""
    role: str = ""
    note: str = ""
    seconds: float = 0.0
    speakers: int = 1

    @property
    def name(self) -> str:
        """The same in every run."""
        return Path(self.file).with_suffix("").as_posix()

    @property
    def there(self) -> bool:
        """Whether its file lies where the manifest says."""
        return (self.folder / self.file).is_file()

    @property
    def sound(self) -> str:
        """Of what is not speech: "noise", "music", "tones", "rir"; "" of speech. By the set's name and the label."""
        named = f"{self.set} {self.label}".lower().replace("_", " ")
        found = _NO_SPEECH.search(named)
        if found is None or self.transcript or _SPEECH.search(self.set.lower()):
            return ""
        kind = found.group()
        return {"impulse": "rir", "tone": "tones"}.get(kind, kind)

    def pcm(self) -> bytes:
        """Its first channel, PCM16 at 8000 Hz. Raises LocalError."""
        return read_audio(self.folder / self.file, to_hz=RATE_HZ).channels[0]


def read_manifest(folder: Path) -> list[Recording]:
    """All recordings of the folder, in the manifest's order. A line that says no `file` and `set` is passed over.

    Raises LocalError where there is no manifest, or nothing in it.
    """
    path = folder / MANIFEST
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except OSError as error:
        raise LocalError(
            f"{path}: cannot be read ({error.strerror or error}): give a folder with a {MANIFEST}"
        ) from None
    found = [recording for line in lines if (recording := _recording(folder, line)) is not None]
    if not found:
        raise LocalError(f'{path}: no line of it is an object with "file" and "set": nothing to measure with')
    return found


def _recording(folder: Path, line: str) -> Recording | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    if not isinstance(row, dict) or not _text(row, "file") or not _text(row, "set"):
        return None
    file = _text(row, "file")
    if not (folder / file).resolve().is_relative_to(folder.resolve()):
        return None  # a manifest names what lies beside it
    return Recording(
        folder=folder,
        file=file,
        set=_text(row, "set"),
        transcript=_text(row, "transcript"),
        speaker=_text(row, "speaker"),
        segments=_segments(row.get("speech_segments")),
        label=_text(row, "label"),
        role=_text(row, "role"),
        note=_text(row, "note"),
        seconds=_number(row.get("seconds")),
        speakers=int(_number(row.get("speakers")) or 1),
    )


def _text(row: dict[str, Any], key: str) -> str:
    value = row.get(key)
    return " ".join(value.split()) if isinstance(value, str) else ""


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _segments(value: object) -> tuple[tuple[int, int], ...]:
    """Seconds to ms, ascending, overlaps (of several speakers) joined."""
    if not isinstance(value, list):
        return ()
    spans = sorted(
        (round(span[0] * 1000), round(span[1] * 1000))
        for span in value
        if isinstance(span, list) and len(span) >= 2 and all(isinstance(at, int | float) for at in span[:2])
    )
    out: list[tuple[int, int]] = []
    for start, end in spans:
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        elif end > start:
            out.append((start, end))
    return tuple(out)
