"""Inner pauses, by table."""

import pytest

from agent.turns.sounding import Sounding


@pytest.mark.parametrize(
    ("windows", "pauses"),
    [
        ("####", []),
        ("##..##..##", []),  # the closure of a consonant
        ("##...##", []),  # not yet sure
        ("##...###", [96]),
        ("##.......######", [224]),
        # A click is part of the pause.
        ("##.......#.......###", [480]),
        ("##....###....###", [128, 128]),
        ("##.....", []),
    ],
)
def test_pauses_within_a_turn(windows: str, pauses: list[int]) -> None:
    sound = Sounding(least_speech_ms=96)
    sound.began(1000)
    found = []
    for at, kind in enumerate(windows, 1):
        if kind == "#":
            found.append(sound.loud(1000 + 32 * at))
        else:
            sound.quiet(1000 + 32 * at)
    assert [pause for pause in found if pause is not None] == pauses


def test_quiet_is_what_was_heard_to_be_quiet() -> None:
    sound = Sounding(least_speech_ms=96)
    sound.began(1000)
    assert sound.quiet_ms == 0
    sound.quiet(1064)
    assert (sound.speech_end_ms, sound.quiet_ms) == (1000, 64)
    sound.quiet(1032)  # late
    assert sound.quiet_ms == 64
    sound.loud(1096)
    assert (sound.speech_end_ms, sound.quiet_ms) == (1096, 0)
    sound.loud(1032)
    assert sound.speech_end_ms == 1096
