"""The calls that were, as folders: list, find, read and delete them, and remove those that were kept long enough.

A call that crashed has no call.json: what its journal tells is summarised anew, marked `rebuilt`. Names come from
outside, so only a name that `folder_name` would have made, of a folder that holds a call, is ever touched.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import LocalError
from agent.recording.folder import JOURNAL, SUMMARY, folder_name
from agent.summary import parse_journal, summarise

UNENDED_KEPT_S = 3600
"""A call without call.json may be running; it is left alone for so long after the last word in its journal."""
MAY_COME_BACK_S = 900
"""A call whose stream has ended may be out on a transfer, or between two workers, and needs what was said before."""
RUNNING_QUIET_S = 300
"""A call without call.json whose files have not changed for so long has crashed: a running one writes sooner, for the
longest silence an agent may allow (no_input_ms) is two minutes."""

_SEPARATORS = re.compile(r"[\s().\-/]")


@dataclass(frozen=True, slots=True)
class StoredCall:
    """One call on disk: the folders of all its streams, oldest first. `running`: it may not have ended yet."""

    folders: tuple[Path, ...]
    caller: str
    ended_at: dt.datetime
    running: bool
    crashed: bool = False
    """Some stream has no call.json: what is known of its end is when its journal last changed."""
    retain_days: int | None = None
    """As the newest stream's own journal says."""

    @property
    def name(self) -> str:
        return self.folders[0].name


def stored_calls(root: Path, now: dt.datetime) -> list[StoredCall]:
    """All calls under `root`, each with the folders of all its streams (NAME, NAME-2, …), the oldest call first."""
    streams: dict[str, list[dict[str, Any]]] = {}
    for folder in _folders(root):
        stream = _read(folder)
        call_id = stream.get("call_id")
        # A name is made of the id, and two ids may give one name: only the same id is the same call.
        streams.setdefault(call_id if isinstance(call_id, str) and call_id else f"/{folder.name}", []).append(stream)
    calls = []
    for found in streams.values():
        found.sort(key=lambda stream: (len(stream["folder"]), stream["folder"]))
        folders = tuple(root / stream["folder"] for stream in found)
        ended_at = max(_moment(stream["ended_at"]) for stream in found)
        running = any(_may_be_running(stream, root / stream["folder"], now) for stream in found)
        crashed = any(stream.get("rebuilt") is True for stream in found)
        days = found[-1].get("retain_days")
        days = days if isinstance(days, int) and not isinstance(days, bool) and days >= 0 else None
        calls.append(StoredCall(folders, str(found[0].get("caller") or ""), ended_at, running, crashed, days))
    return sorted(calls, key=lambda call: call.ended_at)


def same_number(one: str, other: str) -> bool:
    """Whether two callers are one, however their numbers are set: "+1 (555) 0100" and "+15550100"."""
    return _SEPARATORS.sub("", one).lower() == _SEPARATORS.sub("", other).lower()


def remove(calls: Iterable[StoredCall]) -> dict[str, str]:
    """Delete these calls with all their folders; what could not be deleted, and why, by folder."""
    failed = {}
    for call in calls:
        for folder in call.folders:
            try:
                shutil.rmtree(folder)
            except FileNotFoundError:
                continue  # by another hand, meanwhile
            except OSError as error:
                failed[str(folder)] = error.strerror or str(error)
    return failed


def list_calls(root: Path) -> list[dict[str, Any]]:
    """The summaries of all calls under `root`, newest first, each with the name of its `folder`."""
    calls = [_read(folder) for folder in _folders(root)]
    return sorted(calls, key=lambda call: _moment(call["started_at"]), reverse=True)


def find_call(root: Path, name: str) -> Path:
    """The folder of the call of this name, or of the only one whose name begins so. Raises LocalError for all else."""
    if folder_name(name) == name:
        if _is_call(root / name):
            return root / name
        begin_so = [folder for folder in _folders(root) if folder.name.startswith(name)]
        if len(begin_so) == 1:
            return begin_so[0]
        if begin_so:
            raise LocalError(f"{len(begin_so)} calls in {root} begin with {name!r}: write more of the one you mean")
    raise LocalError(f"there is no call {name[:80]!r} in {root}: see `offhook calls list`")


def show_call(root: Path, name: str) -> dict[str, Any]:
    """The summary of one call (agent/summary.py), with its `folder`. Raises LocalError if there is none."""
    return _read(find_call(root, name))


def prune(root: Path, now: dt.datetime, default_days: int) -> list[str]:
    """Remove the calls whose days are over; returns their names. `now` has a zone.

    A call is kept `retain_days` from the end of its last stream, as its own journal says, or else `default_days`, and
    always for as long as it may still come back. Running calls stay, and so does a folder that cannot be removed.
    """
    gone = []
    for call in stored_calls(root, now):
        days = default_days if call.retain_days is None else call.retain_days
        kept_s = max(days * 86_400, UNENDED_KEPT_S if call.crashed else MAY_COME_BACK_S)
        if call.running or (now - call.ended_at).total_seconds() < kept_s:
            continue
        remove([call])
        gone += [folder.name for folder in call.folders if not folder.exists()]
    return gone


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return [folder for folder in sorted(root.iterdir()) if folder_name(folder.name) == folder.name and _is_call(folder)]


def _may_be_running(stream: dict[str, Any], folder: Path, now: dt.datetime) -> bool:
    if not stream.get("rebuilt"):
        return False
    changed_s = []
    for file in folder.iterdir():
        try:
            changed_s.append(file.stat().st_mtime)
        except FileNotFoundError:
            continue
    return now.timestamp() - max(changed_s, default=0.0) < RUNNING_QUIET_S


def _is_call(folder: Path) -> bool:
    holds = (folder / JOURNAL).is_file() or (folder / SUMMARY).is_file()
    return holds and not folder.is_symlink()


def _read(folder: Path) -> dict[str, Any]:
    """A call's summary from call.json, or rebuilt if that is missing or damaged."""
    try:
        call = json.loads((folder / SUMMARY).read_bytes())
    except (OSError, ValueError):
        call = None
    if not isinstance(call, dict) or not {"call_id", "transcript", "latency", "counts"} <= call.keys():
        call = _rebuild(folder)
    changed_at = _last_change(folder).isoformat(timespec="milliseconds")
    for name in ("started_at", "ended_at"):
        if not isinstance(call.get(name), str):
            call[name] = changed_at
    return {**call, "folder": folder.name}


def _rebuild(folder: Path) -> dict[str, Any]:
    """From the journal alone. It holds no dates: its last word was written when the file last changed."""
    try:
        with (folder / JOURNAL).open("rb") as journal:
            events = list(parse_journal(journal))
    except FileNotFoundError:
        events = []
    ended_at = _last_change(folder)
    started_at = ended_at - dt.timedelta(milliseconds=max(map(_call_ms, events), default=0.0))
    dates = {"started_at": started_at.isoformat(timespec="milliseconds")}
    return {**summarise(events), **dates, "ended_at": ended_at.isoformat(timespec="milliseconds"), "rebuilt": True}


def _last_change(folder: Path) -> dt.datetime:
    path = folder / JOURNAL
    try:
        return dt.datetime.fromtimestamp((path if path.exists() else folder).stat().st_mtime).astimezone()
    except OSError:  # removed by another hand, meanwhile
        return dt.datetime.fromtimestamp(0).astimezone()


def _call_ms(event: dict[str, Any]) -> float:
    value = event.get("call_ms")
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e9 else 0.0


def _moment(text: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return dt.datetime.fromtimestamp(0, dt.UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
