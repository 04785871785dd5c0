"""A call to the card desk, recorded as it is in service: the card's number masked, its sound silenced."""

from __future__ import annotations

import atexit
import re
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from agent.summary import parse_journal
from tests.agent.call import PHRASES
from tests.agent.test_session_privacy import AGENTS, pay
from tests.support.virtual_loop import run_virtual

#: In the tests' calls the agent's phrases are these.
SAID = ("greeting", "not_understood", "still_there", "no_input_goodbye", "time_up", "trouble", "cut_off",
        "nobody_there", "closing")  # fmt: skip


@cache
def card_call() -> Path:
    """The folder of a whole call; do not write to it."""
    root = Path(mkdtemp(prefix="offhook-card-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    run_virtual(pay(root))
    return root / "CA1"


def events_of(folder: Path) -> list[dict[str, Any]]:
    with (folder / "journal.jsonl").open("rb") as lines:
        return list(parse_journal(lines))


def make_desk(folder: Path) -> Path:
    """The agent of that call, in a folder of its own."""
    shutil.copytree(AGENTS / "card-desk", folder)
    lines = "\n".join(f'{name} = "{getattr(PHRASES, name)}"' for name in SAID)
    change(folder / "agent.toml", 'greeting = "Hello, card desk."', lines)
    return folder


def change(file: Path, text: str, other: str) -> None:
    told = file.read_text()
    assert text in told
    file.write_text(re.sub(re.escape(text), lambda _: other, told))
