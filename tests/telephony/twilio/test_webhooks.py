"""The webhooks' answers: TwiML for every way a call can go, and what they refuse."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest
from pydantic import SecretStr
from quart import Quart
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict

from agent.line import Decision, HangUp, SendDigits, Transfer
from telephony.admission import Admission
from telephony.settings import Route
from telephony.twilio import twiml
from telephony.twilio.decisions import DECISION_LIFETIME_MS, DecisionBook
from telephony.twilio.progress import ProgressBook, Step
from telephony.twilio.signatures import Origin, SignatureCheck
from telephony.twilio.webhooks import MAX_BODY_BYTES, MAX_RETURNS, MAX_REVIVALS, TwilioWebhooks, twilio_blueprint

ORIGIN = Origin("https://agent.example.com")
CALL = "CA1"


class Clock:
    def __init__(self) -> None:
        self.ms = 0

    def __call__(self) -> int:
        return self.ms


class FakeDesk:
    def __init__(self) -> None:
        self.full = False
        self.minted = 0
        self.live: set[str] = set()
        self.admitted: list[Admission] = []

    def admit(self, call_sid: str, admission: Admission) -> str | None:
        if self.full:
            return None
        self.minted += 1
        self.admitted.append(admission)
        return f"token-{call_sid}-{self.minted}"

    def is_live(self, call_sid: str) -> bool:
        return call_sid in self.live


class Fixture:
    def __init__(self) -> None:
        self.clock = Clock()
        self.desk = FakeDesk()
        self.book = DecisionBook(now_ms=self.clock)
        nonces = (f"{number:08x}" for number in itertools.count(1))
        self.progress = ProgressBook(now_ms=self.clock, new_nonce=lambda: next(nonces))
        self.hooks = TwilioWebhooks(self.desk, self.book, self.progress, self.route, now_ms=self.clock)

    @staticmethod
    def route(called: str) -> Route:
        return Route(agent="sales" if called == "+15550100" else "desk")

    def step(self, call_sid: str = CALL) -> Step:
        """Where the call is; a call that was not yet here begins."""
        return self.progress.latest(call_sid) or self.progress.begin(call_sid)

    def after(self, retry_key: str = "", step: Step | None = None, **more: str) -> ElementTree.Element:
        fields = form(**more)
        step = step or self.step(fields["CallSid"])
        return ElementTree.fromstring(self.hooks.after(ORIGIN, fields, step, retry_key))

    def after_dial(self, **more: str) -> ElementTree.Element:
        return ElementTree.fromstring(self.hooks.after_dial(ORIGIN, form(**more), self.step()))


@pytest.fixture
def fx() -> Fixture:
    return Fixture()


def form(**more: str) -> MultiDict[str, str]:
    fields = {"CallSid": CALL, "From": "+15551230000", "To": "+15559990000", "CallStatus": "in-progress", **more}
    return MultiDict(list(fields.items()))


def verbs(document: ElementTree.Element) -> list[str]:
    return [element.tag for element in document]


def test_a_call_is_joined_to_the_agent(fx: Fixture) -> None:
    caller = 'Bob & "Eve" <x>'
    document = ElementTree.fromstring(fx.hooks.voice(ORIGIN, form(From=caller)))
    assert verbs(document) == ["Connect"]
    connect, stream = document[0], document[0][0]
    assert connect.attrib == {"action": "https://agent.example.com/twilio/after?at=0.0.00000001#rc=5&rp=ct,rt,5xx"}
    assert stream.attrib == {
        "url": "wss://agent.example.com/media/token-CA1-1",
        "statusCallback": "https://agent.example.com/twilio/stream-status",
    }
    parameters = {parameter.attrib["name"]: parameter.attrib["value"] for parameter in stream}
    assert parameters == {"caller": caller, "called": "+15559990000"}
    assert "?" not in stream.attrib["url"], "Twilio does not support a query there"


def test_the_called_number_says_which_agent_answers(fx: Fixture) -> None:
    fx.hooks.voice(ORIGIN, form(To="+15550100"))
    fx.hooks.voice(ORIGIN, form())
    assert fx.desk.admitted == [
        Admission("sales", "+15551230000", "+15550100"),
        Admission("desk", "+15551230000", "+15559990000"),
    ]


def test_a_caller_whose_name_is_no_xml_is_answered_all_the_same(fx: Fixture) -> None:
    document = ElementTree.fromstring(
        fx.hooks.voice(ORIGIN, form(From="Bo\x00b\x1b\ufffe\ud800 \U0001f4de", To="\x01"))
    )
    assert [parameter.attrib["value"] for parameter in document[0][0]] == ["Bob \U0001f4de", ""]


def test_on_this_machine_the_socket_is_plain(fx: Fixture) -> None:
    text = fx.hooks.voice(Origin("http://127.0.0.1:8080"), form())
    assert 'url="ws://127.0.0.1:8080/media/token-CA1-1"' in text


def test_a_retry_is_answered_alike_with_a_fresh_token(fx: Fixture) -> None:
    first, second = fx.hooks.voice(ORIGIN, form()), fx.hooks.voice(ORIGIN, form())
    assert first.replace("CA1-1", "CA1-2").replace("00000001", "00000002") == second


def test_when_full_the_caller_is_told(fx: Fixture) -> None:
    fx.desk.full = True
    document = ElementTree.fromstring(fx.hooks.voice(ORIGIN, form()))
    assert verbs(document) == ["Say", "Hangup"]
    assert document[0].text == twiml.BUSY


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        (HangUp("done"), "<Response><Hangup /></Response>"),
        (
            Transfer("+15550100"),
            '<Response><Dial action="https://agent.example.com/twilio/after-dial?at=0.0.00000002#rc=5&amp;rp=ct,rt,'
            '5xx" '
            'answerOnBridge="true" timeout="25">'
            "<Number>+15550100</Number></Dial></Response>",
        ),
        (
            Transfer("sip:desk@example.org"),
            '<Response><Dial action="https://agent.example.com/twilio/after-dial?at=0.0.00000002#rc=5&amp;rp=ct,rt,'
            '5xx" '
            'answerOnBridge="true" timeout="25">'
            "<Sip>sip:desk@example.org</Sip></Dial></Response>",
        ),
    ],
)
def test_the_decision_is_carried_out(fx: Fixture, decision: Decision, expected: str) -> None:
    fx.book.put(CALL, decision)
    assert fx.hooks.after(ORIGIN, form(), fx.step()).endswith(expected)


def test_digits_are_sent_and_the_call_comes_back(fx: Fixture) -> None:
    fx.book.put(CALL, SendDigits("ww12#"))
    document = fx.after()
    assert verbs(document) == ["Play", "Connect"]
    assert document[0].attrib == {"digits": "ww12#"}
    assert fx.desk.admitted[-1].returns == "digits sent"


def test_without_a_decision_the_call_is_brought_back_twice_then_let_go(fx: Fixture) -> None:
    for _ in range(MAX_REVIVALS):
        assert verbs(fx.after()) == ["Connect"]
        assert fx.desk.admitted[-1].returns == "cut off"
    document = fx.after()
    assert verbs(document) == ["Say", "Hangup"]
    assert document[0].text == twiml.TROUBLE
    assert verbs(fx.after(CallSid="CA2")) == ["Connect"]


def test_a_document_that_could_not_be_had_brings_the_call_back(fx: Fixture, caplog: pytest.LogCaptureFixture) -> None:
    failed = {"ErrorCode": "11200", "ErrorUrl": "https://agent.example.com/twilio/after?said=4111"}
    assert verbs(ElementTree.fromstring(fx.hooks.fallback(ORIGIN, form(**failed)))) == ["Connect"]
    assert fx.desk.admitted[-1].returns == "cut off"
    assert "'11200' with 'https://agent.example.com/twilio/after'" in caplog.text
    assert verbs(ElementTree.fromstring(fx.hooks.fallback(ORIGIN, form(CallStatus="completed")))) == []


def test_a_loop_of_digits_ends(fx: Fixture) -> None:
    for _ in range(MAX_RETURNS):
        fx.book.put(CALL, SendDigits("1"))
        assert "Connect" in verbs(fx.after())
    fx.book.put(CALL, SendDigits("1"))
    assert verbs(fx.after()) == ["Say", "Hangup"]


@pytest.mark.parametrize("decision", [None, HangUp(), SendDigits("1"), Transfer("+1555")])
def test_a_call_that_is_over_is_left_alone_and_its_decision_dropped(fx: Fixture, decision: Decision | None) -> None:
    if decision is not None:
        fx.book.put(CALL, decision)
    assert verbs(fx.after(CallStatus="completed")) == []
    assert fx.book.take(CALL) is None


def test_the_retry_of_an_answered_question_gets_the_same_answer(fx: Fixture) -> None:
    fx.book.put(CALL, Transfer("+1555"))
    first = fx.step()
    assert verbs(fx.after("key-1", first)) == ["Dial"]
    assert verbs(fx.after("key-1", first)) == ["Dial"]
    fx.clock.ms += 60_000
    assert verbs(fx.after("key-1", first)) == ["Hangup"], "no answer is kept for ever, and the question is an old one"


def test_a_request_sent_again_by_somebody_else_changes_nothing(fx: Fixture) -> None:
    """Whoever has read a signed request may send it as often as he likes, with any idempotency token."""
    first = fx.step()
    assert verbs(fx.after("key-1", first)) == ["Connect"]
    admitted = len(fx.desk.admitted)
    assert verbs(fx.after("made-up", first)) == ["Hangup"]
    fx.desk.live.add(CALL)
    assert verbs(ElementTree.fromstring(fx.hooks.voice(ORIGIN, form()))) == ["Hangup"], "its stream is being served"
    assert verbs(ElementTree.fromstring(fx.hooks.fallback(ORIGIN, form()))) == ["Hangup"]
    fx.desk.live.clear()
    fx.hooks.status(form(CallStatus="completed"))
    for answer in (fx.hooks.voice(ORIGIN, form()), fx.hooks.fallback(ORIGIN, form())):
        assert verbs(ElementTree.fromstring(answer)) == ["Hangup"], "the call is over"
    assert verbs(fx.after("made-up-2", first)) == ["Hangup"]
    assert len(fx.desk.admitted) == admitted
    assert fx.hooks.counts["refused: replay"] == 6


def test_how_often_a_call_came_back_outlives_the_worker(fx: Fixture) -> None:
    step = Step(MAX_REVIVALS - 1, 0, "0123abcd")  # as a worker that died had written it
    assert verbs(fx.after(step=step)) == ["Connect"]
    assert verbs(fx.after()) == ["Say", "Hangup"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("completed", ["Hangup"]),
        ("answered", ["Hangup"]),
        ("no-answer", ["Connect"]),
        ("busy", ["Connect"]),
        ("failed", ["Connect"]),
        ("canceled", ["Connect"]),
    ],
)
def test_a_transfer_that_nobody_answers_comes_back(fx: Fixture, status: str, expected: list[str]) -> None:
    assert verbs(fx.after_dial(DialCallStatus=status)) == expected
    assert verbs(fx.after_dial(DialCallStatus=status, CallStatus="completed")) == []


def test_a_call_that_would_come_back_finds_us_full(fx: Fixture) -> None:
    fx.desk.full = True
    assert verbs(fx.after()) == ["Say", "Hangup"]


def test_status_callbacks_are_counted_and_errors_logged(fx: Fixture, caplog: pytest.LogCaptureFixture) -> None:
    fx.hooks.status(form(CallStatus="completed"))
    fx.hooks.status(form(CallStatus="made up"))
    fx.hooks.stream_status(form(StreamEvent="stream-error", StreamError="31920\nforged line"))
    assert fx.hooks.counts == {"call completed": 1, "call other": 1, "stream-error": 1}
    assert "'31920\\nforged line'" in caplog.text


def test_decisions_are_given_once_expire_and_are_bounded() -> None:
    clock = Clock()
    book = DecisionBook(now_ms=clock, max_calls=2)
    book.put("a", HangUp("1"))
    book.put("a", HangUp("2"))
    assert book.take("a") == HangUp("2")
    assert book.take("a") is None
    book.put("a", HangUp())
    book.forget("a")
    assert book.take("a") is None
    book.put("a", HangUp())
    clock.ms += DECISION_LIFETIME_MS
    assert book.take("a") is None
    for call in "abc":
        book.put(call, HangUp())
    assert [book.take(call) for call in "abc"] == [None, HangUp(), HangUp()]


# --- over HTTP, in Quart's test client -------------------------------------------------------------------------------

TOKEN = "an-auth-token"
URL = "http://localhost:8080"


@pytest.fixture
def post(fx: Fixture) -> Callable[..., Any]:
    app = Quart(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    check = SignatureCheck(SecretStr(TOKEN), public_origin="", port=8080)
    app.register_blueprint(twilio_blueprint(fx.hooks, check))
    client = app.test_client()

    async def send(path: str, data: dict[str, str], **headers: str) -> Any:
        signature = RequestValidator(TOKEN).compute_signature(URL + path, data)
        return await client.post(
            path, form=data, headers={"Host": "localhost:8080", "X-Twilio-Signature": signature, **headers}
        )

    return send


@pytest.mark.parametrize("path", ["/twilio/voice", "/twilio/after", "/twilio/after-dial", "/twilio/fallback"])
async def test_signed_questions_are_answered_in_xml(post: Callable[..., Any], path: str) -> None:
    response = await post(path, {"CallSid": CALL, "Blank": ""})
    assert response.status_code == 200
    assert response.content_type.startswith("text/xml")
    ElementTree.fromstring(await response.get_data())


@pytest.mark.parametrize("path", ["/twilio/status", "/twilio/stream-status"])
async def test_signed_news_is_taken(post: Callable[..., Any], path: str) -> None:
    assert (await post(path, {"CallSid": CALL})).status_code == 204


@pytest.mark.parametrize(
    "path", ["/twilio/voice", "/twilio/after", "/twilio/after-dial", "/twilio/status", "/twilio/stream-status"]
)
async def test_no_path_is_unsigned(fx: Fixture, post: Callable[..., Any], path: str) -> None:
    assert (await post(path, {"CallSid": CALL}, **{"X-Twilio-Signature": "x" * 28})).status_code == 403
    assert (await post(path, {"CallSid": CALL}, **{"X-Forwarded-For": "1.2.3.4"})).status_code == 403
    assert (await post(path, {"CallSid": CALL}, Host="evil.example")).status_code == 403
    assert fx.hooks.counts == {"refused: signature": 3}


async def test_what_is_no_webhook_is_refused(post: Callable[..., Any]) -> None:
    assert (await post("/twilio/voice", {})).status_code == 400
    assert (await post("/twilio/voice", {"CallSid": "../../etc"})).status_code == 400
    assert (await post("/twilio/voice", {"CallSid": CALL, "Big": "x" * MAX_BODY_BYTES})).status_code == 413
    assert (await post("/twilio/voice", {"CallSid": CALL, **{f"f{n}": "" for n in range(1000)}})).status_code == 400
