"""Surrogates in a journal: nothing secret or personal is left, and the call in it is still one call."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.llm.base import TextDelta
from agent.masking import MARK, numbers_in
from agent.privacy import Confidential
from agent.record import input_hash
from agent.slots.base import Asks, SlotKind
from agent.slots.reading import read_answer
from telephony.replay.keep.marks import Asked, asked_at, hidden_in, strings, unmarked, unmarked_value
from telephony.replay.keep.numbers import TEST_CARDS, renumbered, stand_in, telephone
from telephony.replay.keep.sound import silenced_turns
from telephony.replay.keep.surrogate import surrogates
from telephony.replay.reading.journal import fold
from tests.telephony.replay.keep.card_call import card_call, events_of

Events = list[dict[str, Any]]


def luhn(digits: str) -> bool:
    doubled = [int(digit) * (1 + at % 2) for at, digit in enumerate(reversed(digits))]
    return sum(number // 10 + number % 10 for number in doubled) % 10 == 0


def started(**fields: Any) -> dict[str, Any]:
    return {"kind": "call.started", "media_ms": 0, "call_ms": 0.0, "call_id": "CA1", "caller": "+14155552671",
            "called": "+442079460018", "seed": 5, "sensitive_lengths": [], "continues": None, **fields}  # fmt: skip


def masked(events: Events) -> Events:
    """As agent/privacy.py has them written."""
    confidential = Confidential()
    return [{"kind": event["kind"], "media_ms": event["media_ms"], "call_ms": 0.0,
             **confidential.line(event["kind"], event["media_ms"],
                                 {k: v for k, v in event.items() if k not in ("kind", "media_ms", "call_ms")})}
            for event in events]  # fmt: skip


def asked_for(number: str, *, style: str, length: int) -> Events:
    """A call in which a number is asked for, given, used and told back."""
    said = number if style == "figures" else " ".join("zero one two three four five six seven eight nine".split()[
        int(digit)] for digit in number)  # fmt: skip

    def at(ms: int, kind: str, **fields: Any) -> dict[str, Any]:
        return {"kind": kind, "media_ms": ms, "call_ms": float(ms), **fields}

    return [
        started(caller="", called=""),
        at(100, "agent.asks", slot="pin", slot_kind="digits", sensitive=True, length=length),
        at(200, "agent.clause", utterance=1, turn=0, text="Your number?", aside=False),
        at(900, "turn.started", turn=1, speech_ms=800),
        at(900, "engine.request", engine="stt", name="ear", id="stt-1", input_hash="", input="audio"),
        at(2000, "turn.ended", turn=1, speech_end_ms=1900, reason="silence"),
        at(2000, "engine.result", id="stt-1", offset_ms=1.0, final=True,
           result={"text": said, "confidence": 0.5, "input_hash": input_hash("audio")}),
        at(2000, "turn.committed", turn=1, text=said, confidence=0.5, source="voice"),
        at(2000, "engine.request", engine="llm", name="flow", id="llm-1", input_hash=input_hash(said), input=said),
        at(2000, "agent.asks", slot="", slot_kind="", sensitive=False, length=0),
        at(2000, "engine.result", id="llm-1", offset_ms=1.0, final=False,
           result={"tool": "use", "arguments": {"pin": number}}),
        at(2000, "engine.result", id="llm-1", offset_ms=1.0, final=True, result={}),
        at(2000, "tool.called", id="call-1", name="use", arguments={"pin": number}, turn=1, effect="read"),
        at(2000, "tool.returned", id="call-1", name="use", ok=True, result={"pin": number, "rows": list(number)},
           took_ms=1.0, decision=None),
        at(2000, "engine.request", engine="llm", name="flow", id="llm-2", input_hash=input_hash(number),
           input=json.dumps({"pin": number})),
        *(at(2000, "engine.result", id="llm-2", offset_ms=1.0, final=False, result={"text": f"{word} "})
          for word in f"I used {said} on 12 May.".split()),
        at(2000, "engine.result", id="llm-2", offset_ms=1.0, final=True, result={}),
        at(2000, "agent.clause", utterance=2, turn=1, text=f"I used {said} on 12 May.", aside=False),
        at(2000, "engine.request", engine="tts", name="v", id="tts-1", input_hash=input_hash(said),
           input=f"I used {said} on 12 May."),
        at(2000, "engine.result", id="tts-1", offset_ms=1.0, final=False,
           result={"samples": 9000, "words": [[9000, 6]]}),
        at(2000, "engine.result", id="tts-1", offset_ms=1.0, final=True, result={}),
        at(4000, "agent.heard", utterance=2, turn=1, text=f"I used {said} on 12 May.", said=f"I used {said} on 12 May.",
           complete=True, start_ms=2100, end_ms=3900),
        at(4000, "reply.heard"),
        at(5000, "call.ended", reason="caller: stop"),
    ]  # fmt: skip


def hashes(events: Events) -> list[str]:
    def within(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["input_hash"]] if value.get("input_hash") else []
            return own + [each for item in value.values() for each in within(item)]
        return []

    return [each for event in events for each in within(event)]


# --- a recorded call ------------------------------------------------------------------------------------------------


def test_the_card_of_a_recorded_call_becomes_a_test_card_everywhere() -> None:
    before = events_of(card_call())
    assert any(MARK in text for text in strings(before))
    fresh: Events = surrogates(before, call_id="card")
    assert not any(MARK in text for text in strings(fresh))
    card = next(event["arguments"]["card"] for event in fresh if event["kind"] == "tool.called")
    assert card in TEST_CARDS[16]
    assert luhn(card)
    assert next(event for event in fresh if event["kind"] == "tool.returned")["result"]["card"] == card
    said = [event["text"] for event in fresh if event["kind"] == "turn.committed"]
    assert numbers_in(said[1]) == [card]
    asked_back = next(event["text"] for event in fresh if event["kind"] == "agent.heard" and "Shall" in event["text"])
    assert numbers_in(asked_back) == [card]
    assert {event["call_id"] for event in fresh if "call_id" in event} == {"card"}
    assert [event["kind"] for event in fresh] == [event["kind"] for event in before]
    assert [event["media_ms"] for event in fresh] == [event["media_ms"] for event in before]


def test_what_is_read_of_it_is_whole() -> None:
    told = fold(surrogates(events_of(card_call()), call_id="card"))
    assert told.passed_over == 0
    assert fold(events_of(card_call())).passed_over > 0, "masked, its speech cannot be read"
    for reply in told.replies:
        text = "".join(event.text for _, event in reply.events if isinstance(event, TextDelta))
        spoken = [speech.text for speech in told.speeches if not speech.from_memory]
        assert all(part in spoken for part in (f"{each}" for each in text.split(". ") if each.endswith(("?", "."))))
    for speech in told.speeches:
        assert speech.pieces
        assert speech.pieces[-1].words[-1].chars == len(speech.text)


def test_keys_that_are_masked_are_known_by_a_turn_that_shows_them() -> None:
    keys = [{"kind": "key", "digit": MARK} for _ in range(3)]
    turn = {"kind": "turn.committed", "turn": 1, "source": "keys"}
    events = [
        started(sensitive_lengths=[4]),
        *keys,
        {**turn, "text": "1*7"},
        *keys,
        {"kind": "key", "digit": "#"},
        {**turn, "text": MARK},
    ]
    fresh = surrogates(events, call_id="CA2")
    assert [event["digit"] for event in fresh[1:4]] == ["1", "*", "7"]
    hidden = "".join(event["digit"] for event in fresh[5:8])
    assert hidden.isdecimal()
    assert fresh[9]["text"] == hidden


def test_it_is_the_same_every_time_and_another_for_another_call() -> None:
    before = events_of(card_call())
    assert surrogates(before, call_id="x") == surrogates(before, call_id="x")
    others = {json.dumps(surrogates(before, call_id="x", seed=seed)[40:]) for seed in range(8)}
    assert len(others) > 1


# --- the same in figures and words, in any length --------------------------------------------------------------------


@given(number=st.text("0123456789", min_size=5, max_size=16), style=st.sampled_from(["words", "figures"]),
       known=st.booleans())  # fmt: skip
def test_no_mark_no_number_and_no_hash_of_it_is_left(number: str, style: str, known: bool) -> None:
    plain = asked_for(number, style=style, length=len(number) if known else 0)
    fresh: Events = surrogates(masked(plain), call_id="kept", seed=77)
    assert not any(MARK in text for text in strings(fresh))
    stand = stand_in(77, "pin", len(number))
    if stand != number:
        found = [digits for text in strings(fresh) for digits in numbers_in(text)]
        assert not any(number in digits for digits in found)
    assert not set(hashes(fresh)) & set(hashes(plain)), "whoever has the rest could try numbers"
    clause = next(event for event in fresh if event["kind"] == "agent.clause" and event["utterance"] == 2)
    pieces = "".join(e["result"].get("text", "") for e in fresh if e["kind"] == "engine.result" and e["id"] == "llm-2")
    heard = next(event for event in fresh if event["kind"] == "agent.heard")
    asked = next(event for event in fresh if event.get("id") == "tts-1")
    assert clause["text"] == pieces.strip() == heard["said"] == heard["text"] == asked["input"]
    assert fold(fresh).passed_over == 0
    if known:
        assert fold(fresh).tools[0].arguments == {"pin": stand}
        assert numbers_in(fold(fresh).utterances[0].text) == [stand]
        assert numbers_in(clause["text"])[0] == stand


def test_what_a_clause_shows_is_known_of_the_models_pieces_too() -> None:
    plain = asked_for("47110815", style="words", length=8)
    before = masked(plain)
    before = [{**e, "text": e["text"].replace("on • May", "on 12 May")} if e["kind"] == "agent.clause" else e
              for e in before]  # fmt: skip
    fresh = surrogates(before, call_id="kept")
    pieces = "".join(e["result"].get("text", "") for e in fresh if e["kind"] == "engine.result" and e["id"] == "llm-2")
    assert pieces.endswith("on 12 May. ")


@pytest.mark.parametrize("kind", ["date", "money", "spelled", "email", "name"])
@pytest.mark.parametrize("length", [0, 6])
def test_what_stands_for_a_value_is_understood_as_it_and_confirmed_with_a_yes(kind: SlotKind, length: int) -> None:
    length = length if kind == "spelled" else 0
    asks = Asks("it", kind, sensitive=True, length=length)
    events: list[dict[str, Any]] = [
        {"kind": "agent.asks", **asks.fields()},
        {"kind": "turn.committed", "text": MARK},
        {"kind": "agent.asks", **Asks("it", "yes_no", sensitive=True, hides=kind).fields()},
        {"kind": "turn.committed", "text": MARK},
    ]
    asked = asked_at(events, 1)
    said, confirmed = (unmarked(MARK, asked[at]) for at in (1, 3))
    assert read_answer(asks, said).value == unmarked_value(MARK, asked[1], {}) == asked[3].value()
    assert confirmed == "yes"


def test_words_that_are_confidential_wholly() -> None:
    before = [
        started(),
        {"kind": "agent.asks", "media_ms": 1, "call_ms": 1.0, "slot": "ill", "slot_kind": "yes_no", "sensitive": True},
        {"kind": "turn.committed", "media_ms": 2, "call_ms": 2.0, "turn": 1, "text": MARK, "source": "voice"},
        {"kind": "engine.request", "media_ms": 2, "call_ms": 2.0, "engine": "llm", "id": "l", "input": MARK,
         "name": "flow", "input_hash": ""},
        *({"kind": "engine.result", "media_ms": 2, "call_ms": 2.0, "id": "l", "final": False, "offset_ms": 1.0,
           "result": {"text": MARK}} for _ in range(6)),
        {"kind": "engine.result", "media_ms": 2, "call_ms": 2.0, "id": "l", "final": False, "offset_ms": 1.0,
         "result": {"tool": "note", "arguments": {"ill": MARK}}},
        {"kind": "agent.clause", "media_ms": 2, "call_ms": 2.0, "utterance": 1, "turn": 1, "text": MARK,
         "aside": False},
        {"kind": "agent.heard", "media_ms": 9, "call_ms": 9.0, "utterance": 1, "turn": 1, "text": MARK, "said": MARK,
         "complete": False, "start_ms": 3, "end_ms": 9},
    ]  # fmt: skip
    fresh = surrogates(before, call_id="kept")
    assert not any(MARK in text for text in strings(fresh))
    clause, heard = fresh[-2], fresh[-1]
    assert clause["text"]
    assert "".join(event["result"]["text"] for event in fresh[4:10]) == clause["text"] == heard["said"]
    assert clause["text"].startswith(heard["text"])
    assert fresh[10]["result"]["arguments"] == {"ill": True}


# --- numbers of telephones ------------------------------------------------------------------------------------------


def test_caller_and_called_become_numbers_that_nobody_has() -> None:
    events = [
        started(),
        {"kind": "turn.committed", "media_ms": 1, "turn": 1, "source": "voice",
         "text": "I am at four one five five five five two six seven one, order 4712"},
        {"kind": "tool.called", "media_ms": 1, "id": "1", "name": "f", "turn": 1,
         "arguments": {"to": "+14155552671", "number": 14155552671, "order": "4712"}},
        {"kind": "engine.request", "media_ms": 1, "engine": "llm", "id": "l", "input_hash": "aa", "input": "x"},
    ]  # fmt: skip
    fresh = surrogates(events, call_id="kept")
    caller, called = fresh[0]["caller"], fresh[0]["called"]
    assert caller != called
    assert all(number.startswith("+155555501") and len(number) == 12 for number in (caller, called))
    assert numbers_in(fresh[1]["text"]) == [caller[2:], "4712"]
    assert fresh[2]["arguments"] == {"to": caller, "number": int(caller[1:]), "order": "4712"}
    assert fresh[3]["input_hash"] == "", "its input held the caller's number"
    kept = surrogates(events, call_id="kept", keep_numbers=True)
    assert (kept[0]["caller"], kept[1:]) == ("+14155552671", events[1:])


@pytest.mark.parametrize(
    "text",
    ["020 7183 8750", "02071838750.", "oh two oh, seven one eight three, eight seven five oh", "0044 20 7183 8750",
     "ring (020) 7183-8750 or +442071838750", "2071838750 4712", "7183875 0 0"],
)  # fmt: skip
def test_a_number_is_known_as_people_of_its_country_write_it(text: str) -> None:
    fresh = renumbered(text, "442071838750", telephone(1, 0)[1:])
    left = "".join(numbers_in(fresh))
    assert not any("442071838750"[at : at + 7] in left for at in range(6)), fresh
    assert len(left) == len("".join(numbers_in(text)))
    assert ("4712" in fresh) == ("4712" in text)


@pytest.mark.parametrize(
    "pieces",
    [["It is ", "415", " ", "555", " ", "267", "1", ". Right?"], ["It is", " 41", "55", "552671", ", right?"],
     ["415555", "2671"], ["It is four one five, five", " five five two six seven one."],
     ["It is forty one fifty five", " fifty five two six seven one."]],
)  # fmt: skip
def test_a_number_is_found_across_a_models_pieces_and_across_clauses(pieces: list[str]) -> None:
    def at(kind: str, **fields: Any) -> dict[str, Any]:
        return {"kind": kind, "media_ms": 1, "call_ms": 1.0, **fields}

    events = [started(), at("engine.request", engine="llm", name="m", id="llm-1", input_hash="aa", input="x")]
    events += [at("engine.result", id="llm-1", final=False, result={"text": piece}) for piece in pieces]
    events.append(at("engine.result", id="llm-1", final=True, result={}))
    for piece in pieces:
        events.append(at("agent.clause", utterance=2, turn=1, text=piece.strip(), aside=False))
        events.append(at("engine.request", engine="tts", name="v", id="t", input_hash="bb", input=piece.strip()))
    whole = " ".join(piece.strip() for piece in pieces)
    events.append(at("agent.heard", utterance=2, turn=1, text=whole, said=whole, complete=True))
    fresh = surrogates(events, call_id="x")
    texts = [event["result"]["text"] for event in fresh if "text" in event.get("result", {})]
    clauses = [event["text"] for event in fresh if event["kind"] == "agent.clause"]
    asked = [event["input"] for event in fresh if event.get("engine") == "tts"]
    for told in ("".join(texts), " ".join(clauses), fresh[-1]["said"], fresh[-1]["text"]):
        assert numbers_in(told)[0] == fresh[0]["caller"][2:], told
    assert clauses == asked
    assert re.sub(r"\W", "", "".join(clauses)) == re.sub(r"\W", "", fresh[-1]["said"])
    assert [len(texts), len(clauses)] == [len(pieces)] * 2


def test_words_that_became_longer_end_elsewhere() -> None:
    said = "It is four one five, five five five, two six seven one now."
    ends = [match.end() for match in re.finditer(r"\S+", said)]
    pieces = [[80, [[80 * number, end] for number, end in enumerate(ends, start=1)]]]

    def at(kind: str, **fields: Any) -> dict[str, Any]:
        return {"kind": kind, "media_ms": 1, "call_ms": 1.0, **fields}

    events = [
        started(),
        at("engine.request", engine="tts", name="v", id="t", input_hash="bb", input=said),
        at("engine.result", id="t", final=False, result={"samples": 80, "words": pieces[0][1]}),
        at("phrase", name="v", input_hash="bb", input=said, pieces=pieces),
        at("engine.request", engine="tts", name="v", id="u", input_hash="cc", input="Forty one. " + said[6:]),
        at("engine.result", id="u", final=False, result={"samples": 80, "words": [[80, 5], [160, 999], [240, "x"]]}),
    ]
    _, asked, result, phrase, _, odd = surrogates(events, call_id="x")
    assert len(asked["input"]) != len(said)
    told = [match.end() for match in re.finditer(r"\S+", asked["input"])]
    assert [end for _, end in result["result"]["words"]] == told
    assert [end for _, end in phrase["pieces"][0][1]] == told
    assert [sample for sample, _ in phrase["pieces"][0][1]] == [80 * number for number in range(1, len(ends) + 1)]
    assert len(odd["result"]["words"]) == 3


def test_a_number_is_found_digit_by_digit_and_as_any_number() -> None:
    result = {"row": list("4155552671"), "each": [4, 1, 5, 5, 5, 5, 2, 6, 7, 1], "float": 14155552671.0, "not": [1, 2]}
    events = [started(), {"kind": "tool.returned", "media_ms": 1, "id": "1", "name": "f", "ok": True, "result": result}]
    caller, fresh = (surrogates(events, call_id="x")[at] for at in (0, 1))
    digits = caller["caller"][2:]
    assert fresh["result"] == {
        "row": list(digits), "each": [int(digit) for digit in digits], "float": float("1" + digits), "not": [1, 2]
    }  # fmt: skip


@pytest.mark.parametrize("caller", ["", "anonymous", "Restricted"])
def test_who_is_not_known_stays_so(caller: str) -> None:
    assert surrogates([started(caller=caller)], call_id="x")[0]["caller"] == caller


def test_an_address_goes_wherever_it_stands() -> None:
    events = [
        started(caller="sip:ann@example.org"),
        {"kind": "error", "media_ms": 0, "message": "sip:ann@example.org?"},
    ]
    fresh = surrogates(events, call_id="x")
    assert "ann" not in json.dumps(fresh)


@given(text=st.text(max_size=60), seed=st.integers())
def test_texts_without_the_number_stay(text: str, seed: int) -> None:
    if not any(len(digits) >= 7 for digits in numbers_in(text)):
        assert renumbered(text, "14155552671", telephone(seed, 0)[1:]) == text


# --- damaged journals -------------------------------------------------------------------------------------------------

DAMAGE: list[Any] = [None, MARK, "x", -1, 1.5, True, [], {}, [[MARK]], {"text": MARK}, 10**30, f"{MARK} {MARK}"]


@settings(max_examples=60)
@given(data=st.data())
def test_no_damage_to_a_journal_leaves_a_mark_or_breaks_the_keeping_of_it(data: st.DataObject) -> None:
    events = events_of(card_call())
    for place in data.draw(st.lists(st.integers(1, len(events) - 1), min_size=1, max_size=8)):
        event = events[place]
        inside = event["result"] if isinstance(event.get("result"), dict) and data.draw(st.booleans()) else event
        name = data.draw(st.sampled_from(sorted(inside) or ["n"]))
        if name != "kind":
            inside[name] = data.draw(st.sampled_from(DAMAGE))
    fresh = surrogates(events, call_id="x")
    assert not any(MARK in text for text in strings(fresh))
    silenced_turns(events, fresh, np.zeros(200_000, np.int16), 8000)


# --- what has nothing to hide -----------------------------------------------------------------------------------------


def test_a_bullet_point_is_no_secret_where_nothing_is() -> None:
    events = [started(caller="", called=""), {"kind": "agent.clause", "media_ms": 1, "utterance": 1, "turn": 0,
                                              "text": f"{MARK} milk", "aside": False}]  # fmt: skip
    assert surrogates(events, call_id="CA1") == events


@pytest.mark.parametrize(
    ("text", "asked", "style", "told"),
    [
        ("• • • •", Asked(1, "pin", 4), "words", None),
        ("it's •, •, thank you", Asked(1, "pin", 4), "words", None),
        ("•", Asked(1, "pin", 4), "figures", stand_in(1, "pin", 4)),
        ("• •", Asked(1, "pin", 4), "figures", f"{stand_in(1, 'pin', 4)[:2]} {stand_in(1, 'pin', 4)[2:]}"),
        ("none", Asked(1, "pin", 4), "words", "none"),
        ("•", Asked(1, "ill", 0, wholly=True), "words", "yes"),
    ],
)
def test_a_row_of_marks_is_one_number(text: str, asked: Asked, style: Any, told: str | None) -> None:
    fresh = unmarked(text, asked, style)
    assert MARK not in fresh
    if told is not None:
        assert fresh == told
    elif style == "words":
        assert stand_in(1, "pin", 4).startswith(numbers_in(fresh)[0])


@given(value=st.recursive(st.none() | st.booleans() | st.integers() | st.text() | st.just(MARK),
                          lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)),
       length=st.integers(0, 20))  # fmt: skip
def test_no_value_keeps_a_mark(value: Any, length: int) -> None:
    assert not any(MARK in text for text in strings(unmarked_value(value, Asked(3, "a", length), {})))


@given(parts=st.lists(st.text("ab, ", min_size=1, max_size=5), min_size=1, max_size=30))
def test_what_was_hidden_is_found_or_not_in_time_that_grows_with_the_text(parts: list[str]) -> None:
    found = hidden_in(MARK.join(["x", *["y"] * (len(parts) - 1), "z"]), "x" + "y".join(parts) + "z")
    assert found == parts
    assert hidden_in(", ".join([MARK] * 40) + "?", ", ".join(["one"] * 60) + "!") is None


@pytest.mark.parametrize("length", sorted(TEST_CARDS))
def test_every_test_card_passes_the_luhn_check(length: int) -> None:
    assert all(luhn(card) and len(card) == length for card in TEST_CARDS[length])
    assert stand_in(0, "card", length) in TEST_CARDS[length]
