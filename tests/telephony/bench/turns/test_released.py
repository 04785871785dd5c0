"""The recogniser that hears the truth: what comes, and when."""

from __future__ import annotations

import asyncio

from telephony.bench.turns.items import BYTES_PER_MS, Word
from telephony.bench.turns.released import ReleasedStt, ReleasedUtterance, Releases, Timeline
from tests.support.virtual_loop import VirtualContext, passes, virtual

WORDS = (Word("four", 300, 600), Word("seven", 700, 1000), Word("one", 2000, 2400))
FRAME_MS = 20


class Clock:
    """A line's media time: it moves by whole frames, as the loop's time does."""

    def __init__(self) -> None:
        self.ms = 0

    def __call__(self) -> int:
        return self.ms


class Call:
    def __init__(self, releases: Releases | None = None, began_ms: int = 0) -> None:
        self.clock = Clock()
        self.timeline = Timeline(self.clock)
        self.timeline.say(WORDS, began_ms)
        self.ear = ReleasedStt(self.timeline, releases).call(VirtualContext(1))
        self.partials: list[tuple[int, str]] = []

    def begin(self, preroll_ms: int) -> ReleasedUtterance:
        hearing = self.ear.begin(lambda partial: self.partials.append((round(self._now_ms()), partial.text)))
        assert isinstance(hearing, ReleasedUtterance)
        hearing.push(bytes(preroll_ms * BYTES_PER_MS))
        return hearing

    def _now_ms(self) -> float:
        return asyncio.get_running_loop().time() * 1000 - self._began_ms

    async def until(self, ms: int, hearing: ReleasedUtterance | None = None, held_from: int | None = None) -> None:
        """Frames come up to `ms`; those after `held_from` are kept back."""
        while self.clock.ms < ms:
            await passes(FRAME_MS / 1000)
            self.clock.ms += FRAME_MS
            if hearing is not None and (held_from is None or self.clock.ms <= held_from):
                hearing.push(bytes(FRAME_MS * BYTES_PER_MS))

    def starts(self) -> Call:
        self._began_ms = asyncio.get_running_loop().time() * 1000
        return self


@virtual
async def test_each_word_comes_so_long_after_its_end() -> None:
    call = Call().starts()
    await call.until(400)
    hearing = call.begin(preroll_ms=400)
    await call.until(2600, hearing)
    assert [text for _, text in call.partials] == ["four", "four seven", "four seven one"]
    assert [at for at, _ in call.partials] == [750, 1150, 2550]
    assert (await hearing.final()).text == "four seven one"


@virtual
async def test_what_was_said_before_the_preroll_is_not_heard() -> None:
    call = Call().starts()
    await call.until(1200)
    hearing = call.begin(preroll_ms=640)  # from 560 ms on: most of "four" lies before
    await call.until(1300, hearing)
    assert call.partials[-1] == (1200, "seven")
    assert (await hearing.final()).text == "seven"


@virtual
async def test_a_final_waits_for_its_last_word_and_tells_words_that_no_partial_told() -> None:
    call = Call(Releases(after_word_ms=300, final_ms=50)).starts()
    await call.until(400)
    hearing = call.begin(preroll_ms=400)
    await call.until(900, hearing)  # the middle of "seven" lies before, its end after
    began_s = asyncio.get_running_loop().time()
    assert (await hearing.final()).text == "four seven"
    assert round((asyncio.get_running_loop().time() - began_s) * 1000) == 400  # 1000 + 300 - 900
    assert [text for _, text in call.partials] in (["four"], ["four", "four seven"])


@virtual
async def test_a_word_comes_though_no_more_audio_is_given_once_its_middle_was_heard() -> None:
    call = Call().starts()
    await call.until(400)
    hearing = call.begin(preroll_ms=400)
    await call.until(2000, hearing, held_from=900)  # "seven" ends at 1000
    assert call.partials[-1] == (1150, "four seven")


@virtual
async def test_a_word_of_which_no_half_was_heard_does_not_come() -> None:
    call = Call().starts()
    await call.until(400)
    hearing = call.begin(preroll_ms=400)
    await call.until(2000, hearing, held_from=700)
    assert call.partials[-1][1] == "four"


@virtual
async def test_audio_that_is_held_back_brings_no_words_until_it_is_pushed() -> None:
    call = Call().starts()
    await call.until(400)
    hearing = call.begin(preroll_ms=400)
    await call.until(2600, hearing, held_from=1200)
    assert call.partials[-1][1] == "four seven"
    hearing.push(bytes(1400 * BYTES_PER_MS))
    await passes(0.001)
    assert call.partials[-1][1] == "four seven one"


@virtual
async def test_nothing_comes_once_it_is_cancelled() -> None:
    call = Call().starts()
    await call.until(400)
    hearing = call.begin(preroll_ms=400)
    await call.until(620, hearing)
    await hearing.cancel()
    await call.until(2600)
    assert call.partials == []


@virtual
async def test_an_item_may_begin_anywhere() -> None:
    call = Call(began_ms=5000).starts()
    await call.until(5400)
    hearing = call.begin(preroll_ms=640)
    await call.until(5800, hearing)
    assert call.partials == [(5750, "four")]
