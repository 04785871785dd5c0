"""CallLog: what the log is told of a call - its beginning, its errors, its end - from its journal.

No words of the call and no telephone number: those stand in the call's own folder, under its own rules.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from telephony.logs.context import event

log = logging.getLogger("offhook.calls")


class CallLog:
    """Hears the journal of one call."""

    __slots__ = ("_call", "_turns")

    def __init__(self) -> None:
        self._call: object = ""
        self._turns = 0

    def __call__(self, line: Mapping[str, object]) -> None:
        kind = line["kind"]
        if kind == "turn.committed":
            self._turns += 1
        elif kind == "call.started":
            self._call = line.get("call_id", "")
            fields = event("call.started", agent=line.get("agent"), rate_hz=line.get("rate_hz"))
            log.info("call %s begins: %s answers", self._call, line.get("agent"), extra=fields)
        elif kind == "error":
            where = line.get("where")
            # Engines' errors are our own sentences; what any exception says may quote the caller (host.py logs it).
            message = "see call.failed" if where in ("call", "host") else line.get("message")
            log.warning("call %s: error in %s: %s", self._call, where, message, extra=event("call.error", where=where))
        elif kind == "call.ended":
            call_ms = line.get("call_ms")
            duration_s = round(call_ms / 1000, 1) if isinstance(call_ms, int | float) else 0.0
            fields = event("call.ended", reason=line.get("reason"), duration_s=duration_s, turns=self._turns)
            turns = f"{self._turns} turn{'' if self._turns == 1 else 's'}"
            log.info(
                "call %s is over after %.1f s and %s: %s",
                self._call,
                duration_s,
                turns,
                line.get("reason"),
                extra=fields,
            )
