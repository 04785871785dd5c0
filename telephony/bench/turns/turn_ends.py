"""What became of each item that was an answer or free speech: cut off, lost, or ended in so many milliseconds. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.slots.reading import read_answer
from telephony.bench.turns.items import Item


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """One item's end. Delays are media time from the last speech sample; None where the item was cut, or nothing came.

    `pauses` inner pauses of at least 200 ms it has, into `pauses_cut` of them a turn's end or a commit fell; `cut`:
    one came before the last speech sample, at `cut_after` words. `text`: all that was committed of it, `value` what an
    agent reads in that; `reason`: why the turn ended, or the first end that was too early.
    """

    item: Item
    pauses: int
    pauses_cut: int
    cut: bool
    cut_after: int = 0
    ended_ms: int | None = None
    committed_ms: int | None = None
    text: str = ""
    value: str = ""
    reason: str = ""
    probable_ms: int | None = None

    @property
    def understood(self) -> bool:
        """What was committed means what was said; of free speech: it says the same."""
        return self.value == self.item.value if self.item.value else self.text.split() == self.item.text.split()

    @property
    def cause(self) -> str:
        """Why it was not understood, or "": the recogniser's own errors are told from those of turn-taking."""
        if self.understood and not self.cut:
            return ""
        if self.cut:
            return "cut off"
        if self.committed_ms is None:
            return "ended, but nothing was recognised" if self.ended_ms is not None else "never ended"
        if len(self.text.split()) < len(self.item.words):
            return "recogniser: words missing"
        return "recogniser: other words"


def turn_end(item: Item, start_ms: int, until_ms: int, events: Sequence[Mapping[str, Any]]) -> TurnEnd:
    """What became of `item`, whose first sample was on the line at `start_ms`; the caller began the next thing at
    `until_ms`. `events`: the call's journal. What comes once the caller had to press a key is none of the item's."""
    first_ms, last_ms = start_ms + item.first_sample_ms, start_ms + item.last_sample_ms
    asked_anew = [event["media_ms"] for event in events if event["kind"] == "key" and event["media_ms"] >= first_ms]
    until_ms = min([until_ms, *asked_anew])
    mine = [event for event in events if first_ms <= event["media_ms"] < until_ms]
    ends = [event for event in mine if event["kind"] == "turn.ended" and event.get("speech_end_ms", 0) >= first_ms]
    commits = [event for event in mine if event["kind"] == "turn.committed" and event.get("source") != "keys"]
    early = sorted(event["media_ms"] for event in [*ends, *commits] if event["media_ms"] < last_ms)
    pauses = [(start_ms + begin, start_ms + end) for begin, end in item.inner_pauses()]
    begins = [begin for begin, _ in pauses]
    hit = {bisect_right(begins, at) for at in early} - {0}
    text = " ".join(str(event.get("text", "")) for event in commits)
    first = (ends or [{}])[0]
    probable = [event for event in mine if event["kind"] == "turn.probable_end" and event["media_ms"] >= last_ms]
    return TurnEnd(
        item=item,
        pauses=len(pauses),
        pauses_cut=len(hit),
        cut=bool(early),
        cut_after=sum(start_ms + word.end_ms <= early[0] for word in item.words) if early else 0,
        ended_ms=None if early or not ends else ends[0]["media_ms"] - last_ms,
        committed_ms=None if early or not commits else commits[0]["media_ms"] - last_ms,
        text=text,
        value=read_answer(item.asks, text).value if item.asks.kind else "",
        reason=str(first.get("reason", "")),
        probable_ms=None if early or not probable else probable[0]["media_ms"] - last_ms,
    )
