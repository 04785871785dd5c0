"""When a text is taken in a pause: only from a recogniser that may keep its last word back."""

import pytest

from agent.definition import TurnSettings
from agent.slots.base import Asks
from agent.turns.endpointing import Endpointer
from tests.agent.turns.caller import FOUR, Line, Told


def endpointer() -> Endpointer:
    made = Endpointer(TurnSettings())
    made.asked(FOUR)
    return made


def takes(told: Told) -> int:
    return told.kinds.count("TakeWords")


def test_a_recogniser_that_shows_all_its_words_is_not_made_to_begin_anew_in_every_pause() -> None:
    line = Line(endpointer())
    assert takes(line.play("four (1200) seven (1200) one (1200) two")) == 1
    assert takes(line.play("four (1200) seven (1200) one (1200) two")) == 0


def test_one_that_keeps_its_last_word_back_is_asked_in_every_pause() -> None:
    line = Line(endpointer(), keeps_back=True)
    for _ in range(3):
        told = line.play("four seven (900) one two")
        assert takes(told) == 2
        assert [end.text for end in told.ends] == ["four seven one two"]


@pytest.mark.parametrize(
    ("final", "asked"),
    [
        ("my order is late", 1),  # it had kept a word back
        ("my order is", 0),
        ("My order is.", 0),
        ("", 0),
        ("my odour is late", 1),  # it thinks otherwise now: that tells nothing
    ],
)
def test_what_the_final_text_of_an_earlier_turn_tells(final: str, asked: int) -> None:
    made = endpointer()
    line = Line(made)
    made.asked(Asks())
    line.play("my order is")
    made.final(final)
    made.final("nothing of that")  # of another turn, whose words were never shown
    made.asked(FOUR)
    assert takes(line.play("four (1200) seven one two")) == asked


def test_a_turn_that_was_held_in_vain_opens_the_question_again() -> None:
    made = endpointer()
    line = Line(made)
    assert takes(line.play("four (1200) seven one two")) == 1
    assert takes(line.play("four seven one")) == 0
    made.final("four seven one two")
    assert takes(line.play("four seven one")) == 1
