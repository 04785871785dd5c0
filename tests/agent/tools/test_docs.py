"""docs/tools.md: its examples work, and its tables name every option."""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path

import pytest

from agent.agents import load_agent
from agent.llm.base import ToolCall
from agent.tools.base import ToolContext
from agent.tools.builtin import BUILTIN_TOOLS
from agent.tools.confirmation import Confirmation
from agent.tools.decorator import tool
from agent.tools.http import HttpCall
from agent.tools.registry import ToolRegistry
from tests.agent.tools.test_httpfile import AGENT
from tests.support.virtual_loop import VirtualContext, virtual

PAGE = (Path(__file__).parents[3] / "docs" / "tools.md").read_text()


def example(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


@virtual
async def test_the_examples_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARCEL_API_KEY", "x")
    (tmp_path / "agent.toml").write_text(f"{AGENT}\n{example('toml')}")
    (tmp_path / "tools.py").write_text(example("python"))
    tools = load_agent(str(tmp_path)).tools
    assert {"find_parcel", "book_table", "find_order", "cancel_order", "send_invoice"} < set(tools)
    registry = ToolRegistry(tools)
    context = ToolContext("c", "", tmp_path, "", VirtualContext())

    async def use(name: str, answer: str = "") -> object:
        said = Confirmation("Shall I cancel order 4712?", True, answer)
        asked = ToolCall("1", name, {"order_number": "4712"})
        return (await registry.run(asked, context, confirmation=said, turn=1)).result

    assert await use("find_order") == {"outcome": "in_transit", "order_number": "4712"}
    assert "error" in dict(await use("cancel_order", "not now"))  # type: ignore[call-overload]
    assert await use("cancel_order", "yes please") == {"outcome": "cancelled"}
    assert await use("send_invoice") == {"outcome": "sent"}


def test_every_option_is_told_of() -> None:
    for option in inspect.signature(tool).parameters:
        assert f"`{option}`" in PAGE, option
    for name in (each.name for each in BUILTIN_TOOLS):
        assert f"`{name}`" in PAGE, name
    for key in {field.name for field in dataclasses.fields(HttpCall)} - {"tool", "origin", "path", "body", "timeout_s"}:
        assert f"`{key}`" in PAGE, key
