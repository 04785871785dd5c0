"""Whether the audio and the journal of a call are those of one call: its length, and speech where there is sound. Pure.

The audio ends with the last frame that came; the journal, with what happened last. So they may differ: by a stall
before the end (no audio, but ticks), and, where the call did not come to its end, by what was not written any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agent.errors import LocalError
from agent.masking import MARK
from agent.recording.folder import AUDIO, JOURNAL
from telephony.replay.reading.audio import MAX_HOURS, Audio, silent
from telephony.replay.reading.fields import Event
from telephony.replay.reading.journal import Told

SHARE = 0.03
"""Clocks drift by far less; a wrong rate in a header is off by half, or twice."""
LEAST_MS = 1500
"""A call of a few seconds: the last flush, and what is on the way, weigh more than the share."""


def check_agreement(folder: Path, audio: Audio, told: Told, events: Sequence[Event]) -> list[str]:
    """Notes on what is odd. Raises LocalError where the two cannot be of one call."""
    _check_rate(folder, audio, told)
    _check_length(folder, audio, told)
    notes = list(audio.notes)
    if not silent(audio.channels[0]):
        return notes
    if not told.utterances:
        return [*notes, "the caller's audio is silent, and the journal knows of no speech"]
    times = "once" if len(told.utterances) == 1 else f"{len(told.utterances)} times"
    if any(MARK in str(event) or event.get("sensitive") is True for event in events):
        return [*notes, "the caller's audio is silent: what was said is confidential, and was not kept"]
    raise LocalError(
        f"{folder}: by {JOURNAL} the caller spoke {times}, but in {AUDIO} the caller is "
        "silent throughout: the two are not of one call, or the audio was lost; copy the folder anew"
    )


def _check_rate(folder: Path, audio: Audio, told: Told) -> None:
    rate_hz = told.started.get("rate_hz")
    if isinstance(rate_hz, int) and rate_hz != audio.rate_hz:
        raise LocalError(
            f"{folder}: {AUDIO} says {audio.rate_hz} samples a second, {JOURNAL} says the line had {rate_hz}: "
            "the header is wrong, or the two are not of one call; copy the folder anew"
        )


def _check_length(folder: Path, audio: Audio, told: Told) -> None:
    audio_ms, journal_ms = audio.duration_ms, told.audio_ms
    slack_ms = max(LEAST_MS, SHARE * journal_ms)
    longest_ms = MAX_HOURS * 3_600_000
    if journal_ms > longest_ms and audio_ms >= longest_ms:
        return
    short = audio_ms < journal_ms - slack_ms
    long = told.over and audio_ms > told.ended_ms + slack_ms
    if not (short or long):
        return
    why = "the file is cut off" if short and audio.cut_off else "one of them is cut off, or they are not of one call"
    raise LocalError(
        f"{folder}: {AUDIO} is {audio_ms / 1000:.1f} s long, but by {JOURNAL} the call was {journal_ms / 1000:.1f} s: "
        f"{why}; copy the folder anew"
    )
