"""PathShape: the shape of an echo's path in time, by which it is found again where the reference lies elsewhere. Pure.

Where the far end is in what it plays is known by frames of 20 ms only, and anew whenever the agent begins to speak:
the reference leaps by as much. The path does not change by that. Its shape is known after a few windows, and a window
and a half of echo are enough to find it a little earlier or later.
"""

from __future__ import annotations

import numpy as np

from agent.audio.whitened import Samples, whitened

#: So much of what came in last is looked at: little enough for a leap to fill it soon.
_OF_MS = 192
#: The shape begins before the path's delay by the lead, and reaches so far behind it.
_REACH_MS = 112
#: The path is looked for so far to either side.
_MOST_MS = 30
_MEMORY = 0.9
#: A place is the path's if its likeness is so much over the median of all places, and over the place where it was:
#: measured 13 to 26 and 3 to 100 at leaps.
_PEAK, _SURER = 6.0, 1.2
#: Nearer than this to where it was, it is there.
_HERE = 2


class PathShape:
    """One path's. `lead`: so many samples before its delay it begins."""

    def __init__(self, rate_hz: int, lead: int) -> None:
        per_ms = rate_hz // 1000
        self._rate_hz = rate_hz
        self._of, self._reach, self._most = _OF_MS * per_ms, _REACH_MS * per_ms, _MOST_MS * per_ms
        self._lead = lead
        self._fft = 1 << (2 * self._of + self._reach + 2 * self._most + lead - 1).bit_length()
        self._lags = np.arange(-lead - self._most, self._reach + self._most) - self._reach - self._most
        self._known = False
        self._shape: Samples = np.zeros(self._reach + lead, np.float32)

    def forget(self) -> None:
        """It is another path from now on."""
        self._known = False
        self._shape[:] = 0

    def learn(self, came: Samples, played: Samples, delay: int) -> None:
        """What came in last is an echo of `played`, `delay` samples late. Both end at the same moment."""
        likeness = self._likeness(came, played, delay)
        self._shape = _MEMORY * self._shape + likeness[self._most : len(likeness) - self._most]
        self._known = True

    def leap(self, came: Samples, played: Samples, delay: int) -> int:
        """How many samples later than `delay` the path is found now; 0 if it is there, or nowhere."""
        if not self._known:
            return 0
        places = np.correlate(self._likeness(came, played, delay), self._shape, "valid")
        at = int(np.argmax(places))
        here = float(places[self._most - _HERE : self._most + _HERE + 1].max())
        surely = places[at] >= _PEAK * np.median(np.abs(places)) and places[at] > _SURER * max(0.0, here)
        return at - self._most if surely else 0

    def _likeness(self, came: Samples, played: Samples, delay: int) -> Samples:
        """At each lag from the shape's first on, `_most` more on either side."""
        came = came[-self._of :]
        last = len(played) - delay + self._lead + self._most
        first = len(played) - delay - len(came) - self._reach - self._most
        piece = np.pad(played[max(0, first) : last], (max(0, -first), max(0, last - len(played))))
        likeness = np.fft.irfft(whitened(came, piece, self._fft, self._rate_hz))
        return likeness[self._lags % self._fft].astype(np.float32)
