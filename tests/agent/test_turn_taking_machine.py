"""Turn-taking against whatever may happen, in whatever order: a whole call as a Hypothesis state machine, in virtual
time, over the real line and the carrier's real buffer. What must hold stands in tests/agent/call_checks.py."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from agent.definition import TurnSettings
from agent.errors import EngineError
from agent.line import HangUp, Transfer
from agent.llm.base import ToolCall
from agent.slots.base import Asks
from agent.tools.base import Leaving, ToolContext
from agent.tools.decorator import tool
from agent.virtual_time import VirtualLoop
from tests.agent.call_checks import check
from tests.agent.wayward import Answer, Said, WaywardCall
from tests.support.virtual_loop import passes

#: From the last thing that anybody did to the agent's own goodbye: what was begun, the two prompts, the phrases.
ENDS_WITHIN_S = 90.0

did: Counter[int] = Counter()


@tool(effect="read", filler="One moment.", patience_s=0.3, timeout_s=3.0)
async def look(ctx: ToolContext, takes_s: float) -> str:
    """Look it up."""
    await passes(takes_s)
    return "found"


@tool(effect="write", filler="Just a second.", patience_s=0.5, timeout_s=4.0)
async def order(ctx: ToolContext, number: int, takes_s: float) -> str:
    """Order it."""
    did[number] += 1
    await passes(takes_s)
    return "ordered"


@tool(effect="irreversible")
async def cancel_order(ctx: ToolContext, number: int) -> str:
    """Cancel it for good."""
    did[number] += 1
    return "cancelled"


@tool(effect="read")
def broken(ctx: ToolContext) -> str:
    """Break."""
    raise ZeroDivisionError("secret")


@tool(effect="write")
def hang_up(ctx: ToolContext) -> Leaving:
    """Leave."""
    return Leaving(HangUp("done"), {"outcome": "leaving"})


@tool(effect="write")
def transfer(ctx: ToolContext) -> Leaving:
    """Hand over."""
    return Leaving(Transfer("+15550100", "asked"), {"outcome": "leaving"})


ANSWERS: dict[str, Answer] = {
    "short": lambda n: [0.1, f"Answer {n} is short."],
    "long": lambda n: [0.1, f"Answer {n} is long, and it goes on for a while, because there is much to say of it."],
    "number": lambda n: [0.1, Asks("order", "digits", length=4), f"Question {n}, which number is it?"],
    "sure": lambda n: [0.1, Asks("sure", "yes_no"), f"Question {n}, are you sure of it?"],
    "slow": lambda n: [0.8, f"Answer {n} ", 0.9, "comes ", 0.9, "slowly."],
    "hole": lambda n: [0.1, f"Answer {n} begins. ", 2.5, "Then it goes on."],
    "look": lambda n: [0.1, f"Let me look, number {n}. ", ToolCall("", "look", {"takes_s": 0.9})],
    "look long": lambda n: [0.1, ToolCall("", "look", {"takes_s": 20.0})],
    "order": lambda n: [0.1, ToolCall("", "order", {"number": n, "takes_s": 0.8})],
    "order long": lambda n: [0.1, f"I order it, {n}. ", ToolCall("", "order", {"number": n, "takes_s": 2.5})],
    "both": lambda n: [ToolCall("", "look", {"takes_s": 0.2}), ToolCall("", "order", {"number": n, "takes_s": 0.1})],
    "cancel": lambda n: [0.1, ToolCall("", "cancel_order", {"number": n})],
    "broken": lambda n: [0.1, ToolCall("", "broken")],
    "no such": lambda n: [0.1, ToolCall("", "nothing_of_the_kind")],
    "hang up": lambda n: [0.1, f"Goodbye then, number {n}. ", ToolCall("", "hang_up")],
    "transfer": lambda n: [0.1, ToolCall("", "transfer")],
    "silent": lambda n: [0.1],
    "fails": lambda n: [0.3, EngineError("the model broke")],
    "fails midway": lambda n: [0.1, f"Answer {n} begins. And then ", EngineError("the model broke")],
    "stalls": lambda n: [0.1, f"Answer {n} begins. ", 6.0],
    "voice breaks": lambda n: [0.1, f"Answer {n} begins, and then it breaks here."],
    "voice stalls": lambda n: [0.1, f"Answer {n} begins, and then it stalls here."],
    "voice drags": lambda n: [0.1, f"Answer {n} drags drags along."],
}  # fmt: skip
USUAL = ("short", "long", "number", "sure", "slow", "hole", "look", "order", "order long")

SAID = {
    "hello": Said("hello", partials=((0.3, "hello"),)),
    "hello, no partial": Said("hello"),
    "nothing": Said(""),
    "mhm": Said("mhm", partials=((0.25, "mhm"),)),
    "okay, no partial": Said("okay"),
    "yes": Said("yes", partials=((0.3, "yes"),)),
    "a number": Said(
        "four seven one two",
        partials=((0.2, "four"), (0.4, "four seven"), (0.6, "four seven one"), (0.8, "four seven one two")),
    ),
    "another number": Said("four seven one three", 0.4, partials=((0.3, "four seven one two"),)),
    "half a number": Said("four seven", partials=((0.3, "four seven"),)),
    "number, no final": Said("", partials=((0.3, "four seven one two"),)),
    "number, and it breaks": Said(None, partials=((0.3, "four seven one two"),)),
    "half a sentence": Said("my number is", partials=((0.3, "my"), (0.6, "my number is"))),
    "a sentence": Said("i want to change my order", partials=((0.4, "i want to"), (0.9, "i want to change my order"))),
    "late partial": Said("hello", 0.6, partials=((1.4, "hello there"), (2.5, "yellow"), (4.0, "yellow submarine"))),
    "withdrawn": Said("", partials=((0.2, "hello"), (0.4, "hello there"), (0.6, ""))),
    "only an echo": Said("the desk", partials=((0.3, "the desk"),)),
    "slow": Said("hello", 1.3),
    "very slow": Said("hello", 2.9, partials=((0.4, "hello"),)),
    "never": Said("hello", 10.0, partials=((0.4, "hello"),)),
    "broken": Said(None),
    "slowly broken": Said(None, 2.0, partials=((0.3, "hello"),)),
}  # fmt: skip
TEXTS = st.sampled_from(["", "hello", "mhm", "yes", "no", "four seven", "four seven one two", "my number is"])
SAYS = st.one_of(
    st.sampled_from(sorted(SAID)).map(SAID.__getitem__),
    st.builds(
        Said,
        st.one_of(st.none(), TEXTS),
        st.sampled_from([0.0, 0.05, 0.3, 0.9, 2.0, 3.5]),
        st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.3, 0.7, 1.1, 1.9]), TEXTS), max_size=4).map(tuple),
    ),
)
MOMENTS = st.sampled_from([
    "playout.started", "playout.done", "agent.yielded", "agent.took_up", "barge_in", "turn.started", "turn.ended",
    "turn.probable_end", "turn.committed", "turn.rejected", "agent.clause", "reply.heard", "tool.called",
    "tool.returned", "engine.result", "silence.prompt", "turn.latency",
])  # fmt: skip


class CallMachine(RuleBasedStateMachine):
    """One call. Each rule is something that happens in it; then time goes by, or the call comes to a certain moment."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.exact = True
        self.faulty = False
        self.steps = 0
        self.call: WaywardCall
        self.running: AbstractAsyncContextManager[Any] | None = None

    def run(self, work: Coroutine[Any, Any, Any]) -> None:
        self.steps += 1
        self.loop.run_until_complete(work)

    @initialize(
        answers=st.lists(st.one_of(st.sampled_from(USUAL), st.sampled_from(sorted(ANSWERS))), min_size=1, max_size=6),
        delay_s=st.sampled_from([0.03, 0.0, 0.15]),
        echoes_marks=st.sampled_from([True, True, True, False]),
        notice=st.booleans(),
        faulty=st.booleans(),
        turns=st.builds(
            TurnSettings,
            no_input_ms=st.just(3000),
            max_no_input=st.just(1),
            protect_ms=st.sampled_from([0, 0, 1500]),
            key_pause_ms=st.sampled_from([1500, 500]),
            max_turn_ms=st.sampled_from([30_000, 4000]),
        ),
        person=st.booleans(),
    )
    def ring(
        self,
        answers: list[str],
        delay_s: float,
        echoes_marks: bool,
        notice: bool,
        faulty: bool,
        turns: TurnSettings,
        person: bool,
    ) -> None:
        did.clear()
        self.exact, self.faulty = echoes_marks, faulty

        async def begin() -> None:
            self.call = WaywardCall(
                answers=[ANSWERS[name] for name in answers],
                delay_s=delay_s,
                echoes_marks=echoes_marks,
                tools=[look, order, cancel_order, broken, hang_up, transfer],
                turns=turns,
                notice="always" if notice else "full",
                transfer_to="+15550100" if person else "",
            )
            self.running = self.call.running(greeted=False)
            await self.running.__aenter__()

        self.run(begin())

    @property
    def lives(self) -> bool:
        return self.running is not None and not self.call.task.done()

    # --- the caller

    @rule(
        ms=st.sampled_from([600, 60, 120, 200, 300, 1000, 2000, 5000]),
        said=SAYS,
        share=st.sampled_from([1.0, 0.0, 0.5]),
    )
    def speak(self, ms: int, said: Said, share: float) -> None:
        """The caller speaks; `share` of it goes by before the next thing happens."""
        self.call.stt.said = said
        self.call.phone.speak(ms)
        self.wait(int(ms * share))

    @rule(pause_ms=st.sampled_from([100, 300, 500, 900]), said=SAYS)
    def speak_with_a_pause(self, pause_ms: int, said: Said) -> None:
        self.call.stt.said = said
        self.call.phone.speak(400)
        self.call.phone.pause(pause_ms)
        self.call.phone.speak(400)
        self.wait(600)

    @rule(keys=st.sampled_from(["4712#", "#", "A", "4", "47", "4712", "*"]))
    def press(self, keys: str) -> None:
        self.call.phone.press(keys)
        self.wait(40)

    @rule(ms=st.sampled_from([300, 20, 100, 700, 1500, 3000, 5000]))
    def wait(self, ms: int) -> None:
        self.run(passes(ms / 1000))

    @rule(kind=MOMENTS, later_ms=st.sampled_from([0, 0, 1, 20, 60, 150, 400]))
    def come_to(self, kind: str, later_ms: int) -> None:
        """Until the next event of this kind, and a little more."""

        async def until() -> None:
            await self.call.next(kind, 5.0)
            await passes(later_ms / 1000)

        if self.lives:
            self.run(until())

    @rule(said=st.sampled_from(sorted(SAID)), into_ms=st.sampled_from([300, 0, 100, 700, 1500]))
    def ask(self, said: str, into_ms: int) -> None:
        """The caller says something, and listens to the beginning of what comes."""
        self.speak(600, SAID[said], 1.0)
        self.come_to("playout.started", into_ms)

    @rule(ms=st.sampled_from([600, 100, 200, 300, 1200]), said=st.sampled_from(sorted(SAID)))
    def talk_over_the_agent(self, ms: int, said: str) -> None:
        if self.lives and not self.call.phone.playing:
            self.come_to("playout.started", 300)
        self.speak(ms, SAID[said], 1.0)

    # --- the line

    @precondition(lambda self: self.faulty)
    @rule(
        what=st.sampled_from(
            ["holds up what comes", "holds up what goes", "loses frames", "keeps marks", "loses marks"]
        ),
        ms=st.sampled_from([20, 100, 300, 1200, 3000]),
    )
    def the_line(self, what: str, ms: int) -> None:
        """For so long nothing comes from the caller's side (then all of it at once), or the peer takes nothing, or
        sends no audio, or keeps its marks, for good perhaps."""
        phone, until_s = self.call.phone, ms / 1000
        self.exact = False
        match what:
            case "holds up what comes":
                phone.socket._last_s = self.loop.time() + until_s
            case "holds up what goes":
                phone.socket.taking.clear()
                self.loop.call_later(until_s, phone.socket.taking.set)
            case "loses frames":
                phone.talks = False
                self.loop.call_later(until_s, setattr, phone, "talks", True)
            case _:
                phone.keeps_marks = True
                self.loop.call_later(until_s, phone.give_marks, what == "loses marks")

    # --- the end

    @precondition(lambda self: self.steps >= 12)
    @rule()
    def wind_up(self) -> None:
        if self.lives:
            self.call.session.wind_up("the service stops")

    @precondition(lambda self: self.steps >= 16)
    @rule(how=st.sampled_from(["hang up", "drop", "cancel"]))
    def end(self, how: str) -> None:
        self.exact = False
        if how == "hang up":
            self.call.phone.hang_up()
        elif how == "drop":
            self.call.phone.drop()
        elif self.lives:
            self.call.task.cancel()
        self.wait(100)

    # --- what holds

    @invariant()
    def nothing_has_failed(self) -> None:
        if self.running is not None and self.call.task.done() and not self.call.task.cancelled():
            assert self.call.task.exception() is None

    def teardown(self) -> None:
        if self.running is None:
            return self.loop.close()
        try:
            self.run(self.come_to_its_end())
        finally:
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.loop.ends_within(60)
            self.loop.run_until_complete(passes(10))
            self.loop.close()

    async def come_to_its_end(self) -> None:
        """The caller says nothing more, the line is sound again: the call must come to its end by itself."""
        assert self.running is not None
        self.call.stt.said = Said("")
        await passes(5)
        gone = self.call.phone.left_ms is not None
        await asyncio.wait([self.call.task], timeout=ENDS_WITHIN_S)
        ended = self.call.task.done()
        await self.running.__aexit__(None, None, None)
        assert ended, f"the call goes on for ever: {self.call.events[-8:]}"
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"left behind: {left}"
        check(self.call, exact=self.exact and not gone)
        assert all(count == 1 for count in did.values()), f"done more than once: {did}"


def test_no_order_of_events_breaks_turn_taking() -> None:
    """The same examples each time: other ones are looked for by hand, with thousands of them."""
    run_state_machine_as_test(
        CallMachine,
        settings=settings(
            max_examples=80,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
