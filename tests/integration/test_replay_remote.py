"""A replay that really asks engines outside this process: over loopback sockets, in virtual time."""

from __future__ import annotations

import asyncio
import socketserver
import threading
from collections.abc import Iterator
from itertools import pairwise
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
from tests.support.waiting import block
from tests.telephony.replay.engines.far import FarLlm, FarStt, FarTts
from tests.telephony.replay.engines.given import a_record, now_ms

#: The server thinks so long about everything: real time, which virtual time is charged.
THINKS_S = 0.02
FAR = {"stt": FarStt, "llm": FarLlm, "tts": FarTts}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A server in threads of its own, whose time is real; it answers each line with itself. What it was asked."""
    questions: list[str] = []

    class Answer(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            question = self.rfile.readline().strip()
            questions.append(question.decode())
            block(THINKS_S)
            self.wfile.write(question.replace(b" ", b"-") + b"\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answer) as server:
        for kind, engine in FAR.items():
            monkeypatch.setattr(engine, "port", server.server_address[1])
            monkeypatch.setitem(ENGINES[kind], "far", (engine.__module__, engine.__name__))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield questions
        server.shutdown()
        thread.join(5)


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


def test_every_wait_is_charged_and_the_run_is_known_to_have_touched_reality(asked: list[str]) -> None:
    async def main() -> None:
        loop = cast(VirtualLoop, asyncio.get_running_loop())
        kit = await open_kit("stt", "llm", "tts")
        ctx, times_s = VirtualContext(), [loop.time()]
        events = [event async for event in kit.kit.llm.stream(LlmRequest((Message("user", "hello"),)), ctx)]
        times_s.append(loop.time())
        assert events == [TextDelta(f"token-{number} ") for number in range(3)]
        assert [len(chunk.pcm) async for chunk in kit.kit.tts.speak("Hello.", ctx)] == [320]
        times_s.append(loop.time())
        call = kit.kit.stt.call(ctx)
        utterance = call.begin(lambda partial: None)
        utterance.push(bytes(320))
        assert await utterance.final() == Transcript("text", None)
        times_s.append(loop.time())
        await call.close()
        await kit.close()
        llm_s, tts_s, stt_s = (after - before for before, after in pairwise(times_s))
        assert 3 * THINKS_S < llm_s < 3
        assert THINKS_S < tts_s < 2
        assert THINKS_S < stt_s < 2
        assert loop.touched_reality

    run_virtual(main())
    assert (asked.count("start"), asked.count("text"), asked.count("token 1")) == (3, 1, 1)


def test_timers_stand_still_while_a_far_engine_is_awaited(asked: list[str]) -> None:
    async def main() -> None:
        kit = await open_kit("llm")
        async with asyncio.timeout(3):  # virtual: over at once if the clock jumped
            stream = kit.kit.llm.stream(LlmRequest((Message("user", "hello"),)), VirtualContext())
            assert await anext(stream) == TextDelta("token-0 ")
            await stream.aclose()  # type: ignore[attr-defined]
        await kit.close()

    run_virtual(main())
    assert asked == ["start", "token 0", "close"]


def test_engines_of_this_process_leave_a_run_deterministic() -> None:
    async def main() -> bool:
        kit = await open_kit()
        await kit.close()
        return cast(VirtualLoop, asyncio.get_running_loop()).touched_reality

    assert run_virtual(main()) is False
