"""What happens in one call of the turn bench: acts, one after the other, that the agent and the caller both follow.

An act is what the agent says, what it asks for with that, and what the caller does then. The agent's model looks up
here what to say, so that both sides stay at the same act whatever the turn engine makes of the audio between them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Literal

from agent.context import CallContext
from agent.llm.base import LlmEvent, LlmRequest, TextDelta
from agent.slots.base import Asks
from telephony.bench.turns.items import Item
from telephony.bench.turns.marks import marked_text

QUESTION = "Next?"
LAST_WORDS = "Done."
NOTHING = Asks()


@dataclass(frozen=True, slots=True)
class Act:
    """`says`: the agent's reply that begins the act; or `words` marked words (marks.py), new ones each time. Then the
    caller plays `item`: "after" the agent has finished, by `wait_ms`; or "over" the agent, when that has been audible
    for so long in this act; or "at once", by `wait_ms` from the call's beginning, whatever the agent does (with
    `same_reply`). Without an item the caller listens, until the agent has been audible for `wait_ms`."""

    item: Item | None = None
    says: str = QUESTION
    words: int = 0
    asks: Asks = NOTHING
    when: Literal["after", "over", "at once", "listen"] = "after"
    wait_ms: int = 400
    same_reply: bool = False
    """The agent goes on with what it says in the act before: nothing is asked of its model."""


@dataclass(slots=True)
class Course:
    """Where a call stands. `current`: the act that is going on; `asked`: the act for which the model has answered;
    `replies`: the numbers of the marked words of each reply that was begun."""

    acts: tuple[Act, ...]
    current: int = 0
    asked: int = -1
    replies: list[range] = field(default_factory=list)

    @property
    def over(self) -> bool:
        return self.current >= len(self.acts)

    def reply(self) -> Act:
        """The act for which the agent is asked now; its text, if it is of marked words, is new."""
        self.asked = self.current
        if self.over:
            return Act(says=LAST_WORDS)
        act = self.acts[self.current]
        if not act.words:
            return act
        first = self.replies[-1].stop if self.replies else 0
        self.replies.append(range(first, first + act.words))
        return replace(act, says=marked_text(first, act.words))


class CourseLlm:
    """Says what the current act has, each time it is asked; after the last act, LAST_WORDS."""

    name = "bench"
    remote = False
    by_rule: Literal[True] = True

    def __init__(self, course: Course) -> None:
        self._course = course

    async def start(self) -> None:
        """Nothing to load."""

    async def stream(self, request: LlmRequest, ctx: CallContext) -> AsyncIterator[LlmEvent]:
        """What the caller will be asked, and the question."""
        act = self._course.reply()
        yield act.asks
        yield TextDelta(act.says)

    async def close(self) -> None:
        """Nothing to let go of."""
