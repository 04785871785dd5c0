"""When a text is taken in a pause: early from a recogniser that may keep its last word back, late from others."""

import pytest

from agent.definition import TurnSettings
from agent.slots.base import Asks
from agent.turns.deadlines import LATE_REST_MS, REST_MS
from agent.turns.endpointing import Endpointer
from agent.turns.turn_events import TakeWords
from tests.agent.turns.caller import FOUR, Line, Told


def endpointer() -> Endpointer:
    made = Endpointer(TurnSettings())
    made.asked(FOUR)
    return made


def after_ms(told: Told) -> list[int]:
    """How long the caller had rested each time that the words were taken."""
    return [event.media_ms - event.speech_end_ms for event in told.events if isinstance(event, TakeWords)]


def takes(told: Told) -> int:
    """How often they were taken early."""
    return sum(rested_ms < LATE_REST_MS for rested_ms in after_ms(told))


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


def test_a_late_text_that_has_more_words_opens_the_question_again() -> None:
    made = endpointer()
    line = Line(made)
    assert takes(line.play("four (1200) seven one two")) == 1
    line.keeps_back = True
    told = line.play("four seven one two")
    assert takes(told) == 0
    assert [end.text for end in told.ends] == ["four seven one two"]
    made.final("four seven one two")  # the same text once more: it tells nothing
    assert takes(line.play("four seven one two")) == 1


def test_one_that_showed_all_its_words_is_asked_late_before_an_answer_is_held_in_vain() -> None:
    """It may be wrong about its last word until it must decide: "four one two" was four digits in the final text."""
    line = Line(endpointer())
    line.play("four (1200) seven one two")
    told = line.play("four one two")
    (rested_ms,) = after_ms(told)
    assert LATE_REST_MS <= rested_ms <= LATE_REST_MS + 40


@pytest.mark.parametrize("misheard", ["can", "that", "let", "what is the"])
def test_what_is_shown_of_a_yes_or_no_and_is_none_is_asked_about_early(misheard: str) -> None:
    made = endpointer()
    line = Line(made)
    line.play("four (1200) seven one two")  # this recogniser shows its words
    made.asked(Asks("", "yes_no"))
    told = line.play(misheard)
    assert [rested_ms // 100 for rested_ms in after_ms(told)] == [REST_MS // 100]
    assert after_ms(line.play("yes")) == []
