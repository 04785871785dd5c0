"""A call that comes back to its agent: what was said before, folded from the journals of its earlier streams. Pure.

A stream ends without the call ending when the worker died, when nobody answered a transfer, and after keypad digits
were sent. The conversation then goes on: nothing is greeted twice, no answer is lost, no tool with effects runs again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from agent.history import AgentSaid, History
from agent.llm.base import ToolCall
from agent.masking import MARK
from agent.slots.base import NOTHING_ASKED, Asks, asks_of

#: Why the call comes back.
Reason = Literal["cut off", "nobody answered", "digits sent"]

#: A larger number of a turn or an utterance is damage.
MAX_NUMBER = 1_000_000
#: A tool's arguments or result nested deeper are damage; and what is read must be writable again.
MAX_DEPTH = 32
#: What a damaged event may raise as it is read.
DAMAGE = (KeyError, TypeError, ValueError, OverflowError)

#: Why streams end with which the call has ended too: the carrier said so, or the agent hung up.
OVER = frozenset(("caller: stop", "caller: hung up", "agent: hangup"))
#: What a model is told of a tool that was at work when the worker died.
NOT_KNOWN = {"error": "the line broke while this ran: whether it was done is not known; do not run it again unasked"}


@dataclass(frozen=True, slots=True)
class Continuation:
    """Where a conversation stood when its stream ended.

    `owed` is the committed turn whose answer was not heard to its end, `question` the agent's last sentence if it asked
    for something and the caller has not answered; `cut_offs` how often the call had been cut off before this time;
    `asks` what was being asked for: if that was confidential (agent/privacy.py), so is what comes now.
    """

    reason: Reason
    history: History
    turn: int
    owed: tuple[int, str] | None
    question: str
    cut_offs: int
    asks: Asks = NOTHING_ASKED


def continue_from(journals: Iterable[Iterable[Mapping[str, Any]]], reason: Reason) -> Continuation | None:
    """Fold the journals of a call's streams, oldest first. None if nothing was said on either side yet, or if the call
    was over: then nobody of it can come back."""
    folded = _Folded()
    for events in journals:
        folded.streams += 1
        for event in events:
            folded.take(event)
        folded.end_stream()
    if not folded.history.entries or folded.over:
        return None
    owed = folded.owed() if reason == "cut off" else None
    question = folded.question() if reason == "cut off" and owed is None else ""
    return Continuation(reason, folded.history, folded.turn, owed, question, folded.cut_offs, folded.asks)


class _Folded:
    """What has been read so far. Journals are data: an event that lacks a field is passed over."""

    def __init__(self) -> None:
        self.history = History()
        self.turn = 0
        self.streams = 0
        self.asks = NOTHING_ASKED
        self.cut_offs = 0
        self.over = False
        self._turns: dict[int, str] = {}
        self._utterances: dict[int, AgentSaid] = {}  # of the stream being read, by its own numbers
        self._running: dict[str, tuple[ToolCall, bool]] = {}  # with whether it only reads
        self._answered = 0  # the last turn whose answer was heard to its end
        self._before_tool = 0  # what was said up to the latest tool call is not yet the answer

    def take(self, event: Mapping[str, Any]) -> None:
        try:
            self._take(event)
        except DAMAGE:
            return

    def _take(self, event: Mapping[str, Any]) -> None:
        kind = event["kind"]
        if isinstance(event.get("turn"), int):
            self.turn = max(self.turn, number_of(event["turn"]))
        if kind == "call.started":
            self.cut_offs += event.get("continues") == "cut off"
        elif kind == "turn.committed":
            turn, text = number_of(event["turn"]), str(event["text"])
            self.history.caller_said(turn, text)
            self._turns[turn] = text
        elif kind == "turn.corrected":
            turn, text = number_of(event["turn"]), str(event["text"])
            if turn in self._turns:
                self.history.caller_corrected(turn, text)
                self._turns[turn] = text
        elif kind == "call.ended":
            self.over = str(event["reason"]) in OVER
        elif kind == "agent.clause":
            self._said(event).text += str(event["text"])
        elif kind == "agent.heard":
            said = self._said(event)
            said.text, said.heard_chars = str(event["said"]), len(str(event["text"]))
            if event.get("complete") is True and not said.aside and number_of(event["utterance"]) > self._before_tool:
                self._answered = max(self._answered, said.turn)
        elif kind == "agent.asks":
            self.asks = asks_of(event)
        elif kind == "tool.called":
            # Numbered by stream: ids begin anew in each.
            call = ToolCall(f"{self.streams}-{event['id']}", str(event["name"]), dict(_shallow(event["arguments"])))
            self._running[str(event["id"])] = call, event.get("effect") == "read"
            self._before_tool = max(self._utterances, default=0)
            self._answered = min(self._answered, number_of(event["turn"]) - 1)
        elif kind == "tool.returned":
            result = _shallow(event["result"])
            call, _ = self._running.pop(str(event["id"]))
            self.history.tool_used(call, result)

    def end_stream(self) -> None:
        """What was still open: words that nobody can prove heard, tools that may or may not have been done."""
        for said in self._utterances.values():
            if said.heard_chars is None:
                said.heard_chars = 0
        for call, reads in self._running.values():
            if not reads:
                self.history.tool_used(call, NOT_KNOWN)
        self._utterances, self._running, self._before_tool = {}, {}, 0

    def owed(self) -> tuple[int, str] | None:
        # A question with a masked value in it cannot be said again: its turn is answered anew.
        if not self._turns or (max(self._turns) <= self._answered and MARK not in self.question()):
            return None
        return max(self._turns.items())

    def question(self) -> str:
        for said in reversed(self.history.entries):
            if isinstance(said, AgentSaid) and not said.aside:
                return _last_sentence(said.text.strip()) if said.text.rstrip().endswith("?") else ""
        return ""

    def _said(self, event: Mapping[str, Any]) -> AgentSaid:
        number = number_of(event["utterance"])
        if number not in self._utterances:
            aside = bool(event.get("aside", False))
            mine = self.history.agent_begins(number_of(event["turn"]), aside=aside)
            self._utterances[number] = self.history.utterance(mine)
        return self._utterances[number]


def number_of(value: Any) -> int:
    """A journal's number of a turn, an utterance or a document. Raises one of DAMAGE if it cannot be one."""
    number = int(value)
    if not 0 <= number <= MAX_NUMBER:
        raise ValueError(f"a number beyond {MAX_NUMBER}")
    return number


def _shallow(value: Any, depth: int = MAX_DEPTH) -> Any:
    """The value itself. Raises ValueError if it is nested deeper than `depth`."""
    if isinstance(value, Mapping | list):
        if depth == 0:
            raise ValueError(f"nested deeper than {MAX_DEPTH}")
        for item in value.values() if isinstance(value, Mapping) else value:
            _shallow(item, depth - 1)
    return value


def _last_sentence(text: str) -> str:
    """Of "Hello, parcel desk. How can I help?" only the question is asked again."""
    ends = (text.rfind(mark, 0, -1) for mark in (". ", "! ", "? "))
    return text[max(ends) + 1 :].strip()
