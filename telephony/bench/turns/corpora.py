"""All that the turn bench can play: of a folder of recordings, and of the callers and noises made in the project."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent.errors import MissingExtra
from telephony.bench.turns.backgrounds import made_backgrounds, recorded_backgrounds, room_responses
from telephony.bench.turns.banks import banks, single_word
from telephony.bench.turns.callers import (
    synthetic_backchannels,
    synthetic_free,
    synthetic_interruptions,
    synthetic_slots,
)
from telephony.bench.turns.echoes import echo_items
from telephony.bench.turns.items import Background, EchoItem, Item, Part
from telephony.bench.turns.phrases import BACKCHANNELS
from telephony.bench.turns.recordings import Recording, read_manifest
from telephony.bench.turns.sentences import sentence_items
from telephony.bench.turns.strings import digit_items, spelled_items

DIGIT_ITEMS = 520
SPELLED_ITEMS = 130
"""Built of a folder's single digits and letters: more than 500 in all, so that 1 % of them is five."""
SHORT_WORDS = 3
"""A recording of so few words may stand for an interruption of the agent, or an "mhm"."""
NO_FREE_SPEECH = ("vad", "calls", "voip", "echo")
"""Sets with such names hold no turns of one speaker, whatever transcript they carry."""
ONLY_WORDS = "short_words"
"""Words for waking devices: nobody's answer or question."""


@dataclass(frozen=True, slots=True)
class Corpora:
    """`slots`: answers to questions; `free`: free speech, natural and paused; `rooms`: room responses at 8 kHz, of unit
    energy; `dropped`: recordings that gave no turn, by reason; `notes`: what could not be made, and why."""

    slots: tuple[Item, ...] = ()
    free: tuple[Item, ...] = ()
    backchannels: tuple[Item, ...] = ()
    interruptions: tuple[Item, ...] = ()
    backgrounds: tuple[Background, ...] = ()
    echoes: tuple[EchoItem, ...] = ()
    rooms: tuple[tuple[float, ...], ...] = ()
    dropped: Counter[str] = field(default_factory=Counter)
    notes: tuple[str, ...] = ()


def corpora(folder: Path | None = None, seed: int = 1) -> Corpora:
    """What is made in the project; with a folder (manifest.jsonl and its recordings), that too, before it. Some ten
    seconds; LocalError where the folder cannot be read. What an extra is missing for is left out, and noted."""
    recorded = _recorded(folder, seed) if folder is not None else Corpora()
    made = _made(seed)
    return Corpora(
        slots=recorded.slots + made.slots,
        free=recorded.free + made.free,
        backchannels=recorded.backchannels + made.backchannels,
        interruptions=recorded.interruptions + made.interruptions,
        backgrounds=recorded.backgrounds + made.backgrounds,
        echoes=recorded.echoes,
        rooms=recorded.rooms,
        dropped=recorded.dropped,
        notes=recorded.notes + made.notes,
    )


def _made(seed: int) -> Corpora:
    try:
        free = synthetic_free(seed)
        return Corpora(
            slots=synthetic_slots(seed),
            free=free,
            backchannels=synthetic_backchannels(seed),
            interruptions=synthetic_interruptions(seed),
            backgrounds=tuple(made_backgrounds(free, seed)),
        )
    except MissingExtra as error:
        return Corpora(backgrounds=tuple(made_backgrounds((), seed)), notes=(f"no synthetic callers: {error}",))


def _recorded(folder: Path, seed: int) -> Corpora:
    told = read_manifest(folder)
    recordings = [recording for recording in told if recording.there]
    singles = banks(recordings)
    strings = digit_items(singles, DIGIT_ITEMS, seed) + spelled_items(singles, SPELLED_ITEMS, seed)
    notes: tuple[str, ...] = ()
    try:
        said = sentence_items([one for one in recordings if _is_turn(one)], seed)
        turns, dropped = said.items, said.dropped
    except MissingExtra as error:
        turns, dropped, notes = (), Counter(), (f"no recorded sentences: {error}",)
    if missing := len(told) - len(recordings):
        dropped["its file is not there"] += missing
    answers = [item for item in turns if not item.corpus.startswith(ONLY_WORDS)]
    return Corpora(
        slots=(*strings, *(item for item in answers if item.part == "slots")),
        free=tuple(item for item in answers if item.part == "free"),
        backchannels=_short(turns, "backchannel"),
        interruptions=_short(turns, "interruption"),
        backgrounds=tuple(recorded_backgrounds(recordings)),
        echoes=tuple(echo_items(recordings)),
        rooms=tuple(room_responses(recordings)),
        dropped=dropped,
        notes=notes,
    )


def _is_turn(recording: Recording) -> bool:
    """Whether one speaker says something whole in it."""
    return bool(
        recording.transcript
        and recording.speakers == 1
        and not recording.sound
        and not single_word(recording)
        and not recording.set.lower().startswith(NO_FREE_SPEECH)
    )


def _short(turns: Sequence[Item], part: Part) -> tuple[Item, ...]:
    """Recordings of a word or three, as what a caller says while the agent speaks."""
    soft = {heard for _, heard in BACKCHANNELS}
    return tuple(
        replace(item, part=part, name=f"{item.name}-{part}")
        for item in turns
        if item.shape == "natural" and len(item.words) <= SHORT_WORDS and (item.text in soft) == (part == "backchannel")
    )
