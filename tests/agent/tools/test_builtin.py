"""What every agent can do: press keys, and take messages that only the file's owner can read."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from agent.errors import LocalError
from agent.line import SendDigits
from agent.llm.base import ToolCall
from agent.tools import messages
from agent.tools.base import ToolContext, ToolOutcome
from agent.tools.builtin import BUILTIN_TOOLS
from agent.tools.messages import FILE_NAME, Message, keep_message
from agent.tools.registry import ToolRegistry
from tests.support.virtual_loop import VirtualContext, virtual


async def use(tool: str, folder: Path = Path("/nowhere"), /, **arguments: Any) -> ToolOutcome:
    registry = ToolRegistry({each.name: each for each in BUILTIN_TOOLS})
    context = ToolContext("CA1", "+15550100", folder, "", VirtualContext())
    return await registry.run(ToolCall("1", tool, arguments), context, turn=1)


@pytest.mark.parametrize("keys", ["1", "12w3#", "*" * 32])
@virtual
async def test_keys(keys: str) -> None:
    assert (await use("send_keys", keys=keys)).decision == SendDigits(keys)


@pytest.mark.parametrize("keys", ["", "1 2", "<Dial>", "A", "1" * 33, "1\n"])
@virtual
async def test_what_are_no_keys(keys: str) -> None:
    outcome = await use("send_keys", keys=keys)
    assert (outcome.ok, outcome.decision) == (False, None)


@virtual
async def test_a_message_is_kept_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "er"
    outcome = await use("take_message", folder, message=' "Call me"\nsoon ', name="Jané")
    assert outcome.result == {"outcome": "taken"}
    file = folder / FILE_NAME
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (line,) = file.read_text().splitlines()
    assert json.loads(line) == {
        "taken_at": "2026-01-02T03:04:05+00:00", "call_id": "CA1", "caller": "+15550100", "name": "Jané", "number": "",
        "message": '"Call me"\nsoon',
    }  # fmt: skip


@pytest.mark.parametrize(
    "arguments", [{}, {"message": ""}, {"message": "x" * 2001}, {"message": "x", "name": "y" * 201}]
)
@virtual
async def test_what_is_no_message(arguments: dict[str, str], tmp_path: Path) -> None:
    assert not (await use("take_message", tmp_path, **arguments)).ok


def message(call_id: str = "CA1", text: str = "Call me.") -> Message:
    return Message("2026-01-02T03:04:05+00:00", call_id, "+1", "", "", text)


def test_a_call_leaves_so_many(tmp_path: Path) -> None:
    assert [keep_message(tmp_path, message()) for _ in range(6)] == ["taken"] * 5 + ["too_many"]
    assert keep_message(tmp_path, message("CA2", '"call_id": "CA3"')) == "taken"
    assert [keep_message(tmp_path, message("CA3")) for _ in range(5)] == ["taken"] * 5


def test_the_file_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "MAX_FILE_BYTES", 500)
    kept = [keep_message(tmp_path, message(f"CA{n}")) for n in range(10)]
    assert "full" in kept
    assert (tmp_path / FILE_NAME).stat().st_size <= 500


def test_a_line_that_was_broken_off_spoils_no_other(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"call_id": "CA9", "mess')
    (tmp_path / FILE_NAME).chmod(0o644)
    keep_message(tmp_path, message())
    assert json.loads((tmp_path / FILE_NAME).read_text().splitlines()[1])["message"] == "Call me."
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600


def test_what_lies_in_its_place_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("mine")
    (tmp_path / FILE_NAME).symlink_to(tmp_path / "other")
    with pytest.raises(OSError, match="symbolic"):
        keep_message(tmp_path, message())
    assert (tmp_path / "other").read_text() == "mine"
    (tmp_path / FILE_NAME).unlink()
    os.mkfifo(tmp_path / FILE_NAME)
    with pytest.raises((OSError, LocalError)):
        keep_message(tmp_path, message())
