"""The synthetic model's pace and shape: 100 ms, then 10 ms a token, 30 tokens, the first clause 8."""

from __future__ import annotations

import asyncio

from agent.llm.base import LlmRequest, Message, TextDelta
from agent.llm.synthetic import SyntheticLlm
from tests.agent.support import make_agent, make_context

REQUEST = LlmRequest((Message("user", "hello"),))


async def test_its_pace_and_shape() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    tokens, times = [], []
    async for event in SyntheticLlm(make_agent()).stream(REQUEST, make_context()):
        assert isinstance(event, TextDelta)
        tokens.append(event.text)
        times.append(loop.time() - began)
    assert len(tokens) == 30
    assert 0.095 <= times[0] < 0.15
    assert 0.385 <= times[-1] < 0.45
    assert [index for index, token in enumerate(tokens) if token[-1] in ",."] == [7, 29]
    assert "".join(tokens).startswith("Certainly the parcel")


async def test_closing_early_ends_it() -> None:
    stream = SyntheticLlm(make_agent(), first_token_ms=0).stream(REQUEST, make_context())
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]
