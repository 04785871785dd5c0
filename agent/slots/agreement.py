"""Whether two texts say the same, as far as an answer to them goes. Pure."""

from __future__ import annotations

from agent.language.numbers import digit_runs
from agent.language.words import words
from agent.slots.base import Asks, Progress
from agent.slots.reading import read_answer


def agree(asks: Asks, one: str, other: str) -> bool:
    """Whether both say the same: but for capitals, punctuation, hesitations and the way numbers are written; or, where
    a value was asked for, both are that value and nothing that could change it."""
    if one == other or same_words(one) == same_words(other):
        return True
    first, second = read_answer(asks, one), read_answer(asks, other)
    return first.progress is second.progress is Progress.WHOLE and bool(first.value) and first.value == second.value


def same_words(text: str) -> tuple[str, ...]:
    """The text's words with each number as its digits: "four seven" and "47" are alike."""
    said = words(text)
    plain: list[str] = []
    at = 0
    for run in digit_runs(said):
        plain += [*said[at : run.start], run.digits]
        at = run.end
    return (*plain, *said[at:])
