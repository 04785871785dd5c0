"""What one turn says: the words of its hearings and the keys pressed between them, in order. Pure.

A recogniser gives its whole text of a hearing again and again, and gives it late: words that come after a key were
mostly said before it. So keys stand behind all words until the caller is heard to speak again; from then on, what the
recogniser adds stands behind the keys.
"""

from __future__ import annotations

#: Keys, each with the number of words of its hearing before it; None: all that come until `resumed()`.
Keyed = list[tuple[int | None, str]]


class TurnText:
    """`hear()` for each hearing, then `words()`; `keys()` and `resumed()` as they happen; `text` at any time."""

    def __init__(self) -> None:
        self._over: list[tuple[list[str], Keyed]] = []  # the words and keys of the hearings before this one
        self._before = ""  # what they say
        self._words: list[str] = []
        self._keys: Keyed = []
        self.text = ""
        """All that was said so far; keys as digits."""

    def hear(self) -> None:
        """A hearing begins: its words stand behind all that was said."""
        self._over.append((self._words, self._keys))
        self._before, self._words, self._keys = self.text, [], []

    @property
    def hearing(self) -> int:
        """The number of the hearing that goes on; the next one has another."""
        return len(self._over)

    def earlier(self, hearing: int, text: str) -> None:
        """The final text of an earlier hearing, which came after a later one had begun."""
        self._over[hearing] = text.split(), self._over[hearing][1]
        self._before = ""
        for words, keys in self._over:
            self._before = _put(self._before, keys, words)
        self.text = self._put(self._words)

    def words(self, text: str) -> bool:
        """What the recogniser has understood of the hearing by now, all of it. Whether that is something else than
        before; capitals, spaces and the marks at the ends of words do not count."""
        words = text.split()
        changed = _plain(words) != _plain(self._words)
        self._words = words
        self.text = self._put(words)
        return changed

    @property
    def spoken(self) -> str:
        """The words of the hearing, without keys."""
        return " ".join(self._words)

    def keys(self, keys: str) -> None:
        """Keys were pressed."""
        if self._keys and self._keys[-1][0] is None:
            keys = self._keys.pop()[1] + keys
        self._keys.append((None, keys))
        self.text = self._put(self._words)

    def resumed(self) -> None:
        """The caller is heard to speak after the keys."""
        if self._keys and self._keys[-1][0] is None:
            self._keys[-1] = (len(self._words), self._keys[-1][1])

    def final(self, text: str) -> str:
        """All that the turn said, with the recogniser's last word on its hearing in place."""
        return self._put(text.split())

    def _put(self, words: list[str]) -> str:
        return _put(self._before, self._keys, words)


def _put(before: str, keyed: Keyed, words: list[str]) -> str:
    pieces, at = [before], 0
    for index, keys in keyed:
        upto = len(words) if index is None else max(at, index)
        pieces += [*words[at:upto], keys]
        at = upto
    return " ".join(piece for piece in (*pieces, *words[at:]) if piece)


def _plain(words: list[str]) -> list[str]:
    """The words as far as they count: "Two." is "two"; a mark alone is no word."""
    return [plain for word in words if (plain := word.casefold().strip(".,;:!?"))]
