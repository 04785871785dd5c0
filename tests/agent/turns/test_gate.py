"""The speech gate: hysteresis, dropouts, and when the speech began - by table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.turns.gate import GateEvent, SpeechBegan, SpeechGate, SpeechWindow

#: One character a window: . silence, ~ between the thresholds (holds speech, starts none), # sure speech (counts
#: twice), + likely speech (1.1 windows' worth), = 0.5 (0.3), - just holds, _ just does not.
LEVELS = {".": 0.0, "~": 0.4, "#": 0.9, "+": 0.69, "=": 0.5, "-": 0.35, "_": 0.349}


def run(gate: SpeechGate, windows: str) -> list[GateEvent]:
    events = (gate.window(LEVELS[kind], 32 * (index + 1)) for index, kind in enumerate(windows))
    return [event for event in events if event is not None]


@pytest.mark.parametrize(
    ("windows", "began"),
    [
        ("", None),
        ("..........", None),
        ("#", (0, 32)),  # of one window the detector is sure
        ("...#", (96, 128)),
        ("++", (0, 64)),
        (".+.+.+.+", None),  # one step forward, one back
        ("~~~~~~", None),  # between the thresholds nothing begins
        ("+~+", (0, 96)),  # but what began holds
        ("+", None),
        ("+-+", (0, 96)),
        ("+_.+", None),  # what is less likely costs more
        ("====", (0, 128)),  # little evidence needs long
        ("===", None),
        ("+..#", (96, 128)),  # after silence, what was before counts for nothing
    ],
)
def test_when_speech_begins(windows: str, began: tuple[int, int] | None) -> None:
    gate = SpeechGate(64)
    events = run(gate, windows)
    assert events[:1] == ([SpeechBegan(*began)] if began else [])
    assert gate.open is (began is not None)


def test_every_window_of_an_open_stretch_says_whether_it_held_speech() -> None:
    events = run(SpeechGate(96), ".##" + "#~_~=.")
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
    assert run(gate, "#") == []
    gate.close()
    assert run(gate, "#") == []


@pytest.mark.parametrize(("min_speech_ms", "windows"), [(0, 1), (1, 1), (32, 1), (64, 1), (96, 2), (320, 5)])
def test_how_many_sure_windows_it_takes(min_speech_ms: int, windows: int) -> None:
    assert run(SpeechGate(min_speech_ms), "#" * (windows - 1)) == []
    assert isinstance(run(SpeechGate(min_speech_ms), "#" * windows)[0], SpeechBegan)


def quiet_after(noise: int, voice: int, after: int) -> bool:
    """A line of so much noise, a stretch of speech, then a window of which the detector still says "speech"."""
    gate, end_ms = SpeechGate(64), 0
    for level, probability in [(noise, 0.01)] * 40 + [(voice, 0.95)] * 10:
        end_ms += 32
        gate.window(probability, end_ms, level)
    event = gate.window(0.9, end_ms + 32, after)
    assert isinstance(event, SpeechWindow)
    return event.quiet


@pytest.mark.parametrize(
    ("noise", "voice", "after", "quiet"),
    [
        (0, 3000, 80, True),  # 31 dB below the voice
        (0, 3000, 120, False),
        (200, 3000, 210, True),  # a noisy line: as loud as the noise, 23 dB below the voice
        (200, 3000, 500, False),
        (200, 900, 210, False),  # a voice hardly over the noise: nobody knows
        (1500, 3000, 1500, False),
    ],
)
def test_quiet_is_far_below_the_voice_or_no_louder_than_the_line(
    noise: int, voice: int, after: int, quiet: bool
) -> None:
    assert quiet_after(noise, voice, after) is quiet


def after_close(*windows: tuple[float, int]) -> list[SpeechBegan]:
    """What opens in windows of (probability, level) right after a loud stretch was closed."""
    gate, end_ms = SpeechGate(64), 0
    for level, probability in [(10, 0.01)] * 40 + [(3000, 0.95)] * 10 + [(60, 0.9)] * 3:
        end_ms += 32
        gate.window(probability, end_ms, level)
    assert gate.open
    gate.close()
    found = [gate.window(probability, end_ms + 32 * at, level) for at, (probability, level) in enumerate(windows, 1)]
    return [event for event in found if isinstance(event, SpeechBegan)]


def test_the_tail_of_the_word_that_ended_a_turn_opens_none() -> None:
    assert after_close(*[(0.9, 60)] * 20) == []
    assert after_close(*[(0.9, 60)] * 3, *[(0.36, 20)] * 3, *[(0.1, 10)] * 5) == []


@pytest.mark.parametrize("tail", [0, 1, 4])
def test_who_goes_on_louder_or_after_a_window_without_speech_opens_at_once(tail: int) -> None:
    assert len(after_close(*[(0.9, 60)] * tail, (0.9, 2000))) == 1
    assert len(after_close(*[(0.9, 60)] * tail, (0.3, 60), (0.9, 60))) == 1  # a soft voice, after a pause


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
            assert event.media_ms - event.speech_ms >= min_speech_ms / 2 - 16  # a sure window counts twice
