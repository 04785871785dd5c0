"""Faulty engines and tools, one at a time: they wait and raise as told, close what they wrap, and hide nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agent.errors import EngineError, LocalError
from agent.kit import EngineKit
from agent.llm.base import Hinting, LlmRequest, Message, TextDelta, ToolCall
from agent.speech.cache import PhraseCache
from agent.tools.base import ToolContext
from agent.tools.builtin import BUILTIN_TOOLS
from agent.tools.decorator import tool
from agent.tools.registry import ToolRegistry
from telephony.faults.kinds import LlmFault, SttFault, ToolFault, TtsFault, Which
from telephony.faults.plan import FaultPlan
from tests.agent.fakes import LoudVad, ScriptedLlm, ScriptedStt, ScriptedTts, Step
from tests.agent.support import make_agent
from tests.support.virtual_loop import VirtualContext, virtual


def kit(**engines: Any) -> EngineKit:
    tts = engines.get("tts") or ScriptedTts()
    stt, llm = engines.get("stt") or ScriptedStt(), engines.get("llm") or ScriptedLlm([[0.1, "Yes."]])
    return EngineKit(LoudVad(), stt, llm, tts, PhraseCache(tts))


def asking(*texts: str, tool_result: bool = False) -> LlmRequest:
    messages = [Message("user", text) for text in texts]
    return LlmRequest((*messages, Message("tool", "{}", tool_call_id="c")) if tool_result else tuple(messages))


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def timed(results: AsyncIterator[Any]) -> list[tuple[float, Any]]:
    """(seconds from now, result) of each; an EngineError is the last."""
    began, out = now_s(), []
    try:
        async for result in results:
            out.append((round(now_s() - began, 3), result))
    except EngineError as error:
        out.append((round(now_s() - began, 3), str(error)))
    return out


def said(out: list[tuple[float, Any]]) -> list[tuple[float, str]]:
    return [(at, result.text if isinstance(result, TextDelta) else result) for at, result in out]


def test_what_has_no_fault_is_not_wrapped() -> None:
    bare = kit()
    wrapped = FaultPlan("none").engines(bare)
    assert (wrapped.stt, wrapped.llm, wrapped.tts, wrapped.vad) == (bare.stt, bare.llm, bare.tts, bare.vad)
    assert FaultPlan("none").tools(agent := make_agent()) is agent


@virtual
async def test_a_recogniser_falls_silent_from_its_second_utterance_on() -> None:
    stt = ScriptedStt([(0.1, "one"), (0.1, "two")])
    wrapped = FaultPlan("p", stt_faults=(SttFault("silent", Which(2)),)).engines(kit(stt=stt)).stt
    call = wrapped.call(VirtualContext())
    assert (await call.begin(lambda partial: None).final()).text == "one"
    for _ in range(2):
        utterance = call.begin(lambda partial: None)
        utterance.push(b"\0\0")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(utterance.final(), 60)
        await utterance.cancel()
    assert stt.open == 0
    await call.close()
    assert stt.closed == 1


@virtual
async def test_a_recogniser_is_slow_or_fails_in_one_turn_alone() -> None:
    for fault, took, told in (("slow", 0.9, "two"), ("fails", 0.0, 'engine "scripted-ear": the final text failed')):
        stt = ScriptedStt([(0.1, "one"), (0.1, "two"), (0.1, "three")])
        plan = FaultPlan("p", stt_faults=(SttFault(fault, Which(turn=2), 800 if fault == "slow" else 0),))
        call = plan.engines(kit(stt=stt)).stt.call(VirtualContext())
        heard = []
        for _ in range(3):
            began = now_s()
            try:
                heard.append((await call.begin(lambda partial: None).final()).text)
            except EngineError as error:
                heard.append(str(error))
            if len(heard) == 2:
                assert round(now_s() - began, 3) == took
        assert heard[0::2] == ["one", "three"]
        assert heard[1].startswith(told)
        assert stt.open == 0


@virtual
async def test_two_calls_have_the_same_faults() -> None:
    """What is counted is counted in each call for itself, though the engine is one."""
    llm, tts = ScriptedLlm([[0.1, "Yes."]]), ScriptedTts()
    plan = FaultPlan("p", llm_faults=(LlmFault("fails", Which(turn=2)),), tts_faults=(TtsFault("fails", Which(2)),))
    wrapped = plan.engines(kit(llm=llm, tts=tts))
    for ctx in (VirtualContext(), VirtualContext()):
        assert said(await timed(wrapped.llm.stream(asking("a"), ctx))) == [(0.1, "Yes.")]
        assert (
            "the answer failed, on purpose (faults: p)"
            in (await timed(wrapped.llm.stream(asking("a", "b"), ctx)))[0][1]
        )
        assert len(await timed(wrapped.tts.speak("Hello", ctx))) == 1
        assert "the speech failed" in (await timed(wrapped.tts.speak("again", ctx)))[0][1]


@pytest.mark.parametrize(
    ("fault", "script", "out"),
    [
        # A sentence that comes whole is counted by its words.
        (LlmFault("fails", Which(), after=2), [0.1, "One two three."], [(0.1, "One "), (0.1, "two ")]),
        (LlmFault("fails", Which(), after=2), [0.1, "One ", "two ", "three."], [(0.1, "One "), (0.1, "two ")]),
        (LlmFault("fails", Which()), [0.1, "One."], []),
        (LlmFault("stall", Which(), 1, for_ms=2000), [0.1, "One two."], [(0.1, "One "), (2.1, "two.")]),
        (LlmFault("stall", Which(), 0, for_ms=2000), [0.1, "One."], [(2.1, "One.")]),
        (LlmFault("slow", Which(), delay_ms=500), [0.1, "One two."], [(0.6, "One "), (1.1, "two.")]),
        (LlmFault("slow", Which(), 1, delay_ms=500), [0.1, "One two."], [(0.1, "One "), (0.6, "two.")]),
        # A reply that is shorter is not touched.
        (LlmFault("fails", Which(), after=3), [0.1, "One two."], [(0.1, "One "), (0.1, "two.")]),
    ],
)
def test_a_model_breaks_after_so_many_words(fault: LlmFault, script: list[Step], out: list[tuple[float, str]]) -> None:
    @virtual
    async def case() -> None:
        llm = ScriptedLlm([script])
        wrapped = FaultPlan("p", llm_faults=(fault,)).engines(kit(llm=llm)).llm
        got = said(await timed(wrapped.stream(asking("hello"), VirtualContext())))
        assert [each for each in got if "failed" not in each[1]] == out
        assert any("failed" in text for _, text in got) == (fault.fault == "fails" and fault.after < 3)
        assert llm.open == 0

    case()


@virtual
async def test_a_model_that_stalls_for_ever_is_closed_when_it_is_given_up() -> None:
    llm = ScriptedLlm([[0.1, "One two three four."]])
    wrapped = FaultPlan("p", llm_faults=(LlmFault("stall", Which(), after=3),)).engines(kit(llm=llm)).llm
    stream = wrapped.stream(asking("hello"), VirtualContext())
    assert [(await anext(stream)).text for _ in range(3)] == ["One ", "two ", "three "]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(stream), 60)
    assert llm.open == 0


@virtual
async def test_what_follows_a_tool_and_what_is_asked_again_belong_to_the_same_answer() -> None:
    llm = ScriptedLlm([[ToolCall("c", "look", {})], ["Found."], ["Again."], ["Yes."]])
    wrapped = FaultPlan("p", llm_faults=(LlmFault("fails", Which(turn=2)),)).engines(kit(llm=llm)).llm
    ctx = VirtualContext()
    assert len(await timed(wrapped.stream(asking("a"), ctx))) == 1
    assert said(await timed(wrapped.stream(asking("a", tool_result=True), ctx))) == [(0, "Found.")]
    assert said(await timed(wrapped.stream(asking("a"), ctx))) == [(0, "Again.")]
    assert "failed" in (await timed(wrapped.stream(asking("a", "b"), ctx)))[0][1]
    assert said(await timed(wrapped.stream(asking("a", "b", "c"), ctx))) == [(0, "Yes.")]


def test_an_engine_that_hints_still_does_and_another_still_does_not() -> None:
    class Hints(ScriptedLlm):
        def hints(self) -> tuple[str, ...]:
            return ("my parcel",)

    plan = FaultPlan("p", llm_faults=(LlmFault("fails", Which()),))
    hinting = plan.engines(kit(llm=Hints([[]]))).llm
    assert isinstance(hinting, Hinting)
    assert hinting.hints() == ("my parcel",)
    assert not isinstance(plan.engines(kit()).llm, Hinting)


@virtual
async def test_a_voice_dies_within_a_word() -> None:
    """10 ms a letter: "Hello" ends at 50 ms, " there" at 110 ms; 70 ms lie within the second word."""
    tts = ScriptedTts()
    wrapped = FaultPlan("p", tts_faults=(TtsFault("dies", Which(), after_ms=70),)).engines(kit(tts=tts)).tts
    out = await timed(wrapped.speak("Hello there friend", VirtualContext()))
    chunks = [chunk for _, chunk in out[:-1]]
    assert sum(len(chunk.pcm) for chunk in chunks) == 2 * 8 * 70
    assert [word.chars for chunk in chunks for word in chunk.words] == [5], "the word it died in was not said"
    assert "the rest of the speech failed, on purpose" in out[-1][1]
    assert tts.open == 0


@virtual
async def test_a_voice_stalls_or_is_slow() -> None:
    tts = ScriptedTts()
    stalling = FaultPlan("p", tts_faults=(TtsFault("stalls", Which(), after_ms=50),)).engines(kit(tts=tts)).tts
    stream = stalling.speak("Hello there", VirtualContext())
    assert len((await anext(stream)).pcm) == 800
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(stream), 60)
    slow = FaultPlan("p", tts_faults=(TtsFault("slow", Which(), delay_ms=300),)).engines(kit(tts=tts)).tts
    assert [at for at, _ in await timed(slow.speak("Hello there", VirtualContext()))] == [0.3, 0.6]
    assert tts.open == 0


@tool(effect="read")
def blocking(ctx: ToolContext, number: str) -> str:
    """Look up."""
    return f"found {number}"


@tool(effect="read")
async def waiting(ctx: ToolContext, number: str) -> str:
    """Look up."""
    return f"found {number}"


@virtual
async def test_tools_fail_hang_and_are_slow_and_the_model_is_told_the_same_of_them() -> None:
    tools = {each.name: each for each in (blocking, waiting, *BUILTIN_TOOLS)}
    agent = make_agent(tools=tools)
    ctx = ToolContext("CA1", "", Path("."), "", VirtualContext())
    for fault, told in (
        (ToolFault("*", "fails"), {"error": "the tool failed"}),
        (ToolFault("*", "hangs"), {"error": "no result within 8 seconds"}),
        (ToolFault("*", "slow", 1500), "found 1"),
    ):
        registry = ToolRegistry(FaultPlan("p", tool_faults=(fault,)).tools(agent).tools)
        assert registry.specs() == ToolRegistry(tools).specs()
        for name in ("blocking", "waiting"):
            began = now_s()
            outcome = await registry.run(ToolCall("c", name, {"number": 1}), ctx, turn=1)
            assert outcome.result == told
            if fault.fault == "slow":
                assert 1.5 <= now_s() - began < 1.6
        outcome = await registry.run(ToolCall("c", "hang_up", {}), ctx, turn=1)
        assert outcome.ok, "what asks nothing outside is not meant by '*'"


def test_a_tool_by_its_name_and_one_that_is_not_there() -> None:
    agent = make_agent(tools={"blocking": blocking, "waiting": waiting})
    broken = FaultPlan("p", tool_faults=(ToolFault("waiting", "fails"),)).tools(agent)
    assert broken.tools["blocking"] is blocking
    assert broken.tools["waiting"] is not waiting
    with pytest.raises(LocalError, match=r"no tool 'wating'; did you mean 'waiting'\?"):
        FaultPlan("p", tool_faults=(ToolFault("wating", "fails"),)).tools(agent)
