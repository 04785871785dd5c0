"""What the words say about the end, by table."""

import pytest

from agent.slots.base import Asks, Progress, Reading
from agent.turns import judgement
from agent.turns.completeness import completeness, ending_likelihood
from agent.turns.judgement import Waiting, judge

DIGITS = Asks(kind="digits", length=4)


@pytest.mark.parametrize(
    ("progress", "waiting", "reason"),
    [
        (Progress.NOTHING, Waiting.HOLD, "slot unfinished"),
        (Progress.PART, Waiting.HOLD, "slot unfinished"),
        (Progress.ENOUGH, Waiting.BY_WORDS, "slot enough"),
        (Progress.WHOLE, Waiting.END, "slot complete"),
    ],
)
def test_by_how_far_the_answer_has_come(
    progress: Progress, waiting: Waiting, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judgement, "read_answer", lambda asks, text: Reading(progress, "4"))
    judged = judge(DIGITS, "four")
    assert (judged.waiting, judged.reason, judged.reading) == (waiting, reason, Reading(progress, "4"))
    assert judged.likelihood == 0.5


@pytest.mark.parametrize(
    ("asks", "text", "likelihood"),
    [
        (DIGITS, "four", 0.5),
        (Asks(kind="digits"), "four", 0.3),
        (Asks(kind="spelled"), "j e", 0.3),
        (Asks(kind="date"), "done", 0.4),
        (Asks(kind="money"), "two thousand and", 0.1),
    ],
)
def test_what_may_be_all_is_likelier_to_go_on_where_it_comes_in_pieces(
    asks: Asks, text: str, likelihood: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judgement, "read_answer", lambda asks, text: Reading(Progress.ENOUGH, "4"))
    monkeypatch.setattr(judgement, "ending_likelihood", lambda text: 0.1 if text.endswith("and") else 0.9)
    assert judge(asks, text).likelihood == likelihood


@pytest.mark.parametrize("asks", [Asks(), Asks(kind="free"), DIGITS])
@pytest.mark.parametrize("text", ["i don't have it", "well and", "my order"])
def test_free_speech_by_its_words(asks: Asks, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judgement, "read_answer", lambda asks, text: Reading(Progress.BESIDE))
    judged = judge(asks, text)
    assert (judged.waiting, judged.reason) == (Waiting.BY_WORDS, completeness(text).name.lower())
    assert judged.likelihood == ending_likelihood(text)


@pytest.mark.parametrize("asks", [DIGITS, Asks(), Asks(kind="free")])
def test_without_words_there_is_nothing_to_hold(asks: Asks) -> None:
    assert judge(asks, "").waiting is Waiting.SILENCE


@pytest.mark.parametrize(
    ("text", "waiting", "reason"),
    [
        ("yes please", Waiting.BY_WORDS, "unsure"),
        ("no thank you", Waiting.BY_WORDS, "unsure"),
        ("yeah that's right", Waiting.BY_WORDS, "unsure"),
        ("thank you", Waiting.BY_WORDS, "unsure"),
        ("yes", Waiting.BY_WORDS, "unfinished"),
        ("okay", Waiting.BY_WORDS, "unfinished"),
        ("it is", Waiting.HOLD, "slot unfinished"),
        ("um", Waiting.HOLD, "slot unfinished"),
        ("yes um", Waiting.HOLD, "slot unfinished"),
        ("yes it's", Waiting.HOLD, "slot unfinished"),
        ("my number is", Waiting.HOLD, "slot unfinished"),
        ("one moment", Waiting.HOLD, "slot unfinished"),
    ],
)
def test_courtesy_holds_no_turn_and_an_introduction_does(text: str, waiting: Waiting, reason: str) -> None:
    judged = judge(DIGITS, text)
    assert (judged.waiting, judged.reason) == (waiting, reason)
    assert waiting is Waiting.HOLD or judged.likelihood <= 0.5


@pytest.mark.parametrize(
    ("kind", "text", "likelihood"),
    [
        ("name", "maria garcia", 0.65),
        ("name", "maria", 0.4),
        ("date", "the twenty second", 0.35),
        ("date", "the third of may", 0.4),
        ("date", "next friday", 0.5),
        ("money", "one hundred and twenty", 0.35),
        ("money", "one hundred and twenty dollars", 0.45),
        ("money", "seven pounds eighty", 0.65),
    ],
)
def test_what_a_value_still_lacks_is_waited_for(
    kind: str, text: str, likelihood: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judgement, "ending_likelihood", lambda text: 0.9)
    judged = judge(Asks(kind=kind), text)
    assert (judged.reason, judged.likelihood) == ("slot enough", likelihood)


@pytest.mark.parametrize(("kind", "text", "lingers"), [("yes_no", "yes", True), ("date", "today", False)])
def test_more_is_often_said_after_a_yes(kind: str, text: str, lingers: bool) -> None:
    judged = judge(Asks(kind=kind), text)
    assert (judged.reason, judged.lingers) == ("slot complete", lingers)


TEN, FOUR_TO_SIX = Asks(kind="digits", length=10), Asks(kind="digits", length=4, longest=6)


@pytest.mark.parametrize("asks", [Asks(), Asks(kind="free"), Asks(kind="yes_no")])
@pytest.mark.parametrize("text", ["four seven one two", "um six two eight five", "track order forty seven twelve"])
def test_a_number_given_unasked_is_all_of_it_where_it_is_as_long_as_one_that_is_asked_for(
    asks: Asks, text: str
) -> None:
    before, judged = judge(asks, text), judge(asks, text, (Asks(kind="yes_no"), DIGITS))
    assert before.likelihood < 0.4
    assert (judged.waiting, judged.reason, judged.likelihood) == (Waiting.BY_WORDS, "unsure", 0.5)


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("four seven", (DIGITS,)),
        ("four seven one two three", (DIGITS,)),
        ("four seven one two", (DIGITS, TEN)),  # or the beginning of a telephone number
        ("four seven one two", (FOUR_TO_SIX,)),
        ("four seven one two", (Asks(kind="digits"), Asks(kind="yes_no"))),
        ("four seven one two and", (DIGITS,)),
        ("order four seven one two is", (DIGITS,)),
    ],
)
def test_a_number_that_may_go_on_is_waited_for_as_before(text: str, known: tuple[Asks, ...]) -> None:
    assert judge(Asks(), text, known) == judge(Asks(), text)


def test_words_that_close_a_sentence_behind_a_number_close_it_all_the_same() -> None:
    text = "where is order four seven one two please"
    assert judge(Asks(), text, (DIGITS,)) == judge(Asks(), text)
    assert judge(Asks(), text).likelihood > 0.9


@pytest.mark.parametrize(
    ("text", "waiting"),
    [
        ("not", Waiting.BY_WORDS),
        ("uh not", Waiting.BY_WORDS),
        ("let me check", Waiting.HOLD),
        ("hold on", Waiting.HOLD),
    ],
)
def test_the_beginning_of_a_yes_or_no_is_not_held_as_that_of_a_number(text: str, waiting: Waiting) -> None:
    judged = judge(Asks(kind="yes_no"), text)
    assert judged.waiting is waiting
    if waiting is Waiting.BY_WORDS:
        assert judged.likelihood <= 0.3, "most who begin so go on"
