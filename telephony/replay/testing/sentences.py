"""CallStory: a call that was run, and what a test says of it, in sentences. Each returns the call: they can be chained.

A sentence that does not hold raises AssertionError, whose message points at the moment. None can hold by accident: a
call that could not be run, or in which nothing happened, fails them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, Self

from agent.tomlfile import did_you_mean
from telephony.replay.judging.outcome import ToolRun
from telephony.replay.testing.course import CourseSentences
from telephony.replay.testing.lines import call_text, clock, tool_call, tool_result
from telephony.replay.testing.story import refused
from telephony.replay.testing.words import WordSentences


class CallStory(WordSentences, CourseSentences):
    """One call, with all that can be said of it."""

    def ran(self, name: str, /, **arguments: Any) -> ToolRan:
        """A tool ran, and gave a result, with these arguments (others may be there too)."""
        __tracebackhide__ = True
        self._took_place()
        return self._find_run(name, arguments, 0)

    def _find_run(self, name: str, arguments: Mapping[str, Any], start: int) -> ToolRan:
        __tracebackhide__ = True
        self._known(name)
        runs = self.outcome.tools
        for index in range(start, len(runs)):
            if runs[index].name == name and runs[index].ok and _takes(runs[index], arguments):
                return ToolRan(self, index, arguments)
        self._did_not_run(name, arguments, start)

    def _did_not_run(self, name: str, arguments: Mapping[str, Any], start: int) -> NoReturn:
        __tracebackhide__ = True
        runs = self.outcome.tools
        wanted = call_text(name, arguments)
        before = runs[start - 1] if start else None
        of_name = [run for run in runs[start:] if run.name == name]
        asked = next((run for run in of_name if _takes(run, arguments)), None)
        near = asked or (of_name[-1] if of_name else None)
        what, note = "did not run", f"{wanted} is missing"
        if asked is not None:
            what = "gave no result" if asked.ok is None else "was refused" if refused(asked) else "failed"
            note = tool_result(asked)
        elif near is not None:
            note = f"here: {_differences(near, arguments)}"
        there = [f"{tool_call(run)} at {clock(run.at_ms)}" for run in runs[start:]]
        place = near or before
        self._fail(
            f"the tool {wanted} {what}" + (f" after {tool_call(before)}" if before is not None else ""),
            place.at_ms if place is not None else self.outcome.duration_ms,
            note,
            {"expected": wanted, "called": "; ".join(there) or "no tool at all" + (" after it" if start else "")},
        )

    def ran_no(self, name: str, /) -> Self:
        """That tool did not run. One that was asked for and refused has not run; one that failed has."""
        __tracebackhide__ = True
        self._took_place()
        self._known(name)
        return self._none_of([run for run in self.outcome.tools if run.name == name], f"the tool {name} ran")

    def ran_nothing(self) -> Self:
        """No tool ran."""
        __tracebackhide__ = True
        self._took_place()
        return self._none_of(self.outcome.tools, "a tool ran")

    def _none_of(self, runs: Sequence[ToolRun], what: str) -> Self:
        __tracebackhide__ = True
        for run in runs:
            if not refused(run):
                self._fail(what, run.at_ms, "this was not expected", {"ran": tool_call(run), "gave": tool_result(run)})
        return self

    def _known(self, name: str) -> None:
        __tracebackhide__ = True
        if self._tools is not None and name not in self._tools:
            raise ValueError(f"the agent has no tool {name!r}; {did_you_mean(name, self._tools)}")


class ToolRan(CallStory):
    """A call, and one tool that ran in it: what else ran is told in relation to that."""

    def __init__(self, story: CallStory, index: int, arguments: Mapping[str, Any]) -> None:
        super().__init__(story.outcome, run=story.run, name=story._name, tools=story._tools, page=story._page)
        self._matched = story._matched
        self._index = index
        self._arguments = arguments

    @property
    def tool(self) -> ToolRun:
        """The run itself, with its result."""
        return self.outcome.tools[self._index]

    def before(self, name: str, /, **arguments: Any) -> Self:
        """That one ran too, and not before this one did."""
        __tracebackhide__ = True
        first = self._find_run(name, arguments, 0)
        if first._index <= self._index:
            self._fail(
                f"{tool_call(self.tool)} did not run before {call_text(name, arguments)}",
                first.tool.at_ms,
                f"{tool_call(first.tool)} was first",
                {"expected": f"{tool_call(self.tool)}, then {call_text(name, arguments)}",
                 "was": f"{tool_call(first.tool)} at {clock(first.tool.at_ms)}, "
                        f"{tool_call(self.tool)} at {clock(self.tool.at_ms)}"},
            )  # fmt: skip
        return self

    def then(self, name: str, /, **arguments: Any) -> ToolRan:
        """After it that one ran, which the next sentence is about."""
        __tracebackhide__ = True
        return self._find_run(name, arguments, self._index + 1)

    def once(self) -> Self:
        """It ran no second time with these arguments."""
        __tracebackhide__ = True
        for run in self.outcome.tools[self._index + 1 :]:
            if run.name == self.tool.name and _takes(run, self._arguments) and not refused(run):
                wanted = call_text(run.name, self._arguments)
                details = {"first": f"at {clock(self.tool.at_ms)}", "again": f"{tool_call(run)} at {clock(run.at_ms)}"}
                self._fail(f"the tool {wanted} ran more than once", run.at_ms, "a second time", details)
        return self


def _takes(run: ToolRun, arguments: Mapping[str, Any]) -> bool:
    return all(name in run.arguments and run.arguments[name] == value for name, value in arguments.items())


def _differences(run: ToolRun, arguments: Mapping[str, Any]) -> str:
    """Which arguments were others: order_number="4215" for "4219"."""
    return ", ".join(
        f"{call_text('', {name: run.arguments[name]})[1:-1]} for {call_text('', {name: value})[1:-1].partition('=')[2]}"
        if name in run.arguments
        else f"no {name}"
        for name, value in arguments.items()
        if run.arguments.get(name, run) != value
    )
