"""A number that is given before it is asked for: who knows its length does not wait for more of it. Whole calls."""

from typing import Any

import pytest

from agent.slots.base import Asks
from tests.agent.call import Call
from tests.agent.fakes import StreamingStt
from tests.support.virtual_loop import virtual

FOUR, YES_NO = Asks(slot="number", kind="digits", length=4), Asks(kind="yes_no")


#: Each word a quarter of a second after the other.
SAID = [(0.25, "four"), (0.5, "four seven"), (0.75, "four seven one"), (1.0, "four seven one two")]


async def end_of_a_number(**agent: Any) -> tuple[str, int]:
    """Why the turn of a caller who says a number at once ends, and how long after the speech."""
    call = Call(**agent)
    call.stt = StreamingStt([(0.05, SAID[-1][1])], partials=[SAID])
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
