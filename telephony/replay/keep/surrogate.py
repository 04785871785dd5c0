"""A journal without what is secret or personal: surrogates of the same shape instead, the same one for the same value.
Pure.

What agent/privacy.py masked gets digits that follow from the call's seed and from what was asked for; a card's are
those of a card for tests. Numbers of telephones become numbers that nobody has. A hash of what was changed is dropped:
who knows the rest could find what was hidden by trying.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any

from agent.masking import MARK
from telephony.replay.keep.agent_words import agent_words
from telephony.replay.keep.marks import (
    LEAST_SPELLED,
    Asked,
    Event,
    Style,
    asked_at,
    filled,
    heard_style,
    hidden_in,
    instead,
    masks,
    slots_in,
    strings,
    unmarked,
    unmarked_value,
)
from telephony.replay.keep.speech_lengths import measure
from telephony.replay.keep.telephones import without_telephones

INPUT_CHARS = 500
"""So much of a model's input is journaled (agent/completions.py)."""
HEARD = "audio"
"""What is journaled as a recogniser's input (agent/hearing.py)."""


def surrogates(
    events: Sequence[Event],
    *,
    call_id: str,
    seed: int | None = None,
    keep_numbers: bool = False,
    keep_marks: bool = False,
) -> list[dict[str, Any]]:
    """`events`, one stream's journal in order, with surrogates; its call is named `call_id`.

    `seed`: the call's, that of its first stream; None: this journal's own. `keep_numbers`: caller's and called number
    stay. `keep_marks`: what was masked stays masked, as it will be whenever this call is run again. What was not masked
    and is no number of theirs stays: what the caller said otherwise is the test's matter.
    """
    own = seed_of(events) if seed is None else seed
    fresh: list[dict[str, Any]] = [json.loads(json.dumps(event)) for event in events]
    if masks(fresh) and not keep_marks:
        asked = asked_at(fresh, own)
        fresh = _Unmasking(fresh, own).run()
        measure(fresh)
        # What is left belongs to nothing that is known: a damaged journal's.
        fresh = [unmarked_value(event, at, {}) for event, at in zip(fresh, asked, strict=True)]
    if not keep_numbers:
        fresh = without_telephones(fresh, own)
    _drop_hashes(events, fresh)
    for event in fresh:
        if event.get("kind") == "call.started":
            event["call_id"] = call_id
    return fresh


def seed_of(events: Sequence[Event]) -> int:
    """The seed of a call, 1 where its journal has none."""
    started = next((event for event in events if event.get("kind") == "call.started"), {})
    seed = started.get("seed")
    return seed if isinstance(seed, int) else 1


class _Unmasking:
    """Goes through a journal whose texts hold marks."""

    def __init__(self, events: list[dict[str, Any]], seed: int) -> None:
        self._events = events
        self._asked = asked_at(events, seed)
        self._slots = slots_in(events, seed)
        self._style = heard_style(events, self._asked)
        self._agent = agent_words(events, self._asked)
        self._to_say: dict[str, deque[str]] = defaultdict(deque)  # clauses by their masked text, unmasked
        self._said: dict[str, list[str]] = defaultdict(list)
        self._ears: set[str] = set()
        self._keys = ""
        self._pressed: list[str] = []
        self._shown = _shown_keys(events)
        self._result = ""
        self._confidence: dict[str, Any] = {}

    def run(self) -> list[dict[str, Any]]:
        name = ""
        for event in self._events:  # a turn has its recogniser's confidence, which is not masked there
            if event.get("kind") == "engine.result" and event.get("final") is True and "confidence" in _result(event):
                name = str(event.get("id"))
            elif event.get("kind") == "turn.committed" and name:
                self._confidence[name], name = event.get("confidence"), ""
        return [self._unmasked(place, event) for place, event in enumerate(self._events)]

    def _unmasked(self, place: int, event: dict[str, Any]) -> dict[str, Any]:
        asked, kind = self._asked[place], event.get("kind")
        if kind == "agent.clause":
            return self._clause(place, event)
        if kind == "agent.heard":
            return self._heard(event, asked)
        if kind == "phrase" or kind == "engine.request":
            return self._request(event, asked)
        if kind == "engine.result":
            return self._engine_result(place, event, asked)
        if kind == "key":
            return self._key({**event, "digit": self._shown.get(place, event.get("digit"))}, asked)
        if kind == "turn.committed":
            text = str(event.get("text", ""))
            if event.get("source") == "keys":
                text, self._pressed = ("".join(self._pressed) if MARK in text else text), []
            return {**event, "text": unmarked(text, asked, self._style_of(text, asked))}
        if kind == "call.started" and isinstance(event.get("turns"), dict):
            # Settings that happen to have as many digits as a secret: nothing needs them, and no guess is better.
            known = {name: value for name, value in event["turns"].items() if value != MARK}
            return dict(unmarked_value({**event, "turns": known}, asked, self._slots))
        if kind == "tool.returned":
            fresh = unmarked_value(event, asked, self._slots)
            self._result = json.dumps(fresh.get("result"), ensure_ascii=False, default=str)
            return dict(fresh)
        return dict(unmarked_value(event, asked, self._slots))

    def _clause(self, place: int, event: dict[str, Any]) -> dict[str, Any]:
        masked, text = str(event.get("text", "")), self._agent.get(place, "")
        self._to_say[masked].append(text)
        self._said[str(event.get("utterance"))].append(text)
        return {**event, "text": text}

    def _heard(self, event: dict[str, Any], asked: Asked) -> dict[str, Any]:
        """`said` is the utterance's clauses, `text` the beginning of it."""
        said, text = str(event.get("said", event.get("text", ""))), str(event.get("text", ""))
        if MARK not in said + text:
            return event
        whole = " ".join(part.strip() for part in self._said[str(event.get("utterance"))])
        parts = hidden_in(said, whole) or instead(said, asked)
        told = filled(said, parts)
        if said.strip() == MARK and event.get("complete") is not True:  # of words that are not known, some
            heard = " ".join(told.split()[: -(-len(told.split()) // 2)]) if text else ""
        else:
            heard = filled(text, parts)
        return {**event, "said": told, "text": told if event.get("complete") is True else heard}

    def _request(self, event: dict[str, Any], asked: Asked) -> dict[str, Any]:
        engine, asks = event.get("engine"), str(event.get("input", ""))
        if engine == "stt":
            self._ears.add(str(event.get("id")))
            return {**event, "input": HEARD} if event.get("input") == MARK else event
        if engine == "llm":
            if asks[:1] in "{[" and self._result and MARK in asks:
                return {**event, "input": self._result[:INPUT_CHARS]}
            return {**event, "input": unmarked(asks, asked, self._style_of(asks, asked))}
        waiting = self._to_say.get(asks)
        return {**event, "input": waiting.popleft() if waiting else unmarked(asks, asked)}

    def _engine_result(self, place: int, event: dict[str, Any], asked: Asked) -> dict[str, Any]:
        result = _result(event)
        name = str(event.get("id"))
        if "samples" in result:
            return event  # measured when all texts are known
        if name in self._ears:
            fresh = {**result}
            if isinstance(fresh.get("text"), str):
                style = self._style_of(fresh["text"], asked) if event.get("final") is True else self._style
                fresh["text"] = unmarked(fresh["text"], asked, style)
            if fresh.get("confidence") == MARK:
                fresh["confidence"] = self._confidence.get(name)
            if fresh.get("stable_chars") == MARK:
                fresh["stable_chars"] = 0
            return {**event, "result": fresh}
        if place in self._agent:
            return {**event, "result": {**result, "text": self._agent[place]}}
        fresh = dict(unmarked_value(event, asked, self._slots))
        if result.get("tool") == MARK:
            fresh["result"]["tool"] = self._tool_after(place, str(result.get("arguments")))
        return fresh

    def _tool_after(self, place: int, arguments: str) -> str:
        """Which tool the model called: a name is no secret, but was masked with all its words."""
        for event in self._events[place:]:
            if event.get("kind") == "tool.called" and str(event.get("arguments")) == arguments:
                return str(event.get("name"))
            if event.get("kind") == "turn.committed":
                break
        return "confidential"  # it was not called

    def _style_of(self, text: str, asked: Asked) -> Style:
        """How the caller's whole text has its number: a mark alone is more than one word for a digit of it."""
        return "figures" if text.count(MARK) == 1 and asked.length >= LEAST_SPELLED else self._style

    def _key(self, event: dict[str, Any], asked: Asked) -> dict[str, Any]:
        digit = str(event.get("digit"))
        if digit == "#":
            self._keys = ""
            return event
        if digit == MARK:
            self._keys = self._keys or asked.digits()
            digit, self._keys = self._keys[0], self._keys[1:]
        self._pressed.append(digit)
        return {**event, "digit": digit}


def _shown_keys(events: Sequence[Event]) -> dict[int, str]:
    """Keys that are masked, by their place, whose turn shows what they were: it was no secret."""
    shown: dict[int, str] = {}
    pressed: list[int] = []
    for place, event in enumerate(events):
        if event.get("kind") == "key" and event.get("digit") != "#":
            pressed.append(place)
        elif event.get("kind") == "turn.committed" and "key" in str(event.get("source")):
            text = str(event.get("text", ""))
            if event.get("source") == "keys" and len(text) == len(pressed) and MARK not in text:
                shown.update(zip(pressed, text, strict=True))
            pressed = []
    return shown


def _result(event: Event) -> dict[str, Any]:
    result = event.get("result")
    return result if isinstance(result, dict) else {}


# --- hashes -------------------------------------------------------------------------------------------------------


def _drop_hashes(before: Sequence[Event], fresh: Sequence[dict[str, Any]]) -> None:
    """Hashes of inputs that were changed go; a model's input is all that was said until then."""
    changed = False
    for old, new in zip(before, fresh, strict=True):
        own = old.get("kind") != "call.started" and list(strings(old)) != list(strings(new))
        changed = changed or own
        if new.get("input_hash") and (own or (new.get("engine") == "llm" and changed)):
            new["input_hash"] = ""
        result = new.get("result")
        if own and isinstance(result, dict) and "input_hash" in result:
            result["input_hash"] = ""
