"""The synthetic voice's pace: first byte after 80 ms, then five times real time; 60 ms a character."""

from __future__ import annotations

import asyncio

from agent.tts.synthetic import SyntheticTts
from tests.agent.support import make_agent, make_context


async def test_its_pace() -> None:
    loop = asyncio.get_running_loop()
    began, times, length = loop.time(), [], 0
    text = "Certainly, the parcel left this morning."
    async for chunk in SyntheticTts(make_agent()).speak(text, make_context()):
        times.append(loop.time() - began)
        length += len(chunk.pcm)
    length_s = length / 16000
    assert length_s == 0.06 * len(text)
    assert 0.075 <= times[0] < 0.12
    assert (length_s - 0.2) / 5 - 0.01 <= times[-1] - times[0] < length_s / 5 + 0.05
