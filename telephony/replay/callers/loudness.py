"""Where somebody speaks in a recording, by loudness alone. Pure; used where no journal says it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agent.audio.levels import PIECE_MS, levels_dbfs
from telephony.sandbox.clip import SPEECH_BELOW_LOUDEST_DB, SPEECH_DBFS

ABOVE_FLOOR_DB = 12.0
"""Speech lies at least so far above the line's own noise: half of what a telephone line keeps between the two."""
FLOOR_PERCENTILE = 10
"""The level below which a tenth of the recording lies is noise: nobody speaks more than nine tenths of the time."""
LOUDEST_PERCENTILE = 99
"""Not the loudest piece of all: one click would make a whole call a room."""
HEADROOM_DB = 10.0
"""However loud the noise is taken to be, what is within this of the loudest is speech: a recording cut close to its
speech has no noise to measure."""
DIGITAL_SILENCE_DBFS = -90.0
"""Below lies no line's noise: zeros, put where no audio came."""
SHORTEST_MS = 100
"""Less loud audio than this is a click, or the other side's echo: the shortest word ("mm") has more."""
SAME_UTTERANCE_MS = 700
"""A shorter pause lies within one utterance: callers pause inside a thought, between groups of digits."""


def threshold_dbfs(levels: NDArray[np.float32]) -> float:
    """Above this a piece is speech: never below SPEECH_DBFS, nor near the noise of this recording."""
    lively = levels[levels > DIGITAL_SILENCE_DBFS]
    if not len(lively):
        return SPEECH_DBFS
    loudest = float(np.percentile(lively, LOUDEST_PERCENTILE))
    floor = float(np.percentile(lively, FLOOR_PERCENTILE))
    by_noise = min(floor + ABOVE_FLOOR_DB, loudest - HEADROOM_DB)
    return max(SPEECH_DBFS, loudest - SPEECH_BELOW_LOUDEST_DB, by_noise)


def loud_stretches(pcm: bytes, rate_hz: int, same_ms: int = SAME_UTTERANCE_MS) -> tuple[tuple[int, int], ...]:
    """(start_ms, end_ms) of each stretch in which somebody speaks, ascending; pauses shorter than `same_ms` within."""
    levels = levels_dbfs(pcm, rate_hz)
    loud = np.flatnonzero(levels > threshold_dbfs(levels))
    if not len(loud):
        return ()
    breaks = np.flatnonzero((np.diff(loud) - 1) * PIECE_MS >= same_ms) + 1
    duration_ms = len(pcm) // 2 * 1000 // rate_hz
    return tuple(
        (int(group[0]) * PIECE_MS, min((int(group[-1]) + 1) * PIECE_MS, duration_ms))
        for group in np.split(loud, breaks)
        if len(group) * PIECE_MS >= SHORTEST_MS
    )
