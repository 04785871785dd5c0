"""G.711 mu-law <-> PCM16 (int16, little-endian, mono), one byte a sample.

mu-law -> PCM -> mu-law loses nothing but the sign of zero: 0x7F (-0) comes back as 0xFF (+0), the same sound.
"""

from __future__ import annotations

import audioop
import sys

RATE_HZ = 8000
"""G.711 is sampled at 8000 Hz, always."""

SILENCE = 0xFF
"""The mu-law byte for zero. (A zero BYTE is the opposite: 0x00 is full scale, a loud click.)"""

PCM_PEAK = 32124
"""The loudest sample mu-law can say, on PCM16's scale."""

_SWAP = sys.byteorder == "big"  # audioop speaks the machine's byte order; PCM here is little-endian everywhere


def ulaw_to_pcm(ulaw: bytes) -> bytes:
    """Mu-law bytes -> PCM16 LE, two bytes for each."""
    pcm = audioop.ulaw2lin(ulaw, 2)
    return audioop.byteswap(pcm, 2) if _SWAP else pcm


def pcm_to_ulaw(pcm: bytes) -> bytes:
    """PCM16 LE -> mu-law bytes, one for each sample. Raises ValueError for half a sample."""
    if len(pcm) % 2:
        raise ValueError(f"PCM16 comes in pairs of bytes, got {len(pcm)}: pass whole samples")
    return audioop.lin2ulaw(audioop.byteswap(pcm, 2) if _SWAP else pcm, 2)


def silence(duration_ms: int) -> bytes:
    """`duration_ms` of mu-law silence."""
    return bytes((SILENCE,)) * (RATE_HZ * duration_ms // 1000)
