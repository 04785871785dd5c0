"""Scripts: what they may say, and how mistakes are told."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from agent.errors import LocalError
from telephony.sandbox.clip import load_clip
from telephony.sandbox.script import (
    CALLERS,
    DialPlan,
    Drop,
    HangUp,
    Keys,
    Pause,
    Say,
    SayWords,
    WaitForHangUp,
    find_script,
    load_script,
)


def tone(rate_hz: int, seconds: float, level: float = 0.3) -> np.ndarray:
    return level * np.sin(2 * np.pi * 500 * np.arange(int(rate_hz * seconds)) / rate_hz)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sf.write(tmp_path / "a.wav", tone(8000, 0.5), 8000)
    return tmp_path


def load(folder: Path, text: str) -> tuple[object, ...]:
    (folder / "s.toml").write_text(text)
    return load_script(folder / "s.toml").steps


def test_every_step(folder: Path) -> None:
    steps = load(
        folder,
        """
        [[step]]
        say = "a.wav"
        text = "hello"
        after_ms = 100
        wait_s = 2.5
        interrupt_after_ms = 1000
        [[step]]
        keys = "12*#D"
        key_gap_ms = 90
        [[step]]
        pause_ms = 700
        [[step]]
        hang_up = true
        after_ms = 50
        [[step]]
        drop = true
        [[step]]
        say_text = "where is it"
        [[step]]
        say_text = "stop"
        interrupt_after_ms = 400
        [[step]]
        wait_for_hang_up = true
        wait_s = 3
        """,
    )
    say, *others = steps
    assert isinstance(say, Say)
    assert (say.text, say.after_ms, say.wait_s, say.interrupt_after_ms) == ("hello", 100, 2.5, 1000)
    said = [SayWords("where is it"), SayWords("stop", 400)]
    assert others == [Keys("12*#D", key_gap_ms=90), Pause(700), HangUp(50), Drop(), *said, WaitForHangUp(3)]


def test_dial(folder: Path) -> None:
    text = """
        [[dial]]
        to = "+15550100"
        outcome = "no-answer"
        [[step]]
        hang_up = true
        [[dial]]
        after_s = 2
        talk_s = 0.5
        """
    (folder / "s.toml").write_text(text)
    assert load_script(folder / "s.toml").dial == (
        DialPlan("+15550100", "no-answer"),
        DialPlan("", "completed", 2, 0.5),
    )


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("x = 1\n", 1, "x is not known"),
        ("\n", 1, "step must be"),
        ("step = []\n", 1, "step must be"),
        ("description = 4\n[[step]]\nhang_up = true\n", 1, "description must be a string"),
        ("[[step]]\n", 1, "exactly one of"),
        ("[[step]]\nhang_up = true\n\n[[step]]\nsay = 'a.wav'\nkeys = '1'\n", 4, "say and keys"),
        ("[[step]]\nhang_up = true\n[[step]]\nsay = 'a.wav'\nloud = 1\n", 5, "loud is not known"),
        ("[[step]]\nhang_up = true\ntext = 'x'\n", 3, "text is not known in a step with hang_up"),
        ("[[step]]\nsay = 'b.wav'\n", 2, "cannot be read as WAV or FLAC"),
        ("[[step]]\nsay = 1\n", 2, "must be the name"),
        ("[[step]]\nsay = 'a.wav'\nafter_ms = -1\n", 3, "after_ms must be"),
        ("[[step]]\nsay = 'a.wav'\nafter_ms = true\n", 3, "after_ms must be"),
        ("[[step]]\nsay = 'a.wav'\nwait_s = '2'\n", 3, "wait_s must be"),
        ("[[step]]\nsay = 'a.wav'\nwait_s = nan\n", 3, "wait_s must be"),
        ("[[step]]\nsay = 'a.wav'\ntext = 2\n", 3, "text must be"),
        ("[[step]]\nkeys = 4711\n", 2, "keys must be"),
        ("[[step]]\nkeys = '4x'\n", 2, "keys must be"),
        ("[[step]]\npause_ms = 0.5\n", 2, "pause_ms must be"),
        ("[[step]]\nsay_text = ' '\n", 2, "say_text must be the words"),
        ("[[step]]\nsay_text = 'x'\nafter_ms = 1\n", 3, "after_ms is not known in a step with say_text"),
        ("dial = 4\n[[step]]\ndrop = true\n", 1, "dial must be [[dial]] tables"),
        ("[[step]]\ndrop = true\n[[dial]]\nto = 1\n", 4, "to must be a number or SIP address"),
        ("[[dial]]\noutcome = 'busy'\n[[step]]\ndrop = true\n[[dial]]\noutcome = 'no'\n", 6, "outcome must be one"),
        ("[[dial]]\nafter_s = -1\n[[step]]\ndrop = true\n", 2, "after_s must be a number of seconds"),
        ("[[dial]]\ntalk_s = true\n[[step]]\ndrop = true\n", 2, "talk_s must be a number of seconds"),
        ("[[step]]\ndrop = true\n[[dial]]\nwho = 'x'\n", 4, "who is not known in [[dial]]"),
        ("[[step]]\ndrop = false\n", 2, "drop can only be true"),
        ("steps = 1\n[[step]]\ndrop = true\n", 1, "did you mean 'step'?"),
        ("[[step]]\nsays = 'a.wav'\n", 2, "says is not known in a step; did you mean 'say'?"),
        ("[[step]]\nafter_ms = 1\nhangup = true\n", 3, "did you mean 'hang_up'?"),
        ("[[step]]\nsay = 'a.wav'\nwait = 1\n", 3, "wait is not known in a step with say: did you mean 'wait_s'?"),
        ("[[step]]\ndrop = true\n[[dial]]\ntalks = 1\n", 4, "talks is not known in [[dial]]; did you mean 'talk_s'?"),
    ],
)
def test_mistakes_are_told_with_file_and_line(folder: Path, text: str, line: int, says: str) -> None:
    with pytest.raises(LocalError) as caught:
        load(folder, text)
    assert str(caught.value).startswith(f"{folder / 's.toml'}:{line}: ")
    assert says in str(caught.value)


def test_broken_toml_names_its_line(folder: Path) -> None:
    with pytest.raises(LocalError, match=r"s\.toml: not TOML: .*line 2"):
        load(folder, "[[step]]\nsay = \n")


def test_a_recording_is_a_script_of_one_step(folder: Path) -> None:
    script = load_script(folder / "a.wav")
    assert script.name == "a"
    assert [type(step) for step in script.steps] == [Say]


@pytest.mark.parametrize(("rate_hz", "channels"), [(8000, 1), (16000, 2), (22050, 1), (44100, 2), (48000, 1)])
def test_any_rate_and_channels_keep_time_and_level(tmp_path: Path, rate_hz: int, channels: int) -> None:
    silence = np.zeros(int(rate_hz * 0.2))
    mono = np.concatenate([silence, tone(rate_hz, 0.5), silence])
    sf.write(tmp_path / "x.flac", np.stack([mono] * channels, axis=1), rate_hz)
    clip = load_clip(tmp_path / "x.flac")
    assert abs(clip.duration_ms - 900) < 1
    assert abs(clip.speech_start_ms - 200) <= 10
    assert abs(clip.speech_end_ms - 700) <= 10


def test_a_quiet_room_behind_loud_speech_is_not_speech(tmp_path: Path) -> None:
    room = np.random.default_rng(1).normal(0, 10 ** (-43 / 20), 8000)
    sf.write(tmp_path / "x.wav", np.concatenate([tone(8000, 0.5, 0.9), room]), 8000)
    assert abs(load_clip(tmp_path / "x.wav").speech_end_ms - 500) <= 10


@pytest.mark.parametrize("content", [b"", b"RIFF....WAVE", b"x" * 1000])
def test_what_is_no_recording_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.wav").write_bytes(content)
    with pytest.raises(LocalError, match="cannot be read"):
        load_clip(tmp_path / "x.wav")


def test_a_recording_of_nothing_is_refused(tmp_path: Path) -> None:
    for samples in (np.zeros(800), np.zeros(0)):
        sf.write(tmp_path / "x.wav", samples, 8000)
        with pytest.raises(LocalError, match="must say something"):
            load_clip(tmp_path / "x.wav")


def test_packed_callers_are_found_by_name_and_load() -> None:
    assert find_script("demo") == CALLERS / "demo.toml"
    for path in CALLERS.glob("*.toml"):
        assert load_script(path).steps
    with pytest.raises(LocalError, match="one of: demo"):
        find_script("../demo")
