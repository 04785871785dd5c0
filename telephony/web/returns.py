"""Calls that come back: the journals of a call's earlier streams, found and read from the calls' folder."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from agent.continuation import Continuation, Reason, continue_from
from agent.errors import LocalError
from agent.recording.folder import JOURNAL, folder_name
from agent.summary import parse_journal

log = logging.getLogger("offhook.calls")

#: More streams than a call can have (webhooks.MAX_RETURNS and MAX_REVIVALS end it before).
MAX_STREAMS = 40


def read_continuation(calls_dir: Path, call_id: str, reason: Reason) -> Continuation | None:
    """Where the conversation of this call stood; None if nothing was kept of it, or nothing said. Blocking."""
    return continue_from(read_journals(calls_dir, call_id), reason)


def read_journals(calls_dir: Path, call_id: str) -> list[list[dict[str, Any]]]:
    """The journals of a call's streams, oldest first; none if they cannot be read. Blocking."""
    journals: list[list[dict[str, Any]]] = []
    try:
        for stream in range(1, MAX_STREAMS):
            journal = calls_dir / folder_name(call_id, stream) / JOURNAL
            if not journal.is_file():
                break
            with journal.open("rb") as lines:
                events = list(parse_journal(lines))
            # A folder's name is made of the id, and two ids may give one name: the journal knows.
            if any(event["kind"] == "call.started" and event.get("call_id") == call_id for event in events[:1]):
                journals.append(events)
    except (OSError, LocalError) as error:
        log.error("call %s: what was said before cannot be read: %s", call_id, error)
        return []
    return journals
