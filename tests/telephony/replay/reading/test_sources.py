"""What lies under the paths that were given: calls, recordings, and what is passed over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.errors import LocalError
from telephony.replay.reading.source import sources_in


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """calls/CA2, calls/CA1 and calls/CA1-2 are calls, calls/old/CA0 too; among them recordings, and other things."""
    root = tmp_path / "calls"
    for name in ("CA2", "CA1", "CA1-2", "old/CA0", "old/older/oldest/CA9", ".hidden/CA8"):
        (root / name).mkdir(parents=True)
        (root / name / "journal.jsonl").touch()
        (root / name / "audio.wav").touch()
    (root / "CA3").mkdir()
    (root / "CA3" / "call.json").touch()
    (root / "wavs").mkdir()
    for name in ("notes.txt", "b.WAV", "a.flac", "wavs/c.ulaw", "wavs/d", ".e.wav"):
        (root / name).touch()
    os.mkfifo(root / "pipe.wav")
    (root / "loop").symlink_to(root)
    (root / "f.wav").symlink_to(root / "a.flac")
    return root


def test_a_folder_expands_to_what_can_be_run_again_by_name(calls: Path) -> None:
    found = [str(path.relative_to(calls)) for path in sources_in([calls])]
    # f.wav leads to a.flac, and each is there once.
    assert found == ["CA1", "CA1-2", "CA2", "CA3", "a.flac", "b.WAV", "old/CA0", "wavs/c.ulaw"]


def test_a_call_is_itself_and_a_file_too_whatever_its_name(calls: Path) -> None:
    named = [calls / "wavs/d", calls / "CA1", calls / "b.WAV"]
    assert sources_in(named) == named
    assert sources_in([*named, calls])[:3] == named
    assert len(sources_in([*named, calls])) == 9


def test_a_link_to_a_folder_is_followed_where_it_is_named(calls: Path) -> None:
    assert len(sources_in([calls / "loop"])) == 8


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("CA7", "cannot be read (No such file or directory)"),
        ("pipe.wav", "neither a file nor a folder"),
        ("CA1/journal.jsonl", "give the call's folder, "),
        ("CA3/call.json", "give the call's folder, "),
        ("empty", "neither a call nor a recording in it"),
        ("a.flac/CA1", "cannot be read (Not a directory)"),
        ("x" * 5000, "cannot be read (File name too long)"),
    ],
)
def test_what_was_named_and_cannot_be_run_is_told(calls: Path, path: str, sentence: str) -> None:
    (calls / "empty").mkdir()
    with pytest.raises(LocalError) as error:
        sources_in([calls / "CA1", calls / path])
    assert str(error.value).startswith(f"{calls / path}: {sentence}")


def test_a_name_that_no_file_can_have() -> None:
    with pytest.raises(LocalError, match="cannot be read"):
        sources_in([Path("a\0b")])


def test_of_nothing_comes_nothing() -> None:
    assert sources_in([]) == []
