"""Sounding: when the caller was last heard within a turn, and which of their pauses were inner ones. Pure."""

from __future__ import annotations

from agent.vad.base import WINDOW_MS

#: Quiet this short belongs to a word: the closure of a "t", a detector that blinks.
LEAST_PAUSE_MS = 96


class Sounding:
    """Follows the VAD windows of one turn."""

    def __init__(self, least_speech_ms: int, window_ms: int = WINDOW_MS) -> None:
        self._least_speech_ms = least_speech_ms
        self._window_ms = window_ms
        self.speech_end_ms = 0
        """Where the caller was last heard."""
        self.quiet_ms = 0
        """So much quiet has been heard since, as against only not heard because no audio came."""
        self._stretch_ms = 0
        self._pause: tuple[int, int] | None = None

    def began(self, media_ms: int) -> None:
        """A stretch of speech opens, and is certain by `media_ms`."""
        self.speech_end_ms = media_ms
        self.quiet_ms = 0
        self._stretch_ms = self._least_speech_ms
        self._pause = None

    def quiet(self, media_ms: int) -> None:
        """A window without speech ends at `media_ms`."""
        self.quiet_ms = max(self.quiet_ms, media_ms - self.speech_end_ms)

    def pauses(self, media_ms: int) -> bool:
        """Whether there is a pause before the window that ends at `media_ms`."""
        return media_ms - self._window_ms - self.speech_end_ms >= LEAST_PAUSE_MS

    def loud(self, media_ms: int) -> int | None:
        """A window with speech. The length of the pause before it, as soon as it is sure that the caller went on:
        what is shorter than speech can be, a click or a breath, is part of the pause."""
        if self.pauses(media_ms):
            begin_ms = self._pause[0] if self._pause is not None else self.speech_end_ms
            self._pause = begin_ms, media_ms - self._window_ms
            self._stretch_ms = 0
        self.speech_end_ms = max(self.speech_end_ms, media_ms)
        self.quiet_ms = 0
        if self._pause is None:
            return None
        self._stretch_ms += self._window_ms
        if self._stretch_ms < self._least_speech_ms:
            return None
        begin_ms, end_ms = self._pause
        self._pause = None
        return end_ms - begin_ms
