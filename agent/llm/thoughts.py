"""Thoughts: a model's thinking, kept out of what it says. Pure.

Reasoning models write `<think> … </think>` before their answer; a server that is not told how to part the two streams
both as the answer. A caller must hear neither.
"""

from __future__ import annotations

_OPEN, _CLOSE = "<think>", "</think>"


class Thoughts:
    """One answer's text, piece by piece. Only what it begins with counts as thinking."""

    def __init__(self) -> None:
        self._kept = ""
        self._thinking = False
        self._answering = False

    def push(self, text: str) -> str:
        """What may be said by now."""
        if self._answering:
            return text
        self._kept += text
        if not self._thinking:
            self._kept = self._kept.lstrip()
            if _OPEN.startswith(self._kept) and self._kept != _OPEN:
                return ""  # nothing yet, or what may become the mark
            if not self._kept.startswith(_OPEN):
                self._answering = True
                return self.flush()
            self._thinking = True
        thought, closed, answer = self._kept.partition(_CLOSE)
        if not closed:
            self._kept = thought[-len(_CLOSE) :]  # enough to know the closing mark by
            return ""
        self._thinking, self._kept = False, ""
        return self.push(answer)

    def flush(self) -> str:
        """The answer is over: what was kept back, if it was no thinking."""
        kept, self._kept = self._kept, ""
        return "" if self._thinking else kept
