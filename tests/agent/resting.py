"""A call whose caller is asked for four digits, and whose recogniser keeps its last word for its final text."""

import asyncio
from collections.abc import Callable, Sequence

from agent.context import CallContext
from agent.slots.base import NOTHING_ASKED, Asks
from agent.stt.base import Partial
from tests.agent.call import Call
from tests.agent.fakes import ScriptedStt, ScriptedUtterance

#: What one hearing gives: its partial text (after 0.3 s; "": none), the seconds to its final text, and that.
Heard = tuple[str, float, str | Exception]
FOUR = Asks(slot="number", kind="digits", length=4)


class KeepingStt(ScriptedStt):
    """A recogniser that streams, and shows its last word in its final text only."""

    def __init__(self, hearings: Sequence[Heard]) -> None:
        super().__init__(script=[(delay_s, final) for _, delay_s, final in hearings] + [(0.05, "")])
        self._partials = [partial for partial, _, _ in hearings]

    def call(self, ctx: CallContext, line_hz: int = 8000) -> "KeepingStt":
        return self

    def begin(self, on_partial: Callable[[Partial], None], hint: Asks = NOTHING_ASKED) -> ScriptedUtterance:
        partial = self._partials[self.begun] if self.begun < len(self._partials) else ""
        utterance = super().begin(on_partial, hint)
        if partial:
            asyncio.get_running_loop().call_later(0.3, on_partial, Partial(partial))
        return utterance


def call(*hearings: Heard) -> Call:
    made = Call(answers=[(0.1, FOUR, "What is the number?"), (0.1, "Thank you, I have it.")])
    made.stt = KeepingStt([("", 0.05, "hello"), *hearings])
    return made


async def asked(made: Call) -> None:
    """The agent has asked for four digits, and been heard out."""
    await made.say()
    await made.until_heard("What is the number?")
    await asyncio.sleep(0.3)
