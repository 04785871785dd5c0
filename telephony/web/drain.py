"""Drain: how a service that stops lets its calls end - by themselves first, then with a goodbye, at last at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from agent.line import HangUp
from telephony.logs.context import event
from telephony.media_stream.conversation import SESSION_END_S
from telephony.web.gather_calls import GatherCalls
from telephony.web.ongoing import OngoingCall
from telephony.web.room import Room

log = logging.getLogger("offhook.calls")

#: Why the calls end, for their journals.
REASON = "service stopped"
#: A call that is told goodbye has so long to hear it: what is being said is finished before.
GOODBYE_S = 20.0
#: A call whose stream has just ended may come back: the carrier asks how it goes on within this.
LAST_WEBHOOKS_S = 1.0
LOOK_EVERY_S = 0.05


class Drain:
    """Ends a service's calls. `says_goodbye`: calls that come back from now on are told goodbye, too."""

    def __init__(self, room: Room, calls: Mapping[str, OngoingCall], gather: GatherCalls) -> None:
        self._room = room
        self._calls = calls
        self._gather = gather
        self.says_goodbye = False

    async def run(self, drain_s: float, hurry: asyncio.Event) -> None:
        """Take no new calls; let those that run finish for `drain_s`, or until `hurry`; then tell each goodbye, or,
        when `hurry` comes again, end it.

        Takes at most drain_s + GOODBYE_S + SESSION_END_S and a second.
        """
        self._room.draining = True
        if not self._busy:
            return
        log.info("stopping: %s may finish within %g s", self._number, drain_s, extra=event("drain.began"))
        await self._until_quiet(drain_s, hurry)
        if self._busy:
            log.warning("stopping: %s told goodbye", self._number, extra=event("drain.goodbye"))
            self.says_goodbye = True
            for call in self._calls.values():
                if call.session is not None:
                    call.session.wind_up(REASON)
            self._gather.wind_up(REASON)
            hurry.clear()
            await self._until_quiet(GOODBYE_S, hurry)
        if self._busy:
            await self._end_all()

    @property
    def _busy(self) -> bool:
        """Whether somebody is in a call, or on the way to one."""
        return self._room.calls + self._room.arriving > 0

    @property
    def _number(self) -> str:
        calls = self._room.calls + self._room.arriving
        return "1 call" if calls == 1 else f"{calls} calls"

    async def _until_quiet(self, limit_s: float, hurry: asyncio.Event) -> None:
        """Until there has been no call for LAST_WEBHOOKS_S, but no longer than `limit_s`, or until `hurry`."""
        clock = asyncio.get_running_loop().time
        until_s, quiet_since_s = clock() + limit_s, clock()
        while not hurry.is_set() and clock() - quiet_since_s < LAST_WEBHOOKS_S:
            if self._busy:
                quiet_since_s = clock()
                if clock() >= until_s:
                    return
            await asyncio.sleep(LOOK_EVERY_S)

    async def _end_all(self) -> None:
        log.warning("stopping: %s ended now", self._number, extra=event("drain.cut"))
        # With a decision: the carrier's next question finds "hang up", not a call to be brought back.
        await asyncio.gather(*(call.leave(HangUp(REASON)) for call in list(self._calls.values())))
        await self._gather.end_all()
        await self._until_quiet(SESSION_END_S, asyncio.Event())
        for call in list(self._calls.values()):
            call.end("the service stops")
