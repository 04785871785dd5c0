"""What the engines of a run need of a journal beyond what Recorded holds. Pure; damaged events are passed over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from agent.continuation import DAMAGE
from agent.definition import RecordMode
from telephony.replay.reading.fields import Event, call_ms, media_ms, text, whole


@dataclass(frozen=True, slots=True)
class Failure:
    """An engine failed so long after it was asked; `message` is what the journal says of it."""

    offset_ms: float
    message: str


def failures(events: Iterable[Event], kind: Literal["llm", "tts"]) -> tuple[dict[int, Failure], int]:
    """Which requests to engines of this kind (by number, from 0) ended in a failure, and how many requests there are.

    A journal says that a reply failed, not what of it did. It was what was at work; if model and voice both were, the
    one that the message names, else the voice.
    """
    found: dict[int, Failure] = {}
    asked = 0
    at_work: dict[str, tuple[str, str, float]] = {}  # by kind: id, name, when
    for event in events:
        try:
            what = event["kind"]
            if what == "engine.request":
                asked += event["engine"] == kind
                at_work[text(event["engine"])] = text(event["id"]), text(event["name"]), call_ms(event)
            elif what == "engine.result" and event.get("final") is True:
                at_work = {name: work for name, work in at_work.items() if work[0] != event["id"]}
            elif what == "playout.stopped":
                at_work.clear()
            elif what == "error" and event.get("where") in ("reply", "voice"):
                message = text(event["message"])
                if _guilty(at_work, message) == kind:
                    found[asked - 1] = Failure(max(0.0, call_ms(event) - at_work[kind][2]), message)
                at_work.clear()
        except DAMAGE:
            continue
    return found, asked


def _guilty(at_work: dict[str, tuple[str, str, float]], message: str) -> str:
    candidates = [kind for kind in ("tts", "llm") if kind in at_work]
    named = [kind for kind in candidates if f'"{at_work[kind][1]}"' in message]
    return next(iter((*named, *candidates)), "")


def keyed_turns(events: Iterable[Event]) -> Iterator[tuple[int, int]]:
    """(media time of an entry's last key, its turn), for every turn that was entered by keys."""
    pressed_ms = 0
    for event in events:
        try:
            if event["kind"] == "key":
                pressed_ms = media_ms(event)
            elif event["kind"] == "turn.committed" and event.get("source") == "keys":
                yield pressed_ms, whole(event["turn"])
        except DAMAGE:
            continue


def decided_turns(events: Iterable[Event]) -> dict[int, str]:
    """Turn -> why it was rejected ("" if it was committed), of all that were decided before the call ended."""
    decided: dict[int, str] = {}
    for event in events:
        try:
            if event["kind"] in ("turn.committed", "turn.rejected"):
                decided[whole(event["turn"])] = str(event.get("reason", ""))
        except DAMAGE:
            continue
    return decided


def first_turn(events: Iterable[Event]) -> int:
    """The turn of the first clause: 0, or where a call was that came back to its agent."""
    for event in events:
        try:
            if event["kind"] == "agent.clause":
                return whole(event["turn"])
        except DAMAGE:
            continue
    return 0


def record_mode(events: Iterable[Event]) -> RecordMode | None:
    """How the call was recorded."""
    for event in events:
        if event.get("kind") == "call.started":
            return next((mode for mode in get_args(RecordMode) if mode == event.get("record")), None)
    return None
