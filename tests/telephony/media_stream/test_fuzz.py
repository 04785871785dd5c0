"""The codec and the line against damaged streams: they end, say why, and nothing grows. A million in --long."""

from __future__ import annotations

import asyncio
import os
import random
import tracemalloc
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import RemoteError
from agent.line import HungUp
from telephony.media_stream.faults import FAULTS, fault_kind
from telephony.media_stream.line import MediaStreamLine, accept_stream
from telephony.media_stream.messages import Unknown, decode_from_carrier, decode_to_carrier, encode
from tests.support import damaged
from tests.support.phone import MemorySocket
from tests.support.virtual_loop import run_virtual
from tests.telephony.media_stream.test_line import Sink, speech

LONG_MESSAGES = 1_000_000


def tried(text: str) -> str:
    """What the codec makes of a text: the kind of its message, or of its fault. Nothing but RemoteError may come."""
    try:
        message = decode_from_carrier(text)
    except RemoteError as error:
        kind, said = fault_kind(error), str(error)
    else:
        said = ""
        kind = type(message).__name__
        if not isinstance(message, Unknown):
            assert decode_from_carrier(encode(message)) == message
    try:
        back = decode_to_carrier(text)
    except RemoteError as error:
        said += str(error)
    else:
        assert decode_to_carrier(encode(back)) == back
    assert len(said) < 1000, "an error never repeats a peer at length"
    return kind


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32), share=st.sampled_from([0.1, 0.5, 1.0]))
def test_a_damaged_message_is_a_message_or_a_fault(seed: int, share: float) -> None:
    for text in damaged.stream("CA1", 12, random.Random(seed), share):
        tried(text)


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_any_text_is_a_message_or_a_fault(text: str) -> None:
    tried(text)


async def live(seed: int, number: int, share: float) -> tuple[Counter[str], str, int]:
    """A line over a damaged stream, in virtual time, while something is played. Its faults, how it ended, after
    how many messages."""
    chance, socket, faults, given = random.Random(seed), MemorySocket(), Counter[str](), 0
    texts = damaged.stream("CA1", number, chance, share)

    async def send() -> None:
        nonlocal given
        for text in texts:
            socket.give(text)
            given += 1
            await asyncio.sleep(chance.choice((0.0, 0.02, 0.02, 0.02, 0.3)))
        if chance.random() < 0.5:
            socket.give(None)

    sending = asyncio.create_task(send())
    try:
        start = await accept_stream(socket)
    except RemoteError as error:
        sending.cancel()
        await asyncio.wait({sending})
        return Counter({fault_kind(error): 1}), "refused", given
    loop = asyncio.get_running_loop()
    line = MediaStreamLine(
        socket,
        start,
        on_leave=lambda decision: None,
        on_fault=lambda fault: faults.update([fault_kind(fault)]),
        now_s=loop.time,
    )
    line.attach(Sink())
    events: list[Any] = []

    async def read() -> None:
        async for event in line.events():
            events.append(event)

    reading, running = asyncio.create_task(read()), asyncio.create_task(line.run())
    for utterance in range(3):
        line.play(*speech(600, utterance + 1))
        await asyncio.sleep(chance.random())
        if chance.random() < 0.5:
            line.stop_playing()
    # It ends when the peer goes, or five seconds after it said its last word.
    await asyncio.wait_for(running, number * 0.3 + 30)
    await asyncio.wait_for(reading, 1)
    sending.cancel()
    await asyncio.wait({sending})
    assert [type(event) for event in events].count(HungUp) == 1
    assert isinstance(events[-1], HungUp)
    assert asyncio.all_tasks() == {asyncio.current_task()}, "no task is left"
    return faults, events[-1].reason, given


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32), share=st.sampled_from([0.02, 0.2, 0.6]))
def test_every_damaged_stream_ends_and_leaves_no_task(seed: int, share: float) -> None:
    faults, reason, _ = run_virtual(live(seed, 120, share))
    assert set(faults) <= set(FAULTS)
    assert reason in ("refused", "closed", "silent", "stop") or reason.startswith("protocol: ")


def test_damage_of_every_kind_is_met() -> None:
    """Else the streams above would try nothing."""
    met: Counter[str] = Counter()
    for seed in range(100):
        faults, reason, _ = run_virtual(live(seed, 300 if seed % 2 else 60, 0.3))
        met.update(faults)
        met[reason.partition(":")[0]] += 1
    assert {"not_json", "field", "payload", "unknown_event", "second_start", "wrong_order", "silent"} <= set(met)
    assert {"refused", "closed", "protocol"} <= set(met)


def test_the_same_again_and_again_leaves_memory_as_it_was() -> None:
    def some(seeds: range) -> None:
        for seed in seeds:
            run_virtual(live(seed, 60, 0.3))

    some(range(5))
    tracemalloc.start()
    some(range(5, 8))
    before = tracemalloc.get_traced_memory()[0]
    some(range(8, 30))
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 200_000


@pytest.mark.long
@pytest.mark.skipif(not os.environ.get("OFFHOOK_LONG"), reason="minutes long: ./scripts/test --long")
def test_a_million_messages() -> None:
    chance, kinds = random.Random(20_000), Counter[str]()
    sent = 0
    while sent < LONG_MESSAGES // 2:
        for text in damaged.stream("CA1", 1000, chance, 0.3):
            kinds[tried(text)] += 1
            sent += 1
    while sent < LONG_MESSAGES:
        faults, _, given = run_virtual(live(chance.getrandbits(32), 1000, chance.choice((0.01, 0.04, 0.3))))
        kinds.update(faults)
        sent += given
    assert {"Media", "Mark", "Dtmf", "Stop", "Start", "Connected", "Unknown"} <= set(kinds)
