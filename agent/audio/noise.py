"""The noise floor of one line: probed in a call's first second, then followed. Pure."""

from __future__ import annotations

#: A line that is quieter counts as so quiet: the last bit of mu-law flickering is not "20 dB over the floor".
LOWEST_DBFS = -60.0
#: A floor is never taken to be louder: what sounds louder than this may always be somebody.
HIGHEST_DBFS = -42.0
#: The first second of a call: the caller still listens, or lifts the receiver.
PROBE_MS = 1000
#: The floor is the level that a fifth of the probe lies below: a click, or a word, is not the line.
_PROBE_SHARE = 0.2
#: Towards quieter windows it goes fast, by this share of the way ...
_FALL_SHARE = 0.15
#: ... and to louder ones slowly, so many dB a second: a sentence that nobody took for speech must not become the floor.
_RISE_DB_PER_S = 6.0


class NoiseFloor:
    """Follows the level of what is not speech. Levels in dBFS, one a window of `window_ms`."""

    def __init__(self, window_ms: int) -> None:
        self._probe_windows = max(1, PROBE_MS // window_ms)
        self._rise_db = _RISE_DB_PER_S * window_ms / 1000
        self._probe: list[float] = []
        self.dbfs = LOWEST_DBFS
        """The floor as known so far; before anything was heard the quietest there is."""
        self.probing = True
        """Still in the first second: the floor is a guess."""

    def follow(self, level_dbfs: float, speech: bool) -> None:
        """One window's level, and whether it may have been speech: such a one never lifts the floor."""
        if self.probing:
            self._follow_probe(level_dbfs, speech)
            return
        over_db = level_dbfs - self.dbfs
        if over_db < 0:
            self.dbfs = max(LOWEST_DBFS, self.dbfs + _FALL_SHARE * over_db)
        elif not speech:
            self.dbfs = min(HIGHEST_DBFS, self.dbfs + min(self._rise_db, over_db))

    def _follow_probe(self, level_dbfs: float, speech: bool) -> None:
        self._probe_windows -= 1
        if not speech:
            self._probe.append(level_dbfs)
        if self._probe:
            lowest = sorted(self._probe)[int(_PROBE_SHARE * len(self._probe))]
            self.dbfs = min(HIGHEST_DBFS, max(LOWEST_DBFS, lowest))
        self.probing = self._probe_windows > 0
        if not self.probing:
            self._probe.clear()
