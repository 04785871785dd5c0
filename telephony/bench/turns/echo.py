"""The echo of what is played to a caller, as a speakerphone or a hybrid sends it back: later and softer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from telephony.bench.turns.items import RATE_HZ
from telephony.faults.frames import FRAME_MS

_FRAME = RATE_HZ * FRAME_MS // 1000
#: A small room's tail, heard through the phone's own level: 60 dB down after so long.
ROOM_MS = 150
_SEED = 5


@dataclass(frozen=True, slots=True)
class EchoSetting:
    """`delay_ms` after it was played, `down_db` softer; `response`: the room's (samples at 8 kHz, of unit energy), or
    () for a made-up one."""

    delay_ms: int
    down_db: float
    response: tuple[float, ...] = ()


def made_up_room() -> np.ndarray:
    """A room response: the direct sound, and noise that dies away over ROOM_MS. Unit energy."""
    samples = RATE_HZ * ROOM_MS // 1000
    noise = np.random.default_rng(_SEED).standard_normal(samples)
    response = noise * 10 ** (-3 * np.arange(samples) / samples) * 0.3
    response[0] = 1.0
    unit: np.ndarray = response / np.sqrt(np.sum(response**2))
    return unit


class EchoPath:
    """What comes back (caller.Echo): give it what is played, ask it frame by frame."""

    def __init__(self, setting: EchoSetting) -> None:
        room = np.array(setting.response) if setting.response else made_up_room()
        self._response = room * 10 ** (-setting.down_db / 20)
        # What is played within a frame is known at its end: less delay than two frames cannot be had.
        self._delay = max(2 * FRAME_MS, setting.delay_ms) * RATE_HZ // 1000
        self._played = np.zeros(RATE_HZ * 4, dtype=np.float64)  # the last 4 s, as a ring

    def played(self, start_ms: float, pcm: bytes) -> None:
        """This is played to the caller."""
        samples = np.frombuffer(pcm, "<i2")
        places = (int(start_ms * RATE_HZ / 1000) + np.arange(len(samples))) % len(self._played)
        self._played[places] = samples

    def frame(self, now_ms: float) -> bytes:
        """The 20 ms of echo from `now_ms` on, as PCM16."""
        ring, taps = self._played, len(self._response)
        first = int(now_ms * RATE_HZ / 1000) - self._delay
        places = (first - taps + 1 + np.arange(taps - 1 + _FRAME)) % len(ring)
        source = ring[places]
        stale = (first + _FRAME + np.arange(_FRAME)) % len(ring)
        ring[(stale - len(ring) // 2) % len(ring)] = 0.0
        if not source.any():
            return bytes(2 * _FRAME)
        echo = np.convolve(source, self._response, mode="valid")
        return np.clip(echo, -32768, 32767).astype("<i2").tobytes()
