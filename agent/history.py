"""History: what was really said and heard, and the messages a model is told of it. Pure."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from agent.llm.base import Message, ToolCall


@dataclass(slots=True)
class CallerSaid:
    """What the caller said before an answer was heard: the latest `turn` of it, and all `parts` by their turns."""

    turn: int
    parts: dict[int, str]

    @property
    def text(self) -> str:
        return " ".join(self.parts.values())


@dataclass(slots=True)
class AgentSaid:
    """`text` is what was given to the voice; `heard_chars` how much of it was heard, None while that is open.

    `aside` marks what the model need not be told: fillers, and promptings that were no answer.
    """

    utterance: int
    turn: int
    text: str = ""
    heard_chars: int | None = None
    aside: bool = False

    @property
    def heard(self) -> str:
        return self.text if self.heard_chars is None else self.text[: self.heard_chars].rstrip()

    @property
    def unheard(self) -> str:
        return "" if self.heard_chars is None else self.text[self.heard_chars :].strip()

    def heard_fields(self) -> dict[str, Any]:
        """What the journal's `agent.heard` says of it, beside when."""
        said = {"utterance": self.utterance, "turn": self.turn, "text": self.heard, "said": self.text}
        return {**said, "complete": not self.unheard}


@dataclass(slots=True)
class ToolUsed:
    call: ToolCall
    result: Any


class History:
    """One conversation. Utterances of the agent are numbered from 1."""

    def __init__(self) -> None:
        self.entries: list[CallerSaid | AgentSaid | ToolUsed] = []
        self._utterances: dict[int, AgentSaid] = {}
        self._corrected: dict[int, str] = {}

    def copy(self) -> History:
        """One that goes its own way from here."""
        return deepcopy(self)

    def caller_said(self, turn: int, text: str) -> str:
        """A committed turn. If nothing was heard of an answer to the one before, the two are one. Its whole text.

        Saying the same turn again (its answer was broken off by a noise) adds nothing.
        """
        last = self.entries[-1] if self.entries else None
        while isinstance(last, AgentSaid) and not last.heard:
            self.entries.pop()
            last = self.entries[-1] if self.entries else None
        for entry in self.entries:
            if isinstance(entry, CallerSaid) and turn in entry.parts:
                return entry.text
        text = self._corrected.pop(turn, text)
        if isinstance(last, CallerSaid):
            last.turn = turn
            last.parts[turn] = text
        else:
            last = CallerSaid(turn, {turn: text})
            self.entries.append(last)
        return last.text

    def agent_begins(self, turn: int, *, aside: bool = False) -> int:
        """The agent starts an utterance; its number."""
        said = AgentSaid(len(self._utterances) + 1, turn, aside=aside)
        self._utterances[said.utterance] = said
        self.entries.append(said)
        return said.utterance

    def agent_adds(self, utterance: int, text: str) -> None:
        """More text of an utterance, as the model gives it."""
        self._utterances[utterance].text += text

    def agent_heard(self, utterance: int, chars: int) -> AgentSaid:
        """How much of an utterance the caller has heard, for good."""
        said = self._utterances[utterance]
        said.heard_chars = min(chars, len(said.text))
        return said

    def utterance(self, number: int) -> AgentSaid:
        return self._utterances[number]

    def open_utterances(self) -> list[AgentSaid]:
        """Those whose hearing is not settled yet, oldest first."""
        return [said for said in self._utterances.values() if said.heard_chars is None]

    def said_in(self, turn: int) -> list[AgentSaid]:
        """What the agent has begun to say in its reply to this turn, oldest first."""
        return [said for said in self._utterances.values() if said.turn == turn]

    def latest_utterances(self, count: int) -> list[AgentSaid]:
        """The last ones, oldest first, settled or not."""
        latest = range(max(1, len(self._utterances) - count + 1), len(self._utterances) + 1)
        return [self._utterances[number] for number in latest]

    def caller_corrected(self, turn: int, text: str) -> None:
        """The recogniser's last word on a turn that was committed by what it had said before. It may come before the
        turn itself: whoever answers that may not have begun."""
        for entry in reversed(self.entries):
            if isinstance(entry, CallerSaid) and turn in entry.parts:
                entry.parts[turn] = text
                return
        self._corrected[turn] = text

    def tool_used(self, call: ToolCall, result: Any) -> None:
        self.entries.append(ToolUsed(call, result))

    def messages(self, system: str) -> tuple[Message, ...]:
        """The conversation for a model: of the agent's words, those that were heard."""
        messages = [Message("system", system)] if system else []
        for entry in self.entries:
            if isinstance(entry, CallerSaid):
                messages.append(Message("user", entry.text))
            elif isinstance(entry, ToolUsed):
                result = json.dumps(entry.result, ensure_ascii=False, default=str)
                messages.append(Message("assistant", tool_calls=(entry.call,)))
                messages.append(Message("tool", result, tool_call_id=entry.call.id, name=entry.call.name))
            elif entry.heard and not entry.aside:
                messages.append(Message("assistant", entry.heard))
        return tuple(messages)
