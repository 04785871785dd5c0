"""Continuation: what an earlier stream's journal tells the conversation that goes on."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.continuation import MAX_DEPTH, MAX_NUMBER, NOT_KNOWN, Continuation, Reason, continue_from
from agent.llm.base import Message, ToolCall

Event = dict[str, Any]


def committed(turn: int, text: str) -> Event:
    return {"kind": "turn.committed", "turn": turn, "text": text}


def clause(utterance: int, turn: int, text: str, aside: bool = False) -> Event:
    return {"kind": "agent.clause", "utterance": utterance, "turn": turn, "text": text, "aside": aside}


def heard(utterance: int, turn: int, said: str, text: str | None = None) -> Event:
    text = said if text is None else text
    fields = {"utterance": utterance, "turn": turn, "said": said, "text": text}
    return {"kind": "agent.heard", "complete": text == said, **fields}


def called(id_: str, turn: int, name: str = "find", effect: str = "read") -> Event:
    return {"kind": "tool.called", "id": id_, "turn": turn, "name": name, "effect": effect, "arguments": {"a": 1}}


def returned(id_: str, result: Any = "found") -> Event:
    return {"kind": "tool.returned", "id": id_, "ok": True, "result": result}


GREETED = [clause(1, 0, "Hello."), heard(1, 0, "Hello.")]


def back(*journals: list[Event], reason: Reason = "cut off") -> Continuation:
    found = continue_from(journals, reason)
    assert found is not None
    return found


def texts(found: Continuation) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in found.history.messages("")]


def test_a_call_in_which_nothing_was_said_is_greeted_as_if_new() -> None:
    assert continue_from([], "cut off") is None
    assert continue_from([[{"kind": "call.started"}, {"kind": "tick"}]], "cut off") is None


def test_what_was_said_and_heard_is_the_history() -> None:
    found = back([*GREETED, committed(1, "where is it"), clause(2, 1, "In Rome."), heard(2, 1, "In Rome.")])
    assert texts(found) == [("assistant", "Hello."), ("user", "where is it"), ("assistant", "In Rome.")]
    assert (found.turn, found.owed, found.question, found.cut_offs) == (1, None, "", 0)


def test_an_answer_not_heard_to_its_end_is_still_owed() -> None:
    asked = [*GREETED, committed(3, "where is it")]
    assert back(asked).owed == (3, "where is it")
    assert back([*asked, clause(2, 3, "It is in Rome.")]).owed == (3, "where is it")
    half = back([*asked, clause(2, 3, "It is in Rome."), heard(2, 3, "It is in Rome.", "It is")])
    assert half.owed == (3, "where is it")
    assert texts(half)[-1] == ("assistant", "It is")


def test_words_that_nobody_can_prove_heard_are_not_told_as_heard() -> None:
    assert texts(back([*GREETED, committed(1, "hi"), clause(2, 1, "Good day.")]))[-1] == ("user", "hi")


def test_a_prompting_is_no_answer() -> None:
    said = [committed(1, "hi"), clause(2, 1, "One moment.", aside=True), heard(2, 1, "One moment.")]
    assert back([*GREETED, *said]).owed == (1, "hi")


def test_the_agents_open_question_is_asked_again() -> None:
    asked = [committed(1, "where is it"), clause(2, 1, "Which number?"), heard(2, 1, "Which number?")]
    assert back([*GREETED, *asked]).question == "Which number?"
    assert back([*GREETED, *asked, committed(2, "four")]).question == ""
    assert back([*GREETED, *asked], reason="nobody answered").question == ""
    assert back([clause(1, 0, "Hello! The desk. How can I help?")]).question == "How can I help?"


def test_what_led_up_to_a_tool_is_not_its_answer() -> None:
    first = [committed(1, "where"), clause(2, 1, "Let me look."), called("call-1", 1)]
    found = back([*GREETED, *first, heard(2, 1, "Let me look."), returned("call-1")])
    assert found.owed == (1, "where")
    done = [returned("call-1"), heard(2, 1, "Let me look."), clause(3, 1, "In Rome."), heard(3, 1, "In Rome.")]
    assert back([*GREETED, *first, *done]).owed is None
    heard_early = [committed(1, "where"), clause(2, 1, "Let me look."), heard(2, 1, "Let me look."), called("c", 1)]
    assert back([*GREETED, *heard_early]).owed == (1, "where")


@pytest.mark.parametrize(("effect", "told"), [("read", False), ("write", True), ("irreversible", True)])
def test_a_tool_at_work_when_the_worker_died(effect: str, told: bool) -> None:
    found = back([*GREETED, committed(1, "send it"), called("call-1", 1, "send", effect)])
    results = [message.content for message in found.history.messages("") if message.role == "tool"]
    assert [NOT_KNOWN["error"] in result for result in results] == ([True] if told else [])


def test_several_streams_are_one_conversation_and_tool_ids_stay_apart() -> None:
    one = [
        *GREETED,
        committed(1, "a"),
        called("call-1", 1),
        returned("call-1", "x"),
        clause(2, 1, "X."),
        heard(2, 1, "X."),
    ]
    two = [committed(2, "b"), called("call-1", 2), returned("call-1", "y"), clause(1, 2, "Y."), heard(1, 2, "Y.")]
    found = back(one, two)
    messages = found.history.messages("")
    assert Message("assistant", tool_calls=(ToolCall("1-call-1", "find", {"a": 1}),)) in messages
    assert Message("assistant", tool_calls=(ToolCall("2-call-1", "find", {"a": 1}),)) in messages
    assert (found.turn, found.owed) == (2, None)
    assert found.history.agent_begins(3) == 4  # the numbers of what was said go on


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
_KINDS = ["turn.committed", "agent.clause", "agent.heard", "tool.called", "tool.returned"]
_FIELDS = ["turn", "text", "utterance", "said", "complete", "id", "name", "arguments", "result", "effect", "aside"]


@given(
    st.lists(
        st.fixed_dictionaries({"kind": st.sampled_from(_KINDS)}, optional=dict.fromkeys(_FIELDS, _ANYTHING)),
        max_size=12,
    )
)
def test_a_damaged_journal_never_breaks_the_call(events: list[Event]) -> None:
    found = continue_from([events], "cut off")
    if found is not None:
        found.history.messages("prompt")


def test_how_often_a_call_was_cut_off_is_counted_over_its_streams() -> None:
    again = [{"kind": "call.started", "continues": "cut off"}]
    other = [{"kind": "call.started", "continues": "nobody answered"}]
    assert back(GREETED, again, other, again).cut_offs == 2


@pytest.mark.parametrize("number", [inf, -inf, nan, 10**4000, -1, MAX_NUMBER + 1, "x", None, [1]])
@pytest.mark.parametrize("name", ["turn", "utterance"])
def test_a_number_that_can_be_none_spoils_its_own_line_only(name: str, number: Any) -> None:
    found = back([*GREETED, clause(2, 1, "lost") | {name: number}, committed(1, "where is it")])
    assert texts(found) == [("assistant", "Hello."), ("user", "where is it")]
    assert found.turn == 1
    spoilt = [event | {name: number} for event in (*GREETED, called("1", 1), returned("1"))]
    assert back([*spoilt, committed(1, "hello")]).owed == (1, "hello")


def test_what_is_nested_without_end_is_passed_over() -> None:
    deep: Any = "end"
    for _ in range(MAX_DEPTH + 1):
        deep = {"a": [deep]}
    found = back([committed(1, "hello"), called("1", 1) | {"arguments": deep}, called("2", 1), returned("2", deep)])
    assert texts(found) == [("user", "hello")]


@pytest.mark.parametrize(
    ("reason", "over"),
    [("caller: stop", True), ("agent: hangup", True), ("caller: closed", False), ("agent: transfer", False)],
)
def test_of_a_call_that_was_over_nobody_comes_back(reason: str, over: bool) -> None:
    ended = [*GREETED, {"kind": "call.ended", "reason": reason}]
    assert (continue_from([ended], "cut off") is None) is over


def test_a_turn_is_what_the_recogniser_made_of_it_in_the_end() -> None:
    corrected = {"kind": "turn.corrected", "turn": 1, "text": "one two"}
    found = back([*GREETED, committed(1, "one to"), corrected])
    assert texts(found)[-1] == ("user", "one two")
    assert found.owed == (1, "one two")
