"""Where a call stood, folded from its journals."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.line import Decision, HangUp, SendDigits, Transfer
from agent.masking import MARK
from telephony.twilio.gather import Document, GatherRequest
from telephony.web.gather_place import DOCUMENT, REQUEST, Place, document_line, place_of, request_line

TURN = GatherRequest("turn", "CA1", "", "", "key-1")
OTHER = GatherRequest("turn", "CA1", "", "", "key-2")
NO_KEY = GatherRequest("turn", "CA1", "", "")


def asked(request: GatherRequest) -> dict[str, Any]:
    return {"kind": REQUEST, **request_line(request)}


def answered(request: GatherRequest, number: int, document: Document) -> dict[str, Any]:
    numbered = dataclasses.replace(document, number=number)
    line: dict[str, Any] = json.loads(json.dumps({"kind": DOCUMENT, **document_line(request, numbered)}))
    return line


def test_a_new_call_stood_nowhere() -> None:
    assert place_of([]) == Place()
    assert place_of([[{"kind": "call.started"}]]) == Place()


@pytest.mark.parametrize("decision", [None, HangUp("x"), Transfer("+1555", "why"), SendDigits("12")])
def test_a_document_can_be_given_again(decision: Decision | None) -> None:
    document = Document("Yes.", decision, more=decision is None, last=True, digits=4)
    place = place_of([[asked(TURN), answered(TURN, 7, document)]])
    assert place.documents == 7
    assert place.again(TURN) == document
    assert place.again(OTHER) is None
    assert not place.was_asked(TURN)


def test_without_a_key_nothing_is_a_retry() -> None:
    place = place_of([[asked(NO_KEY), answered(NO_KEY, 1, Document("Yes."))]])
    assert place.again(NO_KEY) is None


def test_a_request_without_a_document_is_open() -> None:
    place = place_of([[asked(OTHER), answered(OTHER, 1, Document("Yes."))], [asked(TURN)]])
    assert place.was_asked(TURN)
    assert not place.was_asked(OTHER)
    assert (place.documents, place.again(OTHER)) == (1, Document("Yes."))


@pytest.mark.parametrize("document", [Document(f"Card {MARK}?"), Document("", Transfer(MARK))])
def test_what_was_masked_is_not_given_again(document: Document) -> None:
    place = place_of([[answered(TURN, 2, document)]])
    assert (place.documents, place.again(TURN)) == (2, None)


VALUES = st.none() | st.integers() | st.text(max_size=5) | st.dictionaries(st.sampled_from(["type", "to"]), st.text())
NAMES = st.sampled_from(["source", "id", "number", "text", "more", "last", "digits", "decision"])


@given(st.lists(st.builds(lambda kind, rest: {"kind": kind, **rest}, st.sampled_from([REQUEST, DOCUMENT]),
                          st.dictionaries(NAMES, VALUES))))  # fmt: skip
def test_a_damaged_journal_is_read_as_far_as_it_goes(events: list[dict[str, Any]]) -> None:
    assert isinstance(place_of([events]), Place)
    assert place_of([[*events, answered(TURN, 3, Document("Yes."))]]).again(TURN) == Document("Yes.")
