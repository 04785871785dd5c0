"""A stand-in's behaviour, read from a TOML file, every mistake told with its file and line (docs/sandbox.md)."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import cast, get_args

from agent.errors import LocalError
from agent.tomlfile import Mistakes, Table, did_you_mean, read_table
from telephony.faults.entries import Entry, entries_of
from telephony.sandbox.openai_server.behaviour import (
    STALL_MS,
    Behaviour,
    Fault,
    FaultKind,
    Pace,
    Quirks,
    RefusalKind,
)

PATTERNS = Path(__file__).parent / "patterns"
"""Those that come with Offhook: `hosted` is patterns/hosted.toml."""
#: An hour: longer than anything waits.
MOST_MS = 3_600_000
MOST_REQUESTS = 100_000
_FILE = re.compile(r"[/\\]|\.toml$")


def load_behaviour(name_or_file: str) -> Behaviour:
    """The pattern of this name, or what a file says. Raises AgentError or LocalError."""
    names = [file.stem for file in sorted(PATTERNS.glob("*.toml"))]
    if name_or_file in names:
        return read_behaviour(PATTERNS / f"{name_or_file}.toml")
    if _FILE.search(name_or_file):
        return read_behaviour(Path(name_or_file))
    raise LocalError(f"there is no stand-in {name_or_file[:80]!r}; {did_you_mean(name_or_file, names)}")


def read_behaviour(file: Path) -> Behaviour:
    """Raises AgentError, one line for each mistake: `file:line: what is wrong; what to write`."""
    mistakes = Mistakes()
    top = read_table(file, mistakes)
    mistakes.raise_if_any()
    assert top is not None
    description = top.text("description", "", empty=True)
    pace, quirks = top.table("pace"), top.table("quirks")
    read = Behaviour(
        file.stem,
        description,
        _pace(pace),
        tuple(_fault(entry) for entry in entries_of(file, top, ("fault",), mistakes)["fault"]),
        Quirks(**{each.name: quirks.flag(each.name) for each in fields(Quirks)}),
    )
    for table in (pace, quirks, top):
        table.done()
    mistakes.raise_if_any()
    return read


def _pace(table: Table) -> Pace:
    return Pace(**{each.name: table.integer(each.name, 0, 0, MOST_MS) for each in fields(Pace)})


def _fault(entry: Entry) -> Fault:
    kind = cast(FaultKind, entry.text("kind", choices=get_args(FaultKind)))
    if "request" in entry and "from" in entry:
        entry.wrong("from", "write request (that one alone) or from (that one and all after it), not both")
    request, first = entry.integer("request", 0, 1, MOST_REQUESTS), entry.integer("from", 1, 1, MOST_REQUESTS)
    after, for_ms, pace = 0, STALL_MS, Pace()
    refusal: RefusalKind = "server_error"
    retry_after_s: float | None = None
    if kind == "slow":
        pace = _pace(entry)
        if pace == Pace():
            entry.wrong("", "say how slow: headers_ms, first_token_ms or token_ms")
    elif kind == "refuse":
        refusal = cast(RefusalKind, entry.text("refusal", choices=get_args(RefusalKind)))
        retry_after_s = entry.number("retry_after_s", 1, 0, 3600) if "retry_after_s" in entry else None
    elif kind != "hang_up":
        after = entry.integer("after", 0, 0, MOST_REQUESTS)
        for_ms = round(entry.number("for_s", STALL_MS / 1000, 0, 3600) * 1000) if kind == "stall" else STALL_MS
    entry.done()
    return Fault(kind, request, first, after, for_ms, pace, refusal, retry_after_s)
