"""Recorded tools: an agent's tools that answer from the record. What changes the world does not change it again.

A tool is offered to the model, checked, timed and waited for as ever; only its function is another. Results are looked
up by name and arguments, in order: what was true of one parcel is not true of another, whatever the turn. What the
record has not got runs where the plan allows it, and where it does not, the model is told so.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic_core import to_jsonable_python

from agent.definition import AgentDefinition
from agent.line import Decision, HangUp, SendDigits, Transfer
from agent.masking import MARK
from agent.tools.base import Tool, ToolContext, ToolOutcome
from agent.tools.builtin import DECIDING_TOOLS
from agent.tools.registry import call_function, never_began
from telephony.replay.engines.serving import Serving
from telephony.replay.recorded import RecordedTool

REFUSED = "not in the record, and not run"
_DECISIONS: dict[str, type[HangUp] | type[Transfer] | type[SendDigits]] = {
    "HangUp": HangUp,
    "Transfer": Transfer,
    "SendDigits": SendDigits,
}


def with_recorded_tools(agent: AgentDefinition, serving: Serving) -> AgentDefinition:
    """The same agent with tools that answer from the record."""
    shelf = _Shelf(serving)
    return replace(agent, tools={name: _stand_in(tool, shelf) for name, tool in agent.tools.items()})


def _stand_in(tool: Tool, shelf: _Shelf) -> Tool:
    if tool in DECIDING_TOOLS:  # they do nothing but decide
        return tool
    function = tool.function
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }

    @functools.wraps(function)  # so that its schema is still the function's own
    async def answer(ctx: ToolContext, **given: Any) -> Any:
        recorded = shelf.take(tool, given, defaults)
        if recorded is not None:
            return await _as_recorded(recorded, tool)
        if shelf.may_run(tool):
            return await call_function(function, ctx, given)
        return ToolOutcome({"error": REFUSED}, ok=False)

    return replace(tool, function=answer)


async def _as_recorded(recorded: RecordedTool, tool: Tool) -> ToolOutcome:
    if recorded.took_ms is None:  # it hung until the record ended; so it does now, to its deadline
        await asyncio.sleep(tool.timeout_s + 1)
    else:
        await asyncio.sleep(max(0.0, recorded.took_ms) / 1000)
    return ToolOutcome(recorded.result, recorded.ok, _decision(recorded.decision))


def _decision(fields: Mapping[str, Any] | None) -> Decision | None:
    """What agent/line.py's decision_fields wrote; None for what this version does not know."""
    made = _DECISIONS.get(str(fields.get("type"))) if fields is not None else None
    if made is None or fields is None:
        return None
    try:
        return made(**{name: str(value) for name, value in fields.items() if name != "type"})
    except TypeError:
        return None


class _Shelf:
    """The recorded results, each given out once; what was read may be read again."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._results = [
            each for each in serving.recorded.tools if each.took_ms is None or not never_began(each.result)
        ]
        self._given: set[int] = set()

    def take(self, tool: Tool, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> RecordedTool | None:
        wanted = {**_plain(defaults), **_plain(given)}
        named = [(index, each) for index, each in enumerate(self._results) if each.name == tool.name]
        alike = [(index, each) for index, each in named if _same(wanted, {**_plain(defaults), **each.arguments})]
        fresh = [found for found in alike if found[0] not in self._given]
        again = alike[-1:] if tool.effect == "read" else []
        for found in (*fresh, *again):
            self._given.add(found[0])
            self._serving.served["tool: record"] += 1
            return found[1]
        return None

    def may_run(self, tool: Tool) -> bool:
        """Whether a tool whose result is not in the record runs; counted."""
        allowed = self._serving.plan.tools
        runs = allowed == "run" or (allowed == "read" and tool.effect == "read")
        self._serving.served["tool: run" if runs else "tool: refused"] += 1
        told = "was not in the record, and really ran" if runs else f"{REFUSED}: {_why_not(tool)}"
        self._serving.note(f"tool {tool.name}: {told}")
        return runs


def _why_not(tool: Tool) -> str:
    return "it reads (--tools read)" if tool.effect == "read" else "it has effects (--tools run, if they may happen)"


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: to_jsonable_python(value, fallback=str) for name, value in values.items()}


def _same(now: Mapping[str, Any], then: Mapping[str, Any]) -> bool:
    """Whether arguments are the recorded ones. A model that wrote 4712 for a text meant the text; what was masked in
    the record may be anything."""
    return now.keys() == then.keys() and all(_equal(now[name], then[name]) for name in now)


def _equal(now: Any, then: Any) -> bool:
    if isinstance(then, str) and MARK in then:
        return True
    if isinstance(now, dict) and isinstance(then, Mapping):
        return _same(now, then)
    if isinstance(now, list) and isinstance(then, list):
        return len(now) == len(then) and all(map(_equal, now, then))
    return bool(now == then) or (isinstance(now, str | int | float) and str(now) == str(then))
