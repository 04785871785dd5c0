"""A call whose caller is asked for four digits, and whose recogniser keeps its last word for its final text."""

from collections.abc import Sequence

from agent.slots.base import Asks
from tests.agent.call import Call
from tests.agent.fakes import StreamingStt
from tests.support.virtual_loop import passes

#: What one hearing gives: its partial text (after 0.3 s; "": none), the seconds to its final text, and that.
Heard = tuple[str, float, str | Exception]
FOUR = Asks(slot="number", kind="digits", length=4)


class KeepingStt(StreamingStt):
    """A recogniser that streams, and shows its last word in its final text only."""

    def __init__(self, hearings: Sequence[Heard]) -> None:
        super().__init__(
            [(delay_s, final) for _, delay_s, final in hearings] + [(0.05, "")],
            partials=[((0.3, partial),) if partial else () for partial, _, _ in hearings] + [()],
        )


def call(*hearings: Heard, asks: Asks = FOUR) -> Call:
    made = Call(answers=[(0.1, asks, "What is the number?"), (0.1, "Thank you, I have it.")])
    made.stt = KeepingStt([("", 0.05, "hello"), *hearings])
    return made


async def asked(made: Call) -> None:
    """The agent has asked for four digits, and been heard out."""
    await made.say()
    await made.until_heard("What is the number?")
    await passes(0.3)
