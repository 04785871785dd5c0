"""StablePrefix: only whole words, only what the last hypotheses agree on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.stt.stability import AGREEING, StablePrefix


@pytest.mark.parametrize(
    ("hypotheses", "stable"),
    [
        (["where", "where is", "where is"], "where"),
        (["where is my", "where is my", "where is my"], "where is my"),
        (["four", "fourteen", "fourteen"], ""),
        (["where is", "where is"], ""),
        (["no", "yes", "yes please", "yes please"], "yes"),
        (["no", "yes", "yes", "no"], ""),
        (["my order is four", "my order is four seven", "my order is four eleven"], "my order is four"),
    ],
)
def test_table(hypotheses: list[str], stable: str) -> None:
    prefix = StablePrefix()
    for text in hypotheses:
        chars = prefix.next(text)
    assert hypotheses[-1][:chars] == stable
    assert prefix.text == hypotheses[-1]


@given(st.lists(st.lists(st.sampled_from(["a", "ab", "b"]), max_size=4).map(" ".join), min_size=1))
def test_it_is_whole_words_that_all_the_last_begin_with(hypotheses: list[str]) -> None:
    prefix = StablePrefix()
    for at, text in enumerate(hypotheses):
        stable = text[: prefix.next(text)]
        words = stable.split()
        assert stable == " ".join(words)
        for other in hypotheses[max(0, at - AGREEING + 1) : at + 1]:
            assert other.split()[: len(words)] == words
