"""What counts as a yes: asked for, heard whole, in the reply just before, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.history import History
from agent.language.yesno import is_yes
from agent.tools.confirmation import NOT_CONFIRMED, Confirmation, confirmation_of

ASKED = "Shall I cancel order 4712?"
STILL_THERE = "Are you still there?"


@pytest.mark.parametrize(
    ("asked", "heard", "answer", "asked_with", "allowed"),
    [
        (ASKED, True, "yes", (), True),
        (ASKED, True, "Yes, cancel it.", (), True),
        (ASKED, True, "yes", ("cancel",), True),
        (ASKED, True, "yes", ("CANCEL order",), True),
        (ASKED, False, "yes", (), False),
        ("", True, "yes", (), False),
        ("  ", True, "yes", (), False),
        (ASKED, True, "", (), False),
        (ASKED, True, "yes, but wait", (), False),
        (ASKED, True, "yes, and where is it", (), False),
        (ASKED, True, "no", (), False),
        ("Is there anything else?", True, "yes", ("cancel",), False),
        ("Are you the cancellation desk?", True, "yes", ("cancel",), False),
        ("Soll ich sie wirklich löschen?", True, "yes", ("löschen",), True),
    ],
)
def test_what_allows(asked: str, heard: bool, answer: str, asked_with: tuple[str, ...], allowed: bool) -> None:
    assert Confirmation(asked, heard, answer).allows(asked_with) is allowed


@given(st.text(), st.booleans(), st.text(), st.lists(st.text(), max_size=2))
def test_never_without_a_heard_question_and_a_yes(asked: str, heard: bool, answer: str, with_: list[str]) -> None:
    if Confirmation(asked, heard, answer).allows(tuple(with_)):
        assert heard
        assert asked.strip()
        assert is_yes(answer)


def talk(*lines: tuple[str, str, int | None]) -> Confirmation:
    """(who, text, characters heard): "agent", "aside" or "caller"."""
    history = History()
    for turn, (who, text, heard) in enumerate(lines):
        if who == "caller":
            history.caller_said(turn, text)
            continue
        number = history.agent_begins(turn, aside=who == "aside")
        history.agent_adds(number, text)
        if heard is not None:
            history.agent_heard(number, heard)
    return confirmation_of(history, promptings=(STILL_THERE,))


ALL = 1000


@pytest.mark.parametrize(
    ("lines", "allowed"),
    [
        ([("agent", ASKED, ALL), ("caller", "yes", 0)], True),
        ([("agent", ASKED, len(ASKED) - 1), ("caller", "yes", 0)], True),  # the mark has no sound
        ([("agent", ASKED, len(ASKED) - 5), ("caller", "yes", 0)], False),
        ([("agent", ASKED, None), ("caller", "yes", 0)], False),
        ([("agent", ASKED, 0), ("caller", "yes", 0)], False),
        ([("agent", f"{ASKED} It cannot be undone.", len(ASKED)), ("caller", "yes", 0)], True),
        ([("agent", f"It cannot be undone. {ASKED}", 21), ("caller", "yes", 0)], False),
        ([("aside", "One moment.", ALL), ("agent", ASKED, ALL), ("caller", "yes", 0)], True),
        ([("agent", ASKED, ALL), ("aside", STILL_THERE, ALL), ("caller", "yes", 0)], False),
        ([("aside", STILL_THERE, ALL), ("agent", ASKED, ALL), ("caller", "yes", 0)], True),
        ([("agent", ASKED, ALL), ("aside", "Sorry, I did not catch that.", ALL), ("caller", "yes", 0)], True),
        ([("agent", ASKED, ALL), ("caller", "what for", 0), ("agent", "A test.", ALL), ("caller", "yes", 0)], True),
        ([("agent", "Shall I cancel", 5), ("agent", "cancel order 4712?", ALL), ("caller", "yes", 0)], True),
        ([("caller", "yes", 0)], False),
        ([("agent", ASKED, ALL)], False),
        ([], False),
    ],
)
def test_out_of_the_history(lines: list[tuple[str, str, int | None]], allowed: bool) -> None:
    assert talk(*lines).allows() is allowed


def test_the_question_must_be_of_the_reply_just_before() -> None:
    later = talk(("agent", ASKED, ALL), ("caller", "what for", 0), ("agent", "A test.", ALL), ("caller", "yes", 0))
    assert later.asked == "A test."
    assert not later.allows(("cancel",))
    assert not NOT_CONFIRMED.allows()


def test_what_the_caller_says_while_it_is_done_is_the_same_answer() -> None:
    history = History()
    number = history.agent_begins(1)
    history.agent_adds(number, ASKED)
    history.agent_heard(number, ALL)
    history.caller_said(2, "yes")
    own = history.agent_begins(2)
    history.agent_adds(own, "One moment.")
    assert confirmation_of(history).allows(("cancel",))
