"""CallHost: the calls that this worker is in - admitted, answered, ended."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from agent.context import ApartExecutor, LiveContext
from agent.continuation import Continuation, continue_from
from agent.errors import RemoteError
from agent.line import Decision
from agent.privacy import NOTHING, Remembered
from agent.record import CallRecord
from agent.session import CallSession
from telephony.admission import Admission, AdmissionBook
from telephony.faults.plan import FaultPlan
from telephony.logs.context import event
from telephony.logs.source import source_of
from telephony.media_stream.conversation import SESSION_END_S, until_both_end
from telephony.media_stream.faults import fault_kind
from telephony.media_stream.line import MediaStreamLine, TextSocket, accept_stream
from telephony.media_stream.messages import Start
from telephony.settings import Settings
from telephony.tokens import TokenDesk, TokenRefused
from telephony.twilio.decisions import DecisionBook
from telephony.twilio.progress import ProgressBook
from telephony.twilio.signatures import SignatureCheck
from telephony.twilio.webhooks import TwilioWebhooks
from telephony.web.access import Access
from telephony.web.agents import ServedAgents, make_private_folder, open_agents
from telephony.web.connections import ConnectionBook
from telephony.web.drain import REASON, Drain
from telephony.web.gather_calls import GatherCalls
from telephony.web.media_socket import AsgiScope
from telephony.web.ongoing import OngoingCall, first_line, log_failed
from telephony.web.remembered import KEPT_MS, RememberedBook
from telephony.web.retention import prune_for_ever
from telephony.web.returns import read_earlier
from telephony.web.room import EXPECTED_FOR_MS, Limits, Room

log = logging.getLogger("offhook.calls")

#: `connected` and `start` follow the upgrade at once.
START_DEADLINE_S = 5.0
#: Beyond the agent's own max_call_s: then the session has failed to end the call itself.
OVERTIME_S = 30.0
#: A call that comes while the service says goodbye is told so when it has begun.
GREETED_S = 0.2

#: Why a call finds no place (room.REFUSALS), for the log.
WHY_NO_PLACE = {
    "draining": "the service is stopping",
    "busy": "all places are taken (OFFHOOK_MAX_CALLS)",
    "rate": "too many new calls in this minute (OFFHOOK_CALLS_PER_MINUTE)",
    "source": "too many calls at once from its number (OFFHOOK_MAX_CALLS_PER_SOURCE)",
    "source rate": "too many new calls from its number in this minute (OFFHOOK_CALLS_PER_MINUTE_PER_SOURCE)",
}

#: What is told of every call: its folder (None if nothing is kept), and a line of its journal.
Listener = Callable[[Path | None, dict[str, object]], None]


def now_ms() -> int:
    """The monotonic clock, in milliseconds."""
    return int(time.monotonic() * 1000)


class CallHost:
    """Answers calls. Made by `open_host`, which also closes it."""

    def __init__(
        self,
        settings: Settings,
        agents: ServedAgents,
        executor: ThreadPoolExecutor,
        *,
        worker_secret: bytes,
    ) -> None:
        self.agents = agents
        self.calls_dir = settings.calls_dir
        self.decisions = DecisionBook(now_ms=now_ms)
        self.gather = GatherCalls(self, settings.route, max_call_s=settings.max_call_s)
        progress = ProgressBook(now_ms=now_ms, new_nonce=lambda: secrets.token_hex(4))
        self.webhooks = TwilioWebhooks(self, self.decisions, progress, settings.route, now_ms=now_ms, turns=self.gather)
        self.signatures: SignatureCheck | None = None
        self.access: Access | None = None
        self.connections: ConnectionBook | None = None
        self._max_call_s = settings.max_call_s
        self._executor = executor
        self._apart = ApartExecutor()
        limits = Limits(settings.max_calls_per_source, settings.calls_per_minute, settings.calls_per_minute_per_source)
        self._room = Room(settings.max_calls, now_ms=now_ms, limits=limits)
        # The worker's name is new at every start: tokens from before a restart, whose spending was forgotten, are void.
        self.instance = secrets.token_hex(4)
        self._tokens = TokenDesk(worker_secret, self.instance, now_ms=now_ms, random_bytes=secrets.token_bytes)
        self._admissions = AdmissionBook(now_ms=now_ms)
        self._calls: dict[str, OngoingCall] = {}
        self._remembered = RememberedBook(now_ms=now_ms)
        self._drain = Drain(self._room, self._calls, self.gather)
        self._listeners: list[Listener] = []
        self._makers: list[Callable[[], Callable[[dict[str, object]], None]]] = []

    # --- what the webhooks and the socket ask -----------------------------------------------------------------------

    def admit(self, call_sid: str, admission: Admission) -> str | None:
        """Keep a place for this call, and the token of its media socket; None when full, draining or over a limit."""
        refusal = self._room.reserve(call_sid, admission.caller, returns=admission.returns is not None)
        if refusal is not None:
            self.counts[f"refused: {refusal}"] += 1
            log.warning("call %s was refused: %s", call_sid, WHY_NO_PLACE[refusal], extra=event("refused.call"))
            return None
        # A place that is not taken is missed at once, not when somebody next asks for one.
        asyncio.get_running_loop().call_later(EXPECTED_FOR_MS / 1000 + 0.1, self._tell_lapsed)
        self._admissions.put(call_sid, admission)
        return self._tokens.mint(call_sid)

    def is_live(self, call_sid: str) -> bool:
        """Whether a stream of this call is served now."""
        return call_sid in self._calls

    def verify_token(self, token: str) -> str:
        """The call that an unspent token would admit. Raises TokenRefused."""
        return self._tokens.verify(token)

    def enter(self, token: str) -> bool:
        """Spend the token and take a place for its call; False, and nothing spent, when there is none."""
        call_sid = self._tokens.verify(token)
        if not self._room.enter(call_sid, self._admissions.get(call_sid).caller):
            self.counts["refused: no room"] += 1
            return False
        try:
            self._tokens.check(token)
        except TokenRefused:
            self._room.leave(call_sid)
            raise
        return True

    def take_place(self, call_sid: str, admission: Admission) -> bool:
        """A place at once, for a call that needs no socket; False when there is none."""
        token = self.admit(call_sid, admission)
        return token is not None and self.enter(token)

    def leave_place(self, call_sid: str) -> None:
        """A call, or one of its streams, has ended."""
        self._room.leave(call_sid)

    def new_context(self) -> LiveContext:
        """The world, for one call."""
        return LiveContext(self._executor, apart=self._apart)

    def tell(self, record: CallRecord) -> None:
        """Let those who listen to calls hear this one's journal."""
        for listener in self._listeners:
            record.listen(partial(listener, record.folder))
        for make in self._makers:
            record.listen(make())

    def remember(self, call_sid: str, record: CallRecord) -> None:
        """A stream of this call has ended: what of it must not be written is kept while the call may come back."""
        self._remembered.put(call_sid, record.remembered())
        asyncio.get_running_loop().call_later(KEPT_MS / 1000 + 0.1, self._remembered.expire)

    def remembered(self, call_sid: str) -> Remembered | None:
        """What an earlier stream of this call left; None if this worker does not know."""
        return self._remembered.get(call_sid)

    def note_upgrade(self, scope: AsgiScope, call_sid: str) -> None:
        """Count how the upgrade was signed; a wrong signature beside a good token is worth a line in the log.

        Raises TokenRefused where another site's page would use a browser's call.
        """
        if (
            self.access is not None
            and self._admissions.get(call_sid).own_carrier
            and not self.access.same_origin(scope)
        ):
            raise TokenRefused("another site's page asked for it (Origin)", reason="origin")
        if self.signatures is None:
            return
        verdict = self.signatures.check_upgrade(scope["headers"], scope["raw_path"])
        self.webhooks.counts[
            {None: "upgrade unsigned", True: "upgrade signed", False: "upgrade missigned"}[verdict]
        ] += 1
        if verdict is False:
            note = event("socket.missigned", source=source_of(scope))
            log.warning("call %s: the media socket's signature does not fit; its token does", call_sid, extra=note)

    def _tell_lapsed(self) -> None:
        for call_sid in self._room.take_lapsed():
            self.counts["reservation expired"] += 1
            message = "call %s: nobody came to the socket that its TwiML named within %g s; its place is free again"
            log.warning(message, call_sid, EXPECTED_FOR_MS / 1000, extra=event("refused.lapsed"))

    def listen(self, listener: Listener) -> None:
        """Let `listener` hear the journal of every call that begins from now on. On the loop; it must be quick."""
        self._listeners.append(listener)

    def listen_apart(self, make: Callable[[], Callable[[dict[str, object]], None]]) -> None:
        """As `listen`, with a listener of its own for each call: `make` is called as the call begins."""
        self._makers.append(make)

    def state(self) -> dict[str, Any]:
        """For /readyz."""
        free = self._room.free
        return {
            "ready": free > 0,
            "draining": self._room.draining,
            "agents": sorted(self.agents.names().values()),
            "calls": self._room.calls,
            "expected": self._room.expected,
            "tasks": len(asyncio.all_tasks()),
            "max_calls": self._room.max_calls,
            "connections": self.connections.number() if self.connections is not None else {},
            "counts": dict(sorted(self.webhooks.counts.items())),
        }

    @property
    def counts(self) -> Counter[str]:
        """What has happened so far, by name."""
        return self.webhooks.counts

    # --- calls ------------------------------------------------------------------------------------------------------

    async def answer(self, socket: TextSocket, call_sid: str) -> int:
        """Serve a stream to its end and free its place; the close code for the socket: 1000, or 1011 for our fault.

        The outer boundary of a call: whatever goes wrong within is logged here and ends this call alone.
        """
        call: OngoingCall | None = None
        try:
            await self._supersede(call_sid)
            async with asyncio.timeout(self._max_call_s + OVERTIME_S) as limit:
                call = self._calls[call_sid] = OngoingCall(limit)
                admission = self._admissions.get(call_sid)
                start = await accept_stream(socket, START_DEADLINE_S, extensions=admission.own_carrier)
                if start.call_sid != call_sid:
                    raise RemoteError("media stream: `start` names another call than the token")
                await self._converse(call, socket, start, admission)
        except TimeoutError:
            why = call.ended_as if call else "an older stream would not end"
            log.warning("call %s was ended: %s", call_sid, why, extra=event("call.cut"))
            self.counts["calls ended by us"] += 1
        except RemoteError as error:
            self._note_fault(call_sid, error)
            self.counts["calls failed: peer"] += 1
            return 1002
        except Exception as error:  # noqa: BLE001  logged, but without its text
            log_failed(call_sid, error)
            self.counts["calls failed: ours"] += 1
            return 1011
        finally:
            if call is not None:
                if self._calls.get(call_sid) is call:
                    del self._calls[call_sid]
                call.ended.set()
            self.leave_place(call_sid)
        return 1000

    async def _supersede(self, call_sid: str) -> None:
        """The carrier has opened a new stream for a call that we think is still in one: that one is dead."""
        async with asyncio.timeout(SESSION_END_S):
            while (older := self._calls.get(call_sid)) is not None:  # again: of two that waited, one was quicker
                older.end("the carrier opened a new stream for it")
                await older.ended.wait()

    async def _converse(self, call: OngoingCall, socket: TextSocket, start: Start, admission: Admission) -> None:
        self.decisions.forget(start.call_sid)  # what an earlier stream of this call decided no longer holds
        agent = self.agents.get(admission.agent)
        longest_s = min(agent.definition.max_call_s, self._max_call_s)
        definition = dataclasses.replace(agent.definition, max_call_s=longest_s)
        call.limit.reschedule(asyncio.get_running_loop().time() + longest_s + OVERTIME_S)
        call.line = line = MediaStreamLine(
            socket,
            start,
            caller=admission.caller,
            called=admission.called,
            on_leave=lambda decision: self._decide(start.call_sid, decision),
            on_fault=lambda fault: self._note_fault(start.call_sid, fault),
        )
        ctx = self.new_context()
        before, remembered = await self._what_was_before(start.call_sid, admission, ctx)
        call.record = record = await CallRecord.open_apart(
            self.calls_dir,
            start.call_sid,
            mode=definition.record,
            rate_hz=line.info.sample_rate_hz,
            ctx=ctx,
            before=remembered,
        )
        self.tell(record)
        if admission.listener is not None:
            record.listen(admission.listener)
        self.counts["calls"] += 1
        try:
            call.session = CallSession(line, definition, agent.kit, record, ctx, agent.data_dir, before)
            if self._drain.says_goodbye:
                asyncio.get_running_loop().call_later(GREETED_S, call.session.wind_up, REASON)
            await until_both_end(line, call.session)
        except Exception as error:
            record.event("error", line.media_ms, where="host", message=first_line(error))
            raise
        finally:
            self.remember(start.call_sid, record)
            await record.close()  # the session does it; but it may not have come so far

    async def _what_was_before(
        self, call_sid: str, admission: Admission, ctx: LiveContext
    ) -> tuple[Continuation | None, Remembered]:
        """Of a call that comes back: where its conversation stood, and what must not be written."""
        if admission.returns is None:
            return None, NOTHING
        fold = partial(continue_from, reason=admission.returns)
        before, lost = await read_earlier(ctx, self.calls_dir, call_sid, fold)
        self.counts["calls continued"] += before is not None
        return before, self.remembered(call_sid) or lost

    def _note_fault(self, call_sid: str, fault: RemoteError) -> None:
        kind = fault_kind(fault)
        self.counts[f"socket protocol: {kind}"] += 1
        log.warning("call %s: %s", call_sid, fault, extra=event(f"socket.{kind}", source=call_sid))

    def _decide(self, call_sid: str, decision: Decision) -> None:
        self.decisions.put(call_sid, decision)

    # --- the end ----------------------------------------------------------------------------------------------------

    async def drain(self, drain_s: float, hurry: asyncio.Event) -> None:
        """The service stops: let the calls end (telephony/web/drain.py)."""
        await self._drain.run(drain_s, hurry)


@contextlib.asynccontextmanager
async def open_host(
    settings: Settings, worker_secret: bytes, faults: FaultPlan | None = None
) -> AsyncIterator[CallHost]:
    """A host whose agents are loaded and warm. `faults` and LocalError: as of `open_agents`."""
    make_private_folder(settings.calls_dir)
    # Decoding and synthesis run here, in native code without the GIL; more threads than cores only queue there.
    threads = max(4, (os.cpu_count() or 1) + 2)
    with ThreadPoolExecutor(threads, thread_name_prefix="offhook") as executor:
        ctx = LiveContext(executor, apart=ApartExecutor())
        async with open_agents(settings, ctx, faults) as agents:
            kept_days = agents.default.definition.retain_days
            pruning = asyncio.create_task(prune_for_ever(settings.calls_dir, kept_days, ctx))
            try:
                yield CallHost(settings, agents, executor, worker_secret=worker_secret)
            finally:
                pruning.cancel()
