"""RecordedTts: recorded pieces to the sample, cut out of what was heard; phrases; what the record has not got."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from agent.definition import EngineChoice
from agent.errors import EngineError
from agent.line import WordEnd
from agent.tts.base import SpeechChunk
from telephony.replay.engines.recorded_tts import OTHER_VOICES, RecordedPhrases, RecordedTts
from telephony.replay.engines.serving import Serving
from telephony.replay.plan import Plan
from telephony.replay.recorded import Diverged, RecordedPiece, RecordedSpeech
from tests.agent.support import make_agent
from tests.support.virtual_loop import VirtualContext, virtual
from tests.telephony.replay.engines.given import STARTED, a_record, books, now_ms, own

TEXT = "Your order left."
#: 10 s at 8 kHz in which every sample is another.
HEARD = np.arange(80_000, dtype="<i4").astype("<i2").tobytes()


def speech(text: str = TEXT, heard_ms: int | None = 1000, **fields: Any) -> RecordedSpeech:
    """Three words, 800 samples each, in two pieces: 50 ms and 90 ms after they were asked for."""
    ends = [at for at in range(1, len(text) + 1) if at == len(text) or text[at] == " "]
    pieces = (
        RecordedPiece(50.0, 1600, (WordEnd(800, ends[0]), WordEnd(1600, ends[1]))),
        RecordedPiece(90.0, 800, (WordEnd(800, ends[2]),)),
    )
    return replace(RecordedSpeech(text, "hash", pieces, heard_ms), **fields)


def voice(*speeches: RecordedSpeech, plan: Plan | None = None, **fields: Any) -> tuple[RecordedTts, Serving]:
    serving = books(a_record(**{"speeches": speeches, "heard": HEARD, **fields}), plan)
    agent = make_agent(tts=EngineChoice("synthetic", {"first_byte_ms": 0, "speed": 1000.0, "char_ms": 10}))
    return RecordedTts(serving, own("tts", serving, *OTHER_VOICES, agent=agent)), serving


async def spoken(
    engine: RecordedTts, text: str = TEXT, came: list[tuple[int, SpeechChunk]] | None = None
) -> list[SpeechChunk]:
    """All pieces; `came` is told each and its time."""
    chunks = []
    async for chunk in engine.speak(text, VirtualContext()):
        chunks.append(chunk)
        if came is not None:
            came.append((now_ms(), chunk))
    return chunks


def sound(chunks: list[SpeechChunk]) -> bytes:
    return b"".join(chunk.pcm for chunk in chunks)


@virtual
async def test_a_text_sounds_as_then_piece_by_piece() -> None:
    engine, serving = voice(speech())
    came: list[tuple[int, SpeechChunk]] = []
    await spoken(engine, came=came)
    told = [(at_ms, len(chunk.pcm) // 2, chunk.words) for at_ms, chunk in came]
    assert told == [(50, 1600, (WordEnd(800, 4), WordEnd(1600, 10))), (90, 800, (WordEnd(800, 16),))]
    assert sound(await spoken(engine)) == HEARD[16_000 : 16_000 + 4800]
    assert serving.served == {"tts: text": 2}


@pytest.mark.parametrize("voice_hz", [8000, 16_000, 22_050, 24_000])
@pytest.mark.parametrize("rate_hz", [8000, 16_000])
@pytest.mark.parametrize("heard_ms", [0, 1003, 4950, 9990, 60_000, None])
@virtual
async def test_every_piece_has_exactly_its_recorded_samples(voice_hz: int, rate_hz: int, heard_ms: int | None) -> None:
    engine, _ = voice(speech(heard_ms=heard_ms), voice_hz=voice_hz, rate_hz=rate_hz)
    assert engine.rate_hz == voice_hz
    chunks = await spoken(engine)
    assert [len(chunk.pcm) // 2 for chunk in chunks] == [1600, 800]
    assert any(sound(chunks)) == (heard_ms is not None and heard_ms < len(HEARD) * 500 // rate_hz)


@pytest.mark.parametrize(
    ("fields", "heard"),
    [
        pytest.param({"heard_ms": None}, 0, id="never heard"),
        pytest.param({"heard_ms": 9900}, 800, id="the call ended"),
    ],
)
@virtual
async def test_what_was_not_heard_is_silence(fields: dict[str, Any], heard: int) -> None:
    engine, _ = voice(speech(**fields))
    pcm = sound(await spoken(engine))
    assert any(pcm[: 2 * heard]) == bool(heard)
    assert not any(pcm[2 * heard :])


@virtual
async def test_a_speech_ends_where_the_next_one_was_heard() -> None:
    engine, _ = voice(speech(), speech("Now another one.", heard_ms=1100))
    pcm = sound(await spoken(engine))
    assert pcm == HEARD[16_000:17_600].ljust(4800, b"\0")


@virtual
async def test_without_the_agents_audio_all_is_silence() -> None:
    engine, _ = voice(speech(), heard=None)
    assert sound(await spoken(engine)) == bytes(4800)


@virtual
async def test_of_a_speech_that_lasts_for_hours_there_are_ten_minutes() -> None:
    piece = RecordedPiece(0.0, 2_000_000, (WordEnd(2_000_000, len(TEXT)),))
    engine, _ = voice(speech(pieces=(piece,) * 1000))
    assert len(sound(await spoken(engine))) == 2 * 4_000_000
    with pytest.raises(Diverged):
        await spoken(engine, "left.")


@virtual
async def test_the_same_text_again_takes_its_next_time_then_the_best_one() -> None:
    engine, _ = voice(speech(heard_ms=None), speech(heard_ms=3000), speech(heard_ms=2000, from_memory=True))
    starts = [HEARD.find(sound(await spoken(engine))) // 16 for _ in range(3)]
    assert starts[1:] == [3000, 3000]


@pytest.mark.parametrize(
    ("text", "samples", "words"),
    [
        ("order left.", 1600, (WordEnd(800, 5), WordEnd(1600, 11))),
        ("left.", 800, (WordEnd(800, 5),)),
        ("Your order", 1600, (WordEnd(800, 4), WordEnd(1600, 10))),
        ("order", 800, (WordEnd(800, 5),)),
    ],
)
@virtual
async def test_a_part_of_what_was_said_is_cut_out_of_it(text: str, samples: int, words: tuple[WordEnd, ...]) -> None:
    engine, serving = voice(speech())
    (chunk,) = await spoken(engine, text)
    assert (len(chunk.pcm) // 2, chunk.words) == (samples, words)
    assert chunk.pcm in HEARD
    assert serving.served == {"tts: part": 1}


@pytest.mark.parametrize("text", ["rder left.", "Your ord", "left. And more", "Something else."])
@virtual
async def test_what_was_not_said_stops_the_run(text: str) -> None:
    engine, serving = voice(speech())
    with pytest.raises(Diverged, match="the voice did not say this in the record"):
        await spoken(engine, text)
    assert serving.diverged is not None


@pytest.mark.parametrize("voice_hz", [8000, 16_000])
@virtual
async def test_or_the_agents_own_voice_says_it(voice_hz: int) -> None:
    engine, serving = voice(plan=Plan(missing="embedded"), voice_hz=voice_hz)
    chunks = await spoken(engine, "Something else.")
    assert len(sound(chunks)) == 2 * 15 * voice_hz // 100
    assert [word.chars for chunk in chunks for word in chunk.words] == [9, 15]
    assert serving.served == {"tts: embedded": 1}
    await engine.close()


CUT = speech(pieces=speech().pieces[:1], cut=True)


@virtual
async def test_past_the_cut_of_a_speech_the_run_has_diverged_but_not_at_once() -> None:
    engine, _ = voice(CUT)
    came: list[tuple[int, SpeechChunk]] = []
    with pytest.raises(Diverged, match="cut off in the record"):
        await spoken(engine, came=came)
    assert [(at_ms, len(chunk.pcm)) for at_ms, chunk in came] == [(50, 3200)]
    assert now_ms() == 2050


@virtual
async def test_the_agents_own_voice_goes_on_where_it_was_cut() -> None:
    engine, _ = voice(CUT, plan=Plan(missing="embedded"))
    chunks = await spoken(engine)
    assert [word.chars for chunk in chunks for word in chunk.words] == [4, 10, 16]
    assert len(sound(chunks)) == 3200 + 2 * 6 * 80


@virtual
async def test_a_speech_that_was_cut_and_said_again_is_known_whole() -> None:
    engine, serving = voice(CUT, speech(heard_ms=4000))
    assert len(sound(await spoken(engine))) == 4800
    assert serving.diverged is None


@virtual
async def test_what_failed_then_fails_now() -> None:
    events = (
        STARTED,
        {"kind": "engine.request", "engine": "tts", "name": "v", "id": "tts-1", "media_ms": 0, "call_ms": 1000.0},
        {"kind": "error", "where": "reply", "message": "it broke", "media_ms": 0, "call_ms": 1400.0},
    )
    engine, _ = voice(CUT, events=events)
    with pytest.raises(EngineError, match="it broke"):
        await spoken(engine)
    assert now_ms() == 400


# --- fixed phrases


@virtual
async def test_phrases_of_the_record_are_in_memory_and_others_are_missed_only_when_said() -> None:
    engine, serving = voice(speech("Hello to you.", from_memory=True))
    phrases = RecordedPhrases(engine, serving)
    await phrases.warm(["Hello to you.", "", "Are you there?"], VirtualContext())
    assert (len(phrases), serving.served, serving.diverged) == (1, {}, None)
    assert phrases.get("No phrase at all.") is None
    chunks = phrases.get("Hello to you.")
    assert chunks is not None
    assert sound(list(chunks)) == HEARD[16_000 : 16_000 + 4800]
    assert serving.served == {"tts: memory": 1}
    with pytest.raises(Diverged, match=r"the phrase 'Are you there\?' was not said in the record"):
        phrases.get("Are you there?")


@virtual
async def test_or_the_agents_own_voice_says_the_others() -> None:
    engine, serving = voice(speech("Hello to you.", from_memory=True), plan=Plan(missing="embedded"))
    phrases = RecordedPhrases(engine, serving)
    await phrases.warm(["Hello to you.", "Are you there?"], VirtualContext())
    assert (len(phrases), serving.served) == (2, {})
    chunks = phrases.get("Are you there?")
    assert chunks is not None
    assert len(sound(list(chunks))) == 2 * 14 * 80
    assert serving.served == {"tts: embedded": 1}
    await engine.close()
