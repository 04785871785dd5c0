"""CallFeed: what leaves the journal for the page, and readers that are late, slow, come back or leave."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from telephony.web.call_feed import MAX_CHARS, MAX_LINES, MAX_READERS, CallFeed, for_the_page
from tests.support.virtual_loop import run_virtual

ENVELOPE = {"v": 1, "n": 7, "media_ms": 1200, "call_ms": 1201.5}


def event(kind: str, **fields: object) -> dict[str, Any]:
    return {**ENVELOPE, "kind": kind, **fields}


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (event("tick"), None),
        (event("engine.request", engine="llm", input="the whole prompt"), None),
        (event("turn.committed", turn=1, text="hi", source="voice", confidence=0.5, secret="x"),
         {"turn": 1, "text": "hi", "source": "voice"}),
        (event("turn.corrected", turn=1, text="ho"), {"turn": 1, "text": "ho"}),
        (event("agent.yielded", turn=2, utterance=3, reason="speech"), {"turn": 2, "utterance": 3}),
        (event("agent.took_up", turn=2, utterance=3, reason="noise"), {"turn": 2, "utterance": 3, "reason": "noise"}),
        (event("barge_in", turn=2, utterance=3, reason="key"), {"turn": 2, "utterance": 3, "reason": "key"}),
        (event("call.started", agent="desk", rate_hz=16000, record="full", seed=4, caller="+15550100"),
         {"agent": "desk", "rate_hz": 16000, "record": "full"}),
        (event("engine.result", id="stt-1", final=False, result={"text": "where is", "stable_chars": 5}),
         {"kind": "partial", "text": "where is"}),
        (event("engine.result", id="stt-1", final=True, result={"text": "where is it"}), None),
        (event("engine.result", id="llm-1", final=False, result={"text": "token"}), None),
        (event("engine.result", id="stt-1", final=False, result="odd"), None),
        (event("leave", decision={"type": "Transfer", "to": "+1", "reason": "person", "more": 1}),
         {"type": "Transfer", "to": "+1", "reason": "person"}),
        (event("leave"), {}),
        (event("tool.called", id="t1", name="find", arguments={"a": [1]}, turn=2, effect="read"),
         {"id": "t1", "name": "find", "arguments": '{"a": [1]}', "turn": 2}),
        (event("tool.returned", id="t1", name="find", ok=True, result={"x": float("nan")}, took_ms=float("inf")),
         {"id": "t1", "name": "find", "ok": True, "result": '{"x": NaN}', "took_ms": None}),
    ],
)  # fmt: skip
def test_only_what_the_page_shows_leaves_the_journal(given: dict[str, Any], shown: dict[str, Any] | None) -> None:
    line = for_the_page(given)
    assert line == (None if shown is None else {"kind": given["kind"], "at": 1200, **shown})


def test_long_texts_are_cut_and_what_json_cannot_hold_is_shown_all_the_same() -> None:
    line = for_the_page(event("turn.committed", text="x" * 10_000))
    assert line is not None
    assert len(line["text"]) == MAX_CHARS + 2
    loop: dict[str, Any] = {}
    loop["loop"] = loop
    for odd in (loop, {1, 2}, {(1, 2): 3}):
        feed = CallFeed()
        feed.push(event("tool.returned", id="t", result=odd))
        assert len(feed._lines) == 1
        json.loads(feed._lines[0])


def parsed(blocks: list[str]) -> list[tuple[int, Any]]:
    """(id, data) of each line among the blocks."""
    found = []
    for block in blocks:
        if block.startswith("id: "):
            head, data = block.rstrip("\n").split("\n")
            found.append((int(head.removeprefix("id: ")), json.loads(data.removeprefix("data: "))))
    return found


async def read(feed: CallFeed, after: int = 0) -> list[str]:
    return [block async for block in feed.read(after)]


def test_a_reader_gets_what_was_and_what_comes_and_is_told_the_end() -> None:
    async def case() -> None:
        feed = CallFeed()
        feed.push(event("call.started", agent="desk"))
        early = asyncio.create_task(read(feed))
        await asyncio.sleep(1)
        feed.push(event("turn.committed", turn=1, text="line\nbreak\r\u2028"))
        feed.push(event("tick"))
        await asyncio.sleep(1)
        feed.push(event("call.ended", reason="caller: stop"))
        feed.push(event("turn.committed", turn=2, text="too late"))
        blocks = await early
        assert blocks == await read(feed), "one that comes after the end reads the same"
        assert [number for number, _ in parsed(blocks)] == [1, 2, 3]
        assert parsed(blocks)[1][1]["text"] == "line\nbreak\r\u2028", "a text cannot end its block"
        assert blocks[-1].startswith("event: over\n")
        assert [number for number, _ in parsed(await read(feed, 2))] == [3], "a browser that comes back"
        assert parsed(await read(feed, 10**9)) == []

    run_virtual(case())


def test_a_quiet_stream_pings_and_a_feed_that_never_began_can_be_ended() -> None:
    async def case() -> None:
        feed = CallFeed()
        reading = asyncio.create_task(read(feed))
        await asyncio.sleep(46)
        feed.end()
        blocks = await reading
        assert blocks[1:4] == [": ping\n\n"] * 3
        assert blocks[-1].startswith("event: over\n")
        assert not feed.begun

    run_virtual(case())


def test_a_reader_that_takes_nothing_costs_no_more_than_the_feed_and_misses_the_oldest() -> None:
    async def case() -> None:
        feed = CallFeed()
        reading = feed.read(0)
        feed.push(event("key", digit="1"))
        assert (await anext(reading)).startswith("retry:")
        assert parsed([await anext(reading)])[0][0] == 1
        for _ in range(3 * MAX_LINES):
            feed.push(event("key", digit="2"))
        assert len(feed._lines) == MAX_LINES
        assert parsed([await anext(reading)])[0][0] == 2 * MAX_LINES + 2
        feed.end()
        rest = [block async for block in reading]
        assert parsed(rest)[-1][0] == 3 * MAX_LINES + 1

    run_virtual(case())


def test_the_oldest_reader_makes_room_and_is_told_where_it_waits() -> None:
    async def case() -> None:
        feed = CallFeed()
        gone: list[int] = []
        readers = [feed.read(0, put_out=lambda number=number: gone.append(number)) for number in range(MAX_READERS + 1)]  # type: ignore[misc]
        first, *rest = readers
        for reader in rest:
            await anext(reader)
        assert gone == []
        await anext(first)
        assert gone == [1], "the oldest is who has read for longest"
        assert [block async for block in rest[0]] == []
        await rest[1].aclose()
        async with asyncio.timeout(1):
            await anext(feed.read(0))
        assert gone == [1], "one had left"
        feed.end()
        assert [block async for block in first] == ["event: over\ndata: {}\n\n"]

    run_virtual(case())


def test_a_reader_that_leaves_leaves_nothing() -> None:
    async def case() -> None:
        feed = CallFeed()
        before = len(asyncio.all_tasks())
        readers = [asyncio.create_task(read(feed)) for _ in range(20)]
        await asyncio.sleep(0.1)
        for reader in readers:
            reader.cancel()
        await asyncio.wait(readers)
        assert len(asyncio.all_tasks()) == before
        feed.push(event("call.ended"))
        assert len(parsed(await read(feed))) == 1

    run_virtual(case())
