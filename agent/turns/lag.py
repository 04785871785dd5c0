"""The recogniser's lag: whether its words come before the final text, and how late, learnt over the call. Pure."""

from __future__ import annotations

from agent.language.words import words

#: Streaming recognisers give a word some 100 to 300 ms after its end: what is assumed until this one is known.
FIRST_LAG_MS = 150
#: A change of mind long afterwards is no lag.
MOST_LAG_MS = 600
#: No word is shorter. Speech that went on for less since the words that have come holds no further one.
SHORTEST_WORD_MS = 96


class RecogniserLag:
    """When the words changed last, and by how much they come after the speech."""

    def __init__(self) -> None:
        self.streams: bool | None = None
        """Whether the recogniser gives words before its final text: some never do. None: nothing has told yet."""
        self.changed_ms = 0
        self.lag_ms = FIRST_LAG_MS
        self._came = False
        self._kept_back = 0  # final texts that had more words than were shown, less those that had no more

    def streamed(self) -> None:
        """Words have come before a final text."""
        self.streams = True

    def final_alone(self) -> None:
        """A final text has come with words, none of which were shown before: so it is, unless some ever were."""
        if not self.streams:
            self.streams = False

    def changed(self, media_ms: int) -> None:
        """The words are others than before."""
        self.changed_ms = media_ms
        self._came = True

    def settled(self, media_ms: int) -> None:
        """The words have stood since then, and are final: they were asked for, so nothing is learnt of the lag."""
        self.changed_ms = media_ms
        self._came = False

    def up_to_date(self, speech_end_ms: int) -> bool:
        """Whether no word can be missing of speech that ended then."""
        return speech_end_ms + self.lag_ms <= self.changed_ms + SHORTEST_WORD_MS

    @property
    def keeps_back(self) -> bool:
        """Whether its last words may come with the final text only. Until a final text has told, they may."""
        return self._kept_back >= 0

    def final(self, shown: str, text: str) -> None:
        """A final text came for audio of which these words had been `shown` in time. Where they are others, or none
        were, nothing is learnt; no text is no more words."""
        before, after = words(shown), words(text)
        if not before or (after and after[: len(before)] != before):
            return
        self._kept_back += 1 if len(after) > len(before) else -1

    def pause_over(self, speech_end_ms: int) -> None:
        """The caller went on, or was done, after speech that ended then: no more of its words are taken to come."""
        if not self._came:
            return
        self._came = False
        lag_ms = min(MOST_LAG_MS, max(0, self.changed_ms - speech_end_ms))
        # Taking a quick recogniser for a slow one costs a moment; the other way round costs words.
        self.lag_ms = lag_ms if lag_ms >= self.lag_ms else (self.lag_ms + lag_ms) // 2
