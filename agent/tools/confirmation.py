"""Confirmation: whether the caller has said yes to what cannot be undone - asked, heard whole, and answered. Pure.

A yes that nobody asked for, to a question that was cut off, or to "are you still there?", is none.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from agent.history import AgentSaid, CallerSaid, History
from agent.language.yesno import is_yes
from agent.tools.phrases import says_one_of


@dataclass(frozen=True, slots=True)
class Confirmation:
    """`asked`: what the agent said just before the caller's turn; `heard`: whether the caller has heard it up to the
    end of its last question; `answer`: all that the caller then said."""

    asked: str
    heard: bool
    answer: str

    def allows(self, asked_with: Collection[str] = ()) -> bool:
        """Whether an irreversible tool may run. `asked_with`: words of which the question must have one."""
        named = not asked_with or says_one_of(self.asked, asked_with)
        return self.heard and bool(self.asked.strip()) and named and is_yes(self.answer)


#: Nothing was asked, nothing was answered: what a tool gets that runs ahead of any turn.
NOT_CONFIRMED = Confirmation("", False, "")


def confirmation_of(history: History, promptings: Collection[str] = ()) -> Confirmation:
    """What the latest turn of the caller answers, as the history has it.

    An utterance whose hearing is not settled was not heard. `promptings`: asides that a caller may answer with yes
    ("Are you still there?"): after one of these, a yes says nothing about the question before it.
    """
    entries = history.entries
    at = max((index for index, entry in enumerate(entries) if isinstance(entry, CallerSaid)), default=None)
    if at is None:
        return NOT_CONFIRMED
    turn = entries[at]
    answer = turn.text if isinstance(turn, CallerSaid) else ""
    said: list[AgentSaid] = []
    prompted = False
    for entry in reversed(entries[:at]):
        if isinstance(entry, CallerSaid):
            break
        if isinstance(entry, AgentSaid) and not entry.aside:
            said.insert(0, entry)
        elif isinstance(entry, AgentSaid) and not said and entry.text in promptings:
            prompted = True
    if not said:
        return Confirmation("", False, answer)
    last = said[-1]
    asked = " ".join(each.heard for each in said if each.heard)
    return Confirmation(asked, not prompted and last.heard_chars is not None and _whole(last), answer)


def _whole(said: AgentSaid) -> bool:
    """Whether all was heard, or all up to the end of the last question: what follows that may be missed, and so may
    the question mark."""
    mark = max(said.text.rfind(sign) for sign in "?？؟")
    missed = said.text[said.heard_chars or 0 : mark if mark >= 0 else None]
    return not any(sign.isalnum() for sign in missed)
