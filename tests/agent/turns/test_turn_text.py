"""What a turn says: words and keys in order, by table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.turns.turn_text import TurnText


def said(script: str) -> TurnText:
    """`script`: steps split by |. hear; >words; <keys; resumed."""
    text = TurnText()
    for step in script.split("|"):
        match step[:1]:
            case ">":
                text.words(step[1:])
            case "<":
                text.keys(step[1:])
            case "r":
                text.resumed()
            case _:
                text.hear()
    return text


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("hear", ""),
        ("hear|>four|>four seven", "four seven"),
        ("hear|>four seven|>four", "four"),
        ("hear|>four|>", ""),
        ("<4|<7|<1", "471"),
        ("hear|>five five|<1|<2", "five five 12"),
        # Words that come after a key were said before it, as long as nobody is heard to speak.
        ("hear|>five|<1|>five five|<2", "five five 12"),
        ("hear|>five|<1|r|>five no", "five 1 no"),
        ("hear|>five|<1|r|>five no|<2|r|>five no yes", "five 1 no 2 yes"),
        ("<4|hear|>seven", "4 seven"),
        ("<4|hear|>seven|<1", "4 seven 1"),
        ("hear|>one two|hear|>three", "one two three"),
        ("r|<4", "4"),
        # Fewer words than stood before the keys.
        ("hear|>five five|<1|r|>five five no|>five", "five 1"),
    ],
)
def test_what_was_said(script: str, text: str) -> None:
    assert said(script).text == text


def test_the_final_text_takes_the_place_of_the_hearing() -> None:
    text = said("<4|hear|>seven one|<2|r|>seven one no")
    assert text.final("seven nine no") == "4 seven nine 2 no"
    assert text.final("") == "4 2"
    assert text.text == "4 seven one 2 no"


@pytest.mark.parametrize(
    ("hearing", "text"),
    [(1, "4 eight nine 2 five no"), (2, "4 seven 2 eight nine no"), (0, "eight nine 4 seven 2 five no")],
)
def test_a_final_text_that_comes_late_takes_the_place_of_its_own_hearing(hearing: int, text: str) -> None:
    late = said("<4|hear|>seven|<2|hear|>five|hear|>no")
    assert late.hearing == 3
    late.earlier(hearing, "eight nine")
    assert late.text == late.final("no") == text


def test_final_texts_come_in_any_order() -> None:
    late = said("hear|>four|hear|>one|hear|>two")
    late.earlier(2, "one one")
    late.earlier(1, "four seven")
    assert late.text == "four seven one one two"


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ("four", "four", False),
        ("four", " Four. ", False),
        ("four ,", "four", False),
        ("four", "four four", True),
        ("4.50", "4.5", True),
        ("", "", False),
        ("", ".", False),
        ("four", "", True),
    ],
)
def test_what_counts_as_other_words(before: str, after: str, changed: bool) -> None:
    text = TurnText()
    text.words(before)
    assert text.words(after) is changed
    assert text.text == " ".join(after.split())


STEPS = st.one_of(
    st.tuples(st.just("words"), st.lists(st.sampled_from(["a", "b", "c"]), max_size=4).map(" ".join)),
    st.tuples(st.just("keys"), st.text("0123456789*", min_size=1, max_size=3)),
    st.tuples(st.sampled_from(["resumed", "hear"]), st.just("")),
)


@given(st.lists(STEPS, max_size=30))
def test_no_key_is_lost_and_the_words_of_a_hearing_stand_in_order(steps: list[tuple[str, str]]) -> None:
    text, keys, before, words = TurnText(), "", "", ""
    for kind, what in steps:
        if kind == "words":
            words = what
            text.words(what)
        elif kind == "keys":
            keys += what
            text.keys(what)
        elif kind == "hear":
            before, words = before + words, ""
            text.hear()
        else:
            text.resumed()
        plain = text.text.replace(" ", "")
        assert "".join(char for char in plain if not char.isalpha()) == keys
        assert "".join(char for char in plain if char.isalpha()) == (before + words).replace(" ", "")
        assert text.final(words) == text.text
