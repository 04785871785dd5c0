"""Drain: how a service that stops lets its calls end; in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

from telephony.web.drain import GOODBYE_S, LAST_WEBHOOKS_S, Drain
from telephony.web.room import Room
from tests.support.virtual_loop import run_virtual


class Session:
    """A call's session: once told to wind up, it ends after `says_s`; never, if None."""

    def __init__(self, house: House, sid: str, says_s: float | None) -> None:
        self.house, self.sid, self.says_s = house, sid, says_s
        self.told: list[str] = []

    def wind_up(self, reason: str) -> None:
        self.told.append(reason)
        if self.says_s is not None:
            asyncio.get_running_loop().call_later(self.says_s, self.house.over, self.sid)


class House:
    """A room with calls in it, and the drain that ends them."""

    def __init__(self) -> None:
        self.now_s = asyncio.get_running_loop().time
        self.room = Room(10, now_ms=lambda: int(self.now_s() * 1000))
        self.calls: dict[str, Any] = {}
        self.gather_ended = False
        self.cut: list[str] = []
        gather: Any = SimpleNamespace(wind_up=lambda reason: None, end_all=self._end_gather)
        self.drain = Drain(self.room, self.calls, gather)

    async def _end_gather(self) -> None:
        self.gather_ended = True

    def call(self, sid: str, says_s: float | None = 3.0) -> Session:
        assert self.room.reserve(sid, returns=True) is None
        assert self.room.enter(sid)
        session = Session(self, sid, says_s)

        async def leave(decision: object) -> None:
            self.cut.append(sid)
            self.over(sid)

        self.calls[sid] = SimpleNamespace(session=session, leave=leave, end=lambda why: self.over(sid))
        return session

    def over(self, sid: str) -> None:
        if self.calls.pop(sid, None) is not None:
            self.room.leave(sid)

    async def stop(self, drain_s: float, hurry: asyncio.Event | None = None) -> float:
        began_s = self.now_s()
        await self.drain.run(drain_s, hurry or asyncio.Event())
        return self.now_s() - began_s


def run(scene: Coroutine[Any, Any, None]) -> None:
    run_virtual(scene)


def test_nobody_there_nothing_to_wait_for() -> None:
    async def scene() -> None:
        house = House()
        assert await house.stop(60) == 0
        assert house.room.draining

    run(scene())


def test_calls_that_end_by_themselves_are_told_nothing() -> None:
    async def scene() -> None:
        house = House()
        session = house.call("a")
        asyncio.get_running_loop().call_later(5, house.over, "a")
        assert 4.9 + LAST_WEBHOOKS_S <= await house.stop(60) < 5.2 + LAST_WEBHOOKS_S
        assert session.told == []

    run(scene())


def test_what_is_left_is_told_goodbye_and_heard_out() -> None:
    async def scene() -> None:
        house = House()
        sessions = [house.call("a", 3.0), house.call("b", 8.0)]
        assert 9.9 + LAST_WEBHOOKS_S <= await house.stop(2) < 10.3 + LAST_WEBHOOKS_S
        assert [session.told for session in sessions] == [["service stopped"]] * 2
        assert house.cut == []

    run(scene())


def test_who_will_not_end_is_cut_with_a_decision() -> None:
    async def scene() -> None:
        house = House()
        house.call("a", None)
        assert await house.stop(2) < 2 + GOODBYE_S + LAST_WEBHOOKS_S + 0.3
        assert house.cut == ["a"]
        assert house.gather_ended

    run(scene())


def test_a_promised_call_is_waited_for_and_told_goodbye() -> None:
    async def scene() -> None:
        house = House()
        assert house.room.reserve("late") is None
        joined: list[Session] = []
        asyncio.get_running_loop().call_later(0.5, lambda: joined.append(house.call("late")))
        took_s = await house.stop(2)
        assert joined[0].told == ["service stopped"]
        assert 5 <= took_s < 7

    run(scene())


def test_a_promised_call_that_never_comes_holds_nothing_up() -> None:
    async def scene() -> None:
        house = House()
        assert house.room.reserve("never") is None
        assert await house.stop(60) < 5

    run(scene())


def test_a_call_that_comes_back_from_a_transfer_meanwhile_is_waited_for() -> None:
    async def scene() -> None:
        house = House()
        house.call("a")
        clock = asyncio.get_running_loop()
        clock.call_later(1.0, house.over, "a")
        clock.call_later(1.5, lambda: house.call("a"))
        clock.call_later(4.0, house.over, "a")
        assert await house.stop(60) >= 3.9 + LAST_WEBHOOKS_S

    run(scene())


@pytest.mark.parametrize(("times", "most_s"), [(1, 6.0), (2, 4.0)])
def test_whoever_hurries_is_heard(times: int, most_s: float) -> None:
    async def scene() -> None:
        house = House()
        house.call("a", 3.0 if times == 1 else None)
        hurry = asyncio.Event()
        for number in range(times):
            asyncio.get_running_loop().call_later(1.0 + number, hurry.set)
        assert await house.stop(60, hurry) < most_s
        assert house.cut == ([] if times == 1 else ["a"])

    run(scene())
