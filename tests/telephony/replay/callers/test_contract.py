"""What the phone relies on, of every kind of caller (the Caller of replay/phone.py)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from telephony.replay.callers.open_loop import open_loop
from telephony.replay.callers.reactive import reactive
from telephony.replay.callers.scripted import ScriptedCaller
from telephony.replay.phone import Caller
from tests.telephony.replay.callers.support import a_call, speaks, tone

RATE_HZ = 8000
AGENT = ((200, 1500), (4000, 5000))
RECORDED = a_call([(2200, 3000)], AGENT, keys=((6000, "1"), (6000, "2")), gaps=((3500, 3600),))
CALLERS: dict[str, Callable[[], Caller]] = {
    "open loop": lambda: open_loop(RECORDED),
    "reactive": lambda: reactive(RECORDED),
    "scripted": lambda: ScriptedCaller().says(tone(800), "hello").presses("12").hangs_up(),
}


@pytest.fixture(params=CALLERS)
def caller(request: pytest.FixtureRequest) -> Caller:
    return CALLERS[request.param]()


def test_a_caller_is_asked_every_20_ms_until_it_has_left(caller: Caller) -> None:
    spoke = speaks(*AGENT)
    keys: list[str] = []
    places: list[int] = []
    sound = False
    now_ms = 0
    while caller.ended is None:
        assert now_ms < 60_000, "every caller leaves some time"
        if spoke(now_ms):
            caller.hear(float(now_ms), tone(20))
        if now_ms == 4500:
            caller.cleared(float(now_ms))
        frame = caller.frame(float(now_ms))
        assert frame is None or len(frame) == 2 * RATE_HZ * 20 // 1000, "whole frames, or a gap"
        sound = sound or (frame is not None and max(memoryview(frame).cast("h")) > 500)
        keys += caller.take_keys()
        assert caller.take_keys() == [], "each key is taken once"
        places.append(caller.recorded_ms(now_ms))
        now_ms += 20
    assert caller.ended in ("hang up", "drop")
    assert keys == ["1", "2"]
    assert sound, "something was said, louder than the line's own noise"
    assert places == sorted(places), "time on the recording never runs back"


@pytest.mark.parametrize("make", CALLERS.values(), ids=list(CALLERS))
def test_two_callers_made_alike_do_alike(make: Callable[[], Caller]) -> None:
    one, other = make(), make()
    for now_ms in range(0, 5000, 20):
        for caller in (one, other):
            if 200 <= now_ms < 1500:
                caller.hear(float(now_ms), tone(20))
        assert one.frame(float(now_ms)) == other.frame(float(now_ms))
