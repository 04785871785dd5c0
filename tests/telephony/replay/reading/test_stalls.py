"""Stalls, told from ticks: only where the audio came after all, and late."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from telephony.replay.reading.stalls import audio_told, audio_until, stalls_in
from telephony.replay.recorded import Stall
from tests.agent.call import Call
from tests.support.virtual_loop import virtual

CLOCK_MS = 10
"""The call's clock is so far ahead of media time, as long as nothing pauses."""


def event(media_ms: int, kind: str, late_ms: float = 0, **fields: Any) -> dict[str, Any]:
    return {"kind": kind, "media_ms": media_ms, "call_ms": media_ms + CLOCK_MS + late_ms, **fields}


def ticks(*media_ms: int) -> list[dict[str, Any]]:
    return [event(each, "tick") for each in media_ms]


RUN = [event(900, "reply.heard"), *ticks(1250, 1350, 1450)]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([*RUN, event(1600, "key")], (Stall(1000, 1500, 1500),), id="burst"),
        pytest.param([*RUN, event(1460, "key")], (Stall(1000, 1460, 1460),), id="seen sooner"),
        pytest.param([event(1020, "key"), *RUN[1:], event(1600, "key")], (Stall(1020, 1500, 1500),), id="known before"),
        pytest.param([*RUN, event(1600, "line.gap", from_ms=1000, to_ms=1580)], (), id="a gap"),
        pytest.param(
            [*RUN, event(1600, "line.gap", from_ms=200, to_ms=300)], (Stall(1000, 1500, 1500),), id="another gap"
        ),
        pytest.param([*RUN, event(1460, "key", late_ms=450)], (), id="the far end paused"),
        pytest.param([*RUN, event(1450, "call.ended")], (), id="the end of the call"),
        pytest.param(RUN, (), id="the journal ends"),
        pytest.param([event(0, "call.started")], (), id="no ticks"),
        pytest.param([*RUN, event(1600, "key"), *ticks(2250), event(2400, "key")],
                     (Stall(1000, 1500, 1500), Stall(2000, 2300, 2300)), id="two"),
        pytest.param([{"kind": "tick", "media_ms": "x"}, {"kind": "tick"}, *RUN], (), id="damaged"),
    ],
)  # fmt: skip
def test_stalls(events: list[dict[str, Any]], expected: tuple[Stall, ...]) -> None:
    assert stalls_in(events) == expected


def test_nothing_came_late_behind_the_end_of_the_audio() -> None:
    assert stalls_in([*RUN, event(1600, "agent.heard")], audio_ms=1000) == ()
    assert stalls_in([*RUN, event(1600, "agent.heard")], audio_ms=1100) == (Stall(1000, 1100, 1500),)


def test_until_when_audio_came() -> None:
    assert audio_until([*RUN, event(1600, "key"), event(9000, "call.ended")]) == 9000
    assert audio_until([*RUN, event(1460, "call.ended")]) == 950
    # A machine under load looks at its clock late: that is still one stall.
    assert audio_until([*RUN, *ticks(1700, 1800), event(1800, "call.ended")]) == 950
    assert audio_until([]) == 0


def as_of_old(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The journal of an Offhook that did not yet tell of late audio."""
    old = [event for event in events if event["kind"] != "line.stall"]
    return [{name: value for name, value in event.items() if name != "audio_ms"} for event in old]


def late(*came: Any) -> dict[str, Any]:
    return event(3000, "line.stall", from_ms=0, to_ms=0, late_ms=0, came=list(came))


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([late([1000, 1500, 1510.5]), late([2000, 2020, 2060])],
                     (Stall(1000, 1500, 1510.5, True), Stall(2000, 2020, 2060, True)), id="told"),
        pytest.param([*RUN, event(1600, "key"), late([5000, 5500, 5500])],
                     (Stall(5000, 5500, 5500, True),), id="told, so nothing is guessed"),
        pytest.param([*RUN, event(1600, "key"), event(9000, "call.ended", audio_ms=8980)], (), id="none to be told"),
        pytest.param([late(7, [], [1, 2], ["a", 2, 3], [50, 40, 60], [0, 20, float("nan")], [0, 20, -1],
                           [1000, 1500, 1510], [1200, 1700, 1710])],
                     (Stall(1000, 1500, 1510, True),), id="damaged pieces"),
        pytest.param([{"kind": "line.stall"}, {"kind": "line.stall", "came": "x"}], (), id="damaged"),
    ],
)  # fmt: skip
def test_stalls_that_are_told(events: list[dict[str, Any]], expected: tuple[Stall, ...]) -> None:
    assert stalls_in(events) == expected


def test_the_end_of_the_audio_is_told() -> None:
    ended = event(9000, "call.ended", audio_ms=8500)
    assert (audio_told([ended]), audio_until([ended])) == (8500, 8500)
    assert audio_until([event(9000, "call.ended", audio_ms=9_000_000)]) == 9000
    for damaged in (event(9000, "call.ended"), event(9000, "call.ended", audio_ms="x"), event(9000, "key")):
        assert audio_told([damaged]) is None


async def _stalled(call: Call, wait_ms: int) -> None:
    """Hold the caller's frames back, and let them go all at once."""
    held: list[str | None] = []
    give = call.phone.socket.give
    call.phone.socket.give = lambda text, delay_s=None: held.append(text)  # type: ignore[method-assign]
    await asyncio.sleep(wait_ms / 1000)
    call.phone.socket.give = give  # type: ignore[method-assign]
    for text in held:
        give(text)
    await asyncio.sleep(1)


@virtual
async def test_a_stall_of_a_real_call_is_found_where_it_was() -> None:
    call = Call()
    async with call.running():
        began_ms = call.line.media_ms
        await _stalled(call, 700)
        await call.say()
    under_way_ms, half_a_tick_ms, frame_ms = 30, 50, 20
    (told,) = stalls_in(call.events)
    assert told.exact
    assert abs(told.from_ms - began_ms) <= under_way_ms + frame_ms
    assert abs(told.arrived_ms - (began_ms + 700)) <= under_way_ms + frame_ms
    assert 0 <= told.arrived_ms - told.to_ms <= 2 * frame_ms, "the newest of it was hardly late"
    (guessed,) = stalls_in(as_of_old(call.events))
    assert not guessed.exact
    slack_ms = under_way_ms + half_a_tick_ms + frame_ms
    assert abs(guessed.from_ms - told.from_ms) <= slack_ms
    assert abs(guessed.arrived_ms - told.arrived_ms) <= slack_ms
    assert guessed.to_ms == guessed.arrived_ms


@virtual
async def test_a_call_without_stalls_has_none() -> None:
    call = Call()
    async with call.running():
        await call.say()
        await call.say()
    assert stalls_in(call.events) == stalls_in(as_of_old(call.events)) == ()


@virtual
async def test_what_came_late_without_a_tick_is_told_all_the_same() -> None:
    call = Call()
    async with call.running():
        await call.say()
        await _stalled(call, 150)
        await call.say()
    assert [stall.exact for stall in stalls_in(call.events)] == [True]
    assert stalls_in(as_of_old(call.events)) == ()
