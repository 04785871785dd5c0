"""espeak-ng: voices share one library without mixing; pauses belong to no word; mistakes are told."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from agent.errors import LocalError
from agent.tts.base import SpeechChunk
from agent.tts.espeak import EspeakTts
from agent.tts.espeak_library import EspeakLibrary, Synthesis, Voice, WordStart
from agent.tts.espeak_speech import SpeechShaper
from tests.agent.support import make_agent, make_context


async def length_ms(engine: EspeakTts, text: str) -> float:
    return sum([len(chunk.pcm) async for chunk in engine.speak(text, make_context())]) / 16


async def test_two_voices_at_once_do_not_mix() -> None:
    slow, fast = EspeakTts(make_agent(), rate_wpm=120), EspeakTts(make_agent(), variant="f2", rate_wpm=240)
    await slow.start()
    await fast.start()
    text = "Where is my parcel?"
    alone = [await length_ms(slow, text), await length_ms(fast, text)]
    assert alone[0] > 1.5 * alone[1]
    for _ in range(5):
        both = await asyncio.gather(length_ms(slow, text), length_ms(fast, text))
        assert both == pytest.approx(alone, abs=10)


async def test_unknown_voice_names_file_and_voice() -> None:
    engine = EspeakTts(make_agent(), voice="klingonese")
    with pytest.raises(LocalError, match=r'agent\.toml: \[tts\] espeak-ng has no voice "klingonese"'):
        await engine.start()


async def test_before_start_it_says_so() -> None:
    with pytest.raises(LocalError, match="start"):
        await length_ms(EspeakTts(make_agent()), "Hello.")


def test_an_error_in_the_taker_comes_out_of_speak_and_harms_nothing() -> None:
    library = EspeakLibrary.get()
    voice = Voice("en-us", 165, 50)

    def fail(samples: object, words: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        library.speak(Synthesis("Hello.", voice, fail))
    taken: list[int] = []
    library.speak(Synthesis("Hello.", voice, lambda samples, words: taken.append(len(samples))))
    assert sum(taken) > 5000


def test_cancelled_in_the_middle_stops_soon() -> None:
    synthesis = Synthesis("One two three four. " * 50, Voice("en-us", 165, 50), lambda samples, words: None)
    taken: list[int] = []

    def take(samples: np.ndarray, words: object) -> None:  # type: ignore[type-arg]
        taken.append(len(samples))
        synthesis.cancelled = len(taken) == 3

    synthesis.take = take
    EspeakLibrary.get().speak(synthesis)
    assert len(taken) == 3


def test_shaper_trims_ends_and_gives_pauses_to_no_word() -> None:
    """200 ms silence, "one" 200 ms, pause 300 ms, "two" 200 ms, 500 ms silence - in slices of 50 ms."""
    chunks: list[SpeechChunk] = []
    shaper = SpeechShaper("one, two.", chunks.append)
    parts = [(0, 0.2), (5000, 0.2), (0, 0.3), (5000, 0.2), (0, 0.5)]
    tone = np.sin(2 * np.pi * 400 * np.arange(22050) / 22050)
    audio = np.concatenate([(peak * tone[: int(22050 * length_s)]).astype(np.int16) for peak, length_s in parts])
    starts = [WordStart(int(22050 * 0.2), 0), WordStart(int(22050 * 0.7), 5)]
    for at in range(0, len(audio), 1102):
        words = [start for start in starts if at <= start.sample < at + 1102]
        shaper.take(audio[at : at + 1102], words)
    shaper.finish()
    pcm = b"".join(chunk.pcm for chunk in chunks)
    ends, at = [], 0
    for chunk in chunks:
        ends += [((at + word.sample) / 8, word.chars) for word in chunk.words]
        at += len(chunk.pcm) // 2
    assert len(pcm) / 16 == pytest.approx(10 + 700 + 30, abs=4)
    assert [chars for _, chars in ends] == [4, 9]
    assert ends[0][0] == pytest.approx(10 + 200, abs=60)  # not at the pause's end (510)
    assert ends[1][0] == pytest.approx(len(pcm) / 16)


async def test_rewound_it_speaks_the_same_samples_again() -> None:
    engine, other = EspeakTts(make_agent()), EspeakTts(make_agent(), variant="m3")
    await engine.start()
    await other.start()

    async def spoken() -> list[bytes]:
        texts = ["Hello, this is the parcel desk.", "Where is it?", "Hello, this is the parcel desk."]
        return [chunk.pcm for text in texts async for chunk in engine.speak(text, make_context())]

    engine.rewind()
    first = await spoken()
    assert await length_ms(other, "Somebody else, in between.") > 500
    assert await spoken() != first, "without rewinding nothing would have to be done"
    engine.rewind()
    assert await spoken() == first
