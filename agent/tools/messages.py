"""Messages that callers leave: one line of JSON each, in the agent's folder, in a file that only its owner reads."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from agent.errors import LocalError

FILE_NAME = "messages.jsonl"
#: A file that nobody empties fills no disk: some thousand messages.
MAX_FILE_BYTES = 4 * 1024 * 1024
#: Who calls to fill the file calls often.
MAX_PER_CALL = 5

Kept = Literal["taken", "full", "too_many"]


@dataclass(frozen=True, slots=True)
class Message:
    """What a caller leaves. `taken_at` is the date and time with its zone, in ISO form."""

    taken_at: str
    call_id: str
    caller: str
    name: str
    number: str
    message: str


def keep_message(folder: Path, message: Message) -> Kept:
    """Append the message to the folder's file; it is on disk when this returns "taken".

    "full": the file holds all that it may, and somebody must empty it; "too_many": this call has left enough. Blocks.
    Raises OSError where the disk refuses, LocalError where something else than a file of ours lies in its place.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # One who may write into the folder could lead us elsewhere by a link, or have us wait at a pipe.
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    with os.fdopen(os.open(folder / FILE_NAME, flags, 0o600), "r+b", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise LocalError(f"{folder / FILE_NAME} is no plain file; move it away")
        os.fchmod(file.fileno(), 0o600)
        there = file.read(MAX_FILE_BYTES + 1) or b""
        mine = json.dumps({"call_id": message.call_id})[1:-1].encode()
        if there.count(mine) >= MAX_PER_CALL:
            return "too_many"
        line = json.dumps(asdict(message), ensure_ascii=True).encode() + b"\n"
        if there and not there.endswith(b"\n"):  # a disk that was full broke a line off
            line = b"\n" + line
        if len(there) + len(line) > MAX_FILE_BYTES:
            return "full"
        if file.write(line) != len(line):
            raise OSError("the disk is full")
        os.fsync(file.fileno())
    return "taken"
