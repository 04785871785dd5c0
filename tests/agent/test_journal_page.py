"""docs/journal.md tells of every event, and of every field, that code writes: others read journals too."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from agent.record import JOURNAL_VERSION
from agent.summary import parse_journal
from telephony.replay.plan import Plan
from telephony.replay.run import replay
from tests.telephony.replay.parcel_call import parcel_call

ROOT = Path(__file__).parents[2]
ENVELOPE = {"v", "n", "media_ms", "call_ms", "kind"}
#: Methods that journal: their first argument is the kind. (Logs have an event(), too, with nothing but a name.)
WRITERS = {"_journal", "journal", "event"}
KIND = re.compile(r"[a-z]+(_[a-z]+)*(\.[a-z_]+)?")


def page() -> dict[str, set[str]]:
    """Each kind of the page's table, with its fields."""
    rows = re.findall(r"^\| `([a-z_.]+)` \|([^|]*)\|", (ROOT / "docs" / "journal.md").read_text(), re.MULTILINE)
    return {kind: set(re.findall(r"`(\w+)`", fields)) for kind, fields in rows}


def written() -> Iterator[str]:
    """The kinds that code names where it journals, or where it prepares to: partial(self._journal, KIND)."""
    for folder in ("agent", "telephony/web"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.Call):
                    continue
                call, args = _name(node.func), list(node.args)
                if call == "partial" and args:
                    call, args = _name(args[0]), args[1:]
                elif call == "event" and len(args) == 1:
                    continue
                kind = args[0].value if args and isinstance(args[0], ast.Constant) else None
                if call in WRITERS and isinstance(kind, str) and KIND.fullmatch(kind):
                    yield kind


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def test_every_kind_that_is_written_stands_on_the_page_and_no_other() -> None:
    assert set(written()) == set(page())


def test_every_field_of_a_real_call_stands_on_the_page(tmp_path: Path) -> None:
    known = page()
    stalled = replay(parcel_call(), Plan(mode="anew", fault="stalls", tools="run"), tmp_path)
    kinds = set()
    for folder in (parcel_call(), stalled.folder):
        assert folder is not None
        with (folder / "journal.jsonl").open("rb") as lines:
            for event in parse_journal(lines):
                kinds.add(event["kind"])
                assert event.keys() - ENVELOPE <= known[event["kind"]], event["kind"]
                assert event["v"] == JOURNAL_VERSION
    assert {"call.started", "phrase", "line.stall", "tool.returned", "agent.heard", "call.ended"} <= kinds
