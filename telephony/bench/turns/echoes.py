"""Recordings of what was played and what came back: the parts of one session, put together by their names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from telephony.bench.turns.items import EchoItem
from telephony.bench.turns.recordings import Recording
from telephony.bench.turns.sounds import audible, samples_of

_ROLES = {"farend": "far", "far": "far", "lpb": "far", "loopback": "far", "nearend": "near", "near": "near"}
_ROLES |= {"echo": "echo", "mic": "mic", "microphone": "mic"}
_SPLIT = re.compile(r"[_\-. ]+")


def echo_items(recordings: Sequence[Recording]) -> list[EchoItem]:
    """Of each session whose parts are there: its echo alone; its echo with the caller's own speech; what the microphone
    took, of which the speech is not known."""
    sessions: dict[tuple[str, str], dict[str, Recording]] = defaultdict(dict)
    for recording in recordings:
        role = _ROLES.get(recording.role.lower().replace("-", "").replace(" ", ""))
        if role:
            tokens = [token for token in _SPLIT.split(Path(recording.name).name) if token.lower() not in _ROLES]
            sessions[recording.set, "_".join(tokens)][role] = recording
    out: list[EchoItem] = []
    for (corpus, name), parts in sorted(sessions.items()):
        if "far" in parts:
            out += _session(f"{corpus}/{name}", corpus, {role: part.pcm() for role, part in parts.items()})
    return out


def _session(name: str, corpus: str, parts: dict[str, bytes]) -> list[EchoItem]:
    length = min(len(pcm) for pcm in parts.values())
    cut = {role: pcm[:length] for role, pcm in parts.items()}
    out: list[EchoItem] = []
    if "echo" in cut:
        out.append(EchoItem(f"{name}/echo", cut["far"], cut["echo"], (), corpus))
    if "echo" in cut and "near" in cut:
        both = samples_of(cut["echo"]).astype(np.int32) + samples_of(cut["near"])
        pcm = both.clip(-32768, 32767).astype("<i2").tobytes()
        out.append(EchoItem(f"{name}/both", cut["far"], pcm, audible(cut["near"]), corpus))
    if "mic" in cut:
        out.append(EchoItem(f"{name}/mic", cut["far"], cut["mic"], None, corpus))
    return out
