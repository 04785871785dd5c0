"""Recorded sentences as turns of free speech: each sentence for itself, and again with the pauses that callers make."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from agent.audio.levels import PIECE_MS, levels_dbfs
from agent.slots.base import Asks
from telephony.bench.turns.align import LOOSE_MS, Aligned, Aligner, Dropped, words_of
from telephony.bench.turns.items import RATE_HZ, Item, Word
from telephony.bench.turns.recordings import Recording
from telephony.bench.turns.sounds import (
    LEAD_MS,
    PER_MS,
    TAIL_MS,
    Room,
    Spans,
    active_dbfs,
    faded,
    moved,
    quiet_parts,
    samples_of,
)
from telephony.bench.turns.strings import DIGITS

BETWEEN_SENTENCES_MS = 250
"""Less quiet than this between two sentences: they were said in one breath, and are one turn."""
LONGEST_PAUSE_MS = 1500
"""A longer one inside a read sentence: a word is not where the alignment has it, and the sentence is dropped."""
UNTOLD_MS = 60
"""A sound so long, and as loud as speech, in a pause: the sentence is dropped."""
UNMARKED_WORDS = 20
UNMARKED_MS = 600
"""A longer text without full stops is several sentences: it is cut where the speaker pauses for so long."""
QUIET_BELOW_DB = 14.0
"""A word may be parted from the next where the sound between them falls so far below the speech."""
PAUSE_MS = (200, 1500, 450)
"""Least, most, and most often: the pauses of people who think while they speak."""
PAUSED_TIMES = 3
"""So many paused forms of each sentence, each with one pause or two."""
LEAST_WORDS = 4
_STOP = re.compile(r"[.?!]+[\"')]*$")

_JOINING = frozenset("and but or because so if when while that which who than as then although until".split())
_PREPOSITIONS = frozenset("to of in on at for with from by about into over after before under through".split())
_BEING = frozenset("is are was were be am have has had can could will would should my your his her their our".split())
_FILLERS = frozenset("um uh well like okay yes no yeah".split())
_ARTICLES = frozenset("the a an this these".split())
#: How readily people pause after such a word, beside any other word (1). Before a joining word they pause as readily
#: as after it: there a clause ends.
_AFTER = ((_FILLERS, 10), (_JOINING, 6), (_BEING, 5), (_PREPOSITIONS, 4), (_ARTICLES, 3))
_BEFORE_JOINING = 8


@dataclass(frozen=True, slots=True)
class Sentences:
    """The turns, and why recordings gave none: reason -> how many."""

    items: tuple[Item, ...]
    dropped: Counter[str]


def sentence_items(recordings: Sequence[Recording], seed: int) -> Sentences:
    """Turns of all recordings that have a transcript: natural ones, and paused ones. Raises MissingExtra."""
    items: list[Item] = []
    dropped: Counter[str] = Counter()
    if not recordings:
        return Sentences((), dropped)
    aligner = Aligner()
    for recording in recordings:
        pcm = recording.pcm()
        found = aligner.align(pcm, words_of(recording.transcript))
        if isinstance(found, Dropped):
            dropped[found.reason.partition(":")[0]] += 1
            continue
        items += _turns(recording, pcm, found, seed)
    return Sentences(tuple(items), dropped)


def _turns(recording: Recording, pcm: bytes, found: Aligned, seed: int) -> list[Item]:
    room = Room(quiet_parts(pcm, found.speech), recording.name, loudest_dbfs=-30.0, softest=0.5)
    out: list[Item] = []
    for at, (first, last) in enumerate(_sentences(recording.transcript, found)):
        item = _item(recording, pcm, found, (first, last), at, room)
        if item.kind == "free" and (item.inner_pauses(LONGEST_PAUSE_MS) or _untold(item)):
            continue
        out.append(item)
        if len(item.words) >= LEAST_WORDS and item.kind == "free":
            out += [paused(item, room, seed, time) for time in range(PAUSED_TIMES)]
    return out


def _untold(item: Item) -> bool:
    """Whether something is said in a pause that the transcript does not tell of: an "uh"."""
    levels = levels_dbfs(item.pcm, RATE_HZ)
    floor = active_dbfs(item.pcm, item.speech) - QUIET_BELOW_DB
    return any(
        np.count_nonzero(levels[start // PIECE_MS + 1 : end // PIECE_MS - 1] > floor) * PIECE_MS >= UNTOLD_MS
        for start, end in item.inner_pauses()
    )


def _sentences(transcript: str, found: Aligned) -> list[tuple[int, int]]:
    """(first, last) words of each sentence."""
    words = found.words
    gaps = [after.start_ms - before.end_ms for before, after in pairwise(words)]
    ends, count = set(), 0
    for token in transcript.split():
        count += len(words_of(token))
        if _STOP.search(token) and 0 < count < len(words) and gaps[count - 1] >= BETWEEN_SENTENCES_MS:
            ends.add(count - 1)
    if not ends and len(words) > UNMARKED_WORDS and not _STOP.search(transcript):
        ends = {at for at, gap in enumerate(gaps) if gap >= UNMARKED_MS}
    lasts = sorted({*ends, len(words) - 1})
    return list(zip([0, *(last + 1 for last in lasts[:-1])], lasts, strict=True))


def _item(recording: Recording, pcm: bytes, found: Aligned, which: tuple[int, int], at: int, room: Room) -> Item:
    words = found.words[which[0] : which[1] + 1]
    before = found.words[which[0] - 1].end_ms if which[0] else None
    after = found.words[which[1] + 1].start_ms if which[1] + 1 < len(found.words) else None
    own = [
        (start, end)
        for start, end in found.speech
        if start < words[-1].end_ms + LOOSE_MS and end > words[0].start_ms - LOOSE_MS
    ]
    start_ms, end_ms = own[0][0], own[-1][1]
    if before is not None:
        start_ms = max(start_ms, before)
    if after is not None:
        end_ms = min(end_ms, after)
    samples = samples_of(pcm)[start_ms * PER_MS : end_ms * PER_MS]
    sound = np.concatenate((room.ms(LEAD_MS), faded(samples), room.ms(TAIL_MS))).astype("<i2").tobytes()
    by_ms = LEAD_MS - start_ms
    speech = tuple((max(a, start_ms) + by_ms, min(b, end_ms) + by_ms) for a, b in own)
    asks, value = _asked([word.text for word in words])
    return Item(
        name=f"{recording.name}-{at:02d}",
        kind=asks.kind or "free",
        asks=asks,
        pcm=sound,
        words=tuple(moved(word, by_ms) for word in words),
        speech=speech,
        value=value,
        speaker=recording.speaker or recording.name,
        corpus=recording.set,
        part="slots" if asks.kind else "free",
        shape="natural",
    )


def _asked(words: list[str]) -> tuple[Asks, str]:
    """What such an answer was asked for: a number, yes or no, or nothing."""
    digits = ["zero" if word == "oh" else word for word in words]
    if len(digits) >= LEAST_WORDS and all(word in DIGITS for word in digits):
        value = "".join(str(DIGITS.index(word)) for word in digits)
        return Asks("number", "digits", length=len(value)), value
    if words in (["yes"], ["no"]):
        return Asks("answer", "yes_no"), words[0]
    return Asks(), ""


def paused(item: Item, room: Room, seed: int, time: int) -> Item:
    """The item with one pause or two where people pause, in its own room. With none if no two words can be parted."""
    chance = random.Random(f"{seed} {item.name} {time}")
    places = _places(item)
    cuts: list[tuple[int, int]] = []
    for _ in range(1 if len(item.words) < 2 * LEAST_WORDS else chance.choice((1, 2))):
        if not places:
            break
        at = chance.choices(range(len(places)), [weight for _, weight in places])[0]
        cuts.append((places.pop(at)[0], round(chance.triangular(*PAUSE_MS))))
    return replace(_parted(item, sorted(cuts), room), name=f"{item.name}-p{time}", shape="paused")


def _places(item: Item) -> list[tuple[int, int]]:
    """(ms, weight) of each place where two words can be parted."""
    levels = levels_dbfs(item.pcm, RATE_HZ)
    inside = np.zeros(len(levels), bool)
    for start, end in item.speech:
        inside[start // PIECE_MS : end // PIECE_MS] = True
    quiet = float(10 * np.log10(np.mean(10 ** (levels[inside] / 10)))) - QUIET_BELOW_DB
    out: list[tuple[int, int]] = []
    for before, after in pairwise(item.words):
        first, last = (before.end_ms - 40) // PIECE_MS, (after.start_ms + 40) // PIECE_MS + 1
        if before.end_ms - 40 <= before.start_ms or after.start_ms + 40 >= after.end_ms:
            continue
        softest = first + int(np.argmin(levels[first:last]))
        if levels[softest] <= quiet:
            out.append((softest * PIECE_MS + PIECE_MS // 2, _weight(before.text, after.text)))
    return out


def _weight(before: str, after: str) -> int:
    weight = next((weight for words, weight in _AFTER if before in words), 1)
    return max(weight, _BEFORE_JOINING) if after in _JOINING else weight


def _parted(item: Item, cuts: Sequence[tuple[int, int]], room: Room) -> Item:
    """`cuts`: (ms in the item, length of the pause that is put there), ascending."""
    samples, pieces, at_ms = samples_of(item.pcm), [], 0
    for cut_ms, pause_ms in cuts:
        pieces += [faded(samples[at_ms * PER_MS : cut_ms * PER_MS]), room.ms(pause_ms)]
        at_ms = cut_ms
    pieces.append(faded(samples[at_ms * PER_MS :]))

    words = []
    for word in item.words:
        middle = (word.start_ms + word.end_ms) // 2
        start = max([word.start_ms, *(cut for cut, _ in cuts if cut < middle)])
        end = min([word.end_ms, *(cut for cut, _ in cuts if cut > middle)])
        words.append(Word(word.text, _later(start, cuts), _later(end, cuts, ends=True)))
    return replace(
        item,
        pcm=np.concatenate(pieces).astype("<i2").tobytes(),
        words=tuple(words),
        speech=_parted_spans(item.speech, cuts),
    )


def _later(ms: int, cuts: Sequence[tuple[int, int]], *, ends: bool = False) -> int:
    """Where a time lies once the pauses are in; what ends at a cut ends before its pause."""
    return ms + sum(pause for cut, pause in cuts if (cut < ms if ends else cut <= ms))


def _parted_spans(speech: Spans, cuts: Sequence[tuple[int, int]]) -> Spans:
    out: list[tuple[int, int]] = []
    for start, end in speech:
        edges = [start, *(cut for cut, _ in cuts if start < cut < end), end]
        out += [(_later(a, cuts), _later(b, cuts, ends=True)) for a, b in pairwise(edges)]
    return tuple(out)
