"""What there is to draw of a call, and where its time line breaks into rows. Pure: made of the journal's events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agent.summary import STAGES, summarise
from telephony.replay.picture.typeset import Word, clean
from telephony.terminal import stopped_for, turn_end

JOIN_MS = 350
"""Utterances of one side closer than this are one bubble."""
MIN_FILL = 0.5
"""A row may break early, at a silence, if this much of it is filled."""
KEPT_MS = 700
"""A wait stays in one row with this much before it, and with room for its figure behind it."""
LEAD_MS = 300
"""A row begins this long before the speech it begins with."""


#: How the agent leaves the line (agent/line.py, Decision), in words.
LEFT_BY = {"HangUp": "hangs up", "Transfer": "transfers", "SendDigits": "sends digits"}


@dataclass(frozen=True, slots=True)
class Speech:
    """Something said: by `who` ("caller" or "agent"), in media time."""

    who: str
    start_ms: int
    end_ms: int
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """From the caller's last sample to the agent's first audible one: (stage, ms) in the order of time. `reason`: why
    the turn was taken to be over, in words."""

    start_ms: int
    end_ms: int
    stages: tuple[tuple[str, int], ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Flag:
    """Something that happened at a moment: kind "tool", "failed" (a tool), "leave", "error", "stop" (the agent fell
    silent, and went on), "cutoff", "line" or "dead" (air)."""

    at_ms: int
    kind: str
    label: str


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch that stands out: kind "gap", "stall", "dead" or "unscored"."""

    start_ms: int
    end_ms: int
    kind: str


@dataclass(frozen=True, slots=True)
class Scene:
    """A whole call, ready to be laid out. `spans` and `diverged_ms` are for who judges it; a journal alone has none."""

    summary: dict[str, Any]
    duration_ms: int
    speeches: tuple[Speech, ...]
    waits: tuple[Wait, ...]
    flags: tuple[Flag, ...]
    barge_ins_ms: tuple[int, ...]
    keys: tuple[tuple[int, str], ...]
    spans: tuple[Span, ...] = ()
    diverged_ms: int | None = None


def make_scene(events: Sequence[dict[str, Any]], audio_ms: int = 0) -> Scene:
    """The scene of a journal's events; it is at least as long as its audio."""
    summary = summarise(events)
    speeches = _joined(_speech(line) for line in summary["transcript"] if line["text"].strip() or line.get("said"))
    waits = tuple(_waits(summary["turns"]))
    flags = [*_tool_flags(summary["tools"]), *_stop_flags(summary["stops"]), *_other_flags(events)]
    flags.sort(key=lambda flag: flag.at_ms)
    ends = [speech.end_ms for speech in speeches] + [wait.end_ms for wait in waits]
    barge_ins = tuple(_at(event) for event in events if event["kind"] == "barge_in")
    keys = tuple((_at(event), clean(str(event.get("digit", "")))[:1]) for event in events if event["kind"] == "key")
    duration_ms = max([1000, summary["duration_ms"], audio_ms, *ends])
    return Scene(summary, duration_ms, speeches, waits, tuple(flags), barge_ins, keys)


def break_rows(scene: Scene, row_ms: int) -> list[tuple[int, int]]:
    """The rows' (start, end) in milliseconds: each at most `row_ms`, broken where nobody speaks if that can be."""
    spoken = [(speech.start_ms, speech.end_ms) for speech in scene.speeches]
    busy = sorted(spoken + [(wait.start_ms, wait.end_ms) for wait in scene.waits])
    rows, start = [], 0
    while scene.duration_ms - start > row_ms:
        end = start + row_ms
        for quiet_from, quiet_to in _quiet(busy, start + int(MIN_FILL * row_ms), end):
            end = max(quiet_from, quiet_to)
        for wait in scene.waits:  # a wait is not torn from the speech it follows
            if wait.start_ms - KEPT_MS < end < wait.end_ms + KEPT_MS and wait.start_ms - KEPT_MS > start + row_ms // 4:
                end = wait.start_ms - KEPT_MS
        rows.append((start, end))
        start = end
    rows.append((start, scene.duration_ms))
    return rows


def part_of(speech: Speech, start_ms: int, end_ms: int) -> Speech | None:
    """What of a speech falls into a row: its words are shared out by time. None if nothing does."""
    inside = max(speech.start_ms, start_ms), min(speech.end_ms, end_ms)
    if inside[0] > inside[1] or speech.start_ms >= end_ms or (inside[0] == inside[1] and speech.start_ms < start_ms):
        return None
    length = max(speech.end_ms - speech.start_ms, 1)
    said, unheard = [w for w in speech.words if not w.unheard], [w for w in speech.words if w.unheard]
    first = round(len(said) * (inside[0] - speech.start_ms) / length)
    last = round(len(said) * (inside[1] - speech.start_ms) / length)
    ends_here = speech.end_ms <= end_ms
    words = tuple(said[first : None if ends_here else last]) + (tuple(unheard) if ends_here else ())
    if words and not ends_here:
        words = (*words[:-1], replace(words[-1], text=f"{words[-1].text} …"))
    return replace(speech, start_ms=inside[0], end_ms=inside[1], words=words) if words else None


def _quiet(busy: Sequence[tuple[int, int]], lowest: int, highest: int) -> Iterable[tuple[int, int]]:
    """The silences a row may end in: (its begin, the best moment to break: shortly before the next speech)."""
    at = 0
    for start, end in (*busy, (highest + LEAD_MS, highest + LEAD_MS)):
        best = min(start - LEAD_MS, highest)
        if start > at and best >= max(at, lowest):
            yield at, best
        at = max(at, end)


def _speech(line: dict[str, Any]) -> Speech:
    heard = tuple(Word(word) for word in clean(line["text"]).split())
    said = clean(str(line.get("said") or "")).split()
    rest = tuple(Word(word, unheard=True) for word in said[len(heard) :])
    return Speech(line["who"], line["start_ms"], line["end_ms"], timed(heard, line["start_ms"], line["end_ms"]) + rest)


def timed(words: Sequence[Word], start_ms: int, end_ms: int) -> tuple[Word, ...]:
    """The words with about when each was said: the time shared out by their letters (a pause counts as one)."""
    total = sum(len(word.text) + 1 for word in words)
    out, done = [], 0
    for word in words:
        first = start_ms + (end_ms - start_ms) * done // total
        done += len(word.text) + 1
        out.append(replace(word, span_ms=(first, start_ms + (end_ms - start_ms) * done // total)))
    return tuple(out)


def _joined(speeches: Iterable[Speech]) -> tuple[Speech, ...]:
    out: list[Speech] = []
    for speech in speeches:
        before = next((other for other in reversed(out) if other.who == speech.who), None)
        crossed = out and out[-1] is not before
        cut_short = before is not None and any(word.unheard for word in before.words)
        if before is None or crossed or cut_short or speech.start_ms - before.end_ms > JOIN_MS:
            out.append(speech)
        else:
            end_ms = max(before.end_ms, speech.end_ms)
            out[-1] = replace(before, end_ms=end_ms, words=before.words + speech.words)
    return tuple(out)


def _waits(turns: Iterable[dict[str, Any]]) -> Iterable[Wait]:
    for turn in turns:
        took_ms, start_ms = turn["voice_to_voice_ms"], turn["end_ms"]
        if start_ms is None:
            start_ms = turn["committed_ms"]
        if took_ms is None or start_ms is None or took_ms <= 0:
            continue
        stages = tuple((name, ms) for name in STAGES if (ms := turn["stages"].get(name, 0)) > 0)
        yield Wait(start_ms, start_ms + took_ms, stages, turn_end(turn["end_reason"]) if turn["end_reason"] else "")


def _tool_flags(tools: Iterable[dict[str, Any]]) -> Iterable[Flag]:
    for tool in tools:
        took = tool.get("took_ms")
        label = str(tool["name"]) + (f" {took:.0f} ms" if isinstance(took, int | float) else "")
        yield Flag(tool.get("at_ms") or 0, "failed" if tool["ok"] is False else "tool", label)


def _stop_flags(stops: Iterable[dict[str, Any]]) -> Iterable[Flag]:
    """Where the agent fell silent for what was no interruption; those that were are marked as barge-ins."""
    return (Flag(stop["at_ms"], "stop", stopped_for(stop)) for stop in stops if stop["then"] != "barge_in")


def _other_flags(events: Iterable[dict[str, Any]]) -> Iterable[Flag]:
    for event in events:
        if event["kind"] == "leave":
            decision = event.get("decision")
            what = decision.get("type", "leave") if isinstance(decision, dict) else decision
            yield Flag(_at(event), "leave", LEFT_BY.get(str(what), str(what).replace("_", " ")))
        elif event["kind"] == "error":
            yield Flag(_at(event), "error", f"error: {event.get('where', '')}")


def _at(event: dict[str, Any]) -> int:
    value = event.get("media_ms")
    return value if isinstance(value, int) else 0
