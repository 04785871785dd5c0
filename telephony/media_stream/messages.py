"""Media Streams messages: a sans-IO codec, both ways. Knows JSON and base64; no socket, no audio, no agent."""

from __future__ import annotations

import json
from binascii import b2a_base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from telephony.media_stream import fields
from telephony.media_stream.fields import Malformed

# --- from the carrier -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MediaFormat:
    """What the carrier declares its audio to be."""

    encoding: str = "audio/x-mulaw"
    sample_rate_hz: int = 8000
    channels: int = 1

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample on the wire."""
        return 2 if self.encoding == L16 else 1


#: 16-bit samples in network byte order (RFC 2586).
L16 = "audio/l16"
#: What our own carriers may declare beside Twilio's one format.
L16_16K = MediaFormat(L16, 16000, 1)


@dataclass(frozen=True, slots=True)
class Connected:
    protocol: str = "Call"
    version: str = "1.0.0"


@dataclass(frozen=True, slots=True)
class Start:
    stream_sid: str
    account_sid: str
    call_sid: str
    sequence: int = 1
    tracks: tuple[str, ...] = ("inbound",)
    custom_parameters: Mapping[str, str] = field(default_factory=dict)
    media_format: MediaFormat = field(default_factory=MediaFormat)


@dataclass(frozen=True, slots=True)
class Media:
    """`payload` is raw audio in the stream's declared format; `timestamp_ms` the stream time of its first sample."""

    sequence: int
    chunk: int
    timestamp_ms: int
    payload: bytes
    track: str = "inbound"
    stream_sid: str = ""


@dataclass(frozen=True, slots=True)
class Dtmf:
    sequence: int
    digit: str
    track: str = "inbound_track"
    stream_sid: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """Carrier to us: played, or cleared. `sequence` is 0 in the other direction, which has none."""

    name: str
    sequence: int = 0
    stream_sid: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    sequence: int
    account_sid: str = ""
    call_sid: str = ""
    stream_sid: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """An event this codec does not know: to be counted, never to end a call."""

    event: str


FromCarrier = Connected | Start | Media | Dtmf | Mark | Stop | Unknown

# --- to the carrier -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Play:
    """Audio for the caller, raw bytes in the stream's format."""

    stream_sid: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class SendMark:
    stream_sid: str
    name: str


@dataclass(frozen=True, slots=True)
class Clear:
    stream_sid: str


ToCarrier = Play | SendMark | Clear

# --- the codec ------------------------------------------------------------------------------------------------------
#
# Rules read in Twilio's page "websocket-messages": counters are JSON strings, mediaFormat's numbers are JSON numbers.
# Both kinds are accepted in; Twilio's kinds are written out. From the carrier, unknown events and further fields are
# tolerated (fields may be added without notice); towards the carrier Twilio tolerates neither, and so neither do we.

_DIGITS = frozenset("0123456789*#ABCD")
_quoted = json.encoder.encode_basestring_ascii  # a JSON string, quotes included; any text, lone surrogates too


def decode_from_carrier(text: str) -> FromCarrier:
    """One text frame from the carrier. Raises RemoteError naming the field, and what was expected there.

    Optional, because nothing depends on them: every field that has a default in its dataclass above.
    """
    try:
        return _from_carrier(text)
    except Malformed as error:
        raise _remote_error(str(error)) from None


def decode_to_carrier(text: str) -> ToCarrier:
    """One text frame to the carrier, read as strictly as Twilio reads it: no field missing, none extra.

    Raises RemoteError that names Twilio's warning 31951. (A binary frame is 31950: refuse it before it comes here.)
    """
    try:
        data = fields.json_object(text)
        event = data.get("event")
        if event == "media":
            fields.only(data, _PLAY_FIELDS, "")
            media = fields.object_(data, "media")
            fields.only(media, _PAYLOAD_FIELDS, "media.")
            return Play(fields.text(data, "streamSid", ""), fields.payload(media))
        if event == "mark":
            fields.only(data, _MARK_FIELDS, "")
            mark = fields.object_(data, "mark")
            fields.only(mark, _NAME_FIELDS, "mark.")
            return SendMark(fields.text(data, "streamSid", ""), fields.text(mark, "name", "mark."))
        if event == "clear":
            fields.only(data, _CLEAR_FIELDS, "")
            return Clear(fields.text(data, "streamSid", ""))
        raise fields.expected("event", '"media", "mark" or "clear"', event)
    except Malformed as error:
        raise _remote_error(f"warning 31951, message does not follow the protocol: {error}") from None


def encode(message: FromCarrier | ToCarrier) -> str:
    """The text frame that says `message`, with Twilio's own kinds of values. Raises TypeError for an Unknown."""
    kind = type(message)
    if kind is Play:
        return _encode_play(message)  # type: ignore[arg-type]
    if kind is Media:
        return _encode_media(message)  # type: ignore[arg-type]
    return _encode_rare(message)


def check_format(media_format: MediaFormat, *, extensions: bool = False) -> None:
    """Raise RemoteError for a format this service does not take: anything but mu-law, 8000 Hz, mono.

    With `extensions` (the peer is one of our own carriers), 16-bit PCM at 16000 Hz is taken too.
    """
    if media_format != MediaFormat() and not (extensions and media_format == L16_16K):
        raise _remote_error(
            f"start.mediaFormat: {fields.shown(media_format.encoding)}, {media_format.sample_rate_hz} Hz, "
            f"{media_format.channels} channel(s) is not supported: declare audio/x-mulaw, 8000, 1"
        )


def _remote_error(problem: str) -> Exception:
    # Imported when it is raised: the codec itself loads without the agent, as gateways and carriers load it.
    from agent.errors import RemoteError

    return RemoteError(problem)


def _from_carrier(text: str) -> FromCarrier:
    data = fields.json_object(text)
    event = data.get("event")
    if event == "media":
        media = data.get("media")
        if type(media) is not dict:
            raise fields.expected("media", "an object", media)
        return Media(
            fields.counter(data, "sequenceNumber"),
            fields.counter(media, "chunk", "media."),
            fields.counter(media, "timestamp", "media."),
            fields.payload(media),
            fields.text(media, "track", "media.", "inbound"),
            fields.text(data, "streamSid", "", ""),
        )
    if type(event) is not str:
        raise fields.expected("event", "a string", event)
    decode = _RARE_EVENTS.get(event)
    return Unknown(event) if decode is None else decode(data)


def _decode_connected(data: dict[str, Any]) -> Connected:
    return Connected(fields.text(data, "protocol", "", "Call"), fields.text(data, "version", "", "1.0.0"))


def _decode_start(data: dict[str, Any]) -> Start:
    start = fields.object_(data, "start")
    tracks = start.get("tracks", ["inbound"])
    if type(tracks) is not list or not all(type(track) is str for track in tracks):
        raise fields.expected("start.tracks", "an array of strings", tracks)
    parameters = start.get("customParameters", {})
    if type(parameters) is not dict or not all(type(value) is str for value in parameters.values()):
        raise fields.expected("start.customParameters", "an object of strings", parameters)
    declared = start.get("mediaFormat", {})
    if type(declared) is not dict:
        raise fields.expected("start.mediaFormat", "an object", declared)
    return Start(
        stream_sid=fields.text(start, "streamSid", "start."),
        account_sid=fields.text(start, "accountSid", "start."),
        call_sid=fields.text(start, "callSid", "start."),
        sequence=fields.counter(data, "sequenceNumber", "", 1),
        tracks=tuple(tracks),
        custom_parameters=parameters,
        media_format=MediaFormat(
            fields.text(declared, "encoding", "start.mediaFormat.", "audio/x-mulaw"),
            fields.counter(declared, "sampleRate", "start.mediaFormat.", 8000),
            fields.counter(declared, "channels", "start.mediaFormat.", 1),
        ),
    )


def _decode_dtmf(data: dict[str, Any]) -> Dtmf:
    dtmf = fields.object_(data, "dtmf")
    digit = fields.text(dtmf, "digit", "dtmf.")
    if digit not in _DIGITS:
        raise fields.expected("dtmf.digit", "one of 0-9, *, #, A-D", digit)
    track = fields.text(dtmf, "track", "dtmf.", "inbound_track")
    return Dtmf(fields.counter(data, "sequenceNumber"), digit, track, fields.text(data, "streamSid", "", ""))


def _decode_mark(data: dict[str, Any]) -> Mark:
    name = fields.text(fields.object_(data, "mark"), "name", "mark.")
    return Mark(name, fields.counter(data, "sequenceNumber", "", 0), fields.text(data, "streamSid", "", ""))


def _decode_stop(data: dict[str, Any]) -> Stop:
    stop = data.get("stop", {})
    if type(stop) is not dict:
        raise fields.expected("stop", "an object", stop)
    return Stop(
        fields.counter(data, "sequenceNumber"),
        fields.text(stop, "accountSid", "stop.", ""),
        fields.text(stop, "callSid", "stop.", ""),
        fields.text(data, "streamSid", "", ""),
    )


_RARE_EVENTS: dict[str, Callable[[dict[str, Any]], FromCarrier]] = {
    "connected": _decode_connected,
    "start": _decode_start,
    "dtmf": _decode_dtmf,
    "mark": _decode_mark,
    "stop": _decode_stop,
}

_PLAY_FIELDS = {"event", "streamSid", "media"}
_MARK_FIELDS = {"event", "streamSid", "mark"}
_CLEAR_FIELDS = {"event", "streamSid"}
_PAYLOAD_FIELDS = {"payload"}
_NAME_FIELDS = {"name"}


def _encode_play(message: Play) -> str:
    payload = b2a_base64(message.payload, newline=False).decode("ascii")
    return f'{{"event":"media","streamSid":{_quoted(message.stream_sid)},"media":{{"payload":"{payload}"}}}}'


def _encode_media(message: Media) -> str:
    payload = b2a_base64(message.payload, newline=False).decode("ascii")
    return (
        f'{{"event":"media","sequenceNumber":"{message.sequence}","media":{{"track":{_quoted(message.track)},'
        f'"chunk":"{message.chunk}","timestamp":"{message.timestamp_ms}","payload":"{payload}"}},'
        f'"streamSid":{_quoted(message.stream_sid)}}}'
    )


def _encode_rare(message: FromCarrier | ToCarrier) -> str:
    body: dict[str, Any]
    match message:
        case SendMark(stream_sid, name):
            body = {"event": "mark", "streamSid": stream_sid, "mark": {"name": name}}
        case Clear(stream_sid):
            body = {"event": "clear", "streamSid": stream_sid}
        case Mark(name, sequence, stream_sid):
            body = {"event": "mark", "sequenceNumber": str(sequence), "streamSid": stream_sid, "mark": {"name": name}}
        case Dtmf(sequence, digit, track, stream_sid):
            body = {"event": "dtmf", "streamSid": stream_sid, "sequenceNumber": str(sequence)}
            body["dtmf"] = {"track": track, "digit": digit}
        case Stop(sequence, account_sid, call_sid, stream_sid):
            body = {"event": "stop", "sequenceNumber": str(sequence), "streamSid": stream_sid}
            body["stop"] = {"accountSid": account_sid, "callSid": call_sid}
        case Connected(protocol, version):
            body = {"event": "connected", "protocol": protocol, "version": version}
        case Start():
            body = {"event": "start", "sequenceNumber": str(message.sequence), "start": _start_object(message)}
            body["streamSid"] = message.stream_sid
        case _:
            raise TypeError(f"not a message that can be sent: {message!r}")
    return json.dumps(body, separators=(",", ":"))


def _start_object(message: Start) -> dict[str, Any]:
    declared = message.media_format
    return {
        "accountSid": message.account_sid,
        "streamSid": message.stream_sid,
        "callSid": message.call_sid,
        "tracks": list(message.tracks),
        "mediaFormat": {
            "encoding": declared.encoding,
            "sampleRate": declared.sample_rate_hz,
            "channels": declared.channels,
        },
        "customParameters": dict(message.custom_parameters),
    }
