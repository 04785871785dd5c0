"""Single digits and letters of a folder, gathered speaker by speaker."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from telephony.bench.turns.recordings import Recording
from telephony.bench.turns.sounds import Room, Voiced, trimmed
from telephony.bench.turns.strings import DIGITS, LETTERS, Bank

LONGEST_MS = 1500
"""A single digit or letter takes no longer: what does is a recording with something else in it."""


def single_word(recording: Recording) -> str:
    """The digit ("seven") or letter ("q") that is all of this recording; "" if it is something else."""
    word = recording.transcript.lower().strip(" .")
    if len(word) == 1 and word.isascii() and word.isdigit():
        return DIGITS[int(word)]
    return word if word in DIGITS or word in LETTERS else ""


def banks(recordings: Sequence[Recording]) -> list[Bank]:
    """One for each (set, speaker) that has single words; in order of set and speaker."""
    clips: dict[tuple[str, str], dict[str, list[Voiced]]] = defaultdict(lambda: defaultdict(list))
    for recording in recordings:
        word = single_word(recording)
        if not word or recording.sound:
            continue
        clip = trimmed(recording.pcm(), word)
        if clip is None or clip.words[-1].end_ms > LONGEST_MS:
            continue
        clips[recording.set, recording.speaker][word].append(clip)
    return [
        # Clips of one word are cut close: what is quiet in them is the word's own soft end, not the room.
        Bank(corpus, speaker, clips[corpus, speaker], Room((), f"{corpus} {speaker}"))
        for corpus, speaker in sorted(clips)
    ]
