"""Backchannels, by table: what tells the agent to go on, and what does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.turns.backchannel import Weight, spoken, weight, weight_of_more


@pytest.mark.parametrize(
    "text",
    [
        "mhm", "mm-hmm", "mmhmm", "Uh-huh.", "uh huh", "uhhuh", "um hum", "yeah", "Yeah, okay.", "yes yes yes", "right",
        "all right", "oh okay thanks", "got it", "of course", "that's right", "thank you", "yeah i know", "go ahead",
    ],
)  # fmt: skip
def test_acknowledgements_are_backchannels_unless_they_answer(text: str) -> None:
    assert weight(text, answering=False) is Weight.BACKCHANNEL
    assert weight(text, answering=True) is Weight.MEANT


@pytest.mark.parametrize(
    "text", ["hm", "hmm", "um", "uh", "er", "oh", "ooh", "ah", "aha", "haha", "ha ha ha", "hehe", "heh", "wow", "i see",
             "oh, I see", "really?", "huh"],
)  # fmt: skip
def test_sounds_never_answer(text: str) -> None:
    assert weight(text, answering=False) is Weight.BACKCHANNEL
    assert weight(text, answering=True) is Weight.BACKCHANNEL


@pytest.mark.parametrize(
    "text",
    [
        "no", "yeah but", "okay stop", "wait", "hold on", "yes it is", "right so what about", "what", "hello", "sorry",
        "seven", "oh seven", "her", "hi", "hey", "me", "bye", "yeah no", "i see but", "the order",
        "yeah yeah yeah yeah yeah yeah yeah yeah yeah", "mhm " * 200,
    ],
)  # fmt: skip
def test_what_is_meant(text: str) -> None:
    assert weight(text, answering=False) is Weight.MEANT


@pytest.mark.parametrize(
    "text", ["", " ", "...", "[noise]", "(laughs) [cough]", "<unk>", "++NOISE++", "the", "And", "i"]
)
def test_what_says_nothing(text: str) -> None:
    assert weight(text, answering=False) is Weight.NOTHING
    assert weight(text, answering=True) is Weight.NOTHING


def test_marks_of_noises_are_no_words() -> None:
    assert spoken("[noise] Don’t (laughs) STOP <unk>") == ("don't", "stop")


@given(st.text(max_size=600), st.booleans())
def test_any_text_has_a_weight_and_asking_only_makes_it_heavier(text: str, answering: bool) -> None:
    assert weight(text, answering) in Weight
    if weight(text, answering=False) is not Weight.BACKCHANNEL:
        assert weight(text, answering=True) is weight(text, answering=False)


@pytest.mark.parametrize(
    ("before", "text", "expected"),
    [
        ("yes", "please", Weight.BACKCHANNEL),
        ("yes", "yes please", Weight.BACKCHANNEL),
        ("no", "thank you very much", Weight.BACKCHANNEL),
        ("my order number is four seven one two", "okay", Weight.BACKCHANNEL),
        ("no", "yes please", Weight.MEANT),
        ("yes", "no", Weight.MEANT),
        ("thank you", "goodbye", Weight.MEANT),
        ("four seven", "one two", Weight.MEANT),
        ("yes", "please cancel the other one", Weight.MEANT),
        ("yes", "", Weight.NOTHING),
        ("yes", "[noise]", Weight.NOTHING),
    ],
)
def test_what_is_added_to_a_turn_weighs_by_what_it_changes(before: str, text: str, expected: Weight) -> None:
    assert weight_of_more(text, before) is expected
