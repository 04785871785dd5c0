"""A folder of recordings becomes turns, backgrounds and echoes, whatever its sets are called."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from agent.errors import LocalError
from telephony.bench.turns.backgrounds import (
    STREAM_MS,
    made_backgrounds,
    recorded_babble,
    recorded_backgrounds,
    room_responses,
)
from telephony.bench.turns.banks import banks, single_word
from telephony.bench.turns.corpora import corpora
from telephony.bench.turns.echoes import echo_items
from telephony.bench.turns.items import RATE_HZ, Item
from telephony.bench.turns.recordings import Recording, read_manifest
from telephony.bench.turns.sounds import PER_MS, active_dbfs, samples_of
from telephony.bench.turns.strings import DIGITS

from .made import item


def tone(ms: int, hz: float = 440.0, level: float = 0.2) -> np.ndarray:
    return level * np.sin(2 * np.pi * hz * np.arange(ms * PER_MS) / RATE_HZ)


def quiet(ms: int) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 0.0003, ms * PER_MS)


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[str] = []

    def add(self, file: str, sound: np.ndarray, **row: Any) -> None:
        (self.path / file).parent.mkdir(parents=True, exist_ok=True)
        sf.write(self.path / file, sound, RATE_HZ)
        self.lines.append(json.dumps({"file": file, "set": file.partition("/")[0], **row}))

    def read(self) -> list[Recording]:
        (self.path / "manifest.jsonl").write_text("\n".join(self.lines) + "\n")
        return read_manifest(self.path)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def with_digits(folder: Folder) -> None:
    for at, word in enumerate(DIGITS):
        sound = np.concatenate((quiet(80), tone(200 + 20 * at, 300 + 50 * at), quiet(90)))
        text = str(at) if at % 2 else word.title()
        folder.add(f"numbers/{word}.wav", sound, transcript=text, speaker="ann")


def test_single_words_are_gathered_and_cut(folder: Folder) -> None:
    with_digits(folder)
    folder.add("numbers/long.wav", tone(2000), transcript="one", speaker="ann")
    folder.add("numbers/silent.wav", np.zeros(4000), transcript="two", speaker="ann")
    (bank,) = banks(folder.read())
    assert (bank.corpus, bank.speaker) == ("numbers", "ann")
    assert {word: len(clips) for word, clips in bank.clips.items()} == dict.fromkeys(DIGITS, 1)
    assert [round(clip.words[0].end_ms, -1) for (clip,) in bank.clips.values()] == [200 + 20 * at for at in range(10)]


@pytest.mark.parametrize(
    ("transcript", "word"),
    [("Seven.", "seven"), ("7", "seven"), ("q", "q"), ("Q", "q"), ("12", ""), ("é", ""), ("yes", ""), ("", "")],
)
def test_what_is_a_single_word(transcript: str, word: str) -> None:
    assert single_word(Recording(Path(), "a.wav", "a", transcript=transcript)) == word


@pytest.mark.parametrize(
    ("row", "sound"),
    [
        ({"set": "noise_street"}, "noise"),
        ({"set": "misc", "label": "background music"}, "music"),
        ({"set": "tones"}, "tones"),
        ({"set": "misc", "label": "dial tone"}, "tones"),
        ({"set": "rir"}, "rir"),
        ({"set": "noise_mixed_speech"}, ""),
        ({"set": "noise_street", "transcript": "hello"}, ""),
        ({"set": "gibt_es_nicht"}, ""),
    ],
)
def test_sounds_are_known_by_set_and_label(row: dict[str, str], sound: str) -> None:
    assert Recording(Path(), "a.wav", **row).sound == sound


def test_a_manifest_is_read_with_patience(folder: Folder) -> None:
    folder.add("a/x.wav", tone(100), speech_segments=[[0.5, 0.9, "B"], [0.1, 0.6], ["no"], [2, 1]], seconds="long")
    folder.lines += [
        "",
        "{",
        "[1]",
        '{"file": "a/y.wav"}',
        '{"file": "../../x", "set": "a"}',
        '{"file": 1, "set": "a"}',
    ]
    (one,) = folder.read()
    assert one.segments == ((100, 900),)
    assert one.seconds == 0.0


def test_a_folder_without_a_manifest_or_with_an_empty_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"manifest\.jsonl"):
        corpora(tmp_path)
    (tmp_path / "manifest.jsonl").write_text("{}\n")
    with pytest.raises(LocalError, match="nothing to measure with"):
        corpora(tmp_path)


def test_recorded_backgrounds_are_long_and_without_a_step(folder: Folder) -> None:
    folder.add("noise/fan.wav", tone(3003, 200.3))
    folder.add("tones/dtmf.wav", tone(300, 697))
    folder.add("noise/nothing.wav", np.zeros(8000))
    fan, dtmf = recorded_backgrounds(folder.read())
    assert (fan.kind, dtmf.kind) == ("noise", "tones")
    assert fan.duration_ms >= STREAM_MS
    assert dtmf.duration_ms == STREAM_MS
    stream = samples_of(fan.pcm).astype(np.int32)
    steepest = np.abs(np.diff(samples_of((32767 * tone(500, 200.3)).astype("<i2").tobytes()).astype(np.int32))).max()
    twice = np.concatenate((stream, stream))  # it is played over and over
    assert np.abs(np.diff(twice)).max() <= 1.6 * steepest
    loud = np.abs(samples_of(dtmf.pcm)).reshape(-1, 100 * PER_MS).max(axis=1) > 1000
    assert 0.05 < loud.mean() < 0.6


def test_made_backgrounds_are_of_their_level_and_the_same_every_time() -> None:
    made = made_backgrounds(seed=3)
    assert len({background.kind for background in made}) == len(made) == 7
    for background in made:
        assert background.duration_ms == STREAM_MS
        level = active_dbfs(background.pcm, ((0, STREAM_MS),))
        assert level == pytest.approx(-55 if background.kind == "comfort" else -25, abs=3), background.kind
    assert [background.pcm for background in made] == [background.pcm for background in made_backgrounds(seed=3)]


def test_a_room_begins_with_its_direct_sound(folder: Folder) -> None:
    late = np.concatenate((np.zeros(1000), [0.9], 0.3 * np.exp(-np.arange(6000) / 800.0)))
    folder.add("rir/hall.wav", late)
    (taps,) = room_responses(folder.read())
    assert len(taps) == 300 * PER_MS
    assert int(np.argmax(np.abs(taps))) == PER_MS
    assert np.sum(np.square(taps)) == pytest.approx(1.0)


def test_the_parts_of_an_echo_session_find_one_another(folder: Folder) -> None:
    speech = np.concatenate((np.zeros(8000), tone(500), np.zeros(8000)))
    folder.add("echo/s1_farend.wav", tone(3000), role="farend")
    folder.add("echo/s1_echo.wav", tone(3000, level=0.05), role="echo")
    folder.add("echo/s1_nearend.wav", speech, role="nearend")
    folder.add("echo/s2_mic.wav", speech, role="mic")
    folder.add("echo/s3_farend_singletalk_lpb.wav", tone(3000), role="farend")
    folder.add("echo/s3_farend_singletalk_mic.wav", tone(3000, level=0.05), role="mic")
    folder.add("echo/s4_doubletalk_lpb.wav", tone(3000), role="farend")
    folder.add("echo/s4_doubletalk_mic.wav", tone(3000, level=0.05), role="mic")
    both, alone = echo_items(folder.read())
    assert (both.name, alone.name) == ("echo/s1", "echo/s3_singletalk")
    assert (alone.near, alone.speech) == (b"", ())
    assert both.speech == ((1000, 1500),)
    assert len(both.far) == len(both.echo) == len(both.near) == 2 * len(speech)
    assert max(samples_of(both.echo)) < max(samples_of(both.far)) / 2


def test_a_folder_of_digits_gives_more_than_five_hundred_numbers(folder: Folder) -> None:
    with_digits(folder)
    folder.add("noise/fan.wav", tone(3000, 200))
    folder.add("labelled/a.wav", tone(2000), speech_segments=[[0.5, 1.5]])
    folder.add("calls/a.wav", tone(2000), transcript="hello there how are you")
    folder.lines.append('{"file": "gone.wav", "set": "numbers", "transcript": "one"}')
    folder.read()
    found = corpora(folder.path)
    recorded = [item for item in found.slots if item.corpus == "numbers"]
    assert len(recorded) >= 500
    assert Counter(item.speaker for item in recorded) == {"ann": len(recorded)}
    assert found.dropped == {"its file is not there": 1}  # and nothing was tried with what are no turns
    assert {background.corpus for background in found.backgrounds} == {"noise", "made"}


def test_without_a_folder_there_is_all_that_a_bench_needs() -> None:
    pytest.importorskip("espeakng_loader", reason="synthetic callers speak with the embedded voice")
    found = corpora()
    assert min(len(found.slots), len(found.free), len(found.backchannels), len(found.interruptions)) >= 40
    assert "babble" in {background.kind for background in found.backgrounds}
    assert min(len(found.greetings), len(found.answered)) >= 20
    assert not {item.text for item in found.greetings} & {item.text for item in found.answered}
    assert found.notes == ()


def test_babble_is_of_several_people_equally_loud() -> None:
    said = samples_of((tone(3000, 300) * 32767).astype("<i2").tobytes())

    def person(name: str, level: float) -> Item:
        made = item(("hello", 0, 3000), kind="free", speaker=name)
        return replace(made, pcm=(said * level).astype("<i2").tobytes())

    people = [person(str(at), level) for at, level in enumerate((1.0, 0.1, 0.5, 0.2, 0.9, 0.05))]
    assert recorded_babble(people[:5]) == []
    assert recorded_babble([replace(one, speaker="one") for one in people]) == [], "six recordings of one are one voice"
    (babble,) = recorded_babble(people)
    assert (babble.kind, babble.duration_ms) == ("babble", STREAM_MS)
    assert babble == recorded_babble(people)[0]


def test_the_lines_that_the_docs_show_are_read(tmp_path: Path) -> None:
    text = (Path(__file__).parents[4] / "docs" / "turns-bench.md").read_text()
    shown = [line.strip() for line in text.splitlines() if line.startswith('    {"set"')]
    (tmp_path / "manifest.jsonl").write_text("\n".join(shown))
    said, noise = read_manifest(tmp_path)
    assert (said.set, said.speaker, said.sound) == ("my_orders", "ann", "")
    assert said.transcript.endswith("It is not urgent.")
    assert (noise.sound, noise.transcript) == ("noise", "")
