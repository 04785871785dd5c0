"""The codec against Twilio's own examples, against itself, and against anything at all."""

import base64
import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import RemoteError
from telephony.media_stream.messages import (
    L16_16K,
    Clear,
    Connected,
    Dtmf,
    Mark,
    Media,
    MediaFormat,
    Play,
    SendMark,
    Start,
    Stop,
    Unknown,
    check_format,
    decode_from_carrier,
    decode_to_carrier,
    encode,
)

SID = "MZ18ad3ab5a668481ce02b83e7395059f0"
START = {
    "event": "start",
    "sequenceNumber": "1",
    "start": {
        "accountSid": "AC1",
        "streamSid": SID,
        "callSid": "CA1",
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"FirstName": "Jane", "LastName": "Doe"},
    },
    "streamSid": SID,
}
MEDIA = {
    "event": "media",
    "sequenceNumber": "3",
    "media": {"track": "inbound", "chunk": "1", "timestamp": "5", "payload": "/38="},
    "streamSid": SID,
}
# Twilio's page "websocket-messages", and what each message means.
FROM = [
    ({"event": "connected", "protocol": "Call", "version": "1.0.0"}, Connected("Call", "1.0.0")),
    (START, Start(SID, "AC1", "CA1", 1, ("inbound",), {"FirstName": "Jane", "LastName": "Doe"}, MediaFormat())),
    (MEDIA, Media(3, 1, 5, b"\xff\x7f", "inbound", SID)),
    (
        {"event": "dtmf", "streamSid": SID, "sequenceNumber": "5", "dtmf": {"track": "inbound_track", "digit": "1"}},
        Dtmf(5, "1", "inbound_track", SID),
    ),
    (
        {"event": "mark", "sequenceNumber": "4", "streamSid": SID, "mark": {"name": "my label"}},
        Mark("my label", 4, SID),
    ),
    (
        {"event": "stop", "sequenceNumber": "5", "streamSid": SID, "stop": {"accountSid": "AC1", "callSid": "CA1"}},
        Stop(5, "AC1", "CA1", SID),
    ),
]
TO = [
    ({"event": "media", "streamSid": SID, "media": {"payload": "/38="}}, Play(SID, b"\xff\x7f")),
    ({"event": "mark", "streamSid": SID, "mark": {"name": "a b"}}, SendMark(SID, "a b")),
    ({"event": "clear", "streamSid": SID}, Clear(SID)),
]


@pytest.mark.parametrize(("wire", "message"), FROM)
def test_from_carrier_both_ways(wire: dict[str, Any], message: Any) -> None:
    assert decode_from_carrier(json.dumps(wire)) == message
    assert json.loads(encode(message)) == wire  # the same kinds too: counters are strings, sampleRate a number


@pytest.mark.parametrize(("wire", "message"), TO)
def test_to_carrier_both_ways(wire: dict[str, Any], message: Any) -> None:
    assert decode_to_carrier(json.dumps(wire)) == message
    assert json.loads(encode(message)) == wire


def without(wire: dict[str, Any], path: str) -> dict[str, Any]:
    copy = json.loads(json.dumps(wire))
    *parents, last = path.split(".")
    place = copy
    for parent in parents:
        place = place[parent]
    del place[last]
    return copy


def with_value(wire: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    copy = json.loads(json.dumps(wire))
    *parents, last = path.split(".")
    place = copy
    for parent in parents:
        place = place[parent]
    place[last] = value
    return copy


@pytest.mark.parametrize("number", [7, "7"])
@pytest.mark.parametrize("path", ["sequenceNumber", "media.chunk", "media.timestamp"])
def test_counters_may_be_strings_or_numbers(path: str, number: object) -> None:
    message = decode_from_carrier(json.dumps(with_value(MEDIA, path, number)))
    assert isinstance(message, Media)
    assert 7 in (message.sequence, message.chunk, message.timestamp_ms)


def test_media_format_may_be_strings_too() -> None:
    wire = with_value(START, "start.mediaFormat", {"encoding": "audio/x-mulaw", "sampleRate": "8000", "channels": "1"})
    message = decode_from_carrier(json.dumps(wire))
    assert isinstance(message, Start)
    assert message.media_format == MediaFormat()


def test_unknown_events_and_further_fields_are_tolerated() -> None:
    assert decode_from_carrier('{"event": "weather", "media": 3}') == Unknown("weather")
    wire = with_value(with_value(MEDIA, "media.mood", "good"), "colour", ["red"])
    assert decode_from_carrier(json.dumps(wire)) == decode_from_carrier(json.dumps(MEDIA))


BAD_COUNTERS: list[object] = [None, -1, "-1", 1.5, True, "", "1.5", " 1", "1_0", "٣", "9" * 5000, 2**60, [1], {}, "one"]


@pytest.mark.parametrize("value", BAD_COUNTERS, ids=lambda v: repr(v)[:12])
@pytest.mark.parametrize("path", ["sequenceNumber", "media.chunk", "media.timestamp"])
def test_bad_counters_are_named(path: str, value: object) -> None:
    with pytest.raises(RemoteError, match=rf"^{path}: expected a whole number"):
        decode_from_carrier(json.dumps(with_value(MEDIA, path, value)))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"event":' + "9" * 5000 + "}", "not JSON"),
        ("[]", "message: expected a JSON object"),
        ("null", "message: expected a JSON object"),
        ("{}", "event: expected a string, got null"),
        ('{"event": ["media"]}', "event: expected a string, got list"),
        ('{"event": "media"}', "media: expected an object, got null"),
        ('{"event": "start"}', "start: expected an object, got null"),
        ('{"event": "mark"}', "mark: expected an object"),
        ('{"event": "dtmf"}', "dtmf: expected an object"),
        ('{"event": "stop", "stop": 1, "sequenceNumber": 1}', "stop: expected an object"),
        ('{"event": "mark", "mark": {}}', "mark.name: expected a string, got null"),
        ('{"event": "dtmf", "sequenceNumber": 1, "dtmf": {"digit": "12"}}', "dtmf.digit: expected one of"),
        (json.dumps(with_value(MEDIA, "media.payload", "a")), "media.payload: expected base64"),
        (json.dumps(with_value(MEDIA, "media.payload", "_-8=")), "media.payload: expected base64"),
        (json.dumps(with_value(MEDIA, "media.payload", "é")), "media.payload: expected base64"),
        (json.dumps(with_value(MEDIA, "media.payload", None)), "media.payload: expected a base64 string"),
        (json.dumps(with_value(START, "start.tracks", "inbound")), "start.tracks: expected an array of strings"),
        (json.dumps(with_value(START, "start.customParameters", {"a": 1})), "start.customParameters: expected"),
        (json.dumps(with_value(START, "start.mediaFormat", [])), "start.mediaFormat: expected an object"),
        (json.dumps(without(START, "start.callSid")), "start.callSid: expected a string, got null"),
        (json.dumps(without(START, "start.streamSid")), "start.streamSid: expected a string, got null"),
    ],
    ids=lambda v: v[:24],
)
def test_malformed_from_carrier(text: str, says: str) -> None:
    with pytest.raises(RemoteError) as caught:
        decode_from_carrier(text)
    assert says in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON"),
        ("[]", "a JSON object"),
        ("{}", "event: expected"),
        ('{"event": "stop", "streamSid": "MZ"}', "event: expected"),
        ('{"event": {}, "streamSid": "MZ"}', "event: expected"),
        ('{"event": "clear"}', "streamSid is missing"),
        ('{"event": "clear", "streamSid": 7}', "streamSid: expected a string"),
        ('{"event": "clear", "streamSid": "MZ", "why": 1}', "'why' is not a field"),
        ('{"event": "mark", "streamSid": "MZ", "mark": {"name": "a", "id": "b"}}', "mark.'id' is not a field"),
        ('{"event": "mark", "streamSid": "MZ", "mark": {}}', "mark.name is missing"),
        ('{"event": "mark", "streamSid": "MZ", "mark": "a"}', "mark: expected an object"),
        ('{"event": "mark", "streamSid": "MZ", "mark": {"name": 3}}', "mark.name: expected a string"),
        ('{"event": "media", "streamSid": "MZ"}', "media is missing"),
        ('{"event": "media", "streamSid": "MZ", "media": {}}', "media.payload is missing"),
        ('{"event": "media", "streamSid": "MZ", "media": {"payload": "/w=", "track": "a"}}', "is not a field"),
        ('{"event": "media", "streamSid": "MZ", "media": {"payload": "/w="}}', "media.payload: expected base64"),
        ('{"event": "media", "streamSid": "MZ", "media": {"payload": "/ w=="}}', "media.payload: expected base64"),
    ],
)
def test_carrier_is_as_strict_as_twilio(text: str, says: str) -> None:
    with pytest.raises(RemoteError, match="31951") as caught:
        decode_to_carrier(text)
    assert says in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["event", "sequenceNumber", "streamSid", "media", "payload", "chunk", "timestamp", "track", "mark", "name"]
FIELDS += ["start", "stop", "dtmf", "digit", "callSid", "accountSid", "tracks", "customParameters", "mediaFormat"]
FIELDS += ["encoding", "sampleRate", "channels", "protocol", "version"]
known_names = st.sampled_from(FIELDS)
events = st.sampled_from(["connected", "start", "media", "dtmf", "mark", "stop", "clear"])
near_misses = st.builds(
    lambda event, rest: {**rest, "event": event},
    events,
    st.dictionaries(known_names, json_values | st.dictionaries(known_names, json_values, max_size=6), max_size=6),
)


@settings(max_examples=400)
@given(st.text(max_size=40) | st.builds(json.dumps, json_values) | st.builds(json.dumps, near_misses))
def test_anything_decodes_or_is_refused_in_words(text: str) -> None:
    for decode in (decode_from_carrier, decode_to_carrier):
        try:
            message = decode(text)
        except RemoteError:
            continue
        assert isinstance(message, Unknown) or decode(encode(message)) == message


counters = st.integers(0, 2**53)
any_text = st.text(max_size=12)
formats = st.builds(MediaFormat, any_text, counters, counters)
from_carrier = st.one_of(
    st.builds(Connected, any_text, any_text),
    st.builds(
        Start,
        any_text,
        any_text,
        any_text,
        counters,
        st.lists(any_text, max_size=2).map(tuple),
        st.dictionaries(any_text, any_text, max_size=3),
        formats,
    ),
    st.builds(Media, counters, counters, counters, st.binary(max_size=200), any_text, any_text),
    st.builds(Dtmf, counters, st.sampled_from("0123456789*#ABCD"), any_text, any_text),
    st.builds(Mark, any_text, counters, any_text),
    st.builds(Stop, counters, any_text, any_text, any_text),
)
to_carrier = st.one_of(
    st.builds(Play, any_text, st.binary(max_size=400)),
    st.builds(SendMark, any_text, any_text),
    st.builds(Clear, any_text),
)


@given(from_carrier)
def test_from_carrier_round_trip(message: Any) -> None:
    assert decode_from_carrier(encode(message)) == message


@given(to_carrier)
def test_to_carrier_round_trip(message: Any) -> None:
    text = encode(message)
    assert decode_to_carrier(text) == message
    assert text.isascii()


def test_payload_is_plain_base64() -> None:
    audio = bytes(range(256))
    assert json.loads(encode(Play(SID, audio)))["media"]["payload"] == base64.b64encode(audio).decode()


def test_a_hostile_stream_sid_stays_inside_its_string() -> None:
    sid = 'MZ","event":"clear\n\ud800'
    assert decode_to_carrier(encode(Play(sid, b"a"))) == Play(sid, b"a")


def test_unknown_cannot_be_sent() -> None:
    with pytest.raises(TypeError, match="not a message"):
        encode(Unknown("x"))


@pytest.mark.parametrize(
    "other",
    [
        MediaFormat("audio/l16", 8000, 1),
        MediaFormat("audio/x-mulaw", 16000, 1),
        MediaFormat("audio/x-mulaw", 8000, 2),
        MediaFormat("", 0, 0),
    ],
)
def test_only_the_supported_format_is_taken(other: MediaFormat) -> None:
    check_format(MediaFormat())
    check_format(L16_16K, extensions=True)
    with pytest.raises(RemoteError, match="declare audio/x-mulaw, 8000, 1"):
        check_format(other)


def test_loads_without_agent_and_numpy() -> None:
    load = "import sys, telephony.media_stream.messages, telephony.media_stream.carrier"
    code = load + "; print({'agent', 'numpy'} & {name.split('.')[0] for name in sys.modules})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
