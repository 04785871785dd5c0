"""Story: what all sentences about a call rest on - the call, and how one that does not hold is told."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NoReturn, Self

from agent.tools.registry import never_began
from telephony.replay.judging.outcome import Outcome, ToolRun, Turn
from telephony.replay.judging.result import Run
from telephony.replay.testing.failing import Told
from telephony.replay.testing.lines import clock, lines_of, short


class Story:
    """One call. `outcome` is what came of it, for assertions of your own; `run` the run itself, where there was one.

    `tools`: the names of the agent's tools, if known; a sentence that names another is a slip.
    """

    def __init__(
        self,
        outcome: Outcome,
        *,
        run: Run | None = None,
        name: str = "",
        tools: Collection[str] | None = None,
        page: Callable[[], str] = lambda: "",
    ) -> None:
        self.outcome = outcome
        self.run = run
        self._name = name
        self._tools = tools
        self._page = page
        self._told = Told(outcome, name, page, run.notes if run is not None else ())
        self._matched: set[int] = set()

    def __str__(self) -> str:
        return "\n".join(f"{clock(line.at_ms):>9}  {line.who:<7} {short(line.text)}" for line in lines_of(self.outcome))

    def __repr__(self) -> str:
        return f"<call {self._name or 'by hand'}: {len(self.outcome.turns)} turns, {clock(self.outcome.duration_ms)}>"

    def took_place(self) -> Self:
        """The call could be run, and somebody was heard in it. (Every other sentence says so too.)"""
        __tracebackhide__ = True
        self._took_place()
        return self

    def _took_place(self) -> None:
        __tracebackhide__ = True
        outcome = self.outcome
        if self.run is not None and self.run.failed:
            what = f"the call could not be run: {short(self.run.failed)}"
            self._fail(what, outcome.duration_ms, "it came so far", {})
        if not (outcome.turns or outcome.said or outcome.rejected or outcome.tools):
            details = {"expected": "a call in which somebody is heard"}
            self._fail("nothing happened in this call", outcome.duration_ms, "nothing until here", details)

    def _fail(self, what: str, at_ms: int, note: str, details: Mapping[str, str]) -> NoReturn:
        __tracebackhide__ = True
        self._told.fail(what, at_ms, note, details)


def turn_began_ms(turn: Turn | None, otherwise_ms: int) -> int:
    return otherwise_ms if turn is None else turn.start_ms


def refused(run: ToolRun) -> bool:
    """Asked for, and not run at all."""
    return run.ok is False and never_began(run.result)
