"""What came of a call, folded from its journal for whoever compares, judges or draws it. Pure; in media time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agent.summary import summarise, whole_ms
from telephony.replay.judging.silences import NOISE_MS, Owed, Spoken, Stretch, cutoffs, dead_air

UNWEIGHED = ("short", "noise", "leaving")
"""Reasons of a rejected turn that never had a text looked for: the caller did not expect an answer to it."""

BESIDE = ("backchannel", "echo", "noise")
"""Reasons of a rejected turn that was nothing to answer, however long: no proof that the one before was cut short."""
WENT_ON = "went on"
"""Reason of a barge-in that interrupted nobody: no word of the reply had been heard."""


@dataclass(frozen=True, slots=True)
class Said:
    """One utterance of the agent: `text` is what was heard of it, `said` all of it; `complete` if that is the same."""

    turn: int
    text: str
    said: str
    complete: bool
    start_ms: int
    end_ms: int
    aside: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """One committed turn of the caller. `speech_end_ms` None: keys. `reply` is what was heard of its answer (fillers
    aside), `voice_to_voice_ms` None if it was never heard; `stages` as in the journal's `turn.latency`."""

    number: int
    text: str
    source: str
    speech_start_ms: int | None
    speech_end_ms: int | None
    committed_ms: int
    reply: str = ""
    voice_to_voice_ms: int | None = None
    stages: Mapping[str, int] = field(default_factory=dict)
    goes_on: int | None = None
    """The turn that this one goes on with: the two are one, and this one's reply is to both."""

    @property
    def start_ms(self) -> int:
        """Where it begins: the speech, or of keys, the turn itself."""
        return self.committed_ms if self.speech_start_ms is None else self.speech_start_ms


@dataclass(frozen=True, slots=True)
class ToolRun:
    """`ok` None: it had not returned."""

    turn: int
    name: str
    arguments: Mapping[str, Any]
    at_ms: int
    ok: bool | None = None
    result: Any = None


@dataclass(frozen=True, slots=True)
class Cutoff:
    """The turn was taken to be over while the caller went on: at `at_ms` the next speech began, `after_ms` after this
    one's end, too soon to be a reaction to the answer (silences.py). Not where the answer was held back before a word
    of it was heard, and given to both: that costs the caller nothing."""

    turn: int
    at_ms: int
    after_ms: int


@dataclass(frozen=True, slots=True)
class FalseStop:
    """The agent fell silent at `at_ms` for what was no interruption, and went on `silent_ms` later. `why`: "noise",
    "echo", "backchannel" or "silence"."""

    at_ms: int
    silent_ms: int
    why: str


@dataclass(frozen=True, slots=True)
class DeadAir:
    """Nobody was heard though the agent owed something. `why`: "before the greeting", "within the greeting",
    "before the answer", "within the answer", "before it asked again"."""

    from_ms: int
    to_ms: int
    turn: int
    why: str

    @property
    def ms(self) -> int:
        return self.to_ms - self.from_ms


@dataclass(frozen=True, slots=True)
class Outcome:
    """One call, as it went."""

    turns: tuple[Turn, ...] = ()
    rejected: tuple[tuple[int, int, str], ...] = ()
    """(media time, turn, reason) of what was heard and not taken for a turn."""
    said: tuple[Said, ...] = ()
    tools: tuple[ToolRun, ...] = ()
    cutoffs: tuple[Cutoff, ...] = ()
    dead_air: tuple[DeadAir, ...] = ()
    """Every stretch of it, however short: who asks has a bound."""
    barge_ins_ms: tuple[int, ...] = ()
    false_stops: tuple[FalseStop, ...] = ()
    errors: tuple[tuple[int, str], ...] = ()
    ended_by: str = ""
    duration_ms: int = 0
    agent: str = ""
    """The name of the agent that answered."""

    @property
    def waits_ms(self) -> tuple[int, ...]:
        """The voice-to-voice latencies of all answered turns, in their order."""
        return tuple(turn.voice_to_voice_ms for turn in self.turns if turn.voice_to_voice_ms is not None)


def outcome_of(events: Iterable[Mapping[str, Any]]) -> Outcome:
    """Fold a journal's events, in the journal's order. Takes whatever there is; a damaged event is passed over."""
    whole = [dict(event) for event in events if isinstance(event, Mapping) and isinstance(event.get("kind"), str)]
    summary = summarise(whole)
    fold = _Fold()
    for event in whole:
        fold.take(event)
    duration_ms = summary["duration_ms"]
    said = tuple(sorted(fold.said.values(), key=lambda one: (one.start_ms, one.end_ms)))
    replies: dict[int, list[str]] = {}
    for one in said:
        if one.text and not one.aside:
            replies.setdefault(one.turn, []).append(one.text)
    sounds = fold.sounds(said, duration_ms)
    spoken = fold.spoken(duration_ms)
    speech = [(stretch.start_ms, stretch.end_ms) for stretch in spoken]
    return Outcome(
        turns=tuple(_turn(turn, replies) for turn in summary["turns"]),
        rejected=tuple(fold.rejected),
        said=said,
        tools=tuple(fold.tools),
        cutoffs=tuple(Cutoff(*found) for found in cutoffs(spoken, sounds) if found[0] not in fold.joined),
        dead_air=tuple(DeadAir(*found) for found in dead_air(fold.owed, sounds, speech, duration_ms)),
        barge_ins_ms=tuple(fold.barge_ins_ms),
        false_stops=tuple(
            FalseStop(stop["at_ms"], stop["silent_ms"], stop["why"])
            for stop in summary["stops"]
            if stop["then"] == "took_up"
        ),
        errors=tuple(fold.errors),
        ended_by=summary["ended_by"] or "",
        duration_ms=duration_ms,
        agent=str(summary["agent"]),
    )


def _turn(turn: Mapping[str, Any], replies: Mapping[int, list[str]]) -> Turn:
    keys = turn["source"] == "keys"  # their turn's end is journaled too, and is the last key
    return Turn(
        number=turn["turn"],
        text=turn["text"],
        source=str(turn["source"]),
        speech_start_ms=turn["start_ms"],
        speech_end_ms=None if keys else turn["end_ms"],
        committed_ms=turn["committed_ms"] or 0,
        reply=" ".join(replies.get(turn["turn"], ())),
        voice_to_voice_ms=turn["voice_to_voice_ms"],
        stages=turn["stages"],
        goes_on=turn["goes_on"],
    )


class _Fold:
    """What has been read so far of what agent/summary.py does not keep."""

    def __init__(self) -> None:
        self.rejected: list[tuple[int, int, str]] = []
        self.said: dict[str, Said] = {}
        self.tools: list[ToolRun] = []
        self.barge_ins_ms: list[int] = []
        self.errors: list[tuple[int, str]] = []
        self.owed: list[Owed] = []
        self._running: dict[str, int] = {}
        self._asides: set[str] = set()
        self._played: list[tuple[int, int | None]] = []
        self._starts: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._weighed: dict[int, bool] = {}
        self.joined: set[int] = set()
        """Turns with which the next one went on."""
        self._beside: set[int] = set()
        self._key_ms: int | None = None
        self._ask_again: int | None = None

    def take(self, event: dict[str, Any]) -> None:
        kind, at_ms = event["kind"], whole_ms(event, "media_ms") or 0
        if kind.startswith("turn."):
            turn = whole_ms(event, "turn")
            if turn is not None:
                self._take_turn(kind, turn, at_ms, event)
        elif kind.startswith(("agent.", "reply.", "playout.", "call.", "silence.")):
            self._take_agent(kind, at_ms, event)
            if kind == "agent.took_up" and (turn := whole_ms(event, "turn")) is not None:
                self._beside.add(turn)
        elif kind.startswith("tool."):
            self._take_tool(kind, at_ms, event)
        elif kind == "barge_in" and event.get("reason") != WENT_ON:
            self.barge_ins_ms.append(at_ms)
        elif kind == "error":
            self.errors.append((at_ms, f"{event.get('where', '')}: {event.get('message', '')}"))
        elif kind == "key":
            self._settle(at_ms)  # who presses a key does not wait
            self._key_ms = at_ms

    def sounds(self, said: Iterable[Said], last_ms: int) -> list[Stretch]:
        """When the agent was audible. A journal without the playout's events has only when its words were heard."""
        if not self._played:
            return [(one.start_ms, one.end_ms) for one in said if one.text]
        following = [*(start_ms for start_ms, _ in self._played), last_ms][1:]
        return [(start, nxt if end is None else end) for (start, end), nxt in zip(self._played, following, strict=True)]

    def spoken(self, last_ms: int) -> list[Spoken]:
        """The caller's stretches of speech; one without an end lasts until the next, or the end of the call."""
        out = []
        starts = sorted((start_ms, turn) for turn, start_ms in self._starts.items())
        following = [*(start_ms for start_ms, _ in starts), last_ms][1:]
        for (start_ms, turn), next_ms in zip(starts, following, strict=True):
            end_ms = max(start_ms, self._ends.get(turn, next_ms))
            committed = self._weighed.get(turn) is True
            meant = committed or (end_ms - start_ms >= NOISE_MS and turn not in self._beside)
            out.append(Spoken(turn, start_ms, end_ms, turn in self._weighed and turn in self._ends, meant))
        return out

    # --- by kind ----------------------------------------------------------------------------------------------------

    def _take_turn(self, kind: str, turn: int, at_ms: int, event: dict[str, Any]) -> None:
        if kind == "turn.started":
            self._ask_again = None
            self._starts[turn] = at_ms if (speech_ms := whole_ms(event, "speech_ms")) is None else speech_ms
        elif kind == "turn.ended":
            self._ends[turn] = at_ms if (end_ms := whole_ms(event, "speech_end_ms")) is None else end_ms
        elif kind == "turn.committed":
            self._ask_again = None
            if (joined := whole_ms(event, "goes_on")) is not None:
                self.joined.add(joined)
            keys = event.get("source") == "keys"
            from_ms = self._key_ms if keys else self._ends.get(turn)
            self._key_ms = None
            if not keys:
                self._weighed[turn] = True
            self._owe(Owed(turn, at_ms if from_ms is None else from_ms, "before the answer"))
        elif kind == "turn.rejected":
            reason = str(event.get("reason", ""))
            self.rejected.append((at_ms, turn, reason))
            if reason in BESIDE:
                self._beside.add(turn)
            if reason not in UNWEIGHED:
                self._weighed[turn] = False
                self._ask_again = turn

    def _take_agent(self, kind: str, at_ms: int, event: dict[str, Any]) -> None:
        if kind == "call.started":
            self._owe(Owed(0, at_ms, "before the greeting", "within the greeting"))
        elif kind == "agent.clause":
            if event.get("aside") is True:
                self._asides.add(str(event.get("utterance")))
            if self._ask_again is not None and whole_ms(event, "turn") == self._ask_again:
                self._owe(Owed(self._ask_again, self._ends.get(self._ask_again, at_ms), "before it asked again"))
                self._ask_again = None
        elif kind == "agent.heard":
            self._take_heard(at_ms, event)
        elif kind == "reply.heard":
            self._settle(at_ms, paid=True)
        elif kind == "silence.prompt":
            self._ask_again = None
        elif kind == "playout.started":
            self._played.append((at_ms if (start_ms := whole_ms(event, "at")) is None else start_ms, None))
        elif kind in ("playout.done", "playout.stopped") and self._played and self._played[-1][1] is None:
            self._played[-1] = self._played[-1][0], max(at_ms, self._played[-1][0])

    def _take_heard(self, at_ms: int, event: dict[str, Any]) -> None:
        key = str(event.get("utterance"))
        start_ms = whole_ms(event, "start_ms")
        start_ms = at_ms if start_ms is None else start_ms
        end_ms = whole_ms(event, "end_ms")
        text = str(event.get("text", ""))
        self.said[key] = Said(  # a later word on the same utterance is the truer one
            turn=whole_ms(event, "turn") or 0,
            text=text,
            said=str(event.get("said", text)),
            complete=event.get("complete") is not False,
            start_ms=start_ms,
            end_ms=max(start_ms, start_ms if end_ms is None else end_ms),
            aside=key in self._asides,
        )

    def _take_tool(self, kind: str, at_ms: int, event: dict[str, Any]) -> None:
        key = str(event.get("id"))
        if kind == "tool.called":
            arguments = event.get("arguments")
            self._running[key] = len(self.tools)  # models number their calls anew in every reply
            called = dict(arguments) if isinstance(arguments, Mapping) else {}
            self.tools.append(ToolRun(whole_ms(event, "turn") or 0, str(event.get("name", "")), called, at_ms))
        elif kind == "tool.returned" and key in self._running:
            index = self._running.pop(key)
            self.tools[index] = replace(self.tools[index], ok=event.get("ok") is True, result=event.get("result"))

    # --- what is owed -----------------------------------------------------------------------------------------------

    def _owe(self, debt: Owed) -> None:
        self._settle(debt.from_ms)
        self.owed.append(debt)

    def _settle(self, at_ms: int, *, paid: bool = False) -> None:
        if self.owed and self.owed[-1].to_ms is None:
            self.owed[-1].to_ms = max(at_ms, self.owed[-1].from_ms)
            self.owed[-1].paid = paid
