"""Calls that come back: the journals of a call's earlier streams, found and read from the calls' folder.

What is on the disk is data. Whatever it holds, and however long it takes: a call whose past cannot be read begins anew.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from agent.context import CallContext
from agent.errors import LocalError
from agent.masking import MARK
from agent.privacy import Remembered
from agent.recording.folder import JOURNAL, folder_name
from agent.summary import parse_journal
from telephony.call_folders import MAY_COME_BACK_S

T = TypeVar("T")
Journals = list[list[dict[str, Any]]]

log = logging.getLogger("offhook.calls")

#: More streams than a call can have (webhooks.MAX_RETURNS and MAX_REVIVALS end it before).
MAX_STREAMS = 40
#: The caller waits for it.
READ_WITHIN_S = 1.0
#: A longer line is damage: what a conversation needs of a line has a few hundred bytes, a tool's result some thousands.
MAX_LINE_BYTES = 64_000
#: Of a longer journal (hours of talk) the beginning, which names the call, and the end.
MAX_JOURNAL_BYTES = 16_000_000
#: So many of a stream's last events of the KINDS: about an hour of talk. A model is given no more either.
MAX_EVENTS = 6_000
#: What a conversation, or a call that is served turn by turn, is folded from.
KINDS = ("call.", "turn.", "agent.", "tool.", "gather.")

#: The interpreter runs one thread at a time: a reader that never rests makes every other call late.
REST_EVERY_LINES, REST_S = 512, 0.0005

_MARKS = (MARK.encode(), b"\\u2022")


async def read_earlier(
    ctx: CallContext, calls_dir: Path, call_id: str, fold: Callable[[Journals], T]
) -> tuple[T, Remembered]:
    """Fold the journals of a call's streams, oldest first, and tell what must not be written of what comes now.

    Off the event loop, within READ_WITHIN_S. Never fails: where they cannot be read, `fold` is given none.
    """
    stop = threading.Event()
    try:
        async with asyncio.timeout(READ_WITHIN_S):
            return await ctx.offload(_read_and_fold, calls_dir, call_id, fold, stop, cost_ms=5, apart=True)
    except TimeoutError:
        log.error("call %s: its earlier journals were not read within %g s", call_id, READ_WITHIN_S)
    except Exception as error:  # noqa: BLE001  of damage that nobody has thought of, the caller must not hear
        # Its name alone: what it says may quote the caller.
        log.error("call %s: what was said before cannot be used: %s", call_id, type(error).__name__)
    finally:
        stop.set()
    return fold([]), Remembered(guarded=True)


def _read_and_fold(
    calls_dir: Path, call_id: str, fold: Callable[[Journals], T], stop: threading.Event
) -> tuple[T, Remembered]:
    journals, remembered = read_journals(calls_dir, call_id, stop)
    return fold(journals), remembered


def read_journals(calls_dir: Path, call_id: str, stop: threading.Event) -> tuple[Journals, Remembered]:
    """The journals of a call's streams, oldest first, what is needed of them; none if they cannot be read.

    Blocking; ends soon after `stop` is set, with a TimeoutError.
    """
    reading = _Reading(stop)
    journals: Journals = []
    try:
        newest_s = 0.0
        for stream in range(1, MAX_STREAMS):
            path = calls_dir / folder_name(call_id, stream) / JOURNAL
            if path.is_file():
                events = reading.events(path, call_id)
                if events:
                    journals.append(events)
                    newest_s = path.stat().st_mtime
        if journals and time.time() - newest_s > MAY_COME_BACK_S:
            log.warning("call %s: nothing was heard of it for too long; it begins anew", call_id)
            journals = []  # no carrier takes so long: whoever asks is likely to send again what he has read
    except (OSError, LocalError) as error:
        if stop.is_set():
            raise
        log.error("call %s: what was said before cannot be read: %s", call_id, error)
        return [], Remembered(guarded=True)
    return journals, Remembered(slots=frozenset(reading.slots), guarded=reading.guarded)


@dataclass(slots=True)
class _Reading:
    """Reads journals. `guarded`: something in them was masked, or they were not read whole; `slots`: sensitive ones."""

    stop: threading.Event
    guarded: bool = False
    slots: set[str] = field(default_factory=set)

    def events(self, path: Path, call_id: str) -> list[dict[str, Any]]:
        """The first event, and the last ones of the KINDS; none if the journal is another call's."""
        with path.open("rb") as journal:
            parsed = parse_journal(self._lines(journal))
            first = next(parsed, {})
            # A folder's name is made of the id, and two ids may give one name: the journal knows.
            mine = first.get("kind") == "call.started" and first.get("call_id") == call_id
            kept: deque[dict[str, Any]] = deque(maxlen=MAX_EVENTS)
            for event in parsed:
                if event["kind"].startswith(KINDS):
                    kept.append(event)
                if event["kind"] == "agent.asks" and event.get("sensitive"):
                    self.slots.add(str(event.get("slot")))
        return [first, *kept] if mine else []

    def _lines(self, journal: BinaryIO) -> Iterator[bytes]:
        """The lines that can be read at all: the first one, and the last MAX_JOURNAL_BYTES."""
        end_from = os.fstat(journal.fileno()).st_size - MAX_JOURNAL_BYTES
        whole, first = True, True
        number = 0
        while part := journal.readline(MAX_LINE_BYTES):
            number += 1
            if number % REST_EVERY_LINES == 0 and self.stop.wait(REST_S):
                raise TimeoutError("nobody waits for it any more")
            ended = part.endswith(b"\n")
            if whole and (ended or len(part) < MAX_LINE_BYTES):
                self.guarded = self.guarded or any(mark in part for mark in _MARKS)
                yield part
            else:
                self.guarded = True
            whole = ended
            if first and ended and journal.tell() < end_from:
                journal.seek(end_from)
                whole, self.guarded = False, True  # in the middle of a line
            first = first and not ended
