"""A replay that really asks engines outside this process: over loopback sockets, in virtual time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from agent.definition import EngineChoice
from agent.kit import ENGINES
from agent.llm.base import LlmRequest, Message, TextDelta
from agent.stt.base import Transcript
from agent.virtual_time import VirtualContext, VirtualLoop, run_virtual
from telephony.replay.engines.kit import ReplayKit, replay_kit
from telephony.replay.plan import Plan
from tests.agent.support import make_agent
from tests.telephony.replay.engines.far import FarLlm, FarStt, FarTts
from tests.telephony.replay.engines.given import a_record, now_ms

#: The server thinks so long about everything: real time, which virtual time is charged.
THINKS_S = 0.02
FAR = {"stt": FarStt, "llm": FarLlm, "tts": FarTts}


@asynccontextmanager
async def far_server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str]]:
    """Answers each line with itself. Threads, not the loop: its waiting is real."""
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        question = (await reader.readline()).decode().strip()
        asked.append(question)
        await asyncio.get_running_loop().run_in_executor(None, think)
        writer.write(question.replace(" ", "-").encode() + b"\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    for kind, engine in FAR.items():
        monkeypatch.setattr(engine, "port", server.sockets[0].getsockname()[1])
        monkeypatch.setitem(ENGINES[kind], "far", (engine.__module__, engine.__name__))
    try:
        yield asked
    finally:
        server.close()
        await server.wait_closed()


def think() -> None:
    time.sleep(THINKS_S)


async def open_kit(*kinds: str) -> ReplayKit:
    engines: dict[str, Any] = {kind: EngineChoice("far") for kind in kinds}
    return await replay_kit(
        make_agent(**engines),
        Plan(mode="anew", real=True),
        a_record(),
        VirtualContext(),
        at_ms=now_ms,
        recorded_ms=lambda media_ms: media_ms,
    )


def spent(began_s: float) -> float:
    return asyncio.get_running_loop().time() - began_s


def test_every_wait_is_charged_and_the_run_is_known_to_have_touched_reality(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        loop = cast(VirtualLoop, asyncio.get_running_loop())
        async with far_server(monkeypatch) as asked:
            kit = await open_kit("stt", "llm", "tts")
            ctx, took = VirtualContext(), {}
            began_s = loop.time()
            request = LlmRequest((Message("user", "hello"),))
            events = [event async for event in kit.kit.llm.stream(request, ctx)]
            took["llm"], began_s = spent(began_s), loop.time()
            assert events == [TextDelta(f"token-{number} ") for number in range(3)]
            assert [len(chunk.pcm) async for chunk in kit.kit.tts.speak("Hello.", ctx)] == [320]
            took["tts"], began_s = spent(began_s), loop.time()
            call = kit.kit.stt.call(ctx)
            utterance = call.begin(lambda partial: None)
            utterance.push(bytes(320))
            assert await utterance.final() == Transcript("text", None)
            took["stt"] = spent(began_s)
            await call.close()
            await kit.close()
        assert 3 * THINKS_S < took["llm"] < 3
        assert THINKS_S < took["tts"] < 2
        assert THINKS_S < took["stt"] < 2
        assert asked.count("start") == asked.count("close") - 1 == 3  # the ear's call is closed, and its engine
        assert loop.touched_reality

    run_virtual(main())


def test_timers_stand_still_while_a_far_engine_is_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with far_server(monkeypatch):
            kit = await open_kit("llm")
            async with asyncio.timeout(3):  # virtual: passes in no time at all wherever the clock may jump
                stream = kit.kit.llm.stream(LlmRequest((Message("user", "hello"),)), VirtualContext())
                assert await anext(stream) == TextDelta("token-0 ")
                await stream.aclose()  # type: ignore[attr-defined]
            await kit.close()

    run_virtual(main())


def test_engines_of_this_process_leave_a_run_deterministic() -> None:
    async def main() -> bool:
        kit = await open_kit()
        await kit.close()
        return cast(VirtualLoop, asyncio.get_running_loop()).touched_reality

    assert run_virtual(main()) is False
