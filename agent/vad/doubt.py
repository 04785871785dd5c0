"""What "speech" is worth at the start of a stretch: nothing begins in silence, and a tone is no voice. Pure.

The model takes many tones for a voice, faint ones above all, and keeps on saying so for some 130 ms after their end.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agent.audio.tones import is_tone

#: From here on a window may come to count as speech, so it is worth asking what it is.
_DOUBT = 0.2
#: After so many windows of speech that were no tones it is speech, ...
_SURE_WINDOWS = 3
#: ... and so is what follows within a second: a long vowel may pass for a tone.
_AFTER_SPEECH_WINDOWS = 31
#: For a second after a tone, the first window that sounds may be the edge of the next, and is not believed; a second
#: one in a row is.
_AFTER_TONE_WINDOWS = 31


class Doubt:
    """Checks the windows with which a stretch of speech begins; costs nothing within one."""

    def __init__(self) -> None:
        self._sure_windows = 0
        self._after_speech = 0
        self._after_tone = 0
        self._edge = False

    def silence(self) -> None:
        """A window that the model was not asked about, or in which nothing sounds."""
        self._after_speech = max(0, self._after_speech - 1)
        self._after_tone = max(0, self._after_tone - 1)
        self._edge = self._after_tone > 0
        self._sure_windows = 0

    def check(self, probability: float, heard: NDArray[np.float32], quiet: bool, noise_power: float) -> float:
        """The probability, or 0 where it is not to be believed.

        `heard`: the last 512 samples at 8 kHz, -1..1; `quiet`: no louder than the line itself, whose noise has
        `noise_power`.
        """
        if probability < _DOUBT:
            self.silence()
            return probability
        if self._after_speech:
            self._after_speech = _AFTER_SPEECH_WINDOWS
            return probability
        if quiet and not self._sure_windows:
            self.silence()
            return 0.0
        self._after_tone = max(0, self._after_tone - 1)
        if is_tone(heard, noise_power):
            self._sure_windows = 0
            self._after_tone = _AFTER_TONE_WINDOWS
            self._edge = True
            return 0.0
        if self._edge:
            self._edge = False
            return 0.0
        self._sure_windows += 1
        if self._sure_windows >= _SURE_WINDOWS:
            self._after_speech = _AFTER_SPEECH_WINDOWS
            self._after_tone = 0
        return probability
