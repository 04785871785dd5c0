"""Energy detector: speech probability from loudness over a running noise floor. The fallback without onnxruntime."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from pydantic.dataclasses import dataclass

from agent.definition import AgentDefinition
from agent.engines.options import OPTIONS, read_options
from agent.vad.base import WINDOW_SAMPLES

#: Floor at a call's start: the middle of what lines have (-70 to -50 dBFS, telephony-facts I5).
_START_FLOOR_DBFS = -58.0
#: The floor is never taken lower: digital silence must not make a click of 5 units "speech".
_LOWEST_FLOOR_DBFS = -66.0
#: It falls to a quieter window at once (by this share), and creeps up by so many dB a window: 3 dB a second, slow
#: enough that a sentence does not become the floor.
_FALL_SHARE = 0.3
_RISE_DB = 0.1
#: A probability of one half at so many dB over the floor, and how fast it goes from 0 to 1 there.
_HALF_DB = 13.0
_SLOPE_PER_DB = 0.45


@dataclass(frozen=True, config=OPTIONS)
class Options:
    """What [vad] may say for this engine."""

    half_db: float = _HALF_DB
    """So far above the noise floor a window is speech with probability 0.5."""


class EnergyVad:
    """Needs nothing but numpy. Fires on any loud sound: use "silero" where it can be installed."""

    name = "energy"

    def __init__(self, agent: AgentDefinition, **options: Any) -> None:
        self._options = read_options(Options, agent, "vad", self.name, options)

    async def start(self) -> None:
        """Nothing to load."""

    def stream(self) -> EnergyStream:
        """A detector at the usual floor."""
        return EnergyStream(self._options.half_db)

    async def close(self) -> None:
        """Nothing to let go of."""


class EnergyStream:
    """One call's floor. Not agent.audio.noise's, which must be told what is speech and never rises for that: here the
    level is the only witness, and a fan that is switched on would be speech for the rest of the call."""

    def __init__(self, half_db: float) -> None:
        self._half_db = half_db
        self._floor_dbfs = _START_FLOOR_DBFS
        self._rest = b""

    def push(self, pcm: bytes) -> list[float]:
        """PCM16 at 8 kHz; one pseudo probability per 256 samples."""
        data = self._rest + pcm
        windows, left = divmod(len(data), 2 * WINDOW_SAMPLES)
        self._rest = data[len(data) - left :] if left else b""
        return [self._window(data, 2 * WINDOW_SAMPLES * index) for index in range(windows)]

    def _window(self, data: bytes, offset: int) -> float:
        samples = np.frombuffer(data, "<i2", WINDOW_SAMPLES, offset).astype(np.float32)
        power = float(np.dot(samples, samples)) / WINDOW_SAMPLES / 32768.0**2
        level_dbfs = 10 * math.log10(max(power, 1e-10))
        over_db = level_dbfs - self._floor_dbfs
        if over_db < 0:
            self._floor_dbfs = max(_LOWEST_FLOOR_DBFS, self._floor_dbfs + _FALL_SHARE * over_db)
        else:
            self._floor_dbfs += min(_RISE_DB, over_db)
        return 1 / (1 + math.exp(-_SLOPE_PER_DB * (over_db - self._half_db)))
