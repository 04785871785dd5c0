"""History: what a model is told was said, is what was heard."""

import pytest

from agent.history import History
from agent.llm.base import Message, ToolCall

CALL = ToolCall("c1", "find", {"number": "4712"})


def said(history: History, turn: int, text: str, heard: int | None = None, *, aside: bool = False) -> int:
    utterance = history.agent_begins(turn, aside=aside)
    history.agent_adds(utterance, text)
    if heard is not None:
        history.agent_heard(utterance, heard)
    return utterance


def told(history: History) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in history.messages("")]


def test_a_conversation_as_a_model_is_told_it() -> None:
    history = History()
    said(history, 0, "Hello.", 6)
    history.caller_said(1, "where is my parcel")
    said(history, 1, "Let me look.", 12)
    history.tool_used(CALL, {"status": "on its way", "where": "Köln"})
    said(history, 1, "It is on its way.", 17)
    assert history.messages("Be kind.") == (
        Message("system", "Be kind."),
        Message("assistant", "Hello."),
        Message("user", "where is my parcel"),
        Message("assistant", "Let me look."),
        Message("assistant", tool_calls=(CALL,)),
        Message("tool", '{"status": "on its way", "where": "Köln"}', tool_call_id="c1", name="find"),
        Message("assistant", "It is on its way."),
    )
    assert history.messages("")[0].role == "assistant"


@pytest.mark.parametrize(
    ("chars", "heard", "unheard"),
    [
        (0, "", "Your parcel has left."),
        (4, "Your", "parcel has left."),
        (5, "Your", "parcel has left."),
        (20, "Your parcel has left", "."),
        (21, "Your parcel has left.", ""),
        (99, "Your parcel has left.", ""),
    ],
)
def test_only_what_was_heard_is_told(chars: int, heard: str, unheard: str) -> None:
    history = History()
    history.caller_said(1, "hello")
    utterance = said(history, 1, "Your parcel has left.", chars)
    assert history.utterance(utterance).heard == heard
    assert history.utterance(utterance).unheard == unheard
    assert told(history) == [("user", "hello")] + ([("assistant", heard)] if heard else [])


def test_asides_are_not_told() -> None:
    history = History()
    history.caller_said(1, "hello")
    said(history, 1, "One moment.", 11, aside=True)
    assert told(history) == [("user", "hello")]


def test_an_answer_of_which_nothing_was_heard_makes_two_turns_one() -> None:
    history = History()
    history.caller_said(1, "where is")
    said(history, 1, "Where is what?", 0)
    said(history, 1, "", 0)
    history.caller_said(2, "my parcel")
    assert told(history) == [("user", "where is my parcel")]


def test_an_answer_of_which_something_was_heard_keeps_them_apart() -> None:
    history = History()
    history.caller_said(1, "where is")
    said(history, 1, "Where is what?", 5)
    history.caller_said(2, "my parcel")
    assert told(history) == [("user", "where is"), ("assistant", "Where"), ("user", "my parcel")]


def test_what_a_tool_did_is_told_though_nothing_was_heard_of_the_answer() -> None:
    history = History()
    history.caller_said(1, "cancel it")
    said(history, 1, "", 0)
    history.tool_used(CALL, "done")
    said(history, 1, "I have cancelled it.", 0)
    history.caller_said(2, "hello?")
    roles = [role for role, _ in told(history)]
    assert roles == ["user", "assistant", "tool", "user"]


def test_answering_the_same_turn_again_says_it_once() -> None:
    """The reply was broken off by a noise before it was there: it is asked for again."""
    history = History()
    history.caller_said(1, "where is")
    said(history, 1, "", 0)
    history.caller_said(2, "my parcel")
    said(history, 2, "", 0)
    history.caller_said(2, "my parcel")
    assert told(history) == [("user", "where is my parcel")]
    said(history, 2, "Let me", 6)
    history.tool_used(CALL, "here")
    said(history, 2, "It", 0)
    history.caller_said(2, "my parcel")
    assert [role for role, _ in told(history)] == ["user", "assistant", "assistant", "tool"]


def test_while_it_is_open_an_utterance_counts_as_heard() -> None:
    """The model's second completion within one reply must see its first."""
    history = History()
    history.caller_said(1, "hello")
    utterance = said(history, 1, "Let me look.")
    assert told(history)[-1] == ("assistant", "Let me look.")
    assert [open_.utterance for open_ in history.open_utterances()] == [utterance]
    history.agent_heard(utterance, 6)
    assert history.open_utterances() == []
    assert told(history)[-1] == ("assistant", "Let me")


def test_utterances_are_numbered_through_and_never_twice() -> None:
    history = History()
    numbers = []
    for turn in range(1, 4):
        history.caller_said(turn, "hello")
        numbers.append(said(history, turn, "x", 0))
    assert numbers == [1, 2, 3]


@pytest.mark.parametrize("result", [None, {"a": {1, 2}}, object(), "text", float("nan")])
def test_whatever_a_tool_gives_can_be_told(result: object) -> None:
    history = History()
    history.tool_used(CALL, result)
    assert history.messages("")[1].role == "tool"


def test_a_correction_keeps_what_was_said_before_in_the_same_turn() -> None:
    history = History()
    assert history.caller_said(1, "four seven") == "four seven"
    said(history, 1, "Is that all?", 0)
    assert history.caller_said(2, "one to") == "four seven one to"
    history.caller_corrected(2, "one two")
    assert told(history) == [("user", "four seven one two")]
    assert history.caller_said(2, "one two") == "four seven one two"


def test_a_correction_changes_its_own_turn_only_and_may_come_before_it() -> None:
    history = History()
    history.caller_said(1, "i want to know about")
    history.caller_said(2, "four seven one one")
    history.caller_corrected(2, "four seven one two")
    assert history.messages("")[0].content == "i want to know about four seven one two"
    history.caller_corrected(1, "i want to pay")
    assert history.messages("")[0].content == "i want to pay four seven one two"
    history.caller_said(1, "i want to know about")
    assert len(history.messages("")) == 1, "said again, it adds nothing"
    history.caller_corrected(3, "yes")
    history.caller_said(3, "yes no")
    assert history.messages("")[0].content == "i want to pay four seven one two yes"
