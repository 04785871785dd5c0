"""Gather: forms read, documents written, tables over both; hostile words."""

from __future__ import annotations

from collections import Counter
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from agent.agents import load_agent
from agent.line import HangUp, SendDigits, Transfer
from agent.llm.flow import FlowEngine
from telephony.settings import Route
from telephony.twilio.gather import (
    MAX_HINT_CHARS,
    MAX_HINTS,
    MAX_HINTS_CHARS,
    MAX_SAY_CHARS,
    MAX_SPEECH_CHARS,
    Document,
    GatherRequest,
    document_twiml,
    hints_of,
    read_request,
)
from telephony.twilio.gather_hooks import GatherHooks
from telephony.twilio.progress import ProgressBook
from telephony.twilio.signatures import Origin

ORIGIN = Origin("https://agent.example.com")
AGAIN = "?at=0.0.00000000#rc=5&rp=ct,rt,5xx"
BACK = f"https://agent.example.com/twilio/after-dial{AGAIN}"


def written(document: Document) -> ElementTree.Element:
    return ElementTree.fromstring(document_twiml(ORIGIN, document))


def shape(element: ElementTree.Element) -> list[Any]:
    """Tags, texts and nesting; attributes left out."""
    return [(child.tag, (child.text or "").strip(), shape(child)) for child in element]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (Document("Hello."), [("Gather", "", [("Say", "Hello.", [])])]),
        (Document(""), [("Gather", "", [])]),
        (Document("Bye.", HangUp()), [("Say", "Bye.", []), ("Hangup", "", [])]),
        (Document("", HangUp()), [("Hangup", "", [])]),
        (
            Document("Wait.", more=True),
            [("Say", "Wait.", []), ("Redirect", f"https://agent.example.com/twilio/gather-more{AGAIN}", [])],
        ),
        (
            Document("One sec.", Transfer("+1555")),
            [("Say", "One sec.", []), ("Dial", "", [("Number", "+1555", [])]), ("Redirect", BACK, [])],
        ),
        (Document("", Transfer("sip:a@b")), [("Dial", "", [("Sip", "sip:a@b", [])]), ("Redirect", BACK, [])]),
        (
            Document("", Transfer("+1555"), last=True),
            [("Dial", "", [("Number", "+1555", [])]), ("Hangup", "", [])],
        ),
        (
            Document("Keys.", SendDigits("ww12#")),
            [("Say", "Keys.", []), ("Play", "", []), ("Gather", "", [])],
        ),
    ],
)  # fmt: skip
def test_a_document(document: Document, expected: list[Any]) -> None:
    assert shape(written(document)) == expected


def test_the_attributes_of_a_gather() -> None:
    gather = written(Document("Hi.", digits=4, language="en-GB", hints="one,two", timeout_s=7))[0]
    assert gather.attrib == {
        "input": "speech dtmf",
        "action": f"https://agent.example.com/twilio/gather{AGAIN}",
        "method": "POST",
        "timeout": "7",
        "speechTimeout": "auto",
        "actionOnEmptyResult": "true",
        "language": "en-GB",
        "hints": "one,two",
        "bargeIn": "true",
        "numDigits": "4",
    }
    assert gather[0].attrib == {"language": "en-GB"}
    assert {"numDigits", "hints", "language"}.isdisjoint(written(Document("Hi."))[0].attrib)


def test_a_transfer_comes_back_where_a_document_may_follow() -> None:
    assert written(Document("", Transfer("+1555")))[0].attrib["action"] == (
        f"https://agent.example.com/twilio/after-dial{AGAIN}"
    )
    assert "action" not in written(Document("", Transfer("+1555"), last=True))[0].attrib
    assert written(Document("", SendDigits("12")))[0].attrib == {"digits": "12"}


@given(st.text(max_size=200))
def test_whatever_is_said_the_document_is_xml(text: str) -> None:
    for document in (Document(text), Document(text, HangUp()), Document(text, more=True)):
        written(document)


def test_a_long_answer_is_several_says_and_loses_nothing() -> None:
    text = " ".join(f"word{n}" for n in range(1000))
    says = [say.text or "" for say in written(Document(text, HangUp())).findall("Say")]
    assert all(len(say) <= MAX_SAY_CHARS for say in says)
    assert " ".join(says) == text
    assert len(written(Document("x" * 7000, HangUp())).findall("Say")) == 3


# --- requests -------------------------------------------------------------------------------------------------------


def form(**fields: str) -> MultiDict[str, str]:
    return MultiDict({"CallSid": "CA1", "From": "+1555", "To": "+1666", **fields})


@pytest.mark.parametrize(
    ("fields", "text", "by_keys", "confidence"),
    [
        ({}, "", False, None),
        ({"SpeechResult": "where is it", "Confidence": "0.93"}, "where is it", False, 0.93),
        ({"SpeechResult": "  a\tb\r\n c "}, "a b c", False, None),
        ({"SpeechResult": "a\x00b\x1b[31mc\u202ed\ue000"}, "ab[31mcd", False, None),
        ({"SpeechResult": "<Say>&amp;</Say>"}, "<Say>&amp;</Say>", False, None),
        ({"SpeechResult": "x", "Confidence": "nan"}, "x", False, None),
        ({"SpeechResult": "x", "Confidence": "7"}, "x", False, None),
        ({"SpeechResult": "x", "Confidence": "much"}, "x", False, None),
        ({"Digits": "4712"}, "4712", True, None),
        ({"Digits": "4712", "SpeechResult": "four"}, "4712", True, None),
        ({"Digits": "47;drop", "SpeechResult": ""}, "47", True, None),
        ({"Digits": "abc", "SpeechResult": "four"}, "four", False, None),
        ({"Digits": "*0#"}, "*0#", True, None),
    ],
)
def test_a_request(fields: dict[str, str], text: str, by_keys: bool, confidence: float | None) -> None:
    assert read_request("turn", form(**fields), "k") == GatherRequest(
        "turn", "CA1", "+1555", "+1666", "k", text, by_keys, confidence
    )


@given(st.text(max_size=500))
def test_what_was_heard_is_one_bounded_line(heard: str) -> None:
    text = read_request("turn", form(SpeechResult=heard), "").text
    assert text == " ".join(text.split())
    assert text.isprintable()


def test_ten_kilobytes_of_speech_are_cut() -> None:
    assert len(read_request("turn", form(SpeechResult="a " * 5000), "").text) <= MAX_SPEECH_CHARS
    assert len(read_request("turn", form(Digits="1" * 5000), "").text) == 32


# --- hints ----------------------------------------------------------------------------------------------------------


def test_hints_keep_to_twilios_limits() -> None:
    assert hints_of(["a, b", "$CLASS x", " ", "long " * 40, "c"]) == "a b,CLASS x,c"
    many = hints_of(f"phrase number {n}" for n in range(1000)).split(",")
    assert len(many) <= MAX_HINTS
    assert len(",".join(many)) <= MAX_HINTS_CHARS
    assert all(len(hint) <= MAX_HINT_CHARS for hint in many)


def test_a_flow_tells_what_callers_say() -> None:
    hints = FlowEngine(load_agent("parcel-desk", ())).hints()
    assert {"tracking link", "customer service", "that is all"} <= set(hints)
    assert len(hints_of(hints).split(",")) > 50


async def test_an_error_is_logged_without_what_the_address_asks(caplog: pytest.LogCaptureFixture) -> None:
    class Desk:
        async def document(self, request: GatherRequest) -> None:
            return None

        def hung_up(self, call_sid: str) -> None:
            raise AssertionError(call_sid)

    progress = ProgressBook(now_ms=lambda: 0, new_nonce=lambda: "00000000")
    hooks = GatherHooks(Desk(), progress, lambda _: Route(mode="gather"), Counter(), max_returns=1)
    failed = form(ErrorCode="11200", ErrorUrl="https://user:pass@a.example/twilio/gather?said=4111")
    await hooks.fallback(ORIGIN, failed, "")
    assert "'11200' with 'https://a.example/twilio/gather'" in caplog.text
