"""From a journal's events to what another run of the call needs of them. Pure.

Who writes what: turns and keys agent/turn_taking.py and turn_outcomes.py, recognition agent/hearing.py, replies
agent/replies.py, tools agent/dialogue.py, clauses and what was heard agent/speaking.py, speech agent/speech/voice.py.
Journals of any version up to today's are read: what an older one lacks is made good as far as it can be. A damaged
event is passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agent.continuation import DAMAGE
from agent.llm.base import Protected, TextDelta, ToolCall
from agent.slots.base import asks_of
from telephony.replay.reading.asked import Thought
from telephony.replay.reading.fields import Event, call_ms, mapping, media_ms, number, shallow, text, whole
from telephony.replay.reading.hearings import Hearing, Hearings
from telephony.replay.reading.speeches import Speaking
from telephony.replay.reading.stalls import audio_told, audio_until, stalls_in
from telephony.replay.recorded import RecordedReply, RecordedSpeech, RecordedTool, RecordedUtterance, Stall

#: The session ends a call so by its own clock (agent/session.py), in another run too: then it was not the service.
TOO_LONG = "call too long"
#: Errors with which the agent gives up what it was about to say (agent/replies.py).
_GIVEN_UP = ("reply", "voice", "hearing", "call")


@dataclass(frozen=True, slots=True)
class Told:
    """What a journal tells, in the words of Recorded (replay/recorded.py)."""

    started: Mapping[str, Any] = field(default_factory=dict)
    voice_hz: int = 8000
    utterances: tuple[RecordedUtterance, ...] = ()
    replies: tuple[RecordedReply, ...] = ()
    speeches: tuple[RecordedSpeech, ...] = ()
    tools: tuple[RecordedTool, ...] = ()
    keys: tuple[tuple[int, str], ...] = ()
    gaps: tuple[tuple[int, int], ...] = ()
    stalls: tuple[Stall, ...] = ()
    wound_up: tuple[int, str] | None = None
    ended_by: str = ""
    ended_ms: int = 0
    audio_ms: int = 0
    """Up to here audio came, or nearly: after it, nothing is told but ticks and the end."""
    audio_end_ms: int | None = None
    """The same exactly; None where the journal does not say."""
    over: bool = False
    """The call came to its end; else the journal stops in the middle of it."""
    passed_over: int = 0
    """Events that were damaged."""


def fold(events: Iterable[Event], audio_ms: int | None = None) -> Told:
    """All that `events` tell; `audio_ms`: how long the caller's audio is (nothing of it came late beyond its end)."""
    given = list(events)
    kept = [event for event in given if shallow(event)]
    folded = _Folded()
    for event in kept:
        folded.take(event)
    return Told(
        started=folded.started,
        voice_hz=folded.speaking.voice_hz,
        utterances=folded.hearings.utterances(folded.last_ms),
        replies=tuple(thought.reply() for thought in folded.thoughts),
        speeches=folded.speaking.speeches(),
        tools=tuple(folded.tools),
        keys=tuple(folded.keys),
        gaps=tuple(folded.gaps),
        stalls=stalls_in(kept, audio_ms),
        wound_up=folded.wound_up,
        ended_by=folded.ended_by,
        ended_ms=folded.last_ms,
        audio_ms=audio_until(kept),
        audio_end_ms=audio_told(kept),
        over=folded.over,
        passed_over=folded.damaged + len(given) - len(kept),
    )


class _Folded:
    """What has been read so far."""

    def __init__(self) -> None:
        self.started: Mapping[str, Any] = {}
        self.hearings = Hearings()
        self.thoughts: list[Thought] = []
        self.speaking = Speaking()
        self.tools: list[RecordedTool] = []
        self.keys: list[tuple[int, str]] = []
        self.gaps: list[tuple[int, int]] = []
        self.wound_up: tuple[int, str] | None = None
        self.ended_by = ""
        self.last_ms = 0
        self.over = False
        self.damaged = 0
        self._by_id: dict[str, Hearing | Thought] = {}
        self._turn = 0  # that is being answered
        self._rounds: dict[int, int] = {}
        self._calls = 0
        self._running: dict[str, int] = {}  # tool calls by id, as places in `tools`
        self._left_by: int | None = None  # the tool that may have ended the call, where the journal is too old to say

    def take(self, event: Event) -> None:
        try:
            self.last_ms = max(self.last_ms, media_ms(event))
            self._take(event, text(event["kind"]))
        except DAMAGE:
            self.damaged += 1

    def _take(self, event: Event, kind: str) -> None:
        if kind == "engine.request":
            self._on_request(event)
        elif kind == "engine.result":
            self._on_result(event)
        elif kind in ("phrase", "agent.clause", "agent.heard", "playout.started"):
            self._on_speech(event, kind)
        elif kind.startswith("turn."):
            self.hearings.on_turn(event, kind)
            if kind == "turn.committed":
                self._turn = whole(event["turn"])
        elif kind == "agent.asks":
            self._on_asks(event)
        elif kind.startswith("tool."):
            self._on_tool(event, kind)
        elif kind == "key":
            self.keys.append((media_ms(event), text(event["digit"])))
        elif kind == "line.gap":
            from_ms, to_ms = whole(event["from_ms"]), whole(event["to_ms"])
            if from_ms < to_ms:
                self.gaps.append((from_ms, to_ms))
        else:
            self._on_course(event, kind)

    def _on_course(self, event: Event, kind: str) -> None:
        """Beginning and end, and what cuts the agent off."""
        if kind == "call.started":
            self.started = self.started or event
            self.speaking.on_started(event)
        elif kind == "wind_up" and event["reason"] != TOO_LONG:
            self.wound_up = self.wound_up or (media_ms(event), text(event["reason"]))
        elif kind == "leave":
            self._on_leave(event)
        elif kind == "playout.stopped" or (kind == "error" and event.get("where") in _GIVEN_UP):
            self._cut(event)
        elif kind == "error" and event.get("where") == "stt":
            self.hearings.on_deaf(event)
        elif kind == "call.ended":
            self._cut(event)
            self.over, self.ended_by = True, text(event["reason"])
        if kind in ("wind_up", "silence.prompt", "error"):
            self._left_by = None

    def _cut(self, event: Event) -> None:
        """Nothing more comes of what was being thought and spoken."""
        for thought in self.thoughts[-1:]:  # one at a time
            if thought.open:
                thought.given_up = True
                thought.end_offset_ms = max(0.0, round(call_ms(event) - thought.began_call_ms, 1))

    def _on_speech(self, event: Event, kind: str) -> None:
        if kind == "phrase":
            self.speaking.on_phrase(event)
        elif kind == "agent.clause":
            self.speaking.on_clause(event)
            if not self._turn:  # a call that came back to its agent: what is answered was said before
                self._turn = whole(event["turn"])
        elif kind == "agent.heard":
            self.speaking.on_heard(event)
        else:
            self.speaking.on_playout_started(event)

    # --- engines ----------------------------------------------------------------------------------------------------

    def _on_request(self, event: Event) -> None:
        engine, name = text(event["engine"]), text(event["id"])
        if engine == "stt":
            hearing = self.hearings.on_request(event)
            if hearing is not None:
                self._by_id[name] = hearing
        elif engine == "llm":
            turn_round = self._rounds.get(self._turn, 0)
            named, asked = text(event["input_hash"]), text(event["input"])
            thought = Thought(self._turn, turn_round, named, asked, call_ms(event))
            self._rounds[self._turn] = turn_round + 1
            self.thoughts.append(thought)
            self._by_id[name] = thought
        elif engine == "tts":
            self.speaking.on_request(event)

    def _on_result(self, event: Event) -> None:
        asked = self._by_id.get(text(event["id"]))
        if isinstance(asked, Hearing):
            self.hearings.on_text(asked, event, mapping(event["result"]))
        elif isinstance(asked, Thought):
            self._on_thought(asked, event)
        else:
            self.speaking.on_result(event)

    def _on_thought(self, thought: Thought, event: Event) -> None:
        if not thought.open:
            return
        offset_ms = number(event["offset_ms"])
        if event.get("final") is True:
            thought.ended, thought.end_offset_ms = True, offset_ms
            return
        result = mapping(event["result"])
        if "tool" in result:
            name, arguments = text(result["tool"]), dict(mapping(result["arguments"]))
            self._calls += 1
            thought.events.append((offset_ms, ToolCall(f"recorded-{self._calls}", name, arguments)))
        elif "protected" in result:  # true; a mark, where every word was confidential
            thought.events.append((offset_ms, Protected()))
        else:
            thought.events.append((offset_ms, TextDelta(text(result["text"]))))

    def _on_asks(self, event: Event) -> None:
        """Journaled as the model says it; one that no model has just said is of the call's stream before this one."""
        thought = self.thoughts[-1] if self.thoughts else None
        if thought is None or not thought.open:
            return
        thought.events.append((max(0.0, round(call_ms(event) - thought.began_call_ms, 1)), asks_of(event)))

    # --- tools ------------------------------------------------------------------------------------------------------

    def _on_tool(self, event: Event, kind: str) -> None:
        name = str(event["id"])
        if kind == "tool.called":
            arguments = dict(mapping(event["arguments"]))
            self.tools.append(RecordedTool(whole(event["turn"]), text(event["name"]), arguments))
            self._running[name] = len(self.tools) - 1
        elif kind == "tool.returned" and name in self._running:
            took_ms = number(event["took_ms"])
            decision = event.get("decision")
            place = self._running.pop(name)
            self._replace(place, ok=event["ok"] is True, result=event.get("result"), took_ms=took_ms)
            if decision is not None:
                self._replace(place, decision=dict(mapping(decision)))
            self._left_by = place if "decision" not in event else None

    def _on_leave(self, event: Event) -> None:
        """An older journal does not say which tool ended the call: the last one, if nothing else did."""
        place, self._left_by = self._left_by, None
        decision = event.get("decision")
        if place is not None and isinstance(decision, Mapping) and self.tools[place].turn == self._turn:
            self._replace(place, decision=dict(decision))

    def _replace(self, place: int, **fields: Any) -> None:
        self.tools[place] = replace(self.tools[place], **fields)
