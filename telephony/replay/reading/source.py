"""read_source: a call's folder, or a plain recording, as a Recorded; and which of them lie under given paths."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from agent.errors import LocalError
from agent.recording.folder import AUDIO, JOURNAL, SUMMARY
from agent.summary import parse_journal
from telephony.replay.plan import Channel
from telephony.replay.reading.agreement import check_agreement
from telephony.replay.reading.audio import RAW, Audio, open_regular, pick, read_audio, silent
from telephony.replay.reading.fields import shallow, writable
from telephony.replay.reading.journal import fold
from telephony.replay.recorded import Recorded

MAX_JOURNAL_BYTES = 16 * 2**20
"""Twice what the densest two hours take; a journal that is longer is read up to there."""
MAX_LINE_BYTES = 2**20
MAX_SUMMARY_BYTES = 4 * 2**20
KEPT_AUDIO = "audio.flac"
"""The audio of a call that was kept as a test: the same samples in half the bytes, for a repository."""
MAX_DEPTH = 2
"""Folders are looked into so deep below the one that was named."""
SUFFIXES = frozenset((".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".w64", *RAW))
"""What is taken for a recording when a folder is looked through; a file that is named may be called anything."""
DEFAULT_AGENT = "parcel-desk"
"""The agent of a plain recording, if none is named."""
LINE_RATES_HZ = (8000, 16_000)
"""What a line may have: of a call's audio too, which is kept at its line's rate."""


def read_source(path: Path, *, channel: Channel | None = None, line_hz: int = 8000) -> Recorded:
    """The call in a folder, at its line's rate; or a plain recording, resampled to `line_hz`.

    `channel`: where in a plain stereo recording the caller is, left if None; the other channel is what the caller
    heard. A call's folder has the caller on the left, always. Raises LocalError: what is wrong with it, and what to do.
    """
    try:
        return _read_call(path) if os.path.isdir(path) else _read_recording(path, channel, line_hz)
    except OSError as error:  # a disk that fails, a folder that may not be entered
        raise LocalError(f"{path}: cannot be read: {error.strerror or error}") from None


def _read_recording(path: Path, channel: Channel | None, line_hz: int) -> Recorded:
    audio = read_audio(path, to_hz=line_hz)
    caller, heard = pick(audio, channel)
    notes = list(audio.notes)
    if silent(caller):
        other = " (is the caller on the other channel?)" if heard is not None and not silent(heard) else ""
        notes.append(f"nothing is said in it{other}")
    return Recorded(
        name=path.name,
        source=path,
        rate_hz=audio.rate_hz,
        caller=caller,
        heard=heard,
        notes=tuple(notes),
    )


def sources_in(paths: Iterable[Path]) -> list[Path]:
    """What of `paths` can be run again, each once: files as they are, a call's folder as itself, and of any other
    folder all calls and recordings in it, by name, down to MAX_DEPTH folders below it. What else lies there is passed
    over. Raises LocalError for a path that is neither a file nor a folder, and for a folder in which there is nothing.
    """
    found: dict[Path, Path] = {}
    for path in map(Path, paths):
        for source in _sources(path):
            found.setdefault(source.resolve(), source)
    return list(found.values())


def _sources(path: Path) -> list[Path]:
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise LocalError(
            f"{path}: cannot be read ({why}): give a call's folder, a recording, or a folder of them"
        ) from None
    if stat.S_ISREG(mode):
        if path.name in (JOURNAL, SUMMARY):
            raise LocalError(f"{path}: give the call's folder, {path.resolve().parent}, not a file in it")
        return [path]
    if not stat.S_ISDIR(mode):
        raise LocalError(f"{path}: neither a file nor a folder: give a call's folder, a recording, or a folder of them")
    try:
        sources = [path] if is_call(path) else list(_below(path, MAX_DEPTH))
    except OSError as error:
        raise LocalError(f"{path}: cannot be looked through: {error.strerror or error}") from None
    if not sources:
        raise LocalError(f"{path}: neither a call nor a recording in it: a call's folder holds {JOURNAL} and {AUDIO}")
    return sources


def is_call(folder: Path) -> bool:
    """Whether it is the folder of one call."""
    return os.path.isfile(folder / JOURNAL) or os.path.isfile(folder / SUMMARY)  # unlike Path's: False if forbidden


def agent_of(path: Path) -> str:
    """The agent that answered, as the first line of a call's journal has it; else that of a plain recording.

    Raises LocalError if the journal cannot be read.
    """
    if not path.is_dir():
        return DEFAULT_AGENT
    try:
        with open_regular(path / JOURNAL) as file:
            events = list(parse_journal([file.readline(MAX_LINE_BYTES)]))
    except OSError as error:
        raise LocalError(f"{path}: cannot be read: {error.strerror or error}") from None
    return next((_text(event.get("agent")) for event in events), "") or DEFAULT_AGENT


def _below(folder: Path, depth: int) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if path.is_symlink():  # it may lead back up here
                continue
            if is_call(path):
                yield path
            elif depth:
                yield from _below(path, depth - 1)
        elif path.suffix.lower() in SUFFIXES and path.is_file():
            yield path


def _read_call(folder: Path) -> Recorded:
    events, notes = _read_journal(folder)
    audio = _read_call_audio(folder, events)
    told = fold(events, audio.duration_ms)
    notes += check_agreement(folder, audio, told, events)
    if told.passed_over:
        notes.append(f"{told.passed_over} events of the journal are damaged, and were passed over")
    if not told.over:
        notes.append("the journal stops before the call's end: its service died then, or the call is still going on")
    started = told.started
    caller, heard = audio.channels
    return Recorded(
        name=folder.resolve().name,
        source=folder,
        rate_hz=audio.rate_hz,
        caller=caller,
        heard=heard,
        call_id=_text(started.get("call_id")),
        agent=_text(started.get("agent")),
        caller_number=_text(started.get("caller")),
        called_number=_text(started.get("called")),
        seed=_whole(started.get("seed")),
        began_at=_began_at(folder / SUMMARY),
        voice_hz=told.voice_hz,
        engines={kind: name for kind, name in _mapping(started.get("engines")).items() if isinstance(name, str)},
        turn_settings={
            name: value for name, value in _mapping(started.get("turns")).items() if _whole(value) is not None
        },
        utterances=told.utterances,
        replies=told.replies,
        speeches=told.speeches,
        tools=told.tools,
        keys=told.keys,
        gaps=told.gaps,
        stalls=told.stalls,
        audio_end_ms=told.audio_end_ms,
        wound_up=told.wound_up,
        ended_by=told.ended_by,
        ended_ms=told.ended_ms,
        events=tuple(events),
        notes=tuple(notes),
    )


def _read_journal(folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    notes: list[str] = []
    if not os.path.exists(folder / JOURNAL):
        raise LocalError(f"{folder}: holds no {JOURNAL}: give the folder of a call, or a recording")
    with open_regular(folder / JOURNAL) as file:
        data = file.read(MAX_JOURNAL_BYTES + 1)
    if len(data) > MAX_JOURNAL_BYTES:
        data = data[: data.rfind(b"\n", 0, MAX_JOURNAL_BYTES) + 1]
        notes.append(f"the journal is longer than {MAX_JOURNAL_BYTES >> 20} MB: what comes after is not read")
    lines = [line for line in data.split(b"\n") if line.strip()]
    try:
        events = list(parse_journal(lines))
    except LocalError as error:
        raise LocalError(f"{folder}: {error}") from None
    kept = [event for event in events if shallow(event) and writable(event)]
    if not kept:
        raise LocalError(f"{folder / JOURNAL}: holds no event that can be read; replay {AUDIO} alone, as a recording")
    if len(kept) < len(lines):
        notes.append(f"{len(lines) - len(kept)} lines of the journal are torn or damaged, and were passed over")
    return kept, notes


def _read_call_audio(folder: Path, events: list[dict[str, Any]]) -> Audio:
    started: Mapping[str, Any] = next((event for event in events if event["kind"] == "call.started"), {})
    name = KEPT_AUDIO if os.path.exists(folder / KEPT_AUDIO) and not os.path.exists(folder / AUDIO) else AUDIO
    if not os.path.exists(folder / name):
        if started.get("record") == "full":
            raise LocalError(f"{folder}: {AUDIO} is missing: a call is run again from its caller's audio; copy it anew")
        raise LocalError(
            f'{folder}: that call kept no audio, and is run again from it: write record = "full" into its agent\'s '
            "agent.toml, and call again"
        )
    audio = read_audio(folder / name)
    if len(audio.channels) != 2 or audio.rate_hz not in LINE_RATES_HZ:
        channels = "1 channel" if len(audio.channels) == 1 else "2 channels"
        raise LocalError(
            f"{folder / name}: {channels} at {audio.rate_hz} Hz, where a call's record has two at "
            f"{LINE_RATES_HZ[0]} or {LINE_RATES_HZ[1]}: this is not the call's own file"
        )
    return audio


def _began_at(path: Path) -> str:
    if not os.path.exists(path):
        return ""
    try:
        with open_regular(path) as file:
            summary = json.loads(file.read(MAX_SUMMARY_BYTES))
    except (LocalError, ValueError, RecursionError):
        return ""  # the summary is made of the journal: only the date is missed
    return _text(summary.get("started_at")) if isinstance(summary, dict) else ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
