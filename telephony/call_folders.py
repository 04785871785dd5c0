"""The calls that were, as folders: list, find, read and delete them, and remove those that were kept long enough.

A call that crashed has no call.json: what its journal tells is summarised anew, marked `rebuilt`. Names come from
outside, so only a name that `folder_name` would have made, of a folder that holds a call, is ever touched.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import LocalError
from agent.recording.folder import AUDIO, JOURNAL, SUMMARY, folder_name
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
    """One call on disk: the folders of all its streams, oldest first."""

    folders: tuple[Path, ...]
    caller: str
    ended_at: dt.datetime
    changed_at: dt.datetime
    """When the newest stream's files were last written to."""
    running_until: dt.datetime | None = None
    """It may not have ended yet: until then, if nothing more is written. None: it has ended."""
    crashed: bool = False
    """Some stream has no call.json: what is known of its end is when its journal last changed."""
    retain_days: int | None = None
    """As the newest stream's own journal says."""

    @property
    def name(self) -> str:
        return self.folders[0].name

    @property
    def running(self) -> bool:
        return self.running_until is not None


def stored_calls(root: Path, now: dt.datetime) -> list[StoredCall]:
    """All calls under `root`, each with the folders of all its streams (NAME, NAME-2, …), the oldest call first."""
    streams: dict[str, list[dict[str, Any]]] = {}
    for folder in _folders(root):
        stream = _read(folder)
        streams.setdefault(_id(stream), []).append(stream)
    calls = []
    for found in streams.values():
        found.sort(key=lambda stream: _stream_order(stream["folder"]))
        folders = tuple(root / stream["folder"] for stream in found)
        ended_at = max(_moment(stream["ended_at"]) for stream in found)
        changed_at = _files_changed(folders[-1])
        until = changed_at + dt.timedelta(seconds=RUNNING_QUIET_S)
        # An earlier stream is over, however it was left: the call goes on in the next.
        running = bool(found[-1].get("rebuilt")) and not found[-1].get("ended_by") and until > now
        crashed = any(stream.get("rebuilt") is True for stream in found)
        days = found[-1].get("retain_days")
        days = days if isinstance(days, int) and not isinstance(days, bool) and days >= 0 else None
        calls.append(
            StoredCall(
                folders,
                str(found[0].get("caller") or ""),
                ended_at,
                changed_at,
                until if running else None,
                crashed,
                days,
            )
        )
    return sorted(calls, key=lambda call: call.ended_at)


def same_number(one: str, other: str) -> bool:
    """Whether two callers are one, however their numbers are set: "+1 (555) 0100" and "+15550100"."""
    return _SEPARATORS.sub("", one).lower() == _SEPARATORS.sub("", other).lower()


def same_digits(one: str, other: str) -> bool:
    """Whether two callers' numbers have the same digits, and so are one number written in two ways, or nearly so."""
    digits = re.sub(r"[^0-9]", "", other)
    return len(digits) > 1 and digits == re.sub(r"[^0-9]", "", one) and not re.search("[A-Za-z]", one + other)


def named_folder(root: Path) -> str:
    """A folder of calls, in words."""
    return f"the folder {root}/"


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
    """The summaries of all calls under `root`, newest first, each with the name of its `folder`, and the names of all
    its call's `streams`, oldest first."""
    calls = [_read(folder) for folder in _folders(root)]
    streams: dict[str, list[str]] = {}
    for call in calls:
        streams.setdefault(_id(call), []).append(call["folder"])
    for call in calls:
        call["streams"] = sorted(streams[_id(call)], key=_stream_order)
    return sorted(calls, key=lambda call: _moment(call["started_at"]), reverse=True)


def find_call(root: Path, name: str) -> Path:
    """The folder of this name; else of the only call that has folders whose names begin so, its newest stream.

    Raises LocalError for all else.
    """
    if folder_name(name) == name:
        if _is_call(root / name):
            return root / name
        begin_so = [folder for folder in _folders(root) if folder.name.startswith(name)]
        if len(begin_so) == 1:
            return begin_so[0]
        calls = {_id(_read(folder)) for folder in begin_so}
        if len(calls) == 1:
            return max(begin_so, key=lambda folder: _stream_order(folder.name))
        if calls:
            where = named_folder(root)
            raise LocalError(f"{len(calls)} calls in {where} begin with {name!r}: write more of the one you mean")
    raise LocalError(f"there is no call {name[:80]!r} in {named_folder(root)}: see `offhook calls list`")


def show_call(root: Path, name: str) -> dict[str, Any]:
    """The summary of one call (agent/summary.py), with its `folder` and `streams` as in `list_calls`.

    Raises LocalError if there is none.
    """
    call = _read(find_call(root, name))
    folder = call["folder"]
    # Of one id all folders have one name, but for the number at its end.
    first = re.escape(re.sub(r"-[0-9]+$", "", folder))
    alike = re.compile(rf"(?:{re.escape(folder)}|{first})(?:-[0-9]+)?")
    streams = [_read(other) for other in _folders(root) if alike.fullmatch(other.name)]
    names = [stream["folder"] for stream in streams if _id(stream) == _id(call)]
    return {**call, "streams": sorted(names, key=_stream_order)}


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


def _files_changed(folder: Path) -> dt.datetime:
    """When a call last wrote into its folder; what others put there (a drawing) does not count."""
    changed_s = [0.0]
    for name in (JOURNAL, AUDIO):
        with contextlib.suppress(OSError):  # there is none, or it was removed by another hand
            changed_s.append((folder / name).stat().st_mtime)
    return dt.datetime.fromtimestamp(max(changed_s), dt.UTC)


def _stream_order(name: str) -> tuple[int, str]:
    """By which NAME, NAME-2, …, NAME-10 stand in their order."""
    return len(name), name


def _id(stream: dict[str, Any]) -> str:
    """What all streams of one call have in common. A name is made of the id, and two ids may give one name: only the
    same id is the same call."""
    call_id = stream.get("call_id")
    return call_id if isinstance(call_id, str) and call_id else f"/{stream['folder']}"


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
