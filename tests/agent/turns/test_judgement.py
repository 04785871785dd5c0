"""What the words say about the end, by table."""

import pytest

from agent.slots.base import Asks, Progress, Reading
from agent.turns import judgement
from agent.turns.completeness import ending, ending_likelihood
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
    judged = judge(DIGITS, "four", gives_words=True)
    assert (judged.waiting, judged.reason, judged.reading) == (waiting, reason, Reading(progress, "4"))
    assert judged.likelihood == 0.5


@pytest.mark.parametrize(
    ("asks", "text", "likelihood"),
    [
        (DIGITS, "four", 0.5),
        (Asks(kind="digits"), "four", 0.3),
        (Asks(kind="spelled"), "j e", 0.3),
        (Asks(kind="date"), "done", 0.5),
        (Asks(kind="money"), "two thousand and", 0.1),
    ],
)
def test_what_may_be_all_is_likelier_to_go_on_where_it_comes_in_pieces(
    asks: Asks, text: str, likelihood: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judgement, "read_answer", lambda asks, text: Reading(Progress.ENOUGH, "4"))
    monkeypatch.setattr(judgement, "ending_likelihood", lambda text: 0.1 if text.endswith("and") else 0.9)
    assert judge(asks, text, gives_words=True).likelihood == likelihood


@pytest.mark.parametrize("asks", [Asks(), Asks(kind="free"), DIGITS])
@pytest.mark.parametrize("text", ["i don't have it", "well and", "my order"])
def test_free_speech_by_its_words(asks: Asks, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judgement, "read_answer", lambda asks, text: Reading(Progress.BESIDE))
    judged = judge(asks, text, gives_words=True)
    assert (judged.waiting, judged.reason) == (Waiting.BY_WORDS, ending(text).name.lower())
    assert judged.likelihood == ending_likelihood(text)


@pytest.mark.parametrize(
    ("asks", "gives_words", "waiting"),
    [
        (DIGITS, True, Waiting.HOLD),
        (DIGITS, False, Waiting.SILENCE),
        (Asks(), True, Waiting.SILENCE),
        (Asks(kind="free"), True, Waiting.SILENCE),
    ],
)
def test_without_words(asks: Asks, gives_words: bool, waiting: Waiting) -> None:
    assert judge(asks, "", gives_words).waiting is waiting


@pytest.mark.parametrize(
    ("kind", "text", "likelihood"),
    [
        ("name", "maria garcia", 0.65),
        ("name", "maria", 0.5),
        ("date", "the twenty second", 0.35),
        ("date", "the third of may", 0.5),
        ("money", "one hundred and twenty", 0.35),
        ("money", "one hundred and twenty dollars", 0.5),
        ("money", "seven pounds eighty", 0.5),
    ],
)
def test_what_a_value_still_lacks_is_waited_for(
    kind: str, text: str, likelihood: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judgement, "ending_likelihood", lambda text: 0.9)
    judged = judge(Asks(kind=kind), text, gives_words=True)
    assert (judged.reason, judged.likelihood) == ("slot enough", likelihood)


@pytest.mark.parametrize(("kind", "text", "lingers"), [("yes_no", "yes", True), ("date", "today", False)])
def test_more_is_often_said_after_a_yes(kind: str, text: str, lingers: bool) -> None:
    judged = judge(Asks(kind=kind), text, gives_words=True)
    assert (judged.reason, judged.lingers) == ("slot complete", lingers)
