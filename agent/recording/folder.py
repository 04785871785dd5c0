"""A call's folder: a safe name made of a hostile id, private modes, nothing ever overwritten.

A carrier chooses the call id, so it is data: it may hold slashes, dots, spaces, be empty or a megabyte long.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from agent.errors import LocalError

JOURNAL = "journal.jsonl"
AUDIO = "audio.wav"
SUMMARY = "call.json"

MAX_NAME = 80
"""Twilio's ids have 34 characters, SIP Call-IDs may have more; file systems allow 255 bytes."""
MAX_SAME_NAME = 10_000
"""So many calls of one id, then something is wrong with the ids."""

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


def folder_name(call_id: str, stream: int = 1) -> str:
    """The name of a call's folder: [A-Za-z0-9_-] only, not empty, never like an option. Of the call's first stream it
    is at most MAX_NAME long; the folders of later ones end with -2, -3, …
    """
    name = _UNSAFE.sub("_", call_id[:MAX_NAME]).lstrip("-") or "call"
    return name if stream == 1 else f"{name}-{stream}"


def make_folder(root: Path, call_id: str) -> Path:
    """Make a new folder of mode 0700 under `root` for this call's next stream: the first name that is not taken.

    Raises OSError if the disk refuses, LocalError if MAX_SAME_NAME folders of this name exist.
    """
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    for stream in range(1, MAX_SAME_NAME):
        folder = root / folder_name(call_id, stream)
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            continue
        folder.chmod(0o700)  # a strange umask may have taken bits from the owner
        return folder
    name = folder_name(call_id)
    raise LocalError(f"{root}: {MAX_SAME_NAME} calls named {name!r} already; remove some, or give calls other ids")


def create_file(path: Path) -> int:
    """Create a file of mode 0600, whatever the umask, and return its descriptor, open for reading and writing.

    Raises FileExistsError rather than touch what is there (a link among it).
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    os.fchmod(fd, 0o600)
    return fd


def write_all(fd: int, data: bytes) -> None:
    """Append all of `data`; a full disk may take a part first, and only then say so (OSError)."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def replace_file(path: Path, data: bytes) -> None:
    """Write a whole file of mode 0600 so that a reader sees the old one or the new one, never a half."""
    beside = path.with_name(path.name + ".part")
    beside.unlink(missing_ok=True)
    fd = create_file(beside)
    try:
        write_all(fd, data)
    finally:
        os.close(fd)
    beside.replace(path)
