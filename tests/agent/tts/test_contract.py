"""What every voice keeps: audible speech, word ends in order up to the whole text, closing early ends it."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from agent.definition import EngineChoice
from agent.errors import LocalError
from agent.kit import make_engine
from agent.tts.base import SpeechChunk, TtsEngine
from tests.agent.support import make_agent, make_context
from tests.support.levels import active_dbfs, peak_dbfs
from tests.support.waiting import until

TEXTS = [
    "Yes.",
    "Your order 4712 is on its way.",
    "  It's at £5.50 – really… Please, wait!  ",
    "Sorry, I did not catch that. Could you say it again?",
]


@pytest.fixture(params=["espeak", "synthetic"])
async def engine(request: pytest.FixtureRequest) -> TtsEngine:
    options = {"first_byte_ms": 1, "speed": 1000.0} if request.param == "synthetic" else {}
    made: TtsEngine = make_engine("tts", EngineChoice(request.param, options), make_agent())
    await made.start()
    await made.start()  # idempotent
    return made


async def speak(engine: TtsEngine, text: str) -> list[SpeechChunk]:
    return [chunk async for chunk in engine.speak(text, make_context())]


def length_ms(engine: TtsEngine, chunks: list[SpeechChunk]) -> float:
    return sum(len(chunk.pcm) for chunk in chunks) / 2 / engine.rate_hz * 1000


@pytest.mark.parametrize("text", TEXTS)
async def test_words_end_in_order_within_their_pieces(engine: TtsEngine, text: str) -> None:
    ends = []
    at = 0
    for chunk in await speak(engine, text):
        samples = len(chunk.pcm) // 2
        assert len(chunk.pcm) % 2 == 0
        assert samples > 0
        for word in chunk.words:
            assert 0 < word.sample <= samples
            ends.append((at + word.sample, word.chars))
        at += samples
    assert ends == sorted(set(ends))
    assert len({chars for _, chars in ends}) == len(ends)
    assert ends[-1] == (at, len(text.rstrip()))
    # Every end is the end of a word of the text.
    assert all(text[chars - 1] != " " and text[chars : chars + 1] in ("", " ") for _, chars in ends)
    assert len(ends) >= len(text.split()) - 1  # a lone dash may belong to its neighbour


@pytest.mark.parametrize("text", TEXTS)
async def test_speech_is_audible_at_once_and_at_telephone_level(engine: TtsEngine, text: str) -> None:
    pcm = b"".join([chunk.pcm for chunk in await speak(engine, text)])
    sound = np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2").astype(int)) > 100)
    assert sound[0] <= 0.020 * engine.rate_hz
    assert len(pcm) // 2 - sound[-1] <= 0.040 * engine.rate_hz
    assert -26 <= active_dbfs(pcm, engine.rate_hz) <= -19
    assert peak_dbfs(pcm) <= -3


@pytest.mark.parametrize("text", ["", "   ", "…"])
async def test_nothing_to_say_ends(engine: TtsEngine, text: str) -> None:
    async with asyncio.timeout(2):
        await speak(engine, text)


async def test_texts_at_once_come_out_whole(engine: TtsEngine) -> None:
    alone = [length_ms(engine, await speak(engine, text)) for text in TEXTS]
    together = await asyncio.gather(*(speak(engine, text) for text in TEXTS))
    # espeak-ng's flutter makes a few samples' difference in each second.
    assert [length_ms(engine, chunks) for chunks in together] == pytest.approx(alone, abs=20)


async def test_closing_early_leaves_the_voice_usable(engine: TtsEngine) -> None:
    whole_ms = length_ms(engine, await speak(engine, TEXTS[3]))
    for _ in range(5):
        speech = engine.speak("This is a long text that nobody will hear to its end. " * 10, make_context())
        await anext(speech)
        await speech.aclose()  # type: ignore[attr-defined]
    async with asyncio.timeout(2):
        assert length_ms(engine, await speak(engine, TEXTS[3])) == pytest.approx(whole_ms, abs=20)


async def test_cancelling_leaves_no_task(engine: TtsEngine) -> None:
    before = asyncio.all_tasks()
    chunks: list[SpeechChunk] = []

    async def speak_long() -> None:
        async for chunk in engine.speak("A text. " * 100, make_context()):
            chunks.append(chunk)

    speaking = asyncio.create_task(speak_long())
    await until(lambda: chunks, within_s=5, what="a first piece of speech")
    speaking.cancel()
    await asyncio.wait([speaking])
    assert speaking.cancelled(), "else there was nothing left to leave"
    assert asyncio.all_tasks() == before


async def test_identity_tells_voices_apart() -> None:
    def identity(name: str, **options: object) -> str:
        made: TtsEngine = make_engine("tts", EngineChoice(name, options), make_agent())
        return made.identity

    assert len({identity("espeak"), identity("espeak", variant="f2"), identity("espeak", pitch=70)}) == 3
    assert identity("synthetic") != identity("synthetic", char_ms=30)


@pytest.mark.parametrize("name", ["espeak", "synthetic"])
async def test_unknown_options_are_refused(name: str) -> None:
    with pytest.raises(LocalError, match="stability"):
        make_engine("tts", EngineChoice(name, {"stability": 0.5}), make_agent())
