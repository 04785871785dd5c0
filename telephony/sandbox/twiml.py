"""TwiML, read as Twilio would follow it: a document in, its verbs out, in order.

Attributes and defaults: https://www.twilio.com/docs/voice/twiml/gather, …/dial, …/stream, …/say, …/play. What Twilio
refuses, or silently replaces by a default, is a Fault here: a service should hear of it.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from telephony.sandbox.faults import Fault
from telephony.sandbox.verbs import (
    ConnectStream,
    Dial,
    Gather,
    Hangup,
    PlayDigits,
    PlayFile,
    Prompt,
    Redirect,
    Reject,
    SayText,
    UnknownVerb,
    Verb,
    Wait,
)

LARGEST_BYTES = 64_000  # Twilio's limit (error 11750)
DIALLED_AT_ONCE = 10  # https://www.twilio.com/docs/voice/twiml/number
INPUTS = frozenset(("dtmf", "speech"))


def parse_twiml(text: str) -> list[Verb]:
    """The verbs of one document. Fault for what Twilio would not take either."""
    size = len(text.encode())
    if size > LARGEST_BYTES:
        raise Fault(11750, f"TwiML: {size} bytes; Twilio takes {LARGEST_BYTES}")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise Fault(12100, "TwiML: a document type has no place in it")
    try:
        root = ET.fromstring(text)
    except (ET.ParseError, ValueError) as error:
        raise Fault(12100, f"TwiML: not XML: {error}: {text[:80]!r}") from None
    if root.tag != "Response":
        raise Fault(12200, f"TwiML: the root must be <Response>, got <{root.tag}>")
    return [_verb(element) for element in root]


def _verb(element: ET.Element) -> Verb:
    match element.tag:
        case "Connect":
            return _connect(element)
        case "Say":
            return SayText(_text(element), _whole(element, "loop", 1))
        case "Pause":
            return Wait(_whole(element, "length", 1))
        case "Play":
            return _play(element)
        case "Gather":
            return _gather(element)
        case "Dial":
            return _dial(element)
        case "Redirect":
            _post_only(element)
            return Redirect(_text(element))
        case "Hangup":
            return Hangup()
        case "Reject":
            return Reject(_one_of(element, "reason", ("rejected", "busy")))
        case _:
            return UnknownVerb(element.tag)


def _connect(element: ET.Element) -> Verb:
    stream = element.find("Stream")
    if stream is None:
        inside = next(iter(element), None)
        return UnknownVerb("Connect without Stream" if inside is None else f"Connect {inside.tag}")
    _post_only(element)
    url = stream.get("url", "").strip()
    if not url:
        raise Fault(12200, "TwiML: <Stream> has no url")
    if "?" in url:
        raise Fault(None, "TwiML: the stream's url has a query string, which Twilio does not support: use <Parameter>")
    if stream.get("track", "inbound_track") != "inbound_track":
        raise Fault(31941, f"TwiML: under <Connect> a stream's track is inbound_track, not {stream.get('track')!r}")
    parameters = {}
    for parameter in stream.findall("Parameter"):
        name, value = parameter.get("name", ""), parameter.get("value", "")
        if not name or len(name) + len(value) >= 500:
            raise Fault(None, f"TwiML: <Parameter> {name!r}: it needs a name, and name and value under 500 characters")
        parameters[name] = value
    return ConnectStream(url, element.get("action"), stream.get("name", ""), stream.get("statusCallback"), parameters)


def _play(element: ET.Element) -> PlayDigits | PlayFile:
    digits = element.get("digits")
    if digits is None:
        return PlayFile(_text(element), _whole(element, "loop", 1))
    if not re.fullmatch(r"[0-9*#A-DwW]+", digits):
        raise Fault(None, f"TwiML: <Play digits={digits!r}>: only 0-9 * # A-D, and w for half a second")
    return PlayDigits(digits)


def _gather(element: ET.Element) -> Gather:
    _post_only(element)
    inputs = element.get("input", "dtmf").split()
    if not inputs or not INPUTS.issuperset(inputs):
        raise Fault(None, f"TwiML: <Gather input={element.get('input')!r}>: it may be dtmf, speech, or both")
    finish = element.get("finishOnKey", "#")
    if not re.fullmatch(r"[0-9#*]?", finish):
        raise Fault(None, f"TwiML: <Gather finishOnKey={finish!r}>: one of 0-9 # *, or nothing")
    most = element.get("numDigits")
    timeout_s = _whole(element, "timeout", 5, least=1)
    pause = element.get("speechTimeout")
    if pause is not None and pause != "auto" and not (pause.isdecimal() and 0 < int(pause) < 10_000):
        raise Fault(13327, f"TwiML: <Gather speechTimeout={pause!r}>: a whole number of seconds, or auto")
    return Gather(
        inputs=frozenset(inputs),
        action=element.get("action"),
        timeout_s=timeout_s,
        speech_timeout_s=timeout_s if pause is None else None if pause == "auto" else int(pause),
        num_digits=None if most is None else _whole(element, "numDigits", 1, least=1),
        finish_on_key=finish,
        action_on_empty=_one_of(element, "actionOnEmptyResult", ("false", "true")) == "true",
        barge_in=_one_of(element, "bargeIn", ("true", "false")) == "true",
        prompts=tuple(_prompt(inside) for inside in element),
    )


def _prompt(element: ET.Element) -> Prompt:
    verb = _verb(element) if element.tag in ("Say", "Play", "Pause") else None
    if not isinstance(verb, SayText | PlayFile | Wait):
        raise Fault(12200, f"TwiML: <{element.tag}> cannot stand in <Gather>: only Say, Play of a file, and Pause can")
    return verb


def _dial(element: ET.Element) -> Verb:
    _post_only(element)
    _one_of(element, "answerOnBridge", ("false", "true"))
    nouns = list(element)
    strange = next((noun.tag for noun in nouns if noun.tag not in ("Number", "Sip")), None)
    if strange is not None:
        return UnknownVerb(f"Dial {strange}")
    if len(nouns) > DIALLED_AT_ONCE:
        raise Fault(None, f"TwiML: <Dial> calls {len(nouns)} at once; Twilio takes {DIALLED_AT_ONCE}")
    to = ", ".join(_text(noun) for noun in nouns) if nouns else _text(element)
    if not to.strip(", "):
        raise Fault(None, "TwiML: <Dial> names nobody to call")
    return Dial(
        to=to,
        action=element.get("action"),
        timeout_s=_whole(element, "timeout", 30, least=1),
        caller_id=element.get("callerId", ""),
        noun=nouns[0].tag if nouns else "Number",
    )


def _text(element: ET.Element) -> str:
    return "".join(element.itertext()).strip()


def _post_only(element: ET.Element) -> None:
    if (method := element.get("method", "POST")) != "POST":
        raise Fault(None, f"TwiML: <{element.tag} method={method!r}>: the sandbox asks with POST only")


def _one_of(element: ET.Element, name: str, values: tuple[str, ...]) -> str:
    """An attribute with a few values, of which the first is the default."""
    if (value := element.get(name, values[0])) not in values:
        raise Fault(None, f"TwiML: <{element.tag} {name}={value!r}>: it may be {' or '.join(values)}")
    return value


def _whole(element: ET.Element, name: str, default: int, *, least: int = 0) -> int:
    value = element.get(name, str(default))
    if not (value.isascii() and value.isdecimal() and len(value) <= 4 and int(value) >= least):
        of = " of seconds" if name in ("length", "timeout") else ""
        raise Fault(None, f"TwiML: <{element.tag} {name}={value!r}> is not a whole number{of} from {least} to 9999")
    return int(value)
