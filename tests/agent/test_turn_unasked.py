"""A number that is given before it is asked for: who knows its length does not wait for more of it. Whole calls."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from agent.context import CallContext
from agent.slots.base import NOTHING_ASKED, Asks
from agent.stt.base import Partial
from tests.agent.call import Call
from tests.agent.fakes import ScriptedStt, ScriptedUtterance
from tests.support.virtual_loop import virtual

FOUR, YES_NO = Asks(slot="number", kind="digits", length=4), Asks(kind="yes_no")


class NumberStt(ScriptedStt):
    """Each word of "four seven one two" a quarter of a second after the other."""

    SAID = ("four", "four seven", "four seven one", "four seven one two")

    def __init__(self) -> None:
        super().__init__(script=[(0.05, self.SAID[-1])])

    def call(self, ctx: CallContext, line_hz: int = 8000) -> "NumberStt":
        return self

    def begin(self, on_partial: Callable[[Partial], None], hint: Asks = NOTHING_ASKED) -> ScriptedUtterance:
        for number, text in enumerate(self.SAID):
            asyncio.get_running_loop().call_later(0.25 * (number + 1), on_partial, Partial(text))
        return super().begin(on_partial, hint)


async def end_of_a_number(**agent: Any) -> tuple[str, int]:
    """Why the turn of a caller who says a number at once ends, and how long after the speech."""
    call = Call(**agent)
    call.stt = NumberStt()
    async with call.running():
        await call.say(1000)
        ended = call.of("turn.ended")[0]
        assert call.of("turn.committed")[0]["text"] == "four seven one two"
        return ended["reason"], ended["media_ms"] - ended["speech_end_ms"]


@virtual
async def test_a_number_as_long_as_one_that_the_agent_asks_for_waits_as_what_may_be_all() -> None:
    reason, waited_ms = await end_of_a_number(asks=(YES_NO, FOUR))
    assert reason == "unsure"
    assert 550 <= waited_ms <= 600


@pytest.mark.parametrize("asks", [(), (YES_NO,), (FOUR, Asks(slot="phone", kind="digits", length=10))])
@virtual
async def test_any_other_number_is_waited_for_as_if_more_of_it_came(asks: tuple[Asks, ...]) -> None:
    reason, waited_ms = await end_of_a_number(asks=asks)
    assert reason == "unfinished"
    assert waited_ms >= 1500
