"""A call's summary, made purely of its journal: who said and heard what, which tools ran, how long answers took.

The same function serves the end of a call and `offhook calls show` after a crash: it takes whatever events there are.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from agent.errors import LocalError

SUMMARY_VERSION = 1
NEWEST_JOURNAL = 1

STAGES = ("endpointing_ms", "stt_ms", "llm_ms", "clause_ms", "tts_ms", "line_ms")
"""The parts of a turn's voice-to-voice latency, in the order of time; they add up to it."""

#: A time or a number beyond this is damage; a JSON number may have thousands of digits, or be NaN.
_LARGEST = 1e15

_COUNTED = {
    "turn.committed": "turns",
    "turn.rejected": "rejected_turns",
    "barge_in": "barge_ins",
    "agent.took_up": "false_stops",
    "key": "keys",
    "tool.called": "tool_calls",
    "silence.prompt": "silence_prompts",
    "playout.marks_lost": "marks_lost",
    "line.gap": "line_gaps",
    "error": "errors",
}


def parse_journal(lines: Iterable[str | bytes]) -> Iterator[dict[str, Any]]:
    """The events of a journal, in order. A line torn by a crash, or otherwise not an event, is passed over.

    Raises LocalError for a journal written by a newer Offhook.
    """
    for line in lines:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):  # the latter: nested without end
            continue
        if not isinstance(event, dict) or not isinstance(event.get("kind"), str):
            continue
        version = event.get("v")
        if isinstance(version, int) and version > NEWEST_JOURNAL:
            raise LocalError(f"this journal is of version {version}, newer than this Offhook reads; update Offhook")
        yield event


def percentile(values: Sequence[int], percent: float) -> int | None:
    """By nearest rank: the smallest of the values that covers at least `percent` per cent of them; None of none."""
    if not values:
        return None
    ranked = sorted(values)
    return ranked[max(math.ceil(percent / 100 * len(ranked)), 1) - 1]


def latency_figures(values: Sequence[int]) -> dict[str, int | None]:
    """n, p50_ms, p90_ms, p95_ms, max_ms of voice-to-voice times; nearest rank (see `percentile`)."""
    return {
        "n": len(values),
        "p50_ms": percentile(values, 50),
        "p90_ms": percentile(values, 90),
        "p95_ms": percentile(values, 95),
        "max_ms": max(values, default=None),
    }


def summarise(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The summary of a call from its journal's events: the content of call.json.

    `stops`: each time the agent fell silent for the caller; `then` says whether it went on ("took_up"), was
    interrupted ("barge_in"), or neither is known (None), and `why` so (docs/journal.md); `silent_ms` until it went on.
    Tolerates a journal that stops in the middle. `started_at` and `ended_at` are None here: a journal holds no dates.
    """
    gathered = _Gathered()
    for event in events:
        gathered.take(event)
    started = gathered.started
    turns = [gathered.turns[number] for number in sorted(gathered.turns) if gathered.turns[number]["text"] is not None]
    waits = [turn["voice_to_voice_ms"] for turn in turns if turn["voice_to_voice_ms"] is not None]
    return {
        "version": SUMMARY_VERSION,
        "call_id": started.get("call_id", ""),
        "agent": started.get("agent", ""),
        "caller": started.get("caller", ""),
        "called": started.get("called", ""),
        "line": started.get("line", ""),
        "engines": started.get("engines", {}),
        "started_at": None,
        "ended_at": None,
        "duration_ms": gathered.last_ms,
        "ended_by": gathered.ended_by,
        "record": started.get("record"),
        "retain_days": started.get("retain_days"),
        "transcript": gathered.transcript(),
        "tools": list(gathered.tools.values()),
        "turns": turns,
        "stops": gathered.stops,
        "latency": latency_figures(waits),
        "counts": {name: gathered.counts[name] for name in (*_COUNTED.values(), "tool_failures", "events")},
    }


class _Gathered:
    """What has been read so far."""

    def __init__(self) -> None:
        self.started: dict[str, Any] = {}
        self.ended_by: str | None = None
        self.last_ms = 0
        self.turns: dict[int, dict[str, Any]] = {}
        self.heard: dict[str, dict[str, Any]] = {}
        self.turn_of: dict[str, int | None] = {}
        self.stops: list[dict[str, Any]] = []
        self.tools: dict[str, dict[str, Any]] = {}
        self.counts: Counter[str] = Counter()

    def take(self, event: dict[str, Any]) -> None:
        kind = event["kind"]
        self.counts["events"] += 1
        if kind in _COUNTED:
            self.counts[_COUNTED[kind]] += 1
        self.last_ms = max(self.last_ms, whole_ms(event, "media_ms") or 0)
        if kind == "call.started":
            self.started = event
        elif kind == "call.ended":
            self.ended_by = str(event.get("reason", ""))
        elif kind.startswith("turn."):
            self._take_turn(kind, event)
        elif kind == "agent.clause":
            self.turn_of[str(event.get("utterance"))] = whole_ms(event, "turn")
        elif kind == "agent.heard":
            self.heard[str(event.get("utterance"))] = event  # a later word on the same utterance is the truer one
        elif kind.startswith("tool."):
            self._take_tool(kind, event)
        elif kind in ("agent.yielded", "agent.took_up", "barge_in"):
            self._take_stop(kind, event)

    def _take_turn(self, kind: str, event: dict[str, Any]) -> None:
        number = whole_ms(event, "turn")
        if number is None:
            return
        turn = self.turns.setdefault(number, _new_turn(number))
        if kind == "turn.started":
            turn["start_ms"] = whole_ms(event, "speech_ms")
        elif kind == "turn.ended":
            turn["end_ms"] = whole_ms(event, "speech_end_ms")
            turn["end_reason"] = str(event.get("reason", ""))
        elif kind == "turn.committed":
            turn["text"] = str(event.get("text", ""))
            turn["source"] = event.get("source", "voice")
            turn["committed_ms"] = whole_ms(event, "media_ms")
            turn["goes_on"] = whole_ms(event, "goes_on")
        elif kind == "turn.corrected" and turn["text"] is not None:
            turn["text"] = str(event.get("text", ""))
        elif kind == "turn.latency":
            turn["voice_to_voice_ms"] = whole_ms(event, "voice_to_voice_ms")
            turn["stages"] = {stage: whole_ms(event, stage) or 0 for stage in STAGES}

    def _take_stop(self, kind: str, event: dict[str, Any]) -> None:
        """Each time the agent fell silent for the caller: one of `stops`. A barge-in before any word was, is none."""
        at_ms, why = whole_ms(event, "media_ms") or 0, str(event.get("reason", ""))
        undecided = self.stops[-1] if self.stops and self.stops[-1]["then"] is None else None
        if kind == "agent.yielded" or (undecided is None and kind == "barge_in" and why != "went on"):
            undecided = {"at_ms": at_ms, "turn": whole_ms(event, "turn"), "then": None, "why": "", "silent_ms": None}
            self.stops.append(undecided)
        if undecided is not None and kind != "agent.yielded":
            undecided.update(then=kind.removeprefix("agent."), why=why)
            undecided["silent_ms"] = max(0, at_ms - undecided["at_ms"]) if kind == "agent.took_up" else None

    def _take_tool(self, kind: str, event: dict[str, Any]) -> None:
        key = event.get("id")
        tool = self.tools.setdefault(str(key), {"id": key, "name": event.get("name", ""), "ok": None})
        if kind == "tool.called":
            tool.update({name: event.get(name) for name in ("arguments", "turn", "effect")})
            tool["at_ms"] = whole_ms(event, "media_ms")
        elif kind == "tool.returned":
            tool.update({name: event.get(name) for name in ("ok", "result", "took_ms")})
            self.counts["tool_failures"] += event.get("ok") is False

    def transcript(self) -> list[dict[str, Any]]:
        """Both sides, in the order of time, and no answer before what it answers.

        Keys are a turn at once with "#", and a phrase that is ready plays at once: by the two clocks (what has been
        heard of the caller, what has been played) it may begin a few milliseconds earlier.
        """
        lines = [_caller_line(turn) for turn in self.turns.values() if turn["text"] is not None]
        asked_ms = {line["turn"]: line["start_ms"] for line in lines}
        lines += [_agent_line(event, self.turn_of.get(str(event.get("utterance")))) for event in self.heard.values()]

        def place(line: dict[str, Any]) -> tuple[int, bool]:
            agent = line["who"] == "agent"
            return max(line["start_ms"], asked_ms.get(line["turn"], 0) if agent else 0), agent

        return sorted(lines, key=place)


def _new_turn(number: int) -> dict[str, Any]:
    turn: dict[str, Any] = {"turn": number, "text": None, "source": None, "start_ms": None, "end_ms": None}
    turn |= {"committed_ms": None, "end_reason": None, "goes_on": None}
    return {**turn, "voice_to_voice_ms": None, "stages": {}}


def _caller_line(turn: dict[str, Any]) -> dict[str, Any]:
    when = [turn[name] for name in ("start_ms", "end_ms", "committed_ms") if turn[name] is not None]
    start_ms = when[0] if when else 0
    end_ms = turn["end_ms"] if turn["end_ms"] is not None else start_ms
    line = {"who": "caller", "turn": turn["turn"], "start_ms": start_ms, "end_ms": max(start_ms, end_ms)}
    return {**line, "text": turn["text"], "complete": True}


def _agent_line(event: dict[str, Any], turn: int | None) -> dict[str, Any]:
    start_ms = whole_ms(event, "start_ms")
    start_ms = start_ms if start_ms is not None else whole_ms(event, "media_ms") or 0
    end_ms = whole_ms(event, "end_ms")
    complete = event.get("complete") is not False
    line = {"who": "agent", "turn": turn, "start_ms": start_ms, "end_ms": max(start_ms, end_ms or start_ms)}
    line |= {"text": str(event.get("text", "")), "complete": complete}
    return line if complete else {**line, "said": str(event.get("said", ""))}


def whole_ms(event: dict[str, Any], name: str) -> int | None:
    """A number of a journal's event, whole; None if there is none (a damaged journal may hold anything)."""
    value = event.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
        return None
    return round(value)
