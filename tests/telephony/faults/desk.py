"""A call to a small desk in virtual time, over a faulty line, with faulty engines: for tests of what becomes of it."""

from __future__ import annotations

from itertools import pairwise

from agent.line import HangUp
from agent.llm.base import ToolCall
from agent.tools.base import Leaving, ToolContext
from agent.tools.decorator import tool
from telephony.faults.plan import FaultPlan
from telephony.replay.phone import VirtualPhone
from tests.agent.call import Call
from tests.agent.fakes import Step, square
from tests.support.virtual_loop import passes

SPEECH_MS = 800
#: The caller answers so long after the agent's last sound.
REACTION_MS = 700
FRAME_BYTES = 320


@tool(effect="read", filler="Let me look that up.", patience_s=0.5)
async def find_order(ctx: ToolContext, number: str) -> str:
    """Find an order."""
    await passes(0.2)
    return "on its way"


@tool(effect="write")
def hang_up(ctx: ToolContext) -> Leaving:
    """End the call."""
    return Leaving(HangUp("done"))


ANSWERS: list[list[Step]] = [
    [0.2, "Yes, I can find it. ", "What is your order number?"],
    [0.2, "Thank you, I am looking. ", ToolCall("c1", "find_order", {"number": "4712"})],
    [0.2, "Your parcel is on its way. ", "Is there anything else?"],
    [0.2, "Goodbye.", ToolCall("c2", "hang_up", {})],
    [0.05],
]


class Talking:
    """Speaks as often as told, each time once the agent has been silent for a while after saying something."""

    def __init__(self, times: int) -> None:
        self.ended: str | None = None
        self.spoke: list[tuple[float, float]] = []
        self._times = times
        self._heard_ms = -1.0
        self._until_ms = 0.0

    def frame(self, now_ms: float) -> bytes | None:
        rested = self._heard_ms >= 0 and now_ms - self._heard_ms >= REACTION_MS
        if now_ms >= self._until_ms and rested and len(self.spoke) < self._times:
            self._until_ms = now_ms + SPEECH_MS
            self.spoke.append((now_ms, self._until_ms))
            self._heard_ms = -1.0
        return square(FRAME_BYTES // 2) if now_ms < self._until_ms else bytes(FRAME_BYTES)

    def take_keys(self) -> list[str]:
        return []

    def hear(self, start_ms: float, pcm: bytes) -> None:
        if any(pcm):
            self._heard_ms = start_ms + len(pcm) / 16

    def cleared(self, now_ms: float) -> None: ...

    def recorded_ms(self, media_ms: int) -> int:
        return media_ms


class Desk(Call):
    """One call, over a line and with engines that `plan` breaks. Run it with `await desk.whole()`."""

    def __init__(self, plan: FaultPlan, *, times: int = 6, transfer_to: str = "") -> None:
        super().__init__(
            says=[(0.1, "where is my parcel"), (0.1, "four seven one two"), (0.1, "no thank you")],
            answers=ANSWERS,
            tools=[find_order, hang_up],
            transfer_to=transfer_to,
        )
        self.agent = plan.tools(self.agent)
        self.wrap = plan.engines
        self.caller = Talking(times)
        self.phone = VirtualPhone(self.caller, rate_hz=8000, faults=plan.line())
        self.socket = self.phone.socket

    async def whole(self) -> Desk:
        async with self.running(greeted=False):
            await self.ended(180)
        return self

    @property
    def longest_silence_ms(self) -> int:
        """The longest time in which the caller heard nobody, and did not speak: from the ring to the end."""
        heard = [(start, start + len(audio) / 8) for start, audio in self.phone.carrier.heard]
        sounds = sorted([(0.0, 0.0), *heard, *self.caller.spoke])
        end_ms, longest = 0.0, 0.0
        for (_, before), (start, _) in pairwise(sounds):
            end_ms = max(end_ms, before)
            longest = max(longest, start - end_ms)
        return round(longest)

    @property
    def reason(self) -> str:
        return str(self.events[-1]["reason"])

    @property
    def told(self) -> str:
        """What the journal says went wrong."""
        return "; ".join(event["message"] for event in self.of("error"))
