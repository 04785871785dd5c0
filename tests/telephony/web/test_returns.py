"""read_earlier: whatever lies where a call's earlier journals should be, the call goes on, and nobody waits long."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agent.continuation import Continuation, continue_from
from agent.masking import MARK
from agent.privacy import NOTHING, Remembered
from telephony.call_folders import MAY_COME_BACK_S
from telephony.web import returns
from telephony.web.returns import MAX_EVENTS, MAX_JOURNAL_BYTES, MAX_LINE_BYTES, Journals, read_earlier, read_journals
from tests.agent.support import make_context

GUARDED = Remembered(guarded=True)


def line(kind: str, **fields: Any) -> bytes:
    return json.dumps({"v": 1, "n": 1, "media_ms": 0, "kind": kind, **fields}, ensure_ascii=False).encode() + b"\n"


def put(root: Path, *lines: bytes, folder: str = "CA1", call_id: str = "CA1") -> Path:
    journal = root / folder / "journal.jsonl"
    journal.parent.mkdir(parents=True)
    journal.write_bytes(b"".join([line("call.started", call_id=call_id), *lines]))
    return journal


async def back(root: Path) -> tuple[Continuation | None, Remembered]:
    return await read_earlier(make_context(), root, "CA1", partial(continue_from, reason="cut off"))


def said(before: Continuation | None) -> list[str]:
    return [message.content for message in before.history.messages("")] if before is not None else []


HELLO = line("turn.committed", turn=1, text="hello")


async def test_the_streams_of_a_call_are_read_in_order(tmp_path: Path) -> None:
    assert await back(tmp_path) == (None, NOTHING)
    put(tmp_path, HELLO)
    put(tmp_path, line("turn.committed", turn=2, text="again"), folder="CA1-3")
    put(tmp_path, line("turn.committed", turn=3, text="not mine"), folder="CA1-2", call_id="CA1/2")
    before, remembered = await back(tmp_path)
    assert said(before) == ["hello again"]
    assert remembered == NOTHING


async def test_a_call_of_which_nothing_was_heard_for_long_begins_anew(tmp_path: Path) -> None:
    """No carrier takes so long: whoever asks now sends again what he has read, to hear what was said then."""
    journal = put(tmp_path, HELLO)
    for ago_s, taken_up in ((MAY_COME_BACK_S - 60, ["hello"]), (MAY_COME_BACK_S + 60, [])):
        os.utime(journal, (time.time() - ago_s,) * 2)
        before, _ = await back(tmp_path)
        assert said(before) == taken_up


DAMAGE = {
    "binary": os.urandom(3000) + b"\n",
    "nested lists": b"[" * 60_000 + b"\n",
    "nested objects": b'{"kind":' * 7_000 + b"\n",
    "infinite turn": line("turn.committed", turn=1, text="x").replace(b'"turn": 1', b'"turn": Infinity'),
    "infinite utterance": line("agent.clause", utterance=1, turn=1, text="x").replace(b": 1,", b": -Infinity,"),
    "huge turn": line("turn.committed", turn=10**4000, text="x"),
    "no fields": line("tool.returned") + line("agent.heard") + line("tool.called", id=[], arguments=3),
    "torn": b'{"kind":"turn.comm',
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
async def test_damage_costs_its_own_lines(tmp_path: Path, damage: bytes) -> None:
    put(tmp_path, HELLO, damage)
    before, _ = await back(tmp_path)
    assert said(before) == ["hello"]
    assert before is not None
    assert before.turn == 1


async def test_a_fold_that_fails_means_no_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(tmp_path, HELLO)

    def fold(journals: Journals) -> str:
        if journals:
            raise OverflowError("the caller said 4711")
        return "anew"

    assert await read_earlier(make_context(), tmp_path, "CA1", fold) == ("anew", GUARDED)
    assert "OverflowError" in caplog.text
    assert "4711" not in caplog.text


async def test_a_newer_journal_means_no_memory(tmp_path: Path) -> None:
    put(tmp_path, b'{"v":9,"kind":"x"}\n', HELLO)
    assert await back(tmp_path) == (None, GUARDED)


@pytest.mark.parametrize("mark", [MARK.encode(), b"\\u2022"])
async def test_a_mask_in_a_journal_says_that_numbers_are_lost(tmp_path: Path, mark: bytes) -> None:
    asks = line("agent.asks", slot="card", slot_kind="digits", sensitive=True)
    put(tmp_path, HELLO, asks, line("agent.asks", slot="day", slot_kind="digits", sensitive=False))
    assert (await back(tmp_path))[1] == Remembered(slots=frozenset({"card"}))
    put(tmp_path, line("turn.committed", turn=2, text="it is @").replace(b"@", mark), folder="CA1-2")
    assert (await back(tmp_path))[1] == Remembered(slots=frozenset({"card"}), guarded=True)


async def test_an_endless_line_is_passed_over(tmp_path: Path) -> None:
    put(
        tmp_path,
        HELLO,
        line("turn.committed", turn=2, text="x" * 3 * MAX_LINE_BYTES),
        line("turn.committed", turn=3, text="y"),
    )
    before, remembered = await back(tmp_path)
    assert said(before) == ["hello y"]
    assert remembered == GUARDED, "what was not read may have held a mask"


async def test_of_an_endless_journal_the_end_is_read(tmp_path: Path) -> None:
    heard = line("agent.heard", utterance=1, turn=1, said="word", text="word", complete=True)
    journal = put(tmp_path, HELLO)
    with journal.open("ab") as file:
        file.truncate(4 * MAX_JOURNAL_BYTES)  # a hole: one line of zeros
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + heard * (MAX_EVENTS + 10) + line("turn.committed", turn=7, text="at last"))
    began_s = time.monotonic()
    journals, remembered = read_journals(tmp_path, "CA1", threading.Event())
    assert time.monotonic() - began_s < 5.0
    assert [event["kind"] for event in journals[0][:2]] == ["call.started", "agent.heard"]
    assert journals[0][-1]["text"] == "at last"
    assert len(journals[0]) == 1 + MAX_EVENTS
    assert remembered == GUARDED


async def test_a_reader_for_whom_nobody_waits_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert returns.READ_WITHIN_S <= 1.0
    monkeypatch.setattr(returns, "READ_WITHIN_S", 0.02)
    put(tmp_path, *[HELLO] * 50_000)
    ended = threading.Event()
    read, ctx = returns.read_journals, make_context()

    def watched(calls_dir: Path, call_id: str, stop: threading.Event) -> tuple[Journals, Remembered]:
        try:
            return read(calls_dir, call_id, stop)
        except TimeoutError:
            ended.set()
            raise

    monkeypatch.setattr(returns, "read_journals", watched)
    fold = partial(continue_from, reason="cut off")
    assert await read_earlier(ctx, tmp_path, "CA1", fold) == (None, GUARDED)
    assert await asyncio.to_thread(ended.wait, 5)
    stop = threading.Event()
    stop.set()
    with pytest.raises(TimeoutError):
        read(tmp_path, "CA1", stop)
