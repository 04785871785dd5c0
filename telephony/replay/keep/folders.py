"""Where a kept call lies: the folder tests/calls/NAME, NAME-2, … of its streams, and tests/calls/test_NAME.py."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from agent.errors import LocalError
from agent.recording.folder import AUDIO, JOURNAL, SUMMARY, folder_name
from agent.summary import summarise
from telephony.replay.keep.sound import Samples
from telephony.replay.reading.source import KEPT_AUDIO

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]{0,59}")
_FILES = frozenset({JOURNAL, AUDIO, KEPT_AUDIO, SUMMARY})
_SETTINGS = ("pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg", "setup.py")


@dataclass(frozen=True, slots=True)
class Place:
    """`beside`: the folder of the test; `name`: of the call."""

    beside: Path
    name: str

    @property
    def test(self) -> Path:
        return self.beside / f"test_{self.name}.py"

    def stream(self, number: int) -> str:
        """The folder's name of the call's `number`-th stream, from 1."""
        return folder_name(self.name, number)

    def taken(self) -> list[Path]:
        """What is there already."""
        folders = sorted(self.beside.glob(f"{self.name}-*"))
        numbered = [path for path in folders if path.name.rpartition("-")[2].isdecimal()]
        return [path for path in (self.beside / self.name, *numbered, self.test) if path.exists() or path.is_symlink()]

    def root(self) -> Path:
        """pytest's rootdir, as far as that can be told: the nearest folder above with settings, else where we are."""
        above = [self.beside.resolve(), *self.beside.resolve().parents]
        found = next((folder for folder in above if any((folder / name).is_file() for name in _SETTINGS)), None)
        here = Path.cwd()
        return found or (here if here in above else above[0])


def place_of(path: Path) -> Place:
    """The place that `--as` names. Raises LocalError for what makes no name of a test."""
    name = path.name
    if _NAME.fullmatch(name) is None:
        raise LocalError(
            f"--as {str(path)[:200]!r}: its last part names the folder and the test, so write letters, digits and _, "
            "60 at most: --as tests/calls/wrong_order"
        )
    return Place(path.parent, name)


def check_free(place: Place, *, force: bool) -> None:
    """Raises LocalError if something is there that must not be overwritten."""
    taken = place.taken()
    if taken and not force:
        raise LocalError(f"{taken[0]} is there already: give another name, or --force to write it anew")
    for path in taken:
        if path != place.test and not _is_kept(path):
            raise LocalError(f"{path} is no kept call, and is left alone: give another name")
        if path == place.test and not path.is_file():
            raise LocalError(f"{path} is no file, and is left alone: give another name")


def _is_kept(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and {file.name for file in path.iterdir()} <= _FILES


def write_folder(
    folder: Path,
    events: Sequence[Mapping[str, Any]],
    channels: tuple[Samples, Samples],
    rate_hz: int,
    dates: Mapping[str, Any],
) -> None:
    """A call's folder, its audio as FLAC. `dates`: what of call.json no journal holds."""
    folder.mkdir(exist_ok=True)
    lines = [json.dumps(event, ensure_ascii=False, separators=(",", ":")) for event in events]
    (folder / JOURNAL).write_bytes("".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace"))
    soundfile.write(folder / KEPT_AUDIO, np.stack(channels, axis=1), rate_hz, format="FLAC", subtype="PCM_16")
    summary = {**summarise(dict(event) for event in events), **dates}
    told = json.dumps(summary, indent=1, ensure_ascii=False, default=str)
    (folder / SUMMARY).write_bytes(told.encode("utf-8", "backslashreplace") + b"\n")


def put(place: Place, made: Sequence[Path], text: str) -> None:
    """Move the folders that were made to their place, and write the test; what was there before goes."""
    for path in place.taken():
        if path != place.test:
            shutil.rmtree(path)
    for folder in made:
        folder.rename(place.beside / folder.name)
    place.test.write_text(text, encoding="utf-8")


def dates_of(folder: Path) -> dict[str, Any]:
    """When the call was, as its summary says; {} if there is none."""
    try:
        summary = json.loads((folder / SUMMARY).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(summary, dict):
        return {}
    return {name: summary[name] for name in ("started_at", "ended_at") if isinstance(summary.get(name), str)}
