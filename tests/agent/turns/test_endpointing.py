"""Endpointing by silence, by table."""

import pytest

from agent.turns.endpointing import EndOfTurn, SilenceEndpointer
from agent.turns.gate import SpeechBegan, SpeechWindow


def run(windows: str, trailing_ms: int = 320, max_turn_ms: int = 3200) -> list[EndOfTurn]:
    """`windows`: # speech, . silence, after 96 ms of speech that began at 1000."""
    endpointer = SilenceEndpointer(trailing_ms, max_turn_ms)
    endpointer.began(SpeechBegan(1000, 1096))
    ends = (endpointer.window(SpeechWindow(kind == "#", 1096 + 32 * (at + 1))) for at, kind in enumerate(windows))
    return [end for end in ends if end is not None]


@pytest.mark.parametrize(
    ("windows", "end"),
    [
        ("#" * 5 + "." * 9, None),
        ("#" * 5 + "." * 10, EndOfTurn(1256, 1576, "silence")),
        ("." * 10, EndOfTurn(1096, 1416, "silence")),
        ("." * 9 + "#" + "." * 10, EndOfTurn(1416, 1736, "silence")),
        ("#" * 96, None),
        ("#" * 97, EndOfTurn(4200, 4200, "max")),
        (("#" + "." * 9) * 10, EndOfTurn(4008, 4200, "max")),
    ],
)
def test_when_a_turn_ends(windows: str, end: EndOfTurn | None) -> None:
    assert run(windows)[:1] == ([end] if end else [])


def test_without_audio_the_clock_ends_a_turn() -> None:
    endpointer = SilenceEndpointer(320, 3200)
    endpointer.began(SpeechBegan(0, 96))
    assert endpointer.window(SpeechWindow(True, 128)) is None
    assert endpointer.tick(447) is None
    assert endpointer.tick(448) == EndOfTurn(128, 448, "silence")


def test_what_was_recognised_ends_nothing_yet() -> None:
    endpointer = SilenceEndpointer(320, 3200)
    endpointer.began(SpeechBegan(0, 96))
    assert endpointer.partial("yes", 100) is None


def test_a_new_turn_knows_nothing_of_the_last() -> None:
    endpointer = SilenceEndpointer(320, 3200)
    endpointer.began(SpeechBegan(0, 96))
    endpointer.window(SpeechWindow(True, 3199))
    endpointer.began(SpeechBegan(10_000, 10_096))
    assert endpointer.window(SpeechWindow(True, 10_128)) is None
    assert endpointer.tick(10_447) is None
