"""TwiML as the sandbox follows it, and the addresses it leads to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import LocalError
from telephony.sandbox.faults import Fault, codes
from telephony.sandbox.twiml import parse_twiml
from telephony.sandbox.verbs import (
    ConnectStream,
    Dial,
    Gather,
    Hangup,
    PlayDigits,
    PlayFile,
    Redirect,
    Reject,
    SayText,
    UnknownVerb,
    Wait,
    summary,
)
from telephony.sandbox.webhooks import resolve, socket_url, voice_url


def test_every_verb() -> None:
    verbs = parse_twiml(
        """<?xml version="1.0" encoding="UTF-8"?><Response>
        <Connect action="/after"><Stream url="wss://h/media/t" name="n" statusCallback="/s">
          <Parameter name="a" value="&lt;1&gt;"/><Parameter name="b" value=""/></Stream></Connect>
        <Say language="en-GB" loop="2">Hello <prosody>you</prosody></Say><Pause/><Pause length="3"/>
        <Play digits="w1"/><Play loop="0">https://x/a.wav</Play>
        <Dial action="/d" timeout="25" answerOnBridge="true" callerId="+1777"><Number>+1555</Number></Dial>
        <Dial>+1666</Dial><Dial><Sip>sip:a@h</Sip><Number>+1</Number></Dial><Redirect method="POST">/r</Redirect>
        <Reject reason="busy"/><Reject/><Hangup/><Record/><Connect><Room/></Connect><Connect/>
        <Dial><Queue>q</Queue></Dial><Enqueue>q</Enqueue><Refer/></Response>"""
    )
    assert verbs == [
        ConnectStream("wss://h/media/t", "/after", "n", "/s", {"a": "<1>", "b": ""}),
        SayText("Hello you", 2),
        Wait(1),
        Wait(3),
        PlayDigits("w1"),
        PlayFile("https://x/a.wav", 0),
        Dial("+1555", "/d", 25, "+1777"),
        Dial("+1666", None),
        Dial("sip:a@h, +1", None, noun="Sip"),
        Redirect("/r"),
        Reject("busy"),
        Reject("rejected"),
        Hangup(),
        UnknownVerb("Record"),
        UnknownVerb("Connect Room"),
        UnknownVerb("Connect without Stream"),
        UnknownVerb("Dial Queue"),
        UnknownVerb("Enqueue"),
        UnknownVerb("Refer"),
    ]
    assert not any("media/t" in summary(verb) for verb in verbs)  # the token stays out of reports
    assert parse_twiml("<Response/>") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<Gather/>", Gather(frozenset(("dtmf",)), None, 5, 5, None, "#", False, True, ())),
        (
            '<Gather input="dtmf speech" action="/g" method="POST" timeout="3" speechTimeout="auto" numDigits="4"'
            ' finishOnKey="" actionOnEmptyResult="true" bargeIn="false" language="en-GB" hints="a, b">'
            '<Say>Yes?</Say><Play>/x.wav</Play><Pause length="2"/></Gather>',
            Gather(
                frozenset(("dtmf", "speech")),
                "/g",
                3,
                None,
                4,
                "",
                True,
                False,
                (SayText("Yes?"), PlayFile("/x.wav"), Wait(2)),
            ),
        ),
        ('<Gather input="speech" speechTimeout="2"/>', Gather(frozenset(("speech",)), speech_timeout_s=2)),
        ('<Gather input="speech dtmf" timeout="9"/>', Gather(frozenset(("dtmf", "speech")), None, 9, 9)),
    ],
)
def test_gather(text: str, expected: Gather) -> None:
    assert parse_twiml(f"<Response>{text}</Response>") == [expected]


@pytest.mark.parametrize(
    ("text", "says", "code"),
    [
        ("", "not XML", 12100),
        ("<Response>", "not XML", 12100),
        ("<html/>", "<Response>", 12200),
        ('<!DOCTYPE r [<!ENTITY a "b">]><Response/>', "document type", 12100),
        ("<Response>" + " " * 64_000 + "</Response>", "64000", 11750),
        ("<Connect><Stream/></Connect>", "no url", 12200),
        ('<Connect><Stream url="wss://h/?a=1"/></Connect>', "query string", None),
        ('<Connect><Stream url="wss://h" track="both_tracks"/></Connect>', "inbound_track", 31941),
        ('<Connect method="GET"><Stream url="wss://h"/></Connect>', "POST only", None),
        ('<Pause length="long"/>', "seconds", None),
        ('<Pause length="-1"/>', "seconds", None),
        ('<Pause length="²"/>', "seconds", None),
        ('<Say loop="x">a</Say>', "loop", None),
        ('<Play digits="5,5"/>', "half a second", None),
        ('<Play digits=""/>', "half a second", None),
        ('<Redirect method="GET">/r</Redirect>', "POST only", None),
        ('<Reject reason="rude"/>', "rejected or busy", None),
        ('<Dial method="GET">+1</Dial>', "POST only", None),
        ('<Dial timeout="0">+1</Dial>', "timeout", None),
        ('<Dial answerOnBridge="yes">+1</Dial>', "false or true", None),
        ("<Dial/>", "nobody", None),
        ("<Dial>" + "<Number>1</Number>" * 11 + "</Dial>", "11 at once", None),
        ('<Gather method="GET"/>', "POST only", None),
        ('<Gather input="voice"/>', "dtmf, speech", None),
        ('<Gather input=""/>', "dtmf, speech", None),
        ('<Gather timeout="auto"/>', "timeout", None),
        ('<Gather speechTimeout="soon"/>', "auto", 13327),
        ('<Gather speechTimeout="0"/>', "auto", 13327),
        ('<Gather numDigits="0"/>', "numDigits", None),
        ('<Gather finishOnKey="12"/>', "finishOnKey", None),
        ('<Gather actionOnEmptyResult="1"/>', "false or true", None),
        ('<Gather bargeIn="no"/>', "true or false", None),
        ("<Gather><Hangup/></Gather>", "cannot stand in <Gather>", 12200),
        ('<Gather><Play digits="1"/></Gather>', "cannot stand in <Gather>", 12200),
        (
            f'<Connect><Stream url="wss://h"><Parameter name="a" value="{"x" * 499}"/></Stream></Connect>',
            "under 500",
            None,
        ),
    ],
)
def test_what_twilio_would_not_take(text: str, says: str, code: int | None) -> None:
    whole = text if not text or text.startswith(("<Resp", "<html", "<!")) else f"<Response>{text}</Response>"
    with pytest.raises(Fault, match=says) as caught:
        parse_twiml(whole)
    assert caught.value.code == code
    assert codes([str(caught.value)]) == ([code] if code else [])


@given(st.text() | st.builds("<Response>{}</Response>".format, st.text()))
def test_any_text_is_verbs_or_a_fault(text: str) -> None:
    try:
        verbs = parse_twiml(text)
    except Fault:
        return
    assert all(summary(verb) for verb in verbs)


@pytest.mark.parametrize(
    ("document", "url", "expected"),
    [
        ("https://h/twilio/voice", "wss://h/media/t", "wss://h/media/t"),
        ("https://h/twilio/voice", "/media/t", "wss://h/media/t"),
        ("http://127.0.0.1:8080/twilio/voice", "ws://127.0.0.1:8080/media/t", "ws://127.0.0.1:8080/media/t"),
        ("http://127.0.0.1:8080/twilio/voice", "/media/t", "ws://127.0.0.1:8080/media/t"),
    ],
)
def test_socket_address(document: str, url: str, expected: str) -> None:
    assert socket_url(document, url) == expected


@pytest.mark.parametrize("url", ["ws://h/media/t", "ftp://h/m", "mailto:x"])
def test_a_socket_must_be_wss(url: str) -> None:
    with pytest.raises(Fault, match="31922"):
        socket_url("https://h/twilio/voice", url)


@pytest.mark.parametrize("url", ["ws://[bad", "wss://h:99999/m", "wss:///m", "ws://h:0/m"])
def test_a_malformed_socket_address(url: str) -> None:
    with pytest.raises(Fault, match="31923"):
        socket_url("http://h/twilio/voice", url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/b?x=1#rc=2", "https://h/b?x=1#rc=2"),
        ("b", "https://h/a/b"),
        ("", "https://h/a/voice"),
        ("http://other:81/x", "http://other:81/x"),
    ],
)
def test_the_next_document(url: str, expected: str) -> None:
    assert resolve("https://h/a/voice", url) == expected


@pytest.mark.parametrize("url", ["http://[bad", "http://h:99999/", "mailto:x", "http://", "ftp://h/x", "http://h:0/"])
def test_no_address_of_a_document(url: str) -> None:
    with pytest.raises(Fault, match="11100"):
        resolve("https://h/a/voice", url)


def test_voice_address() -> None:
    assert voice_url("http://127.0.0.1:8080") == "http://127.0.0.1:8080/twilio/voice"
    assert voice_url("https://h/") == "https://h/twilio/voice"
    assert voice_url("https://h/calls/in?x=1") == "https://h/calls/in?x=1"
    assert voice_url("https://h#rc=2") == "https://h/twilio/voice#rc=2"
    for bad in ("", "127.0.0.1:8080", "ftp://h", "http://", "http://[bad", "http://h:99999"):
        with pytest.raises(LocalError, match="not the address"):
            voice_url(bad)
