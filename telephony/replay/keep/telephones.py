"""A journal without the telephone numbers of caller and called: numbers that nobody has instead, wherever they are
told. Pure."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from telephony.replay.keep.marks import Event
from telephony.replay.keep.numbers import NO_NUMBER, renumbered, renumbered_parts, telephone

_STARTED = ("caller", "called")
_WORD = re.compile(r"\S+")


def without_telephones(events: list[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """`events`, which may be changed, with the stand-ins that follow from `seed`."""
    numbers = _numbers(events, seed)
    asked = [event.get("input") for event in events]
    fresh = [_renumbered(event, numbers) for event in _in_parts_renumbered(events, numbers)]
    _move_words(asked, fresh)
    return fresh


def _move_words(asked: Sequence[Any], events: Sequence[dict[str, Any]]) -> None:
    """Words of another length end elsewhere in their text: in what the voice gave for it, too. `asked`: the texts as
    they were, by the events' places."""
    texts: dict[str, tuple[str, str]] = {}
    for before, event in zip(asked, events, strict=True):
        now = event.get("input")
        changed = isinstance(before, str) and isinstance(now, str) and before != now
        result = event.get("result")
        if event.get("kind") == "phrase" and changed and isinstance(event.get("pieces"), list):
            for piece in event["pieces"]:
                if isinstance(piece, list) and len(piece) == 2:
                    piece[1] = _moved(piece[1], str(before), str(now))
        elif event.get("engine") == "tts":
            texts[str(event.get("id"))] = (str(before), str(now)) if changed else ("", "")
        elif isinstance(result, dict) and "words" in result and any(texts.get(str(event.get("id")), ())):
            result["words"] = _moved(result["words"], *texts[str(event.get("id"))])


def _moved(words: Any, before: str, now: str) -> Any:
    """[[samples, the place in `before` where a word ends], …] for `now`; what is no such list stays."""
    if not isinstance(words, list):
        return words
    ends, fresh = ([match.end() for match in _WORD.finditer(text)] for text in (before, now))
    moved: list[Any] = []
    for word in words:
        if not (isinstance(word, list) and len(word) == 2 and isinstance(word[1], int)):
            moved.append(word)
        elif len(ends) == len(fresh) and word[1] <= ends[-1]:
            moved.append([word[0], fresh[bisect_left(ends, word[1])]])
        else:  # some were drawn together into figures
            moved.append([word[0], min(len(now), word[1] * len(now) // len(before))])
    return moved


def _numbers(events: Sequence[Event], seed: int) -> dict[str, str]:
    """The call's numbers, as the journal writes them, and what stands for each."""
    started = next((event for event in events if event.get("kind") == "call.started"), {})
    numbers: dict[str, str] = {}
    for which, name in enumerate(_STARTED):
        number = started.get(name)
        if isinstance(number, str) and number.strip().lower() not in NO_NUMBER:
            numbers.setdefault(number, telephone(seed, which))
    return numbers


def _in_parts_renumbered(events: list[dict[str, Any]], numbers: Mapping[str, str]) -> list[dict[str, Any]]:
    """What the agent says comes in pieces, and is spoken in clauses: a number may begin in one and end in another."""
    models = {str(event.get("id")) for event in events if event.get("engine") == "llm"}
    parts: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        if event.get("kind") == "engine.result" and str(event.get("id")) in models and event.get("final") is False:
            result = event.get("result")
            parts["", str(event["id"])].append(result if isinstance(result, dict) else {})
        elif event.get("kind") == "agent.clause":
            parts[" ", str(event.get("utterance"))].append(event)
    spoken: dict[str, str] = {}
    for number, other in _digits_of(numbers):
        for (between, _), each in parts.items():
            holders = [holder for holder in each if isinstance(holder.get("text"), str)]
            texts = [holder["text"] for holder in holders]
            for holder, text, told in zip(holders, texts, renumbered_parts(texts, number, other, between), strict=True):
                holder["text"] = told
                if between and text != told:
                    spoken[text] = told
    for event in events:
        if (event.get("kind") == "phrase" or event.get("engine") == "tts") and isinstance(event.get("input"), str):
            event["input"] = spoken.get(event["input"], event["input"])
    return events


def _digits_of(numbers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for number, other in numbers.items():
        if _is_number(number):
            yield re.sub(r"\D", "", number), other[1:]


def _is_number(number: str) -> bool:
    return re.search(r"\d", number) is not None and not any(char.isalpha() for char in number)


def _renumbered(event: dict[str, Any], numbers: Mapping[str, str]) -> dict[str, Any]:
    if event.get("kind") == "call.started":
        return {**event, **{name: numbers.get(event[name], event[name]) for name in _STARTED if name in event}}
    fresh: dict[str, Any] = event
    for number, other in numbers.items():
        if not _is_number(number):
            fresh = _deep(fresh, partial(_replaced, number, other))
    for number, other in _digits_of(numbers):
        fresh = _deep(fresh, partial(renumbered, number=number, instead=other))
    return fresh


def _replaced(number: str, other: str, text: str) -> str:
    return text.replace(number, other)


def _deep(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, int) and not isinstance(value, bool):
        told = change(str(value))
        return value if told == str(value) else int(told)
    if isinstance(value, float) and value.is_integer():
        told = change(str(int(value)))
        return value if told == str(int(value)) else float(told)
    if isinstance(value, dict):
        return {change(key): _deep(item, change) for key, item in value.items()}
    if isinstance(value, list):
        if value and all(_is_digit(item) for item in value):  # a number, digit by digit
            told = change("".join(map(str, value)))
            return [type(item)(digit) for item, digit in zip(value, told, strict=True)]
        return [_deep(item, change) for item in value]
    return value


def _is_digit(value: Any) -> bool:
    return not isinstance(value, bool | float) and len(told := str(value)) == 1 and told in "0123456789"
