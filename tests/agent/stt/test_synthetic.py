"""The synthetic recogniser: a word per 300 ms of audio, shown 100 ms later; the final 50 ms after it is asked for."""

from __future__ import annotations

import asyncio

import pytest

from agent.stt.base import Partial
from agent.stt.synthetic import SyntheticStt
from tests.agent.support import make_agent
from tests.support.virtual_loop import VirtualContext, virtual

SECOND = bytes(16000)


@virtual
async def test_its_pace() -> None:
    loop = asyncio.get_running_loop()
    call = SyntheticStt(make_agent(), script=["one two three"]).call(VirtualContext())
    seen: list[tuple[str, float]] = []
    began = loop.time()
    utterance = call.begin(lambda partial: seen.append((partial.text, loop.time() - began)))
    utterance.push(SECOND[: 2 * 8 * 599])
    await asyncio.sleep(0.15)
    assert [text for text, _ in seen] == ["one"]
    assert seen[0][1] == pytest.approx(0.1)
    utterance.push(SECOND)
    await asyncio.sleep(0.101)
    assert [text for text, _ in seen] == ["one", "one two", "one two three"]
    asked = loop.time()
    assert (await utterance.final()).text == "one two three"
    assert loop.time() - asked == pytest.approx(0.05)


@virtual
async def test_the_script_goes_on_with_finals_and_its_end_repeats() -> None:
    call = SyntheticStt(make_agent(), script=["a", "b"], final_delay_ms=0).call(VirtualContext())

    def ignore(partial: Partial) -> None:
        pass

    await call.begin(ignore).cancel()
    assert [(await call.begin(ignore).final()).text for _ in range(4)] == ["a", "b", "b", "b"]
