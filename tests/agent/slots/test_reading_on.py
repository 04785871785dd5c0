"""An answer in parts, over turns: the rest of what was heard before, or all of it from the beginning."""

from __future__ import annotations

import pytest

from agent.slots.base import MAX_NAME_CHARS, Asks, Progress, Reading, as_can_be, asks_of
from agent.slots.reading import read_answer
from agent.turns.judgement import Waiting, judge

NOTHING, PART, ENOUGH, WHOLE, BESIDE = Progress


@pytest.mark.parametrize(
    ("asks", "text", "progress", "value"),
    [
        # The rest, or another beginning: the words do not tell.
        (Asks(kind="digits", length=4, before="47"), "one two", ENOUGH, "4712"),
        (Asks(kind="digits", length=4, before="47"), "twelve", ENOUGH, "4712"),
        (Asks(kind="digits", length=4, before="47"), "and then one two please", ENOUGH, "4712"),
        (Asks(kind="digits", length=4, before="47"), "one", PART, "471"),
        (Asks(kind="digits", length=4, before="471"), "two", ENOUGH, "4712"),
        (Asks(kind="digits", length=4, longest=6, before="47"), "one two", ENOUGH, "4712"),
        (Asks(kind="spelled", length=4, before="ab"), "one two", ENOUGH, "ab12"),
        # All of it anew.
        (Asks(kind="digits", length=4, before="47"), "four seven one two", WHOLE, "4712"),
        (Asks(kind="digits", length=4, before="57"), "four seven one two", WHOLE, "4712"),
        (Asks(kind="digits", length=4, before="47"), "four seven", PART, "47"),
        (Asks(kind="digits", length=4, before="47"), "four seven one", PART, "471"),
        (Asks(kind="digits", length=4, before="471"), "four seven", PART, "47"),
        # More than there can be: the new one counts.
        (Asks(kind="digits", length=4, before="471"), "two three", PART, "23"),
        # Other kinds.
        (Asks(kind="date", before="march"), "the fourth", ENOUGH, "--03-04"),
        (Asks(kind="date", before="march"), "the fourth twenty twenty six", WHOLE, "2026-03-04"),
        (Asks(kind="date", before="march"), "march fourth", ENOUGH, "--03-04"),
        (Asks(kind="date", before="march"), "tomorrow", WHOLE, "tomorrow"),
        (Asks(kind="money", before="a hundred and"), "twenty", ENOUGH, "120.00"),
        (Asks(kind="money", before="a hundred and"), "a hundred and twenty", ENOUGH, "120.00"),
        (Asks(kind="email", before="jane dot doe"), "at example dot com", WHOLE, "jane.doe@example.com"),
        (Asks(kind="name", before="doctor"), "jane doe", ENOUGH, "Doctor Jane Doe"),
        # Nothing of it.
        (Asks(kind="digits", length=4, before="47"), "what do you mean", BESIDE, ""),
        (Asks(kind="digits", length=4, before="47"), "hold on", NOTHING, ""),
        (Asks(kind="date", before="march"), "yes", NOTHING, ""),
        (Asks(kind="free", before="x"), "one two", BESIDE, ""),
    ],
)
def test_with_what_was_heard_before(asks: Asks, text: str, progress: Progress, value: str) -> None:
    assert read_answer(asks, text) == Reading(progress, value)


@pytest.mark.parametrize(
    ("text", "waiting", "likelihood"),
    [
        ("one two", Waiting.BY_WORDS, 0.35),
        ("one", Waiting.HOLD, 0.5),
        ("four seven", Waiting.HOLD, 0.5),
        ("four seven one two", Waiting.END, 0.5),
    ],
)
def test_a_rest_is_not_held_as_if_it_were_a_beginning(text: str, waiting: Waiting, likelihood: float) -> None:
    judged = judge(Asks("number", "digits", length=4, before="47"), text)
    assert (judged.waiting, judged.likelihood) == (waiting, likelihood)


def test_what_was_heard_before_stands_in_the_journal_unless_it_is_confidential() -> None:
    asks = Asks("number", "digits", length=4, before="47")
    assert asks_of(asks.fields()) == asks
    secret = Asks("pin", "digits", sensitive=True, length=4, before="47")
    assert "47" not in str(secret.fields()) + repr(secret)
    assert "before" not in Asks("number", "digits", length=4).fields()


def test_an_engine_cannot_make_it_long_or_strange() -> None:
    assert as_can_be(Asks("a", "digits", before="4\n7" + "1" * 1000)).before == "47" + "1" * (MAX_NAME_CHARS - 3)


@pytest.mark.parametrize(("told", "kind"), [("date", "date"), ("", ""), ("passport", "free"), (7, ""), (None, "")])
def test_a_journals_kind_that_nobody_knows_is_free_speech(told: object, kind: str) -> None:
    assert asks_of({"slot": "a", "slot_kind": told}).kind == kind
    assert asks_of({"slot": "a", "slot_kind": told, "confirms": True}).hides == kind
