"""All that the turn bench can play: of a folder of recordings, and of the callers and noises made in the project."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent.errors import MissingExtra
from telephony.bench.turns.backgrounds import (
    made_backgrounds,
    recorded_babble,
    recorded_backgrounds,
    room_responses,
)
from telephony.bench.turns.banks import banks, single_word
from telephony.bench.turns.callers import (
    synthetic_answered,
    synthetic_backchannels,
    synthetic_free,
    synthetic_greetings,
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
MACHINES = "prompt"
"""Sets with such names hold what machines say to callers."""
ONLY_WORDS = "short_words"
"""Words for waking devices: nobody's answer or question."""


@dataclass(frozen=True, slots=True)
class Corpora:
    """`slots`: answers to questions; `free`: free speech, natural and paused; `greetings`: of machines, `answered`: of
    people who answer a call, `prompts`: other lines of recorded machines, `people`: what recorded people say,
    unchanged; `rooms`: room responses at 8 kHz, of unit energy; `dropped`: recordings that gave no turn, by reason;
    `notes`: what could not be made, and why."""

    slots: tuple[Item, ...] = ()
    free: tuple[Item, ...] = ()
    backchannels: tuple[Item, ...] = ()
    interruptions: tuple[Item, ...] = ()
    greetings: tuple[Item, ...] = ()
    answered: tuple[Item, ...] = ()
    prompts: tuple[Item, ...] = ()
    people: tuple[Item, ...] = ()
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
        greetings=made.greetings,
        answered=made.answered,
        prompts=recorded.prompts,
        people=recorded.people,
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
            greetings=synthetic_greetings(seed),
            answered=synthetic_answered(seed),
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
        prompts=tuple(item for item in answers if _is_machine(item) and item.shape == "natural"),
        people=tuple(_people(answers)),
        backgrounds=(*recorded_backgrounds(recordings), *recorded_babble(_people(answers), seed)),
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


def _is_machine(item: Item) -> bool:
    return MACHINES in item.corpus.lower()


def _people(items: Sequence[Item]) -> list[Item]:
    """What people say in whole sentences."""
    return [item for item in items if item.part == "free" and item.shape == "natural" and not _is_machine(item)]


def _short(turns: Sequence[Item], part: Part) -> tuple[Item, ...]:
    """Recordings of a word or three, as what a caller says while the agent speaks."""
    soft = {heard for _, heard in BACKCHANNELS}
    return tuple(
        replace(item, part=part, name=f"{item.name}-{part}")
        for item in turns
        if item.shape == "natural" and len(item.words) <= SHORT_WORDS and (item.text in soft) == (part == "backchannel")
    )
