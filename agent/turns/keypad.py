"""The keypad: single key presses gathered into one entry. Pure."""

from __future__ import annotations

#: Nobody is asked for more; a stuck key must not grow a string for ever.
MAX_KEYS = 32
#: What an entry is made of. The keys of a fourth column mean nothing here.
KEYS = frozenset("0123456789*")


class Keypad:
    """An entry is over at `#`, or at the full length of what was asked. (After a pause it is the turn that is.)"""

    def __init__(self) -> None:
        self._full = MAX_KEYS
        self._keys = ""

    def asked(self, length: int = 0, longest: int = 0) -> None:
        """What is asked for from now on has `length` digits, or up to `longest`; 0 and 0: nobody knows."""
        wanted = max(length, longest)
        self._full = wanted if 0 < wanted < MAX_KEYS else MAX_KEYS

    def press(self, digit: str) -> str | None:
        """One key; the whole entry if this key ends it."""
        if digit == "#" and self._keys:
            return self._take()
        if digit in KEYS:
            self._keys += digit
        return self._take() if len(self._keys) >= self._full else None

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
