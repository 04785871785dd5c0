"""Prefetch: which reads are likely to be wanted, by what the caller has said so far and by who is calling. Pure.

A guess costs its tool a call for nothing where it is wrong; so few are made, and none with what must stay confidential.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from agent.language.numbers import digit_runs
from agent.language.words import words
from agent.llm.base import ToolCall
from agent.slots.base import Asks, Progress
from agent.slots.reading import read_answer
from agent.tools.base import Prefetch, Tool

#: Guesses made in one turn: who says one number after the other has no more looked up than this.
MAX_PER_TURN = 4
#: Kinds whose values are known for what they are wherever they stand in a sentence; the others only as an answer.
_KNOWN_ANYWHERE = "digits"
#: Nothing is looked up by these: a yes says too little, and free words are never complete.
_NO_VALUE = ("", "yes_no", "free")


@dataclass(frozen=True, slots=True)
class _Rule:
    tool: str
    argument: str
    slot: Asks


class Prefetcher:
    """One call's guesses. Ask it at every partial transcript; each call it gives is given once a turn."""

    def __init__(self, tools: Iterable[Tool], slots: Iterable[Asks] = ()) -> None:
        """`slots`: what the agent is known to ask (AgentDefinition.asks), for their kinds and lengths."""
        known = {slot.slot: slot for slot in slots}
        self._by_caller: list[tuple[str, str]] = []
        self._rules: list[_Rule] = []
        for tool in tools:
            for rule in tool.prefetch:
                if rule.from_caller:
                    self._by_caller.append((tool.name, rule.from_caller))
                else:
                    slot = _slot(rule, known)
                    self._rules.append(_Rule(tool.name, rule.argument or rule.from_slot, slot))
        self._turn = 0
        self._given: list[ToolCall] = []
        self._before: Mapping[tuple[str, str], str] = {}

    def caller_known(self, caller: str) -> tuple[ToolCall, ...]:
        """What is looked up as the call begins; nothing for a number that is withheld. A number is a hint, and proves
        nobody's identity."""
        if not any(sign.isdigit() for sign in caller):
            return ()
        return tuple(_call(tool, argument, caller) for tool, argument in self._by_caller)

    def partial(self, text: str, asks: Asks, turn: int = 0) -> tuple[ToolCall, ...]:
        """What is looked up now that `text` (all of this turn so far) was said in answer to `asks`.

        A value that is whole counts at once, one that may go on when the next partial has it still.
        """
        if turn != self._turn:
            self._turn, self._given, self._before = turn, [], {}
        if not self._rules or asks.sensitive or asks.hides:
            return ()
        now: dict[tuple[str, str], str] = {}
        found: list[ToolCall] = []
        for rule in self._rules:
            for value, whole in _values(rule.slot, text, asks):
                key = (rule.tool, rule.argument)
                if not whole:
                    now[key] = value
                call = _call(rule.tool, rule.argument, value)
                if (whole or self._before.get(key) == value) and call not in self._given:
                    if len(self._given) >= MAX_PER_TURN:
                        break
                    self._given.append(call)
                    found.append(call)
        self._before = now
        return tuple(found)


def _slot(rule: Prefetch, known: Mapping[str, Asks]) -> Asks:
    slot = known.get(rule.from_slot, Asks(rule.from_slot))
    return replace(slot, kind=rule.kind or slot.kind, length=rule.length or slot.length, before="")


def _values(slot: Asks, text: str, asks: Asks) -> list[tuple[str, bool]]:
    """The slot's values in `text`, and whether each is whole."""
    if asks.slot == slot.slot and asks.kind not in _NO_VALUE:
        answer = read_answer(asks, text)
        if answer.progress is Progress.WHOLE:
            return [(answer.value, True)]
        if answer.progress is Progress.ENOUGH:
            return [(answer.value, False)]
        if answer.progress is Progress.PART:
            return []
    if slot.sensitive or slot.kind != _KNOWN_ANYWHERE or not slot.length:
        return []
    said = words(text)
    runs = digit_runs(said)
    longest = max(slot.longest, slot.length)
    # While the last words are digits, more may come: "four seven one two" of a number of eight.
    return [
        (run.digits, run.end < len(said) or len(run.digits) == longest)
        for run in runs
        if slot.length <= len(run.digits) <= longest
    ]


def _call(tool: str, argument: str, value: str) -> ToolCall:
    return ToolCall(f"ahead-{tool}", tool, {argument: value})
