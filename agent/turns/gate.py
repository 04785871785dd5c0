"""The speech gate: speech probabilities in, "speech began" and "speech paused" out. Pure; hysteresis on media time."""

from __future__ import annotations

from dataclasses import dataclass, field

#: Silero's own advice: enter at 0.5, leave 0.15 lower, so that a syllable's dip is no pause.
ENTER = 0.5
LEAVE = 0.35
#: A window this far (30 dB) below the loudest of its stretch is quiet, whatever the detector says: Silero's
#: probability stays high for some 130 ms after the last sound, and that would be added to every answer.
QUIET_SHARE = 10 ** (-30 / 20)


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
    """Opens after `min_speech_ms` of speech (short dropouts forgiven); `close()` is called when the turn is over."""

    def __init__(self, min_speech_ms: int, window_ms: int = 32) -> None:
        self._need = max(1, round(min_speech_ms / window_ms))
        self._window_ms = window_ms
        self._score = 0
        self._began_ms = 0
        self._in_speech = False
        self._loudest = 0
        self.open = False

    def window(self, probability: float, end_ms: int, level: int = 0) -> GateEvent | None:
        """One window's probability; `end_ms` is the media time of its end, `level` its RMS on the 16-bit scale."""
        self._in_speech = probability >= (LEAVE if self._in_speech else ENTER)
        if self._in_speech:
            self._loudest = max(self._loudest, level)
        if self.open:
            quiet = level < self._loudest * QUIET_SHARE
            return SpeechWindow(self._in_speech, end_ms, quiet, probability)
        if self._in_speech:
            if not self._score:
                self._began_ms = end_ms - self._window_ms
            self._score += 1
            if self._score >= self._need:
                self.open = True
                return SpeechBegan(self._began_ms, end_ms, probability)
        elif self._score:
            self._score -= 1
            if not self._score:
                self._loudest = 0
        return None

    def close(self) -> None:
        """The stretch is over; the next one must earn its opening again."""
        self.open = False
        self._score = self._loudest = 0
        self._in_speech = False
