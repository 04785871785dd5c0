"""TwiML, read as Twilio would follow it: the verbs this sandbox knows, in order."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.errors import RemoteError

LARGEST_BYTES = 64_000  # Twilio's limit (error 11750)


@dataclass(frozen=True, slots=True)
class ConnectStream:
    """Both-way media stream; then `action`, or the next verb."""

    url: str
    action: str | None
    name: str = ""
    status_callback: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SayText:
    text: str


@dataclass(frozen=True, slots=True)
class PlayDigits:
    digits: str


@dataclass(frozen=True, slots=True)
class PlayFile:
    url: str


@dataclass(frozen=True, slots=True)
class Wait:
    length_s: float


@dataclass(frozen=True, slots=True)
class Dial:
    to: str
    action: str | None


@dataclass(frozen=True, slots=True)
class Redirect:
    url: str


@dataclass(frozen=True, slots=True)
class Hangup:
    pass


@dataclass(frozen=True, slots=True)
class Reject:
    reason: str


@dataclass(frozen=True, slots=True)
class UnknownVerb:
    name: str


Verb = ConnectStream | SayText | PlayDigits | PlayFile | Wait | Dial | Redirect | Hangup | Reject | UnknownVerb


def parse_twiml(text: str) -> list[Verb]:
    """The verbs of one document. RemoteError for what Twilio would not take either."""
    if len(text.encode()) > LARGEST_BYTES:
        raise RemoteError(f"TwiML: {len(text.encode())} bytes; Twilio takes {LARGEST_BYTES} (error 11750)")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise RemoteError("TwiML: a document type has no place in it (error 12100)")
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise RemoteError(f"TwiML: not XML: {error} (error 12100): {text[:80]!r}") from None
    if root.tag != "Response":
        raise RemoteError(f"TwiML: the root must be <Response>, got <{root.tag}> (error 12200)")
    return [_verb(element) for element in root]


def summary(verb: Verb) -> str:
    """One verb for the report. A stream's path holds the call's token, and so is not shown."""
    match verb:
        case ConnectStream(_, action):
            return "<Connect><Stream>" + (f" then {action}" if action else "")
        case SayText(text):
            return f"<Say> {text}"
        case PlayDigits(digits):
            return f"<Play digits={digits}>"
        case Wait(length_s):
            return f"<Pause {length_s:g} s>"
        case Dial(to):
            return f"<Dial> {to}"
        case UnknownVerb(name):
            return f"<{name}> (not followed)"
        case PlayFile(url) | Redirect(url):
            return f"<{'Play' if isinstance(verb, PlayFile) else 'Redirect'}> {url}"
        case _:
            return f"<{type(verb).__name__}>"


def _verb(element: ET.Element) -> Verb:
    text = "".join(element.itertext()).strip()
    match element.tag:
        case "Connect":
            return _connect(element)
        case "Say":
            return SayText(text)
        case "Pause":
            return Wait(_seconds(element.get("length", "1")))
        case "Play":
            digits = element.get("digits")
            return PlayFile(text) if digits is None else PlayDigits(digits)
        case "Dial":
            return Dial(text, element.get("action"))
        case "Redirect":
            return Redirect(text)
        case "Hangup":
            return Hangup()
        case "Reject":
            return Reject(element.get("reason", "rejected"))
        case _:
            return UnknownVerb(element.tag)


def _connect(element: ET.Element) -> Verb:
    stream = element.find("Stream")
    if stream is None:
        return UnknownVerb("Connect without Stream")
    url = stream.get("url", "").strip()
    if not url:
        raise RemoteError("TwiML: <Stream> has no url (error 12200)")
    if "?" in url:
        raise RemoteError("TwiML: the stream's url has a query string, which Twilio does not support: use <Parameter>")
    parameters = {}
    for parameter in stream.findall("Parameter"):
        name, value = parameter.get("name", ""), parameter.get("value", "")
        if not name or len(name) + len(value) >= 500:
            raise RemoteError(f"TwiML: <Parameter> {name!r}: it needs a name, and name and value under 500 characters")
        parameters[name] = value
    return ConnectStream(url, element.get("action"), stream.get("name", ""), stream.get("statusCallback"), parameters)


def _seconds(text: str) -> float:
    if not text.isdecimal() or len(text) > 4:
        raise RemoteError(f"TwiML: <Pause> length={text!r} is not a number of seconds (error 12200)")
    return float(text)
