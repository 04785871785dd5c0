"""TwiML as the sandbox follows it, and the addresses it leads to."""

import pytest

from agent.errors import LocalError, RemoteError
from telephony.sandbox.twiml import (
    ConnectStream,
    Dial,
    Hangup,
    PlayDigits,
    PlayFile,
    Redirect,
    Reject,
    SayText,
    UnknownVerb,
    Wait,
    parse_twiml,
    summary,
)
from telephony.sandbox.webhooks import socket_url, voice_url


def test_every_verb() -> None:
    verbs = parse_twiml(
        """<?xml version="1.0" encoding="UTF-8"?><Response>
        <Connect action="/after"><Stream url="wss://h/media/t" name="n" statusCallback="/s">
          <Parameter name="a" value="&lt;1&gt;"/><Parameter name="b" value=""/></Stream></Connect>
        <Say>Hello <prosody>you</prosody></Say><Pause/><Pause length="3"/><Play digits="w1"/><Play>https://x/a.wav</Play>
        <Dial action="/d"><Number>+1555</Number></Dial><Dial>+1666</Dial><Redirect>/r</Redirect>
        <Reject reason="busy"/><Hangup/><Gather/><Connect><Room/></Connect></Response>"""
    )
    assert verbs == [
        ConnectStream("wss://h/media/t", "/after", "n", "/s", {"a": "<1>", "b": ""}),
        SayText("Hello you"),
        Wait(1),
        Wait(3),
        PlayDigits("w1"),
        PlayFile("https://x/a.wav"),
        Dial("+1555", "/d"),
        Dial("+1666", None),
        Redirect("/r"),
        Reject("busy"),
        Hangup(),
        UnknownVerb("Gather"),
        UnknownVerb("Connect without Stream"),
    ]
    assert not any("media/t" in summary(verb) for verb in verbs)  # the token stays out of reports


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not XML"),
        ("<Response>", "not XML"),
        ("<html/>", "<Response>"),
        ('<!DOCTYPE r [<!ENTITY a "b">]><Response/>', "document type"),
        ("<Response><Connect><Stream/></Connect></Response>", "no url"),
        ('<Response><Connect><Stream url="wss://h/?a=1"/></Connect></Response>', "query string"),
        ('<Response><Pause length="long"/></Response>', "seconds"),
        ("<Response>" + " " * 64_000 + "</Response>", "11750"),
        (
            f'<Response><Connect><Stream url="wss://h"><Parameter name="a" value="{"x" * 499}"/>'
            "</Stream></Connect></Response>",
            "under 500",
        ),
    ],
)
def test_what_twilio_would_not_take(text: str, says: str) -> None:
    with pytest.raises(RemoteError, match=says):
        parse_twiml(text)


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
    with pytest.raises(RemoteError, match="31922"):
        socket_url("https://h/twilio/voice", url)


def test_voice_address() -> None:
    assert voice_url("http://127.0.0.1:8080") == "http://127.0.0.1:8080/twilio/voice"
    assert voice_url("https://h/") == "https://h/twilio/voice"
    assert voice_url("https://h/calls/in?x=1") == "https://h/calls/in?x=1"
    for bad in ("", "127.0.0.1:8080", "ftp://h", "http://"):
        with pytest.raises(LocalError, match="not the address"):
            voice_url(bad)
