"""OngoingCall: one call that this worker is in, as its host holds it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from agent.errors import place_of
from agent.line import Decision, decision_fields
from agent.record import CallRecord
from agent.session import CallSession
from telephony.logs.context import event
from telephony.media_stream.line import MediaStreamLine

log = logging.getLogger("offhook.calls")


@dataclass(slots=True)
class OngoingCall:
    """Filled as the call gets on: its time limit first, then line, record and session."""

    limit: asyncio.Timeout
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    line: MediaStreamLine | None = None
    record: CallRecord | None = None
    session: CallSession | None = None
    ended_as: str = "it was longer than any call may be"

    def end(self, why: str) -> None:
        """Cancel the call, now; it may be in the middle of ending already."""
        if not self.limit.expired():
            self.ended_as = why
            self.limit.reschedule(asyncio.get_running_loop().time())

    async def leave(self, decision: Decision) -> None:
        """Leave the line over the session's head."""
        if self.line is not None and self.record is not None:
            self.record.event("leave", self.line.media_ms, decision=decision_fields(decision))
            await self.line.leave(decision)


def first_line(error: BaseException) -> str:
    """What went wrong, in one line: of a group, its first error."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:500]


def log_failed(call_sid: str, error: BaseException) -> None:
    """A call has failed by a fault of ours. The error's own words, which may quote the caller, at level debug only."""
    message = "call %s failed: %s (its text, and the traceback, at log level debug)"
    log.error(message, call_sid, place_of(error), extra=event("call.failed"))
    log.debug("call %s failed", call_sid, exc_info=error, extra=event("call.failed"))
