"""The cheap gate before a model: is this window louder than the line, or so soon after that it must be heard? Pure.

Most of a call's audio is a caller who listens. Such windows need no model; when the gate opens, the model is given what
came just before (see SileroStream), so that a soft first consonant is not lost to it.
"""

from __future__ import annotations

from agent.audio.noise import NoiseFloor
from agent.vad.base import LEAVE, NO_SPEECH, WINDOW_MS

#: So far over the floor somebody may be speaking: noise of one level strays 0.4 dB from window to window.
_OPEN_DB = 6.0
#: It counts as quiet again a little below that, so that the gate does not flap.
_SHUT_DB = 4.0
#: So far over the floor the vowels of a good line are; on a noisy line no window is called loud.
_LOUD_DB = 18.0
#: And so near to the loudest window of late, which fades by 12 dB a second.
_LOUD_RANGE_DB = 10.0
_FADE_DB = 0.4
#: After so many quiet windows more it shuts; a pause of less than 220 ms still reaches the model, when the gate opens
#: again.
_HOLD_WINDOWS = 2


class QuietGate:
    """Whether a window must be run through the model. Ask `opens` for each window, then tell `heard` if it was run."""

    def __init__(self) -> None:
        self._floor = NoiseFloor(WINDOW_MS)
        self._open = True
        self._quiet_windows = 0
        self._speech = False
        self._level_dbfs = self._loudest_dbfs = -100.0

    @property
    def quiet(self) -> bool:
        """Whether the last window was as quiet as the line itself."""
        return self._quiet_windows > 0

    @property
    def noise_power(self) -> float:
        """The line's noise as a share of full scale's power."""
        return float(10 ** (self._floor.dbfs / 10))

    @property
    def loud(self) -> bool:
        """Whether the last window is so loud, for this line and for what came before, that it is no end of speech."""
        return self._level_dbfs >= max(self._floor.dbfs + _LOUD_DB, self._loudest_dbfs - _LOUD_RANGE_DB)

    def opens(self, level_dbfs: float) -> bool:
        """Whether this window, of so many dBFS, is worth the model: in the first second (the probe) every one."""
        self._level_dbfs = level_dbfs
        self._loudest_dbfs = max(level_dbfs, self._loudest_dbfs - _FADE_DB)
        over_db = level_dbfs - self._floor.dbfs
        if self._open:
            self._quiet_windows = self._quiet_windows + 1 if over_db < _SHUT_DB else 0
            self._open = self._floor.probing or self._speech or self._quiet_windows <= _HOLD_WINDOWS
        elif over_db >= _OPEN_DB:
            self._open = True
            self._quiet_windows = 0
        if not self._open:
            self._floor.follow(level_dbfs, speech=False)
        return self._open

    def heard(self, probability: float) -> None:
        """What the model made of the window that was just let through."""
        self._floor.follow(self._level_dbfs, probability >= NO_SPEECH)
        self._speech = probability >= LEAVE  # then the gate stays open, whatever the level says
