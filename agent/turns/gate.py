"""The speech gate: speech probabilities in, "speech began" and "speech paused" out. Pure; hysteresis on media time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from agent.audio.levels import dbfs
from agent.audio.noise import NoiseFloor
from agent.vad.base import ENTER, LEAVE, NO_SPEECH, WINDOW_MS

#: A window this far (30 dB) below the loudest of its stretch is quiet, whatever the detector says: Silero's
#: probability stays high for some 130 ms after the last sound, and that would be added to every answer.
QUIET_SHARE = 10 ** (-30 / 20)
#: On a noisy line no window is: there one is quiet that is no louder than the line (give or take what noise strays),
#: if the stretch was clearly louder.
_NEAR_FLOOR_DB = 3.0
_CLEAR_DB = 15.0
#: What a window says for speech before the gate is open: its log odds, a little in favour. There must be as much of it
#: as windows of the least speech, but for what the detector is late by; 1 at least. So with 64 ms one window of 0.71
#: opens it, two of 0.58, or three of 0.53. Measured over 300 beginnings at 20 dB and 22 minutes of noises, music and
#: tones: 10 to 20 ms earlier than without that; in 46 minutes of calls, 17 false stops instead of 16.
_FAVOUR = 0.3
_LATE = 0.8
_LEAST_NEED = 1.0
#: A window counts for two at most, however sure the detector is of it: more would make up for windows not yet heard.
_MOST = 2.0
#: And takes back no more than one of 0.71 gave: a dip between two syllables does not undo a beginning.
_LEAST = -1.2


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """The caller is speaking; `speech_ms` is when the speech began, `media_ms` when that became certain."""

    speech_ms: int
    media_ms: int
    probability: float = field(default=1.0, compare=False)
    """The detector's, for the last of its windows."""


@dataclass(frozen=True, slots=True)
class SpeechWindow:
    """One more window of an open stretch of speech. `speech`: the detector says so; `quiet`: but nothing sounds."""

    speech: bool
    media_ms: int
    quiet: bool = False
    probability: float = field(default=1.0, compare=False)
    """The detector's: hysteresis makes `speech` of it."""


GateEvent = SpeechBegan | SpeechWindow


class SpeechGate:
    """Opens after about `min_speech_ms` of speech; `close()` is called when the turn is over.

    A window of which the detector is sure counts twice: it had to hear the one before to become so.
    """

    def __init__(self, min_speech_ms: int, window_ms: int = WINDOW_MS) -> None:
        self._need = max(_LEAST_NEED, round(min_speech_ms / window_ms) - _LATE) - 1e-6
        self._window_ms = window_ms
        self._evidence = 0.0
        self._began_ms = 0
        self._in_speech = False
        self._loudest = 0
        self._tail = False  # the end of the stretch that was closed may still sound
        self._floor = NoiseFloor(window_ms)
        self.open = False

    def window(self, probability: float, end_ms: int, level: int = 0) -> GateEvent | None:
        """One window's probability; `end_ms` is the media time of its end, `level` its RMS on the 16-bit scale."""
        level_dbfs = dbfs(level)
        self._floor.follow(level_dbfs, probability >= NO_SPEECH)
        if self._tail:
            if probability >= LEAVE and self._quiet(level, level_dbfs):
                return None
            self._tail, self._loudest = False, 0
        self._in_speech = probability >= (LEAVE if self._in_speech else ENTER)
        if self._in_speech:
            self._loudest = max(self._loudest, level)
        if self.open:
            return SpeechWindow(self._in_speech, end_ms, self._quiet(level, level_dbfs), probability)
        before = self._evidence
        self._evidence = max(0.0, before + _evidence(probability))
        if self._evidence <= 0:
            self._loudest = 0
        elif before <= 0:
            self._began_ms = end_ms - self._window_ms
        if self._evidence < self._need:
            return None
        self.open = self._in_speech = True
        return SpeechBegan(self._began_ms, end_ms, probability)

    def _quiet(self, level: int, level_dbfs: float) -> bool:
        if level < self._loudest * QUIET_SHARE:
            return True
        near = level_dbfs < self._floor.dbfs + _NEAR_FLOOR_DB
        return near and not self._floor.probing and dbfs(self._loudest) >= self._floor.dbfs + _CLEAR_DB

    def close(self) -> None:
        """The stretch is over; the next one must earn its opening again. The line's floor stays known.

        A turn may end while the detector still says "speech" of quiet windows: they are the end of the word that was
        heard, and no beginning, up to one that is no speech, or louder.
        """
        self._tail = self.open
        self.open = False
        self._evidence = 0.0
        self._in_speech = False
        if not self._tail:
            self._loudest = 0


def _evidence(probability: float) -> float:
    odds = max(1e-3, probability) / max(1e-3, 1 - probability)
    return min(_MOST, max(_LEAST, math.log(odds) + _FAVOUR))
