"""A recogniser that hears the truth: each word of the callers' items, a set time after it was said.

What is measured with it is turn-taking alone. It lives in virtual time: it asks the call's media clock and the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agent.context import CallContext
from agent.slots.base import NOTHING_ASKED, Asks
from agent.stt.base import Partial, SttUtterance, Transcript
from telephony.bench.turns.items import BYTES_PER_MS, RATE_HZ, Word

AFTER_WORD_MS = 150
"""What a good streaming recogniser takes from a word's end to its text (the field's own benchmarks assume it)."""
FINAL_MS = 50
"""From the last audio to the final text, once the words are known."""


class Timeline:
    """What the caller of one call says, in media time; the caller writes it, the recogniser reads it.

    `now_ms` is the media time of the line: where the audio that the session has been given ends.
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.now_ms = now_ms
        self._words: list[Word] = []

    def say(self, words: Iterable[Word], began_ms: int) -> None:
        """An item whose first sample is the line's sample at `began_ms`. To be told before its words are heard."""
        self._words += [Word(word.text, word.start_ms + began_ms, word.end_ms + began_ms) for word in words]
        self._words.sort(key=lambda word: word.end_ms)

    def between(self, start_ms: float, end_ms: float) -> list[Word]:
        """The words whose middle lies there, in order of their ends."""
        return [word for word in self._words if start_ms <= (word.start_ms + word.end_ms) / 2 < end_ms]


@dataclass(frozen=True, slots=True)
class Releases:
    """When words come: `after_word_ms` after each word's end as a partial, the final `final_ms` after it is asked for,
    but not before its last word."""

    after_word_ms: int = AFTER_WORD_MS
    final_ms: int = FINAL_MS


class ReleasedStt:
    """Hears what the timeline says. One for each call, for so is the timeline."""

    name = "released"
    remote = False
    rate_hz = RATE_HZ

    def __init__(self, timeline: Timeline, releases: Releases | None = None) -> None:
        self._timeline = timeline
        self._releases = releases or Releases()

    async def start(self) -> None:
        """Nothing to load."""

    def call(self, ctx: CallContext, line_hz: int = 8000) -> ReleasedCall:
        """The call's ear."""
        return ReleasedCall(self._timeline, self._releases)

    async def close(self) -> None:
        """Nothing to let go of."""


class ReleasedCall:
    """One call's ear."""

    def __init__(self, timeline: Timeline, releases: Releases) -> None:
        self._timeline = timeline
        self._releases = releases

    def begin(self, on_partial: Callable[[Partial], None], hint: Asks = NOTHING_ASKED) -> SttUtterance:
        """Hear from now on, and what the first push brings from before."""
        return ReleasedUtterance(self._timeline, self._releases, on_partial)

    async def close(self) -> None:
        """Nothing to let go of."""


class ReleasedUtterance:
    """One hearing: the words within the audio it is given, which is taken to be without a gap.

    What is pushed before the media clock moves on is the pre-roll: it ends at the clock.
    """

    def __init__(self, timeline: Timeline, releases: Releases, on_partial: Callable[[Partial], None]) -> None:
        self._timeline = timeline
        self._releases = releases
        self._on_partial = on_partial
        self._began_ms = timeline.now_ms()
        self._bytes = 0
        self._preroll_bytes = 0
        self._due: list[asyncio.TimerHandle] = []
        self._scheduled = 0
        self._shown = 0
        self._over = False

    @property
    def start_ms(self) -> float:
        """Where its audio begins, in media time."""
        return self._began_ms - self._preroll_bytes / BYTES_PER_MS

    @property
    def end_ms(self) -> float:
        """Where the audio it was given ends."""
        return self.start_ms + self._bytes / BYTES_PER_MS

    def push(self, pcm: bytes) -> None:
        """Its length counts: words that are within it, but for their ends, come when they are due: the session stops
        giving audio where it hears no more, and no recogniser waits for the last of an "s" that it is not given."""
        self._bytes += len(pcm)
        if self._timeline.now_ms() == self._began_ms:
            self._preroll_bytes += len(pcm)
        words = self._heard()
        while self._scheduled < len(words) and _enough_of(words[self._scheduled], self.end_ms):
            due_ms = words[self._scheduled].end_ms + self._releases.after_word_ms - self._timeline.now_ms()
            self._scheduled += 1
            loop = asyncio.get_running_loop()
            self._due.append(loop.call_later(max(0.0, due_ms / 1000), self._show, self._scheduled))

    async def final(self) -> Transcript:
        """All words whose middle lies in the audio that it was given."""
        words = self._heard()
        wait_ms = float(self._releases.final_ms)
        if words:
            wait_ms = max(wait_ms, words[-1].end_ms + self._releases.after_word_ms - self._timeline.now_ms())
        await asyncio.sleep(wait_ms / 1000)
        self._close()
        return Transcript(_text(words), 1.0)

    async def cancel(self) -> None:
        """No more partials."""
        self._close()

    def _heard(self) -> list[Word]:
        return self._timeline.between(self.start_ms, self.end_ms)

    def _show(self, count: int) -> None:
        if self._over or count <= self._shown:
            return
        self._shown = count
        text = _text(self._heard()[:count])
        self._on_partial(Partial(text, len(text)))

    def _close(self) -> None:
        self._over = True
        for handle in self._due:
            handle.cancel()


def _enough_of(word: Word, end_ms: float) -> bool:
    """Whether of `word` so much lies before `end_ms` that the final text has it too (see `Timeline.between`)."""
    return (word.start_ms + word.end_ms) / 2 < end_ms


def _text(words: Iterable[Word]) -> str:
    return " ".join(word.text for word in words)
