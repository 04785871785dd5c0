"""What every recogniser keeps: text for speech, partials on the way, cancel at any moment, calls that start alike."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agent.definition import EngineChoice
from agent.errors import LocalError
from agent.kit import make_engine
from agent.stt.base import Partial, SttCall, SttEngine, Transcript
from tests.agent.support import make_agent, make_context, recorded_pcm
from tests.support.virtual_loop import VirtualContext, passes, virtual
from tests.support.waiting import until

GRAMMAR = Path(__file__).with_name("desk.jsgf")
TEXTS = ["hello where is my parcel", "my order number is four seven one two"]


@pytest.fixture(params=["pocketsphinx", "synthetic"])
def engine(request: pytest.FixtureRequest) -> SttEngine:
    options = {"script": TEXTS, "word_ms": 100} if request.param == "synthetic" else {}
    agent = make_agent(grammar=GRAMMAR)
    made: SttEngine = make_engine("stt", EngineChoice(request.param, options), agent)
    asyncio.run(started_twice(made))
    return made


async def started_twice(engine: SttEngine) -> None:
    await engine.start()
    await engine.start()  # idempotent


def speech(engine: SttEngine, text: str) -> bytes:
    return recorded_pcm("slt/where" if text == TEXTS[0] else "slt/number-sentence", engine.rate_hz)


async def hear(engine: SttEngine, call: SttCall, text: str, frame_ms: int = 20) -> tuple[Transcript, list[Partial]]:
    partials: list[Partial] = []
    utterance = call.begin(partials.append)
    pcm = speech(engine, text)
    frame = engine.rate_hz * 2 * frame_ms // 1000
    for at in range(0, len(pcm), frame):
        utterance.push(pcm[at : at + frame])
        await passes(frame_ms / 1000)
    await passes(0.15)  # the synthetic one shows a word 100 ms later
    async with asyncio.timeout(5):
        return await utterance.final(), partials


@virtual
async def test_hears_what_is_said(engine: SttEngine) -> None:
    call = engine.call(VirtualContext())
    for text in TEXTS:
        transcript, partials = await hear(engine, call, text)
        assert transcript.text == text
        assert partials
        assert partials[-1].text == text
        assert len({partial.text for partial in partials}) > 1
        assert all(0 <= partial.stable_chars <= len(partial.text) for partial in partials)
    await call.close()


@virtual
async def test_every_call_starts_alike(engine: SttEngine) -> None:
    ctx = VirtualContext()
    first = [(await hear(engine, call, text))[0] for call in [engine.call(ctx)] for text in TEXTS]
    again = [(await hear(engine, call, text))[0] for call in [engine.call(ctx)] for text in TEXTS]
    assert first == again


@virtual
async def test_calls_at_once_do_not_mix(engine: SttEngine) -> None:
    ctx = VirtualContext()
    heard = await asyncio.gather(*(hear(engine, engine.call(ctx), TEXTS[0]) for _ in range(5)))
    assert [transcript.text for transcript, _ in heard] == [TEXTS[0]] * 5


@virtual
async def test_cancel_at_any_moment(engine: SttEngine) -> None:
    call = engine.call(VirtualContext())
    pcm = speech(engine, TEXTS[0])
    half = len(pcm) // 2
    at_any_moment = [(half, wait_ms / 1000) for wait_ms in (0, *range(1, 150, 7))]
    for pushed, wait_s in ((0, 0), (0, 0.01), (100, 0), (len(pcm), 0), *at_any_moment):
        partials: list[Partial] = []
        utterance = call.begin(partials.append)
        utterance.push(pcm[:pushed])
        await asyncio.sleep(wait_s)
        shown = len(partials)
        async with asyncio.timeout(2):
            await utterance.cancel()
            await utterance.cancel()
        utterance.push(pcm)
        await asyncio.sleep(1)
        assert len(partials) == shown
    # A cancelled one leaves nothing behind.
    assert (await hear(engine, call, TEXTS[0]))[0].text == TEXTS[0]


async def test_on_real_threads_calls_at_once_do_not_mix_and_can_be_cancelled(engine: SttEngine) -> None:
    ctx, before = make_context(), asyncio.all_tasks()
    pcm = speech(engine, TEXTS[0])

    async def one(cancelled: bool) -> str:
        partials: list[Partial] = []
        utterance = engine.call(ctx).begin(partials.append)
        utterance.push(pcm)
        await until(lambda: partials, within_s=5, what="a first word")
        if not cancelled:
            return (await utterance.final()).text
        shown = len(partials)
        await utterance.cancel()
        utterance.push(pcm)
        await asyncio.sleep(0)
        return "cancelled" if len(partials) == shown else "shown after the cancel"

    async with asyncio.timeout(10):
        heard = await asyncio.gather(*(one(number % 2 == 0) for number in range(6)))
    assert heard == ["cancelled", TEXTS[0]] * 3
    assert asyncio.all_tasks() == before


@virtual
async def test_a_final_that_is_given_up_frees_everything(engine: SttEngine) -> None:
    before = asyncio.all_tasks()
    call = engine.call(VirtualContext())
    utterance = call.begin(lambda partial: None)
    utterance.push(speech(engine, TEXTS[0]))
    final = asyncio.create_task(utterance.final())
    await asyncio.sleep(0.005)
    final.cancel()
    await asyncio.wait([final])
    await call.close()
    assert asyncio.all_tasks() == before


@virtual
async def test_cancel_after_final_is_harmless_and_nothing_said_is_a_final_too(engine: SttEngine) -> None:
    call = engine.call(VirtualContext())
    utterance = call.begin(lambda partial: None)
    async with asyncio.timeout(2):
        await utterance.final()
        await utterance.cancel()


@pytest.mark.parametrize("name", ["pocketsphinx", "synthetic"])
async def test_unknown_options_are_refused(name: str) -> None:
    with pytest.raises(LocalError, match="beam"):
        make_engine("stt", EngineChoice(name, {"beam": 3}), make_agent(grammar=GRAMMAR))
