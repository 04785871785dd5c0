"""PocketSphinx: mistakes in a grammar told by line; noise is nothing; decoders come back clean, and are waited for."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from agent.errors import AgentError, EngineError, LocalError
from agent.stt import pocketsphinx as module
from agent.stt.base import Partial
from agent.stt.pocketsphinx import PocketSphinxCall, PocketSphinxStt
from tests.agent.support import make_agent, make_context, recorded_pcm
from tests.support.virtual_loop import VirtualContext, virtual

GRAMMAR = Path(__file__).with_name("desk.jsgf")
HEADER = "#JSGF V1.0;\ngrammar desk;\n"


async def started(**options: object) -> PocketSphinxStt:
    engine = PocketSphinxStt(make_agent(grammar=GRAMMAR), **options)
    await engine.start()
    return engine


async def heard(call: PocketSphinxCall, pcm: bytes) -> str:
    utterance = call.begin(lambda partial: None)
    utterance.push(pcm)
    async with asyncio.timeout(5):
        return (await utterance.final()).text


def noise(level: float, seconds: float, seed: int) -> bytes:
    samples = np.random.default_rng(seed).normal(0, level, int(16000 * seconds))
    # As a telephone carries it: nothing above 4 kHz.
    return np.convolve(samples, np.sinc(np.arange(-16, 17) / 2) / 2, "same").astype("<i2").tobytes()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("grammar desk;\npublic <a> = yes;\n", r"grammar\.jsgf:1: a grammar begins with"),
        (HEADER + "public <a> = yes\n | <no>;\n", r"grammar\.jsgf:4: <no> is used but not defined"),
        (HEADER + "<a> = yes;\n", r"one rule must be public"),
        (HEADER + "public <a> = yes;\npublic <b> = no;\n", r"one rule must be public .* not 2"),
        (HEADER + "public <a> = yes |\n (no;\n", r"grammar\.jsgf:4: syntax error.* not a JSGF grammar"),
        (HEADER + "// Blorf\n/* 12\n */ public <a> = yes\n | Blorf;\n", r'grammar\.jsgf:6: .* the word "Blorf"'),
        (HEADER + "public <a> = yes | 12;\n", r'grammar\.jsgf:3: .* the word "12".* numbers as words'),
    ],
)
async def test_mistakes_in_a_grammar_name_file_and_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "grammar.jsgf"
    path.write_text(text)
    with pytest.raises(AgentError, match=told):
        await PocketSphinxStt(make_agent(grammar=path)).start()


async def test_a_grammar_is_needed_and_must_be_readable(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match=r"write grammar\.jsgf"):
        PocketSphinxStt(make_agent())
    with pytest.raises(AgentError, match="cannot be read"):
        await PocketSphinxStt(make_agent(grammar=tmp_path / "none.jsgf")).start()
    with pytest.raises(LocalError, match="max_decoders"):
        PocketSphinxStt(make_agent(grammar=GRAMMAR), decoders=3, max_decoders=2)


@pytest.mark.parametrize(("level", "seconds"), [(300, 0.3), (300, 2.0), (3000, 0.3), (3000, 0.8), (3000, 2.0)])
async def test_noise_is_nothing(level: float, seconds: float) -> None:
    call = (await started()).call(make_context())
    assert [await heard(call, noise(level, seconds, seed)) for seed in range(3)] == [""] * 3


async def test_what_no_phrase_says_is_nothing_unless_rejection_is_off() -> None:
    said = recorded_pcm("slt/cancel", 16000)  # "I want to cancel my order."
    assert await heard((await started()).call(make_context()), said) == ""
    assert await heard((await started(reject=False)).call(make_context()), said) != ""


@virtual
async def test_an_utterance_leaves_nothing_in_its_decoder() -> None:
    """One decoder only: what was heard or cancelled in one call must not change what the next one hears."""
    engine, ctx = await started(decoders=1, max_decoders=1), VirtualContext()
    pcm = recorded_pcm("slt/number-sentence", 16000)

    async def fresh() -> list[Partial]:
        partials: list[Partial] = []
        utterance = engine.call(ctx).begin(partials.append)
        for at in range(0, len(pcm), 3200):
            utterance.push(pcm[at : at + 3200])
            await asyncio.sleep(0.01)
        await utterance.final()
        return partials

    before = (await fresh())[-1]
    call = engine.call(ctx)
    await heard(call, noise(8000, 1.0, 1) + recorded_pcm("awb/goodbye", 16000))
    cancelled = call.begin(lambda partial: None)
    cancelled.push(pcm[: len(pcm) // 2])
    await asyncio.sleep(0.01)
    await cancelled.cancel()
    assert (await fresh())[-1] == before


async def test_the_mean_is_carried_within_a_call_by_what_was_understood() -> None:
    call = (await started()).call(make_context())
    assert await heard(call, noise(3000, 1.0, 1)) == ""
    assert call.cmn is None
    assert await heard(call, recorded_pcm("slt/where", 16000))
    first = call.cmn
    assert first is not None
    assert await heard(call, recorded_pcm("slt/goodbye", 16000))
    assert call.cmn != first


@pytest.mark.parametrize(
    ("name", "text"),
    [("slt-where", "where is my parcel"), ("rms-where", "where is my parcel"), ("awb-where", "where is my parcel"),
     ("slt-number-sentence", "four seven one two")],
)  # fmt: skip
async def test_wideband_speech_is_understood_on_a_wideband_line(name: str, text: str) -> None:
    """The first words of a call, as a browser sends them: by the telephone's prior they are noise."""
    engine = await started()
    clean = np.frombuffer(recorded_pcm(f"wide/{name}", 16000), "<i2")
    pcm = (clean + np.random.default_rng(1).normal(0, 20, len(clean))).astype("<i2").tobytes()  # a quiet room
    assert text in await heard(engine.call(make_context(), 16000), pcm)
    assert text not in await heard(engine.call(make_context(), 8000), pcm), "else there would be no need to choose"


async def test_a_telephones_sound_on_a_wideband_line_is_heard_as_on_a_telephone() -> None:
    engine = await started()
    for name in ("slt/where", "rms/where", "awb/where", "slt/goodbye"):
        pcm = recorded_pcm(name, 16000)
        narrow, wide = engine.call(make_context()), engine.call(make_context(), 16000)
        assert await heard(wide, pcm) == await heard(narrow, pcm) != ""


@virtual
async def test_the_first_words_may_come_late_or_never() -> None:
    engine = await started()
    call = engine.call(VirtualContext(), 16000)
    utterance = call.begin(lambda partial: None)
    await asyncio.sleep(0.02)
    utterance.push(recorded_pcm("wide/slt-where", 16000))
    assert "parcel" in (await utterance.final()).text
    assert await heard(engine.call(VirtualContext(), 16000), b"") == ""
    silent = engine.call(VirtualContext(), 16000).begin(lambda partial: None)
    await asyncio.sleep(0.01)
    async with asyncio.timeout(2):
        await silent.cancel()


@virtual
async def test_when_all_decoders_are_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_DECODER_DEADLINE_S", 0.02)
    engine = await started(decoders=1, max_decoders=1)
    ctx = VirtualContext()
    first = engine.call(ctx).begin(lambda partial: None)
    await asyncio.sleep(0.01)
    late = engine.call(ctx).begin(lambda partial: None)
    late.push(bytes(64000))
    with pytest.raises(EngineError, match="all 1 PocketSphinx decoders are in use"):
        await late.final()
    await first.cancel()
    assert await heard(engine.call(ctx), noise(300, 0.3, 1)) == ""


async def test_before_start_it_says_so() -> None:
    with pytest.raises(LocalError, match="start"):
        PocketSphinxStt(make_agent(grammar=GRAMMAR)).call(make_context())


async def test_far_more_sound_than_the_prior_was_made_for_is_measured() -> None:
    """Four times as loud, on a line whose noise is loud too; the same voice at its usual level keeps the prior."""

    async def first_mean(gain: float, line: float) -> str:
        engine = await started()
        call = engine.call(make_context())
        said = np.frombuffer(recorded_pcm("slt/goodbye", 16000), "<i2")
        onset = int(np.argmax(np.abs(said.astype(int)) > 400))
        pcm = np.concatenate([np.zeros(540 * 16), said[max(0, onset - 100 * 16) :]])
        noisy = pcm * gain + np.frombuffer(noise(line, len(pcm) / 16000, 1), "<i2")[: len(pcm)]
        decoder = await engine._pool.acquire(make_context(), deadline_s=1)  # type: ignore[union-attr]
        heard = np.clip(noisy, -32768, 32767).astype("<i2").tobytes()
        assert call.cmn is None
        return module._first_mean(decoder, heard[: module._MEASURED_BYTES])

    assert await first_mean(1, 5) == module.CMN_PRIOR
    measured = [float(number) for number in (await first_mean(4, 300)).split(",")]
    assert len(measured) == 13
    assert measured[0] > float(module.CMN_PRIOR.split(",")[0]) + 5
