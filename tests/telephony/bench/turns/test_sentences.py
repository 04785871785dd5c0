"""Recorded sentences: their words by forced alignment, and the pauses put into them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from agent.slots.base import Asks
from telephony.bench.turns.align import Aligned, Aligner, Dropped, words_of
from telephony.bench.turns.items import RATE_HZ, Item, Word
from telephony.bench.turns.recordings import read_manifest
from telephony.bench.turns.sentences import PAUSE_MS, paused, sentence_items
from telephony.bench.turns.sounds import PER_MS, Room
from telephony.bench.turns.synthetic import VOICES, Speaker


@pytest.fixture(scope="module")
def speaker() -> Speaker:
    pytest.importorskip("espeakng_loader", reason="the embedded voice speaks the recordings")
    pytest.importorskip("pocketsphinx", reason="the embedded recogniser aligns them")
    return Speaker(VOICES[0])


def in_room(speaker: Speaker, *texts: str, gap_ms: int = 700) -> tuple[bytes, list[Word]]:
    """The texts spoken one after the other, and where their words truly are."""
    quiet = np.random.default_rng(1).normal(0, 8, gap_ms * PER_MS).astype(np.int16)
    pieces, words, at_ms = [quiet], [], gap_ms
    for text in texts:
        voiced = speaker.say(text)
        length_ms = -(-len(voiced.samples) // PER_MS)
        pieces += [voiced.samples, quiet[: len(quiet) - (len(voiced.samples) - length_ms * PER_MS)]]
        words += [Word(word.text, word.start_ms + at_ms, word.end_ms + at_ms) for word in voiced.words]
        at_ms += len(voiced.samples) // PER_MS + gap_ms
    return np.concatenate(pieces).astype("<i2").tobytes(), words


def test_words_are_found_where_they_are_said(speaker: Speaker) -> None:
    pcm, true = in_room(speaker, "where is my parcel", "it has not come")
    found = Aligner().align(pcm, words_of("Where is my parcel? It has not come."))
    assert isinstance(found, Aligned)
    assert [word.text for word in found.words] == [word.text for word in true]
    off = [abs(word.end_ms - at.end_ms) for word, at in zip(found.words, true, strict=True)]
    assert np.median(off) <= 60
    assert abs(found.words[-1].end_ms - true[-1].end_ms) <= 100
    assert len([1 for a, b in zip(found.speech, found.speech[1:], strict=False) if b[0] - a[1] >= 500]) == 1


def test_a_text_that_leaves_speech_out_is_dropped(speaker: Speaker) -> None:
    pcm, _ = in_room(speaker, "where is my parcel", "it should have come last week by the post")
    assert isinstance(Aligner().align(pcm, words_of("where is my parcel")), Dropped)


@pytest.mark.parametrize("text", ["", "zxqvbnmk wrtpsdfg"])
def test_a_text_that_cannot_be_said_is_dropped(speaker: Speaker, text: str) -> None:
    pcm, _ = in_room(speaker, "where is my parcel")
    assert isinstance(Aligner().align(pcm, words_of(text)), Dropped)


def test_silence_holds_no_words() -> None:
    pytest.importorskip("pocketsphinx", reason="the embedded recogniser aligns")
    assert isinstance(Aligner().align(bytes(2 * RATE_HZ), ["hello"]), Dropped)


@pytest.mark.parametrize(
    ("transcript", "words"),
    [
        ("Press 3 for 'advanced' options...", "press three for advanced options"),
        ("I'M ABBIE", "i'm abbie"),
        ("<unk> re-entered (tone plays) [noise] it’s", "re entered it's"),
    ],
)
def test_a_transcripts_words(transcript: str, words: str) -> None:
    assert " ".join(words_of(transcript)) == words


def test_a_folder_gives_each_sentence_natural_and_paused(speaker: Speaker, tmp_path: Path) -> None:
    import soundfile as sf

    pcm, _ = in_room(speaker, "I would like to change my order", "can you tell me when it will come")
    sf.write(tmp_path / "a.flac", np.frombuffer(pcm, "<i2"), RATE_HZ)
    text = "I would like to change my order. Can you tell me when it will come?"
    (tmp_path / "manifest.jsonl").write_text(json.dumps({"file": "a.flac", "set": "said", "transcript": text}) + "\n")
    made = sentence_items(read_manifest(tmp_path), seed=1)
    assert not made.dropped
    natural = [item for item in made.items if item.shape == "natural"]
    assert [item.text for item in natural] == ["i would like to change my order", "can you tell me when it will come"]
    assert all(not item.inner_pauses() for item in natural)
    again = [item for item in made.items if item.shape == "paused"]
    assert len(again) == 6
    for item in again:
        assert item.text in {other.text for other in natural}
        assert item.inner_pauses()
        assert item.words[-1].end_ms <= item.last_sample_ms + 60
    assert made.items == sentence_items(read_manifest(tmp_path), seed=1).items


def test_a_pause_moves_what_follows_it_and_nothing_else() -> None:
    at = np.arange(600 * PER_MS) / RATE_HZ
    tone = (6000 * np.sin(2 * np.pi * 300 * at)).astype(np.int16)
    quiet = np.zeros(300 * PER_MS, np.int16)
    pcm = np.concatenate((quiet, tone, quiet[: 60 * PER_MS], tone, quiet)).astype("<i2").tobytes()
    item = Item("x", "free", Asks(), pcm, (Word("and", 300, 900), Word("go", 960, 1560)), ((300, 900), (960, 1560)))
    made = paused(item, Room([], "x"), seed=1, time=0)
    ((start, end),) = made.inner_pauses()
    longer = end - start - 60
    assert PAUSE_MS[0] <= longer <= PAUSE_MS[1]
    assert start == 900
    assert made.words == (Word("and", 300, 900), Word("go", 960 + longer, 1560 + longer))
    assert made.duration_ms == item.duration_ms + longer


def test_speech_without_a_gap_is_not_parted() -> None:
    at = np.arange(1200 * PER_MS) / RATE_HZ
    pcm = (6000 * np.sin(2 * np.pi * 300 * at)).astype("<i2").tobytes()
    item = Item("x", "free", Asks(), pcm, (Word("and", 0, 600), Word("go", 600, 1200)), ((0, 1200),))
    assert paused(item, Room([], "x"), seed=1, time=0).inner_pauses() == ()
