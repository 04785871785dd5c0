"""Media Streams messages: a sans-IO codec, both ways. Knows JSON and base64; no socket, no audio, no agent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# --- from the carrier -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MediaFormat:
    """What the carrier declares its audio to be."""

    encoding: str = "audio/x-mulaw"
    sample_rate_hz: int = 8000
    channels: int = 1


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
