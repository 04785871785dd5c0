"""Spoken: a text as the voice is to say it, and how much of the written text each part of it stands for. Pure."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Step:
    """One rewriting of a text, piece by piece: where each piece ends in the new text and in the old one, and whether it
    was taken over as it stood."""

    new_ends: tuple[int, ...]
    old_ends: tuple[int, ...]
    kept: tuple[bool, ...]

    def old_chars(self, new_chars: int) -> int:
        """How many characters of the old text the first `new_chars` of the new one say. Of what was rewritten, none
        before all of its words are said; what was left out counts as said with the word before it."""
        if new_chars <= 0 or not self.new_ends:
            return 0
        if new_chars >= self.new_ends[-1]:
            return self.old_ends[-1]
        done = bisect_right(self.new_ends, new_chars)
        said = self.old_ends[done - 1] if done else 0
        if self.kept[done]:
            said += new_chars - (self.new_ends[done - 1] if done else 0)
        return said


@dataclass(frozen=True, slots=True)
class Spoken:
    """`text` is for the voice. `steps` lead from the written text, which has `written_length` characters, to it."""

    text: str
    written_length: int
    steps: tuple[Step, ...] = field(default=(), repr=False)

    def written_chars(self, spoken_chars: int) -> int:
        """How many characters of the written text were heard with the first `spoken_chars` of `text`.

        Never falls as `spoken_chars` grows; 0 for 0, all for all. A number, an amount or an address of which a word is
        still to come counts as not heard. Where nothing is spoken of a text that is not empty, 0.
        """
        if spoken_chars <= 0:
            return 0
        if spoken_chars >= len(self.text):
            return self.written_length if self.text else 0
        for step in reversed(self.steps):
            spoken_chars = step.old_chars(spoken_chars)
        return spoken_chars


class Rewriter:
    """Makes a new text out of an old one, from its beginning to its end."""

    def __init__(self, old: str) -> None:
        self._old = old
        self._at = 0
        self._new: list[str] = []
        self._length = 0
        self._last = ""
        self._pieces: list[tuple[int, int, bool]] = []

    def put(self, start: int, end: int, words: str) -> None:
        """Say `words` for old[start:end]; "" leaves it out. What was before `start` and not put is kept."""
        self._keep(start)
        body = words.rstrip(" .,;:!?")
        if body and self._last.isalnum() and body[0].isalnum():
            self._add(" ", start, kept=False)
        self._at = end
        # A voice may say that a word has ended before its full stop: the stop is no part of what must have been heard.
        if body or not words:
            self._add(body, end, kept=False)
        if len(body) < len(words):
            self._add(words[len(body) :], end, kept=False)

    def done(self) -> tuple[str, Step]:
        """The new text, and the way back."""
        self._keep(len(self._old))
        new, old, kept = zip(*self._pieces, strict=True) if self._pieces else ((), (), ())
        return "".join(self._new), Step(new, old, kept)

    def _keep(self, end: int) -> None:
        if end <= self._at:
            return
        rest, rewritten = self._old[self._at : end], bool(self._pieces) and not self._pieces[-1][2]
        spoken = self._pieces[-1][0] - (self._pieces[-2][0] if len(self._pieces) > 1 else 0) if rewritten else 0
        if spoken and self._last.isalnum() and rest[0].isalnum():
            self._add(" ", self._at, kept=False)
        self._at = end
        self._add(rest, end, kept=True)

    def _add(self, new: str, old_end: int, *, kept: bool) -> None:
        self._length += len(new)
        self._new.append(new)
        self._last = new[-1:] or self._last
        self._pieces.append((self._length, old_end, kept))
