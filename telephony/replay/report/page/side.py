"""One side of a page: one course of a call (run again, or as recorded), read from its folder and made safe to draw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import soundfile

from agent.errors import LocalError
from agent.recording.folder import AUDIO, JOURNAL
from agent.summary import parse_journal
from telephony.media_stream.line import STALL_MS
from telephony.replay.judging.outcome import DeadAir, Outcome
from telephony.replay.judging.result import Divergence, Run
from telephony.replay.picture.envelope import Envelope
from telephony.replay.picture.scene import Flag, Scene, Span, Speech, make_scene
from telephony.replay.picture.typeset import Word
from telephony.replay.reading.stalls import stalls_in
from telephony.replay.recorded import Stall

MAX_DRAWN_MS = 4 * 3600 * 1000
"""A longer call is drawn so far; a damaged journal may claim centuries."""
MAX_THINGS = 4000
"""Speeches, waits, flags, spans: of each so many are drawn."""
MAX_WORDS = 400
"""Of one speech: its bubble holds less."""
MAX_LETTERS = 60
MAX_LABEL = 60
DEAD_AIR_MS = 2000
"""Silences shorter than this are not marked: nobody on a telephone would take the line for dead."""


TOGETHER_MS = 2000
"""Gaps in the line that are closer than this share a flag."""


@dataclass(frozen=True, slots=True)
class Side:
    """What is drawn, and heard, of one course of a call. `audio`: where its sound is, None if there is none."""

    title: str
    scene: Scene
    envelope: Envelope | None
    audio: Path | None
    notes: tuple[str, ...] = ()


def run_side(run: Run, title: str) -> Side | None:
    """The run itself; None if it left no record."""
    return read_side(run.folder, title, run.outcome, run.diverged) if run.folder is not None else None


def recorded_side(run: Run, title: str) -> Side | None:
    """What the run repeats; None if its source has no journal."""
    return read_side(run.source, title, run.recorded or Outcome(), run.diverged)


def read_side(folder: Path, title: str, outcome: Outcome, diverged: Divergence | None) -> Side | None:
    """The call in `folder`. None without a journal; audio that cannot be read is told in `notes`, and left out."""
    try:
        with (folder / JOURNAL).open("rb") as journal:
            events = list(parse_journal(journal))
    except (OSError, LocalError):
        return None
    notes: list[str] = []
    envelope = _envelope(folder / AUDIO, notes)
    scene = _judged(make_scene(events, envelope.duration_ms if envelope else 0), events, outcome, diverged)
    if scene.duration_ms > MAX_DRAWN_MS:
        notes.append(f"{title}: only the first {MAX_DRAWN_MS // 3_600_000} hours are drawn")
    return Side(title, _bounded(scene), envelope, folder / AUDIO if envelope else None, tuple(notes))


def _envelope(path: Path, notes: list[str]) -> Envelope | None:
    if not path.exists():
        notes.append("no audio was kept: voices are drawn from the journal, and there is nothing to hear")
        return None
    try:
        return Envelope(path)
    except (OSError, RuntimeError, soundfile.LibsndfileError) as error:
        notes.append(f"{path.name} cannot be read as audio: {error}")
        return None


def _judged(scene: Scene, events: Sequence[Mapping[str, Any]], outcome: Outcome, diverged: Divergence | None) -> Scene:
    """The scene with what its outcome says of it, and with the line's gaps and stalls."""
    spans, flags = [], list(scene.flags)
    gaps = _gaps(events)
    spans += [Span(start_ms, end_ms, "gap") for start_ms, end_ms in gaps]
    flags += _gap_flags(gaps)
    for stall in _stalls(events):
        spans.append(Span(stall.from_ms, stall.to_ms, "stall"))
        flags.append(Flag(stall.from_ms, "line", f"audio late by up to {stall.arrived_ms - stall.from_ms:.0f} ms"))
    for air in outcome.dead_air:
        if air.ms >= DEAD_AIR_MS:
            spans.append(Span(air.from_ms, air.to_ms, "dead"))
            flags.append(Flag(air.from_ms, "dead", dead_air_told(air)))
    for cutoff in outcome.cutoffs:
        flags.append(Flag(cutoff.at_ms, "cutoff", f"cut off: went on after {cutoff.after_ms} ms"))
    if diverged is not None:
        spans.append(Span(diverged.at_ms, scene.duration_ms, "unscored"))
    flags.sort(key=lambda flag: flag.at_ms)
    at_ms = diverged.at_ms if diverged is not None else None
    return replace(scene, speeches=_resumed(scene.speeches), flags=tuple(flags), spans=tuple(spans), diverged_ms=at_ms)


def _stalls(events: Sequence[Mapping[str, Any]]) -> list[Stall]:
    """What came so late that media time went on without it: an unsteady line would hide all else. The pieces of one
    stall are one."""
    stalls: list[Stall] = []
    for stall in stalls_in(events):
        if stalls and stall.from_ms <= stalls[-1].to_ms:
            stalls[-1] = replace(stalls[-1], to_ms=stall.to_ms)
        elif stall.arrived_ms - stall.from_ms > STALL_MS:
            stalls.append(stall)
    return stalls


def _gaps(events: Iterable[Mapping[str, Any]]) -> list[tuple[int, int]]:
    gaps = []
    for event in events:
        start_ms, end_ms = event.get("from_ms"), event.get("to_ms")
        if event["kind"] == "line.gap" and isinstance(start_ms, int) and isinstance(end_ms, int):
            gaps.append((start_ms, end_ms))
    return sorted((start_ms, end_ms) for start_ms, end_ms in gaps if 0 <= start_ms < end_ms)


def _gap_flags(gaps: Sequence[tuple[int, int]]) -> list[Flag]:
    """A flag for each gap; one for all that follow each other closely, for a bad line has many a second."""
    flags: list[Flag] = []
    together: list[tuple[int, int]] = []
    for place, gap in enumerate(gaps):
        together.append(gap)
        if place + 1 < len(gaps) and gaps[place + 1][0] - gap[1] < TOGETHER_MS:
            continue
        length_ms = sum(end_ms - start_ms for start_ms, end_ms in together)
        label = f"line gap {length_ms} ms" if len(together) == 1 else f"{len(together)} line gaps, {length_ms} ms"
        flags.append(Flag(together[0][0], "line", label))
        together = []
    return flags


def dead_air_told(air: DeadAir) -> str:
    """A silence in words."""
    return f"dead air {air.ms / 1000:.1f} s" + (f" {air.why}" if air.why else "")


def _resumed(speeches: Iterable[Speech]) -> tuple[Speech, ...]:
    """The speeches without struck words that were heard after all: an utterance that goes on after an interruption
    that was none tells by itself how far it came."""
    out: list[Speech] = []
    last: dict[str, int] = {}
    for speech in speeches:
        if (place := last.get(speech.who)) is not None:
            before = out[place]
            unheard = [word.text for word in before.words if word.unheard]
            if unheard and unheard == [word.text for word in speech.words[: len(unheard)]]:
                out[place] = replace(before, words=tuple(word for word in before.words if not word.unheard))
        last[speech.who] = len(out)
        out.append(speech)
    return tuple(speech for speech in out if speech.words)


def _bounded(scene: Scene) -> Scene:
    """The scene with everything between its begin and its end, and no more of anything than can be drawn."""
    last_ms = min(scene.duration_ms, MAX_DRAWN_MS)

    def inside(at_ms: int) -> int:
        return min(max(at_ms, 0), last_ms)

    return replace(
        scene,
        duration_ms=last_ms,
        speeches=tuple(_short(s, inside(s.start_ms), inside(s.end_ms)) for s in scene.speeches[:MAX_THINGS]),
        waits=tuple(
            replace(wait, start_ms=inside(wait.start_ms), end_ms=inside(wait.end_ms))
            for wait in scene.waits[:MAX_THINGS]
            if inside(wait.start_ms) < inside(wait.end_ms)
        ),
        flags=tuple(
            replace(flag, at_ms=inside(flag.at_ms), label=flag.label[:MAX_LABEL]) for flag in scene.flags[:MAX_THINGS]
        ),
        spans=tuple(Span(inside(s.start_ms), inside(s.end_ms), s.kind) for s in scene.spans[:MAX_THINGS]),
        barge_ins_ms=tuple(inside(at_ms) for at_ms in scene.barge_ins_ms[:MAX_THINGS]),
        keys=tuple((inside(at_ms), digit) for at_ms, digit in scene.keys[:MAX_THINGS]),
        diverged_ms=None if scene.diverged_ms is None else inside(scene.diverged_ms),
    )


def _short(speech: Speech, start_ms: int, end_ms: int) -> Speech:
    kept = [_cut(word) for word in speech.words[:MAX_WORDS]]
    if len(speech.words) > MAX_WORDS:
        kept.append(Word("…"))
    return replace(speech, start_ms=start_ms, end_ms=end_ms, words=tuple(kept))


def _cut(word: Word) -> Word:
    return word if len(word.text) <= MAX_LETTERS else replace(word, text=word.text[:MAX_LETTERS] + "…")
