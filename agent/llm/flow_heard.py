"""What a flow's caller has been asked, and how much of the question was heard: only what was heard was asked. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from agent.language.numbers import digit_runs
from agent.language.words import words

#: How much of a question must have been heard for a yes or a no to count. People answer before the last word; but what
#: is asked before a step that cannot be undone must have been heard nearly whole. A slot's other values speak for
#: themselves.
HEARD_SHARE = {"slot": 0.5, "offer": 0.5, "confirm": 0.8}
#: Who has heard so many words of a question knows that one is coming: one alone ("is") may be the answer's before it.
BEGUN_WORDS = 2


@dataclass(frozen=True, slots=True)
class Question:
    """What the caller has been asked: for a slot, to confirm an intent, or whether to take an offer (`name`). `begun`:
    the beginning of it was heard, now or when it was asked before.
    """

    kind: Literal["slot", "confirm", "offer"]
    name: str
    text: str
    heard: bool = False
    begun: bool = False


def as_heard(question: Question, said: str, heard: tuple[str, ...]) -> Question:
    """The question after these `heard` words (`plain_words`) of the reply `said`, which ends in the question, or asks
    for the same in its own words."""
    if question.heard:
        return question
    ours = plain_words(said)
    asked = plain_words(question.text) if said.endswith(question.text) else ours
    before = ours[: len(ours) - len(asked)]
    need = max(1, round(len(asked) * HEARD_SHARE[question.kind]))
    return replace(
        question,
        heard=_is_in(asked[:need], heard, before),
        begun=question.begun or _is_in(asked[:BEGUN_WORDS], heard, before),
    )


def plain_words(text: str) -> tuple[str, ...]:
    """Words with numbers as single digits, so that "4712" and "four, seven, one, two" are the same."""
    said = words(text)
    plain: list[str] = []
    at = 0
    for run in digit_runs(said):
        plain += [*said[at : run.start], *run.digits]
        at = run.end
    return (*plain, *said[at:])


def _is_in(part: tuple[str, ...], heard: tuple[str, ...], before: tuple[str, ...]) -> bool:
    """Whether `part` was heard, more often than the answer `before` the question has it itself."""
    return _count(part, heard) > _count(part, (*before, *part[:-1]))


def _count(part: tuple[str, ...], heard: tuple[str, ...]) -> int:
    return sum(heard[at : at + len(part)] == part for at in range(len(heard) - len(part) + 1))
