"""Recordings made for a test: speech of a known sample value, an agent that is loud where it is said to be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from telephony.replay.phone import Caller
from telephony.replay.recorded import Recorded, RecordedUtterance

Span = tuple[int, int]


def tone(ms: int, level: int = 8000, rate_hz: int = 8000) -> bytes:
    """A square wave: loud, and of one loudness."""
    half = rate_hz // 1000
    wave = level.to_bytes(2, "little", signed=True) * half + (-level).to_bytes(2, "little", signed=True) * half
    return (wave * (ms + 2))[: 2 * half * ms]


def track(length_ms: int, loud: Iterable[Span], level: int = 8000, rate_hz: int = 8000) -> bytes:
    """Silence, loud in `loud`."""
    pcm = bytearray(2 * rate_hz // 1000 * length_ms)
    per_ms = 2 * rate_hz // 1000
    for start, end in loud:
        pcm[start * per_ms : end * per_ms] = tone(end - start, level, rate_hz)
    return bytes(pcm)


def a_call(caller: Sequence[Span], agent: Sequence[Span], *, rate_hz: int = 8000, **fields: Any) -> Recorded:
    """The record of a call in which the two spoke so. The n-th utterance's samples are all 1000 + n."""
    length_ms = max((end for _, end in (*caller, *agent)), default=0) + 1000
    pcm = bytearray(2 * rate_hz // 1000 * length_ms)
    per_ms = 2 * rate_hz // 1000
    for number, (start, end) in enumerate(caller):
        pcm[start * per_ms : end * per_ms] = (1000 + number).to_bytes(2, "little") * (per_ms // 2 * (end - start))
    given: dict[str, Any] = {
        "heard": track(length_ms, agent, rate_hz=rate_hz),
        "utterances": tuple(
            RecordedUtterance(n + 1, start, start, end, end + 500, f"words {n + 1}")
            for n, (start, end) in enumerate(caller)
        ),
        "events": ({"kind": "call.started"},),
        "ended_by": "caller: stop",
        "ended_ms": length_ms,
        **fields,
    }
    return Recorded("a call", Path("a-call"), rate_hz, bytes(pcm), **given)


class Rehearsal:
    """Runs a caller against an agent that is audible in `agent_speaks(now_ms)`, frame by frame, as the phone does."""

    def __init__(self, caller: Caller, rate_hz: int, agent_speaks: Callable[[int], bool]) -> None:
        self.caller = caller
        self.sent = bytearray()
        self.keys: list[tuple[int, str]] = []
        self.places: list[int] = []
        """recorded_ms of each frame's beginning, asked when it was sent."""
        self.left_ms: int | None = None
        self._rate_hz = rate_hz
        self._agent_speaks = agent_speaks

    def run(self, limit_ms: int) -> Rehearsal:
        for now_ms in range(0, limit_ms, 20):
            if self._agent_speaks(now_ms):
                self.caller.hear(float(now_ms), tone(20, rate_hz=self._rate_hz))
            frame = self.caller.frame(float(now_ms))
            self.keys += [(now_ms, key) for key in self.caller.take_keys()]
            if self.caller.ended is not None:
                self.left_ms = now_ms
                return self
            assert frame is not None
            assert len(frame) == self._rate_hz // 25
            self.places.append(self.caller.recorded_ms(now_ms))
            self.sent += frame
        return self

    def said(self) -> list[tuple[int, float, float]]:
        """(utterance's number, start_ms, end_ms), as the values of the samples tell."""
        runs: list[list[int]] = []
        for at in range(0, len(self.sent), 2):
            value = int.from_bytes(self.sent[at : at + 2], "little", signed=True)
            if value >= 1000:
                if runs and runs[-1][0] == value - 1000 and runs[-1][2] == at // 2:
                    runs[-1][2] += 1
                else:
                    runs.append([value - 1000, at // 2, at // 2 + 1])
        per_ms = self._rate_hz / 1000
        return [(number, first / per_ms, last / per_ms) for number, first, last in runs]


def speaks(*spans: Span) -> Callable[[int], bool]:
    return lambda now_ms: any(start <= now_ms < end for start, end in spans)
