"""The keypad: single key presses gathered into one entry. Pure."""

from __future__ import annotations

#: A pause this long ends an entry: IVR practice is 2 to 4 s for a first key, shorter between keys.
INTER_KEY_MS = 1500
#: Nobody is asked for more; a stuck key must not grow a string for ever.
MAX_KEYS = 32


class Keypad:
    """`#` ends an entry at once; so does a pause."""

    def __init__(self, inter_key_ms: int = INTER_KEY_MS) -> None:
        self._inter_key_ms = inter_key_ms
        self._keys = ""
        self._last_ms = 0

    def press(self, digit: str, media_ms: int) -> str | None:
        """One key; the whole entry if this key ends it."""
        self._last_ms = media_ms
        if digit == "#" and self._keys:
            return self._take()
        if len(digit) == 1 and digit in "0123456789*":
            self._keys += digit
        return self._take() if len(self._keys) >= MAX_KEYS else None

    def tick(self, media_ms: int) -> str | None:
        """Media time went on: the entry, if the pause has ended it."""
        if self._keys and media_ms - self._last_ms >= self._inter_key_ms:
            return self._take()
        return None

    @property
    def pending(self) -> bool:
        return bool(self._keys)

    def _take(self) -> str:
        keys, self._keys = self._keys, ""
        return keys
