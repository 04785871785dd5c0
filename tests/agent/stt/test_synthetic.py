"""The synthetic recogniser: a word per 300 ms of audio, shown 100 ms later; the final 50 ms after it is asked for."""

from __future__ import annotations

import asyncio

from agent.stt.base import Partial
from agent.stt.synthetic import SyntheticStt
from tests.agent.support import make_agent, make_context

SECOND = bytes(16000)


async def test_its_pace() -> None:
    loop = asyncio.get_running_loop()
    call = SyntheticStt(make_agent(), script=["one two three"]).call(make_context())
    seen: list[tuple[str, float]] = []
    began = loop.time()
    utterance = call.begin(lambda partial: seen.append((partial.text, loop.time() - began)))
    utterance.push(SECOND[: 2 * 8 * 599])
    await asyncio.sleep(0.15)
    assert [text for text, _ in seen] == ["one"]
    assert 0.09 < seen[0][1] < 0.14
    utterance.push(SECOND)
    await asyncio.sleep(0.12)
    assert [text for text, _ in seen] == ["one", "one two", "one two three"]
    asked = loop.time()
    assert (await utterance.final()).text == "one two three"
    assert 0.045 < loop.time() - asked < 0.09


async def test_the_script_goes_on_with_finals_and_its_end_repeats() -> None:
    call = SyntheticStt(make_agent(), script=["a", "b"], final_delay_ms=0).call(make_context())

    def ignore(partial: Partial) -> None:
        pass

    await call.begin(ignore).cancel()
    assert [(await call.begin(ignore).final()).text for _ in range(4)] == ["a", "b", "b", "b"]
