"""A model's thinking is not said, however its stream is cut; an answer comes through at once."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.llm.thoughts import Thoughts

CASES = {
    "Hello.": "Hello.",
    "<think>They greet.</think>\n\nHello.": "Hello.",
    "\n<think>\n</think>Hello.": "Hello.",
    "<think>a</think><think>b</think>Hello.": "Hello.",
    "<thin ice": "<thin ice",
    "<": "<",
    "A <think> is no thought.": "A <think> is no thought.",
    "<think>never closed, and so no answer": "",
    "": "",
}


def through(pieces: list[str]) -> str:
    thoughts = Thoughts()
    return "".join([*map(thoughts.push, pieces), thoughts.flush()])


@pytest.mark.parametrize("said", CASES)
@given(data=st.data())
def test_however_it_is_cut(said: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(said)), max_size=6)))
    assert through([said[a:b] for a, b in itertools.pairwise([0, *cuts, len(said)])]) == CASES[said]


def test_an_answer_is_not_held_back() -> None:
    thoughts = Thoughts()
    assert [thoughts.push(piece) for piece in ("Yes", ", <", "3")] == ["Yes", ", <", "3"]
