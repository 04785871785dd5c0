"""The parcel desk with a language model: its folder as it is, but for [llm] in agent.toml.

Its own flow stands in for the model, behind a real server.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Coroutine
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from agent.agents import load_agent
from agent.dialogue import Dialogue, Leave, Say
from agent.kit import make_engine
from agent.tools.base import ToolContext, ToolOutcome
from telephony.sandbox.openai_server.answers import flow_answers
from telephony.sandbox.openai_server.server import open_stand_in
from tests.agent.support import make_context

PARCEL_DESK = Path(__file__).parents[2] / "prompts" / "parcel-desk"
TURNS = {
    "where is my parcel": "What is your order number?",
    "four seven one two": "seven, one, two is on its way",
    "goodbye": "oodbye",
}


async def test_a_call_with_tools_through_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_KEY", "desk-0123456789")
    folder = shutil.copytree(PARCEL_DESK, tmp_path / "desk", ignore=shutil.ignore_patterns("__pycache__"))
    flow = load_agent(str(folder))
    async with open_stand_in(flow_answers(flow), api_key="desk-0123456789") as server:
        llm = f'engine = "openai"\nmodel = "stand-in"\napi_key_env = "DESK_KEY"\nbase_url = "{server.base_url}"'
        file = folder / "agent.toml"
        file.write_text(file.read_text(encoding="utf-8").replace('engine = "flow"', llm), encoding="utf-8")
        agent = load_agent(str(folder))
        engine = make_engine("llm", agent.llm, agent)
        await engine.start()
        journal: list[str] = []
        context = ToolContext("CA1", "+15550100", tmp_path / "data", "", make_context())

        def spawn(work: Coroutine[Any, Any, ToolOutcome]) -> asyncio.Task[ToolOutcome]:
            return asyncio.create_task(work)

        dialogue = Dialogue(agent, engine, context, lambda kind, **_: journal.append(kind), spawn)
        left = False
        try:
            for turn, (text, answer) in enumerate(TURNS.items(), 1):
                said = ""
                async for event in dialogue.reply(turn, text):
                    said += event.text if isinstance(event, Say) else ""
                    left = left or isinstance(event, Leave)
                assert answer in said
        finally:
            await engine.close()
    assert left
    assert journal.count("tool.returned") == 2
    assert server.requests[0].body["messages"][0] == {"role": "system", "content": agent.system_prompt}
    assert {tool["function"]["name"] for tool in server.requests[0].body["tools"]} == set(agent.tools)
    # Nothing that was read once is read anew: each request begins with the one before it.
    sent = [request.body["messages"] for request in server.requests]
    assert all(later[: len(earlier)] == earlier for earlier, later in pairwise(sent))
    assert server.failures == []
