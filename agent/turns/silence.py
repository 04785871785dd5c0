"""The caller's silence: when it has lasted so long that the caller is asked, and when it is goodbye. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SilencePrompt:
    """The caller must be asked, for the `count`-th time in a row; after the `last` there is nothing more to ask."""

    count: int
    last: bool


class CallerSilence:
    """Counts silence on an open floor, in media time. `tick` is for open floors only: no one else's time counts."""

    def __init__(self, no_input_ms: int, max_no_input: int) -> None:
        self._no_input_ms = no_input_ms
        self._max_no_input = max_no_input
        self._since_ms = 0
        self._prompts = 0

    def floor_opened(self, media_ms: int) -> None:
        """The caller has heard us out (or what they said was nothing): their silence begins here."""
        self._since_ms = media_ms

    def caller_answered(self) -> None:
        """A turn was committed: the next prompt is a first one again."""
        self._prompts = 0

    def tick(self, media_ms: int) -> SilencePrompt | None:
        """The floor is open, and media time went on. What follows a prompt must open the floor anew."""
        if media_ms - self._since_ms < self._no_input_ms:
            return None
        self._prompts += 1
        return SilencePrompt(self._prompts, last=self._prompts > self._max_no_input)
