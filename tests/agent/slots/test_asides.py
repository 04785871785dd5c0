"""What is said instead of an answer, and what asks for patience, in every kind of slot, by table."""

from __future__ import annotations

import pytest

from agent.slots.asides import asks_patience, is_aside
from agent.slots.base import KINDS, MAX_NAME_CHARS, Asks, Progress
from agent.slots.courtesy import Courtesy, courtesy
from agent.slots.reading import read_answer
from agent.turns.judgement import Waiting, judge

ASKED = tuple(
    Asks("it", kind, length=length)
    for kind in KINDS
    if kind != "free"
    for length in ((0, 4) if kind in ("digits", "spelled") else (0,))
)

INSTEAD = (
    # Refusals.
    "i don't have one", "i don't have it", "i don't know", "i have no idea", "no idea", "i lost it", "i forgot",
    "i'd rather not say", "i don't want to give you that", "none of your business", "there is none", "not sure",
    "i can't find it", "i don't use email", "no i don't have one", "the other one", "the same as before",
    # Questions back.
    "what do you mean", "what", "which one", "which number do you mean", "why do you need that", "where do i find that",
    "is it the one on the letter", "do you need the order number", "is this a robot", "what number",
    "could you repeat that", "can you say that again please", "say that again", "pardon", "sorry", "excuse me", "huh",
    "come again", "speak up please", "repeat that", "hello are you there", "can you hear me",
    # Wishes, and the end.
    "representative", "agent", "operator please", "i want to talk to a human", "can i speak to a person", "help",
    "cancel", "cancel my order", "start over", "go back", "stop", "forget it", "never mind", "where is my parcel",
    "i changed my mind", "i already told you", "goodbye", "bye", "thanks bye", "okay bye bye",
    # Corrections of nothing that was said.
    "that's wrong", "wrong number", "no that's wrong",
)  # fmt: skip
PATIENT = (
    "hold on", "hold on please", "okay hold on", "hold on let me get it", "one moment", "one moment please", "wait",
    "just a second", "just a moment", "wait a minute", "give me a second", "hang on a second", "bear with me",
    "let me see", "uh let me see", "let me look", "okay let me look", "let me check", "let me find it", "let me get it",
    "let me grab my glasses", "i'll just get it", "i'm looking for it", "i have to look it up", "i'm just looking",
    "i need to get my letter", "it's somewhere here", "sure one second", "sorry one moment",
)  # fmt: skip


@pytest.mark.parametrize("asks", ASKED, ids=lambda asks: f"{asks.kind}{asks.length or ''}")
def test_what_is_said_instead_of_an_answer_is_judged_as_free_speech(asks: Asks) -> None:
    free = Asks("it", "free")
    for text in INSTEAD:
        if asks.kind == "yes_no" and read_answer(asks, text).value:
            continue  # "stop", "never mind" answer such a question
        judged = judge(asks, text)
        assert (judged.reading.progress, judged.reading.value) == (Progress.BESIDE, ""), text
        assert (judged.waiting, judged.likelihood) == (Waiting.BY_WORDS, judge(free, text).likelihood), text


@pytest.mark.parametrize("asks", [*ASKED, Asks("it", "free")], ids=lambda asks: f"{asks.kind}{asks.length or ''}")
def test_who_asks_for_patience_is_waited_for(asks: Asks) -> None:
    for text in PATIENT:
        judged = judge(asks, text)
        assert (judged.waiting, judged.reading.value) == (Waiting.HOLD, ""), text


@pytest.mark.parametrize("text", PATIENT)
def test_where_nothing_was_asked_nobody_is_held(text: str) -> None:
    assert judge(Asks(), text).waiting is Waiting.BY_WORDS


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("digits", "i have one two three four", "1234"),
        ("digits", "which is four seven one two", "4712"),
        ("digits", "can you take four seven one two", "4712"),
        ("digits", "okay hold on it's four seven one two", "4712"),
        ("digits", "one", "1"),
        ("spelled", "i as in india", "i"),
        ("spelled", "i n g", "ing"),
        ("date", "may fourth", "--05-04"),
        ("date", "i need it by friday", "friday"),
        ("date", "can i come tomorrow", "tomorrow"),
        ("date", "the second of may", "--05-02"),
        ("money", "i want to pay twenty dollars", "20.00"),
        ("email", "can you use jane at example dot com", "jane@example.com"),
        ("name", "skip", "Skip"),
        ("name", "will smith", "Will Smith"),
        ("name", "i am john", "John"),
        ("name", "sure it's grace page", "Grace Page"),
    ],
)
def test_words_of_an_aside_may_be_an_answer(kind: str, text: str, value: str) -> None:
    assert not is_aside(kind, text)
    assert read_answer(Asks("it", kind), text).value == value


@pytest.mark.parametrize("text", ["thank you", "good morning", "hello", "no thank you"])
@pytest.mark.parametrize("kind", ["spelled", "email", "name"])
def test_courtesy_is_no_name(kind: str, text: str) -> None:
    reading = read_answer(Asks("it", kind), text)
    assert reading.value == ""
    assert reading.progress in (Progress.NOTHING, Progress.BESIDE)
    assert courtesy(text) is Courtesy.ALONE


@pytest.mark.parametrize("text", ["", "um", "four", "okay", "hello", "first", "i am here", "x" * MAX_NAME_CHARS])
def test_neither_an_aside_nor_patience(text: str) -> None:
    assert not asks_patience(text)
    assert not is_aside("digits", text)


@pytest.mark.parametrize(
    ("kind", "length", "text", "value"),
    [
        ("digits", 4, "eight five eight eight", "8588"),
        ("digits", 0, "eight five eight eight", "8588"),
        ("spelled", 4, "eight five eight eight", "8588"),
        ("free", 0, "eight five eight eight", ""),
        ("yes_no", 0, "eight five eight eight", ""),
        ("name", 0, "eight five eight eight", ""),
        ("date", 0, "eight five eight eight", "1988-08-05"),
        ("date", 0, "eight five eight", "--08-05"),
    ],
)
def test_four_figures_are_a_date_only_where_one_was_asked_for(kind: str, length: int, text: str, value: str) -> None:
    assert read_answer(Asks("it", kind, length=length), text).value == value
