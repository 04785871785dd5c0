"""[[http_tool]] in agent.toml: what becomes of it, and its mistakes, each with its line."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from agent.agents import load_agent
from agent.errors import AgentError
from agent.llm.base import ToolCall
from agent.tools.base import Prefetch, Tool, ToolContext
from agent.tools.registry import ToolRegistry
from tests.agent.support import make_context
from tests.support.virtual_loop import VirtualContext, run_virtual

AGENT = """[agent]
name = "desk"
[phrases]
greeting = "Hello."
[llm]
engine = "synthetic"
[stt]
engine = "synthetic"
"""
FIND = """
[[http_tool]]
name = "find_parcel"
description = "Find a parcel by its number."
effect = "read"
url = "https://api.example.org/parcels/{number}"
headers = { Authorization = "Bearer ${PARCEL_KEY}" }
query = { lang = "en" }
result = { status = "parcel.status" }
fillers = ["Let me look.", "One moment."]
retries = 1
cache_s = 10
prefetch = { from_slot = "order_number", argument = "number" }
[http_tool.arguments.number]
description = "the parcel's number: four digits"
pattern = "^[0-9]{4}$"
"""
BOOK = """
[[http_tool]]
name = "book"
description = "Book a table."
effect = "write"
method = "POST"
url = "https://api.example.org/tables"
json = { day = "{day}", people = "{people}", note = "{note}" }
claims = ["gebucht"]
concurrency = 3
timeout_ms = 5000
[http_tool.arguments]
day = { description = "the day" }
people = { description = "how many", type = "integer" }
note = { description = "a wish", optional = true, choices = ["window", "garden"] }
"""


def tools(tmp_path: Path, *declared: str, files: dict[str, str] | None = None) -> dict[str, Tool]:
    (tmp_path / "agent.toml").write_text(AGENT + "".join(declared))
    for name, text in (files or {}).items():
        (tmp_path / name).write_text(text)
    return dict(load_agent(str(tmp_path)).tools)


def test_it_becomes_a_tool_as_any_other(tmp_path: Path) -> None:
    made = tools(tmp_path, FIND, BOOK)
    find, book = made["find_parcel"], made["book"]
    assert find.parameters == {
        "type": "object",
        "additionalProperties": False,
        "required": ["number"],
        "properties": {"number": {"type": "string", "maxLength": 200, "pattern": "^[0-9]{4}$",
                                  "description": "the parcel's number: four digits"}},
    }  # fmt: skip
    assert (find.effect, find.fillers, find.retries, find.cache_s) == ("read", ("Let me look.", "One moment."), 1, 10)
    assert find.prefetch == (Prefetch(from_slot="order_number", argument="number"),)
    assert book.parameters["required"] == ["day", "people"]
    assert (book.claims, book.concurrency, book.timeout_s) == (("gebucht",), 3, 5.0)
    assert {"hang_up", "take_message"} < set(made)


def test_mistakes_are_told_with_their_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARCEL_KEY", "x")
    wrong: list[tuple[str, str, str]] = [
        ("https://api.example.org/", "http://api.example.org/", 'agent.toml:14: .*write "https://"'),
        ("https://api.example.org/", "https://{number}.example.org/", "14: .*fixed host"),
        ("https://api.example.org/", "https://10.0.0.1/", "14: .*no public address"),
        ("https://api.example.org/", "https://[::1]/", "14: .*no public address"),
        ("https://api.example.org/", "https://me:pass@api.example.org/", "14: .*no name and password"),
        ("https://api.example.org/", "https://api.example.org:x/", "14: .*fixed host"),
        ("parcels/{number}", "parcels?n={number}", '14: .*into query'),
        ("parcels/{number}", "parcels/{nubmer}", "14: .*no .http_tool.arguments.nubmer"),
        ("parcels/{number}", "parcels/{number!r}", "14: .*stray brace"),
        ("parcels/{number}", "parcels/${PARCEL_KEY}/{number}", "14: "),
        ("/{number}", "", "22: .*'number' is sent nowhere"),
        ('lang = "en"', 'lang = "${PARCEL_KEY}"', "16: "),
        ("Authorization =", "Host =", "15: .*'Host' cannot be set"),
        ('"^[0-9]{4}$"', '"^[0-9"', "24: .*no regular expression"),
        ('"read"', '"reed"', "13: .*did you mean 'read'"),
        ('effect = "read"', 'effect = "read"\nmethod = "DELETE"', "14: .*DELETE changes something"),
        ("retries = 1", "retires = 1", "19: .*did you mean 'retries'"),
        ("retries = 1", "retries = 9", "19: .*from 0 to 5"),
        ('argument = "number"', 'argument = "nr"', "no parameter 'nr'"),
        ('name = "find_parcel"', 'name = "find parcel"', "11: .*cannot be named"),
        ("pattern =", "optional = true\npattern =", "14: .*optional"),
        ('cache_s = 10', 'json = { a = "b" }', "20: .*has no body"),
    ]  # fmt: skip
    for old, new, told in wrong:
        assert old in FIND
        with pytest.raises(AgentError, match=told):
            tools(tmp_path, FIND.replace(old, new))
    with pytest.raises(AgentError, match="two http_tools named 'find_parcel'"):
        tools(tmp_path, FIND, FIND)
    own = '''
from agent.tools.base import ToolContext
from agent.tools.decorator import tool

@tool(effect="read")
def find_parcel(ctx: ToolContext) -> None:
    """Find."""
'''
    with pytest.raises(AgentError, match=r"tools.py: agent.toml has an \[\[http_tool\]\] named 'find_parcel'"):
        tools(tmp_path, FIND, files={"tools.py": own})
    with pytest.raises(AgentError, match="must be tables"):
        tools(tmp_path / ".", "\n[http_tool]\nname = 'x'\n", files={"tools.py": ""})


async def test_it_asks_a_real_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARCEL_KEY", "secret-1")
    seen: list[tuple[str, Any]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(
            (request.raw_path, await request.json() if request.can_read_body else request.headers["Authorization"])
        )
        return web.json_response({"parcel": {"status": "late", "secret": "secret-1"}, "outcome": "booked"})

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    async with TestServer(app) as server:
        here = str(server.make_url("")).rstrip("/")
        declared = [
            text.replace("https://api.example.org", here).replace("effect =", "private_network = true\neffect =")
            for text in (FIND, BOOK)
        ]
        registry = ToolRegistry(tools(tmp_path, *declared))
        context = ToolContext("c", "", tmp_path, "", make_context())
        found = await registry.run(ToolCall("1", "find_parcel", {"number": 4712}), context, turn=1)
        assert found.result == {"outcome": "ok", "status": "late"}
        wrong = await registry.run(ToolCall("2", "find_parcel", {"number": "47/.."}), context, turn=1)
        assert not wrong.ok
        booked = await registry.run(ToolCall("3", "book", {"day": "friday", "people": 2}), context, turn=1)
        assert booked.result["outcome"] == "booked"
    assert seen == [
        ("/parcels/4712?lang=en", "Bearer secret-1"),
        ("/tables", {"day": "friday", "people": 2, "note": None}),
    ]


def test_it_works_in_virtual_time_which_a_replay_may_want(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARCEL_KEY", "secret-1")

    async def case() -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            body = b'{"parcel": {"status": "late"}}'
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
            )
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        here = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        declared = FIND.replace("https://api.example.org", here).replace("effect =", "private_network = true\neffect =")
        registry = ToolRegistry(tools(tmp_path, declared))
        context = ToolContext("c", "", tmp_path, "", VirtualContext())
        found = await registry.run(ToolCall("1", "find_parcel", {"number": "4712"}), context, turn=1)
        assert found.result == {"outcome": "ok", "status": "late"}
        server.close()

    run_virtual(case(), strict=False)
