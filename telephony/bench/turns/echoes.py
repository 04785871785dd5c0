"""Recordings of what was played and what came back: the parts of one session, put together by their names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from telephony.bench.turns.items import EchoItem
from telephony.bench.turns.recordings import Recording
from telephony.bench.turns.sounds import audible

_ROLES = {"farend": "far", "far": "far", "lpb": "far", "loopback": "far", "nearend": "near", "near": "near"}
_ROLES |= {"echo": "echo", "mic": "mic", "microphone": "mic"}
_SPLIT = re.compile(r"[_\-. ]+")
_ONLY_FAR = re.compile(r"far_?end_?single")
"""So the collections of echo recordings name the sessions in which the caller's side is silent: all that the microphone
took is echo."""


def echo_items(recordings: Sequence[Recording]) -> list[EchoItem]:
    """One of each session of which what was played and what came back of it are known, with the caller's own speech
    where that was recorded apart. What a microphone took of both at once tells nobody what of it is echo: such
    sessions are left out."""
    sessions: dict[tuple[str, str], dict[str, Recording]] = defaultdict(dict)
    for recording in recordings:
        role = _ROLES.get(recording.role.lower().replace("-", "").replace(" ", ""))
        if role:
            tokens = [token for token in _SPLIT.split(Path(recording.name).name) if token.lower() not in _ROLES]
            role = "echo" if role == "mic" and _ONLY_FAR.search(recording.name.lower()) else role
            sessions[recording.set, "_".join(tokens)][role] = recording
    return [
        _session(f"{corpus}/{name}", corpus, parts)
        for (corpus, name), parts in sorted(sessions.items())
        if {"far", "echo"} <= set(parts)
    ]


def _session(name: str, corpus: str, parts: Mapping[str, Recording]) -> EchoItem:
    pcm = {role: parts[role].pcm() for role in ("far", "echo", "near") if role in parts}
    length = min(map(len, pcm.values()))
    cut = {role: audio[:length] for role, audio in pcm.items()}
    near = cut.get("near", b"")
    return EchoItem(name, cut["far"], cut["echo"], near, audible(near) if near else (), corpus)
