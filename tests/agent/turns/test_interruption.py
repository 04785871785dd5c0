"""What interrupts the agent, by table."""

import pytest

from agent.turns.gate import SpeechBegan, SpeechWindow
from agent.turns.interruption import Interruption


@pytest.mark.parametrize(
    ("began_ms", "windows", "meant"),
    [
        (96, "", [False]),
        (96, "#", [False, False]),
        (96, "##", [False, False, True]),
        (96, "###", [False, False, True, True]),
        (96, ".........", [False] * 10),  # silence adds nothing
        (96, "#..#.", [False, False, False, False, True, True]),
        (160, "..", [True, True, True]),
        (320, "", [True]),
    ],
)
def test_how_much_speech_is_meant(began_ms: int, windows: str, meant: list[bool]) -> None:
    interruption = Interruption(160)
    said = [interruption.began(SpeechBegan(1000, 1000 + began_ms))]
    said += [interruption.window(SpeechWindow(kind == "#", 0)) for kind in windows]
    assert said == meant


def test_each_stretch_is_counted_anew() -> None:
    interruption = Interruption(160)
    interruption.began(SpeechBegan(0, 320))
    assert interruption.began(SpeechBegan(1000, 1096)) is False
    assert interruption.window(SpeechWindow(True, 1128)) is False
    assert interruption.window(SpeechWindow(True, 1160)) is True
