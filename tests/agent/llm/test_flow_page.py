"""docs/agents.md describes every key that flow.toml may hold, and no other; what it says of them is so."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

from agent.llm.flowfile import read_flow
from agent.tomlfile import Table

PAGE = (Path(__file__).parents[3] / "docs" / "agents.md").read_text("utf-8")
#: One table of every kind, so that all keys are asked for.
EVERYTHING = """
[flow]
[not_understood]
[slots.s]
kind = "digits"
ask = "?"
[intents.i]
heard = ["x"]
needs = ["s"]
reply = { say = "y" }
[intents.i.replies]
otherwise = { say = "z" }
[offers.o]
ask = "?"
yes = "i"
no_say = "n"
"""


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """What flowfile.py asks each kind of table for."""
    asked: dict[str, set[str]] = defaultdict(set)

    def note(table: Table) -> None:
        match table.path:
            case (top, _):
                asked[f"[{top}.NAME]"] |= table._known
            case ("intents", _, "reply") | ("intents", _, "replies", _):
                asked["reply"] |= table._known
            case (top,):
                asked[f"[{top}]"] |= table._known
            case ():
                asked["top"] |= table._known

    monkeypatch.setattr(Table, "done", note)
    (tmp_path / "flow.toml").write_text(EVERYTHING)
    read_flow(tmp_path / "flow.toml", None)
    return dict(asked)


def described(table: str) -> set[str]:
    """The keys in the first column of the page's table of this name."""
    rows = PAGE.partition(f"| {table if table == 'reply' else f'`{table}`'} | |\n| --- | --- |\n")[2].partition("\n\n")[
        0
    ]
    return {key for row in rows.splitlines() for key in re.findall(r"`([a-z_]+)`", row.split("|")[1])}


def test_every_key_is_described_and_no_other(keys: dict[str, set[str]]) -> None:
    assert keys.pop("top") == {"flow", "not_understood", "slots", "intents", "offers"}
    assert set(keys) == {"[flow]", "[not_understood]", "[slots.NAME]", "[intents.NAME]", "[offers.NAME]", "reply"}
    for table, known in keys.items():
        assert described(table) == known, table
