"""The recorded caller, as recorded: sample for sample, gaps and keys in their places, and how it leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.replay.callers.leaving import AGENT_LEAVES_MS, ANSWER_MS, ANSWERED_MS, LONGEST_MS
from telephony.replay.callers.open_loop import OpenLoop, open_loop
from telephony.replay.recorded import Recorded

RATES = (8000, 16000)
LOUD_8K = ((8000).to_bytes(2, "little", signed=True) * 4 + (-8000).to_bytes(2, "little", signed=True) * 4) * 20


def record(pcm: bytes, rate_hz: int = 8000, **fields: Any) -> Recorded:
    return Recorded("a call", Path("a-call"), rate_hz, pcm, **fields)


def journal_of(*kinds: str) -> tuple[dict[str, Any], ...]:
    return tuple({"kind": kind} for kind in kinds)


def run(caller: OpenLoop, limit_ms: int = 200_000) -> tuple[list[bytes | None], list[tuple[int, str]], int]:
    """All frames until the caller leaves, the keys with their frames' times, and when the caller left."""
    frames: list[bytes | None] = []
    keys: list[tuple[int, str]] = []
    for now_ms in range(0, limit_ms, 20):
        frame = caller.frame(float(now_ms))
        keys += [(now_ms, key) for key in caller.take_keys()]
        if caller.ended is not None:
            return frames, keys, now_ms
        frames.append(frame)
    raise AssertionError(f"still on the line after {limit_ms} ms")


@given(st.sampled_from(RATES), st.binary(max_size=4000), st.sampled_from(["caller: stop", "caller: closed", ""]))
def test_every_sample_is_sent_once_and_frames_are_whole(rate_hz: int, noise: bytes, ended_by: str) -> None:
    pcm = noise[: len(noise) // 2 * 2]
    recorded = record(pcm, rate_hz, events=journal_of("call.started"), ended_by=ended_by)
    frames, _, _ = run(open_loop(recorded))
    sent = [frame for frame in frames if frame is not None]
    assert all(len(frame) == rate_hz * 2 // 50 for frame in sent)
    assert b"".join(sent)[: len(pcm)] == pcm


def test_nothing_is_sent_in_a_gap_and_a_frame_that_is_partly_there_is_sent() -> None:
    pcm = b"\x01\x00" * 8 * 200
    frames, _, _ = run(open_loop(record(pcm, gaps=((40, 100), (150, 170)), events=journal_of("x"))))
    assert [frame is None for frame in frames[:10]] == [False, False, True, True, True, *[False] * 5]


def test_keys_go_out_with_the_frame_that_ends_where_the_journal_has_them() -> None:
    keys = ((45, "4"), (60, "7"), (20, "1"), (205, "#"))
    caller = open_loop(
        record(bytes(16 * 200), keys=keys, ended_by="caller: stop", ended_ms=220, events=journal_of("x"))
    )
    assert run(caller)[1] == [(0, "1"), (40, "4"), (40, "7"), (200, "#")]


@pytest.mark.parametrize(
    ("ended_by", "ended_ms", "how", "when_ms"),
    [
        ("caller: stop", 1000, "hang up", 1000),
        ("caller: stop", 1300, "hang up", 1300),
        ("caller: closed", 990, "drop", 1000),
        ("caller: stop", 700, "hang up", 700),  # what follows is padding
        ("caller: protocol: more messages than a call has", 1000, "drop", 1000),
        ("caller: silent", 6000, "drop", 16_000),
        ("agent: hangup", 1000, "hang up", 1000 + AGENT_LEAVES_MS),
        ("", 1000, "drop", 1000),  # the journal stops: its service died
        ("cancelled", 1000, "hang up", 1000 + AGENT_LEAVES_MS),
    ],
)
def test_the_caller_leaves_as_in_the_record(ended_by: str, ended_ms: int, how: str, when_ms: int) -> None:
    caller = open_loop(record(bytes(16_000), ended_by=ended_by, ended_ms=ended_ms, events=journal_of("x")))
    frames, _, left_ms = run(caller)
    assert (caller.ended, left_ms) == (how, when_ms)
    if ended_by.startswith("caller") and ended_ms >= 1000:
        assert frames[50:] == [None] * len(frames[50:]), "what is not in the record did not come"
    else:
        assert None not in frames


def test_after_a_plain_recording_the_caller_waits_for_the_answer() -> None:
    caller = open_loop(record(LOUD_8K * 50 + bytes(16_000)))
    silent = open_loop(record(LOUD_8K * 50 + bytes(16_000)))
    assert run(silent)[2] == 2000 + ANSWER_MS
    caller.hear(4000, LOUD_8K)
    assert run(caller)[2] == 4020 + ANSWERED_MS


def test_what_the_agent_said_before_the_last_speech_is_no_answer() -> None:
    caller = open_loop(record(LOUD_8K * 50))
    caller.hear(0, LOUD_8K)
    assert run(caller)[2] == 1000 + ANSWER_MS


def test_an_agent_that_never_stops_is_left() -> None:
    caller = open_loop(record(LOUD_8K * 50, ended_by="agent: hangup", ended_ms=1000, events=journal_of("x")))
    for now_ms in range(0, 1000 + LONGEST_MS, 20):
        caller.hear(now_ms, LOUD_8K)
        caller.frame(now_ms)
        assert caller.ended is None
    caller.frame(1000 + LONGEST_MS)
    assert caller.ended == "hang up"


@given(st.integers(0, 10**7))
def test_the_recording_is_the_line(media_ms: int) -> None:
    assert open_loop(record(b"")).recorded_ms(media_ms) == media_ms
