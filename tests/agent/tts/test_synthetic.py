"""The synthetic voice's pace: first byte after 80 ms, then five times real time; 60 ms a character."""

from __future__ import annotations

import asyncio

import pytest

from agent.tts.synthetic import SyntheticTts
from tests.agent.support import make_agent
from tests.support.virtual_loop import VirtualContext, virtual


@virtual
async def test_its_pace() -> None:
    loop = asyncio.get_running_loop()
    began, times, length = loop.time(), [], 0
    text = "Certainly, the parcel left this morning."
    async for chunk in SyntheticTts(make_agent()).speak(text, VirtualContext()):
        times.append(loop.time() - began)
        length += len(chunk.pcm)
    length_s = length / 16000
    assert length_s == 0.06 * len(text)
    assert times[0] == pytest.approx(0.08)
    assert (length_s - 0.2) / 5 <= times[-1] - times[0] <= length_s / 5
