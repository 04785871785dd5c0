"""The speech gate: hysteresis, dropouts, and when the speech began - by table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.turns.gate import GateEvent, SpeechBegan, SpeechGate, SpeechWindow

#: One character a window: . silence, ~ between the thresholds (holds speech, starts none), # speech.
LEVELS = {".": 0.0, "~": 0.4, "#": 0.9, "=": 0.5, "-": 0.35, "_": 0.349}


def run(gate: SpeechGate, windows: str) -> list[GateEvent]:
    events = (gate.window(LEVELS[kind], 32 * (index + 1)) for index, kind in enumerate(windows))
    return [event for event in events if event is not None]


@pytest.mark.parametrize(
    ("windows", "began"),
    [
        ("", None),
        ("..........", None),
        ("##", None),
        ("###", (0, 96)),
        ("...###", (96, 192)),
        ("~~~~~~", None),  # between the thresholds nothing begins
        ("#~~", (0, 96)),  # but what began holds
        ("===", (0, 96)),  # 0.5 is speech
        ("=--", (0, 96)),  # 0.35 still is
        ("=_=_=_=_", None),  # 0.349 is none: one step forward, one back
        ("#.#.#.#.#.", None),
        ("##.##", (0, 160)),  # a dropout costs its window twice, and no more
        ("#..###", (96, 192)),  # after two, what was before counts for nothing
        ("##..###", (128, 224)),
    ],
)
def test_when_speech_begins(windows: str, began: tuple[int, int] | None) -> None:
    gate = SpeechGate(96)
    events = run(gate, windows)
    assert events[:1] == ([SpeechBegan(*began)] if began else [])
    assert gate.open is (began is not None)


def test_every_window_of_an_open_stretch_says_whether_it_held_speech() -> None:
    events = run(SpeechGate(96), "###" + "#~_~=.")
    assert events[1:] == [
        SpeechWindow(speech, 96 + 32 * (index + 1))
        for index, speech in enumerate([True, True, False, False, True, False])
    ]


def test_after_closing_the_next_stretch_must_earn_its_opening() -> None:
    gate = SpeechGate(96)
    run(gate, "####")
    gate.close()
    assert gate.open is False
    assert run(gate, "~~~~") == []  # hysteresis does not outlive the stretch
    assert run(gate, "##") == []
    gate.close()
    assert run(gate, "#") == []


@pytest.mark.parametrize(("min_speech_ms", "windows"), [(0, 1), (1, 1), (32, 1), (64, 2), (96, 3), (320, 10)])
def test_how_many_windows_it_takes(min_speech_ms: int, windows: int) -> None:
    assert run(SpeechGate(min_speech_ms), "#" * (windows - 1)) == []
    assert isinstance(run(SpeechGate(min_speech_ms), "#" * windows)[0], SpeechBegan)


@given(st.lists(st.floats(0, 1), max_size=200), st.integers(0, 400))
def test_a_stretch_began_before_it_was_certain_and_not_before_the_audio(
    levels: list[float], min_speech_ms: int
) -> None:
    gate = SpeechGate(min_speech_ms)
    for index, level in enumerate(levels):
        was_open = gate.open
        event = gate.window(level, 32 * (index + 1))
        if was_open:
            assert isinstance(event, SpeechWindow)
        elif event is not None:
            assert isinstance(event, SpeechBegan)
            assert 0 <= event.speech_ms < event.media_ms == 32 * (index + 1)
            assert event.media_ms - event.speech_ms >= min_speech_ms - 16
