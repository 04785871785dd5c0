"""The audio that a media stream may carry: how a declared format becomes PCM16, and back.

Twilio carries mu-law at 8000 Hz and nothing else. Our own carriers (the browser phone) may declare `audio/l16` at
16000 Hz: 16-bit samples in network byte order (RFC 2586; RFC 3551, section 4.5.11).
"""

from __future__ import annotations

import audioop
from collections.abc import Callable
from dataclasses import dataclass

from agent.errors import RemoteError
from telephony.g711 import pcm_to_ulaw, ulaw_to_pcm
from telephony.media_stream.messages import L16_16K, MediaFormat, check_format


@dataclass(frozen=True, slots=True)
class LineFormat:
    """One format: `decode` gives PCM16 LE at `rate_hz`, `encode` takes it. RemoteError for half a sample."""

    rate_hz: int
    decode: Callable[[bytes], bytes]
    encode: Callable[[bytes], bytes]


def l16_to_pcm(l16: bytes) -> bytes:
    """16-bit samples in network byte order -> PCM16 LE. Raises RemoteError for half a sample."""
    if len(l16) % 2:
        raise RemoteError(f"media.payload: audio/l16 comes in pairs of bytes, got {len(l16)}: send whole samples")
    return audioop.byteswap(l16, 2)


def pcm_to_l16(pcm: bytes) -> bytes:
    """PCM16 LE -> 16-bit samples in network byte order. Raises ValueError for half a sample."""
    if len(pcm) % 2:
        raise ValueError(f"PCM16 comes in pairs of bytes, got {len(pcm)}: pass whole samples")
    return audioop.byteswap(pcm, 2)


_FORMATS = {
    MediaFormat(): LineFormat(8000, ulaw_to_pcm, pcm_to_ulaw),
    L16_16K: LineFormat(16000, l16_to_pcm, pcm_to_l16),
}


def line_format(declared: MediaFormat) -> LineFormat:
    """What `start` declared, in a form to work with. Raises RemoteError for a format that no line has."""
    check_format(declared, extensions=True)
    return _FORMATS[declared]
