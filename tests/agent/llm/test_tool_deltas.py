"""Whole tool calls out of the pieces in which servers stream them, in order and out of it."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.llm.base import ToolCall
from agent.llm.tool_deltas import MAX_ARGUMENT_CHARS, MAX_CALLS, NOT_AN_OBJECT, CallPiece, ToolDeltas

P = CallPiece


def assembled(*pieces: CallPiece, used: frozenset[str] = frozenset()) -> list[tuple[str, str, dict[str, Any]]]:
    deltas, numbers = ToolDeltas(), itertools.count(1)
    for piece in pieces:
        deltas.push(piece)
    return [(call.id, call.name, dict(call.arguments)) for call in deltas.calls(used, lambda: f"new-{next(numbers)}")]


FOUND = ("a", "find", {"n": "4712"})
CASES = {
    "by the book": ([P(0, "a", "find"), P(0, arguments='{"n": '), P(0, arguments='"4712"}')], [FOUND]),
    "two calls, mixed": (
        [
            P(0, "a", "find"),
            P(1, "b", "find"),
            P(0, arguments='{"n": "47'),
            P(1, arguments="{}"),
            P(0, arguments='12"}'),
        ],
        [FOUND, ("b", "find", {})],
    ),
    "whole in one": ([P(0, "a", "find", '{"n": "4712"}')], [FOUND]),
    "an object": ([P(0, "a", "find", {"n": "4712"})], [FOUND]),
    "no index": ([P(None, "a", "find"), P(None, arguments='{"n": "4712"}')], [FOUND]),
    "no index, two calls": (
        [P(None, "a", "find"), P(None, "", "", '{"n": "4712"}'), P(None, "b", "find"), P(None, arguments='{"n": "1"}')],
        [FOUND, ("b", "find", {"n": "1"})],
    ),
    "no index, the id in each piece": (
        [P(None, "a", "find"), P(None, "b", "send"), P(None, "a", "", '{"n": "4712"}'), P(None, "b", "", "{}")],
        [FOUND, ("b", "send", {})],
    ),
    "one index for all": (
        [P(0, "a", "find", '{"n": "4712"}'), P(0, "b", "find", '{"n": "1"}')],
        [FOUND, ("b", "find", {"n": "1"})],
    ),
    "neither index nor id, two calls": (
        [P(None, "", "find", '{"n": "1"}'), P(None, "", "find", '{"n": "2"}'), P(None, "", "send", "{}")],
        [("new-1", "find", {"n": "1"}), ("new-2", "find", {"n": "2"}), ("new-3", "send", {})],
    ),
    "the name in each piece": (
        [P(0, "a", "find", '{"n"'), P(0, "a", "find", ': "4712"}'), P(0, "a", "find")],
        [FOUND],
    ),
    "another id in each piece": ([P(0, "a", "find", '{"n"'), P(0, "b", "", ': "4712"}')], [FOUND]),
    "the name in two pieces": ([P(0, "a", "fi"), P(0, "", "nd"), P(0, arguments='{"n": "4712"}')], [FOUND]),
    "a placeholder first": ([P(0, "a", "find", "{}"), P(0, arguments='{"n": "4712"}')], [FOUND]),
    "JSON in a JSON string": ([P(0, "a", "find", json.dumps('{"n": "4712"}'))], [FOUND]),
    "no arguments": ([P(0, "a", "find")], [("a", "find", {})]),
    "null": ([P(0, "a", "find", "null")], [("a", "find", {})]),
    "no JSON": ([P(0, "a", "find", '{"n": 47')], [("a", "find", {NOT_AN_OBJECT: '{"n": 47'})]),
    "a list": ([P(0, "a", "find", "[1]")], [("a", "find", {NOT_AN_OBJECT: "[1]"})]),
    "deeper than anything": ([P(0, "a", "find", "[" * 9000)], [("a", "find", {NOT_AN_OBJECT: "[" * 200})]),
    "no name ever": ([P(0, "a", "", "{}")], []),
    "an id too long": ([P(0, "x" * 41, "find")], [("new-1", "find", {})]),
    "an id twice": ([P(0, "a", "find"), P(1, "a", "find")], [("a", "find", {}), ("new-1", "find", {})]),
}


@pytest.mark.parametrize(("pieces", "calls"), CASES.values(), ids=CASES.keys())
def test_pieces_become_calls(pieces: list[CallPiece], calls: list[object]) -> None:
    assert assembled(*pieces) == calls


def test_an_id_of_the_conversation_is_not_used_again() -> None:
    assert assembled(P(0, "a", "find"), used=frozenset({"a"})) == [("new-1", "find", {})]


def test_what_no_tool_takes_is_refused() -> None:
    with pytest.raises(ValueError, match="arguments for one tool call"):
        assembled(*[P(0, "a", "find", "x" * 1000)] * (MAX_ARGUMENT_CHARS // 1000 + 1))
    with pytest.raises(ValueError, match="tool calls in one answer"):
        assembled(*(P(at, "", "find") for at in range(MAX_CALLS + 1)))


ARGUMENTS = st.dictionaries(st.text(max_size=5), st.text(max_size=9) | st.integers() | st.none(), max_size=3)


@given(st.lists(st.tuples(st.sampled_from(["find", "send"]), ARGUMENTS), max_size=4), st.data())
def test_cut_anywhere_it_is_the_same(calls: list[tuple[str, dict[str, Any]]], data: st.DataObject) -> None:
    deltas = ToolDeltas()
    for index, (name, arguments) in enumerate(calls):
        text = json.dumps(arguments)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
        deltas.push(P(index, f"id{index}", name))
        for start, end in itertools.pairwise([0, *cuts, len(text)]):
            deltas.push(P(index, arguments=text[start:end]))
    expected = tuple(ToolCall(f"id{index}", name, arguments) for index, (name, arguments) in enumerate(calls))
    assert deltas.calls(frozenset(), str) == expected
