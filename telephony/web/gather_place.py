"""Where a call that is served turn by turn stood, told by its journals: a worker that comes after knows it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.continuation import DAMAGE, number_of
from agent.line import Decision, HangUp, SendDigits, Transfer, decision_fields
from agent.masking import MARK
from telephony.twilio.gather import Document, GatherRequest

#: The journal's lines: a request has come; a document was made for it.
REQUEST, DOCUMENT = "gather.request", "gather.document"

_DECISIONS: Mapping[str, Callable[..., Decision]] = {"HangUp": HangUp, "Transfer": Transfer, "SendDigits": SendDigits}


@dataclass(frozen=True, slots=True)
class Place:
    """`documents` made so far; `asked`: the request (what, key) that had no answer yet; `answered`: the latest one that
    had, and its document, if that can be given again: what was masked in the journal cannot.
    """

    documents: int = 0
    asked: tuple[str, str] | None = None
    answered: tuple[str, str] | None = None
    document: Document | None = None

    def again(self, request: GatherRequest) -> Document | None:
        """The document that this very request was answered with."""
        return self.document if request.key and self.answered == (request.what, request.key) else None

    def was_asked(self, request: GatherRequest) -> bool:
        """Whether this is the request (or its retry) whose answer was never given."""
        return self.asked == (request.what, request.key)


def request_line(request: GatherRequest) -> dict[str, object]:
    """The fields of a REQUEST line. The names are among those that are never masked (agent/privacy.py)."""
    return {"source": request.what, "id": request.key}


def document_line(request: GatherRequest, document: Document) -> dict[str, object]:
    """The fields of a DOCUMENT line."""
    decision = document.decision
    line: dict[str, object] = {**request_line(request), "number": document.number, "text": document.text}
    line |= {"more": document.more, "last": document.last, "digits": document.digits}
    return line | ({"decision": decision_fields(decision)} if decision is not None else {})


def place_of(journals: Iterable[Iterable[Mapping[str, Any]]]) -> Place:
    """Fold a call's journals, oldest first. Lines that lack a field are passed over."""
    place = Place()
    for events in journals:
        for event in events:
            try:
                place = _take(place, event)
            except DAMAGE:
                continue
    return place


def _take(place: Place, event: Mapping[str, Any]) -> Place:
    if event["kind"] == REQUEST:
        asked = (str(event["source"]), str(event["id"]))
        return Place(place.documents, asked, place.answered, place.document)
    if event["kind"] == DOCUMENT:
        answered = (str(event["source"]), str(event["id"]))
        return Place(number_of(event["number"]), None, answered, _document(event))
    return place


def _document(event: Mapping[str, Any]) -> Document | None:
    text, decision = str(event["text"]), event.get("decision")
    if MARK in text or MARK in str(decision):
        return None
    more, last, digits = bool(event["more"]), bool(event["last"]), number_of(event["digits"])
    return Document(text, _decision(decision), more, last, digits, number=number_of(event["number"]))


def _decision(fields: Mapping[str, Any] | None) -> Decision | None:
    if fields is None:
        return None
    if not isinstance(fields, Mapping):
        raise TypeError("a decision is an object")
    given = {name: str(value) for name, value in fields.items() if name != "type"}
    return _DECISIONS[str(fields["type"])](**given)
