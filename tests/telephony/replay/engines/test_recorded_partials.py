"""RecordedPartials: with which frame a text is shown, and when the line is asked what time it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from agent.stt.base import Partial
from telephony.replay.engines.recorded_partials import Due, RecordedPartials
from telephony.replay.engines.serving import Serving
from telephony.replay.plan import Plan
from telephony.replay.recorded import RecordedPartial, RecordedUtterance
from tests.support.virtual_loop import virtual
from tests.telephony.replay.engines.given import a_record, now_ms, until_ms

STALL_MS = 200


class Line:
    """A frame of 20 ms comes when `due_ms(its end)` says; without audio media time goes on by the clock, once asked."""

    def __init__(self, due_ms: Callable[[int], float] = lambda end_ms: end_ms) -> None:
        self.audio_ms = self.came_ms = 1000
        self.asked: list[int] = []
        self._due_ms = due_ms
        self._clock_ms = 1000

    def media_ms(self) -> int:
        stalled_ms = now_ms() - self.came_ms
        self.asked.append(now_ms())
        self._clock_ms = max(self._clock_ms, self.audio_ms + (stalled_ms if stalled_ms > STALL_MS else 0))
        return self._clock_ms

    async def run(self, until: int, came: Callable[[], None]) -> None:
        for end_ms in range(self.audio_ms + 20, until, 20):
            await asyncio.sleep(max(0, self._due_ms(end_ms) / 1000 - asyncio.get_running_loop().time()))
            self.audio_ms, self.came_ms = end_ms, now_ms()
            came()


async def shown_on(line: Line, *texts: RecordedPartial, hears: bool = True) -> list[tuple[int, int, str]]:
    """(when, with which audio, text) of an utterance that begins at 1000; `hears`: it is given the audio."""
    await until_ms(1000)
    said = RecordedUtterance(1, 1000, 950, 3000, 3500, "")
    shown: list[tuple[int, int, str]] = []
    serving = Serving(
        Plan(), a_record(), at_ms=line.media_ms, recorded_ms=lambda media_ms: media_ms, audio_ms=lambda: line.audio_ms
    )
    due = (Due(said, text, Partial(text.text)) for text in texts)
    partials = RecordedPartials(
        serving, due, 1000, lambda partial: shown.append((now_ms(), line.audio_ms, partial.text))
    )
    line.asked.clear()
    await line.run(2500, partials.heard if hears else lambda: None)
    partials.end()
    return shown


@pytest.mark.parametrize("hears", [True, False])
@pytest.mark.parametrize("late_ms", [0, 7, 13, 45])
@virtual
async def test_a_text_comes_with_its_frame_not_before_and_before_the_next(hears: bool, late_ms: int) -> None:
    texts = (RecordedPartial(1500, "a", 0, 500.0 + late_ms), RecordedPartial(1580, "b", 0, 580.0 + late_ms))
    shown = await shown_on(Line(lambda end_ms: end_ms + late_ms), *texts, hears=hears)
    assert [(audio_ms, text) for _, audio_ms, text in shown] == [(1500, "a"), (1580, "b")]
    assert all(0 <= at_ms - audio_ms - late_ms <= 1 for at_ms, audio_ms, _ in shown)


@pytest.mark.parametrize("hears", [True, False])
@virtual
async def test_one_that_came_late_then_for_the_line_was_late_comes_with_its_frame_on_a_better_line(hears: bool) -> None:
    shown = await shown_on(Line(), RecordedPartial(1500, "a", 0, 700.0), hears=hears)
    assert [audio_ms for _, audio_ms, _ in shown] == [1500]


@virtual
async def test_where_the_line_stalls_it_is_not_asked_before_the_clock_stands_as_it_stood_then() -> None:
    line = Line(lambda end_ms: max(end_ms, 1900) if end_ms > 1300 else end_ms)
    shown = await shown_on(line, RecordedPartial(1640, "a", 0, 645.0), hears=False)
    assert shown == [(pytest.approx(1645, abs=1), 1300, "a")]
    assert min(line.asked) >= 1645


@virtual
async def test_what_comes_all_at_once_brings_its_text_when_it_comes() -> None:
    line = Line(lambda end_ms: max(end_ms, 1900) if end_ms > 1300 else end_ms)
    shown = await shown_on(line, RecordedPartial(1900, "a", 0, 903.0), RecordedPartial(1900, "b", 0, 906.0))
    assert [text for _, _, text in shown] == ["a", "b"]
    assert all(1900 <= at_ms < 1920 for at_ms, _, _ in shown)


@virtual
async def test_after_the_end_nothing_is_shown() -> None:
    assert await shown_on(Line(), RecordedPartial(2600, "a", 0, 1600.0)) == []
