"""The keypad: single key presses gathered into one entry. Pure."""

from __future__ import annotations

#: A pause this long ends an entry: IVR practice is 2 to 4 s for a first key, shorter between keys.
INTER_KEY_MS = 1500
#: Nobody is asked for more; a stuck key must not grow a string for ever.
MAX_KEYS = 32
#: What an entry is made of. The keys of a fourth column mean nothing here.
KEYS = frozenset("0123456789*")


class Keypad:
    """An entry is over at `#`, at the full length of what was asked, or after a pause of `key_pause_ms`."""

    def __init__(self, key_pause_ms: int = INTER_KEY_MS) -> None:
        self._key_pause_ms = key_pause_ms
        self._full = MAX_KEYS
        self._keys = ""
        self._last_ms = 0

    def asked(self, length: int = 0, longest: int = 0) -> None:
        """What is asked for from now on has `length` digits, or up to `longest`; 0 and 0: nobody knows."""
        wanted = max(length, longest)
        self._full = wanted if 0 < wanted < MAX_KEYS else MAX_KEYS

    def press(self, digit: str, media_ms: int) -> str | None:
        """One key; the whole entry if this key ends it."""
        self._last_ms = media_ms
        if digit == "#" and self._keys:
            return self._take()
        if digit in KEYS:
            self._keys += digit
        return self._take() if len(self._keys) >= self._full else None

    def tick(self, media_ms: int) -> str | None:
        """Media time went on: the entry, if the pause has ended it."""
        if self._keys and media_ms - self._last_ms >= self._key_pause_ms:
            return self._take()
        return None

    @property
    def pending(self) -> bool:
        return bool(self._keys)

    @property
    def keys(self) -> str:
        """The entry so far."""
        return self._keys

    def clear(self) -> None:
        """Forget what has been pressed: the next key begins an entry."""
        self._keys = ""

    def _take(self) -> str:
        keys, self._keys = self._keys, ""
        return keys
