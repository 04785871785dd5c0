"""Courtesy instead of a value, by table."""

import pytest

from agent.slots.courtesy import Courtesy, courtesy


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("yes please", Courtesy.ALONE),
        ("Yes, please.", Courtesy.ALONE),
        ("no thank you", Courtesy.ALONE),
        ("yeah that's right", Courtesy.ALONE),
        ("thank you very much", Courtesy.ALONE),
        ("okay thanks bye", Courtesy.ALONE),
        ("yes", Courtesy.OPENING),
        ("okay sure", Courtesy.OPENING),
        ("", Courtesy.NOT),
        ("please", Courtesy.OPENING),
        ("um", Courtesy.NOT),
        ("yes um", Courtesy.NOT),
        ("yes it's", Courtesy.NOT),
        ("yes it is", Courtesy.NOT),
        ("it is", Courtesy.NOT),
        ("okay my number is", Courtesy.NOT),
        ("thank you it's", Courtesy.NOT),
        ("yes hold on", Courtesy.NOT),
    ],
)
def test_what_is_said_instead_of_a_value(text: str, what: Courtesy) -> None:
    assert courtesy(text) is what
