"""What the line carries while the caller says nothing: quiet noise, the same in every run."""

from __future__ import annotations

import random
from functools import lru_cache

from telephony.faults.frames import FRAME_MS
from telephony.sandbox.talker import NOISE_AMPLITUDE

_SEED = 1


@lru_cache(maxsize=2)
def _second(rate_hz: int) -> tuple[bytes, ...]:
    noise = random.Random(_SEED)
    samples = range(rate_hz * FRAME_MS // 1000)
    return tuple(
        b"".join(noise.randint(-NOISE_AMPLITUDE, NOISE_AMPLITUDE).to_bytes(2, "little", signed=True) for _ in samples)
        for _ in range(1000 // FRAME_MS)
    )


def quiet_frame(rate_hz: int, now_ms: float) -> bytes:
    """20 ms of PCM16 at `rate_hz`: noise at -60 dBFS, as the sandbox's caller sends (a telephone never sends zeros)."""
    second = _second(rate_hz)
    return second[int(now_ms) // FRAME_MS % len(second)]
