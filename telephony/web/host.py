"""CallHost: the agent of this worker, its engines, and the calls it is in."""

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
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from agent.agents import load_agent
from agent.context import ApartExecutor, LiveContext
from agent.definition import AgentDefinition
from agent.errors import LocalError, RemoteError
from agent.kit import EngineKit, build_kit
from agent.line import Decision, HangUp
from agent.record import CallRecord
from agent.session import CallSession
from telephony.call_folders import prune
from telephony.media_stream.line import MediaStreamLine, TextSocket, accept_stream
from telephony.media_stream.messages import Start
from telephony.settings import Settings
from telephony.tokens import TokenDesk, TokenRefused
from telephony.twilio.decisions import DecisionBook
from telephony.twilio.signatures import SignatureCheck
from telephony.twilio.webhooks import TwilioWebhooks
from telephony.web.media_socket import AsgiScope
from telephony.web.room import Room

log = logging.getLogger("offhook.calls")

#: `connected` and `start` follow the upgrade at once.
START_DEADLINE_S = 5.0
#: A session whose line is gone has nothing left but to close its engines and its record.
SESSION_END_S = 10.0
#: A line whose session has ended is closed within this, by whoever must.
LINE_END_S = 2.0
#: Beyond the agent's own max_call_s: then the session has failed to end the call itself.
OVERTIME_S = 30.0
#: When the service stops: the carrier asks the action webhook within this after its stream was closed.
LAST_WEBHOOKS_S = 1.0

#: Calls that are kept for long enough are deleted at start, and this often.
PRUNE_EVERY_S = 3600.0

#: What is told of every call: its folder (None if nothing is kept), and a line of its journal.
Listener = Callable[[Path | None, dict[str, object]], None]


def now_ms() -> int:
    """The monotonic clock, in milliseconds."""
    return int(time.monotonic() * 1000)


@dataclass(slots=True)
class _Call:
    limit: asyncio.Timeout
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    line: MediaStreamLine | None = None
    record: CallRecord | None = None
    ended_as: str = "it was longer than any call may be"

    def end(self, why: str) -> None:
        """Cancel the call, now; it may be in the middle of ending already."""
        if not self.limit.expired():
            self.ended_as = why
            self.limit.reschedule(asyncio.get_running_loop().time())


class CallHost:
    """Answers calls. Made by `open_host`, which also closes it."""

    def __init__(
        self,
        settings: Settings,
        agent: AgentDefinition,
        kit: EngineKit,
        executor: ThreadPoolExecutor,
        *,
        worker_secret: bytes,
    ) -> None:
        self.agent = agent
        self.calls_dir = settings.calls_dir
        self.decisions = DecisionBook(now_ms=now_ms)
        self.webhooks = TwilioWebhooks(self, self.decisions, now_ms=now_ms)
        self.signatures: SignatureCheck | None = None
        self._data_dir = settings.agent_data_dir(agent.name)
        self._kit = kit
        self._executor = executor
        self._apart = ApartExecutor()
        self._room = Room(settings.max_calls, now_ms=now_ms)
        # The worker's name is new at every start: tokens from before a restart, whose spending was forgotten, are void.
        self.instance = secrets.token_hex(4)
        self._tokens = TokenDesk(worker_secret, self.instance, now_ms=now_ms, random_bytes=secrets.token_bytes)
        self._calls: dict[str, _Call] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._listeners: list[Listener] = []

    # --- what the webhooks and the socket ask -----------------------------------------------------------------------

    def admit(self, call_sid: str) -> str | None:
        """Keep a place for this call, and the token of its media socket; None when full or draining."""
        return self._tokens.mint(call_sid) if self._room.reserve(call_sid) else None

    def verify_token(self, token: str) -> str:
        """The call that an unspent token would admit. Raises TokenRefused."""
        return self._tokens.verify(token)

    def enter(self, token: str) -> bool:
        """Spend the token and take a place for its call; False, and nothing spent, when there is none."""
        call_sid = self._tokens.verify(token)
        if not self._room.enter(call_sid):
            self.counts["refused: no room"] += 1
            return False
        try:
            self._tokens.check(token)
        except TokenRefused:
            self._room.leave(call_sid)
            raise
        self._idle.clear()
        return True

    def note_upgrade(self, scope: AsgiScope, call_sid: str) -> None:
        """Count how the upgrade was signed; a wrong signature beside a good token is worth a line in the log."""
        if self.signatures is None:
            return
        verdict = self.signatures.check_upgrade(scope["headers"], scope["raw_path"])
        self.webhooks.counts[
            {None: "upgrade unsigned", True: "upgrade signed", False: "upgrade missigned"}[verdict]
        ] += 1
        if verdict is False:
            log.warning("call %s: the media socket's signature does not fit; its token does", call_sid)

    def listen(self, listener: Listener) -> None:
        """Let `listener` hear the journal of every call that begins from now on. On the loop; it must be quick."""
        self._listeners.append(listener)

    def state(self) -> dict[str, Any]:
        """For /readyz."""
        free = self._room.free
        return {
            "ready": free > 0,
            "draining": self._room.draining,
            "agent": self.agent.name,
            "calls": self._room.calls,
            "max_calls": self._room.max_calls,
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
        call: _Call | None = None
        try:
            await self._supersede(call_sid)
            async with asyncio.timeout(self.agent.max_call_s + OVERTIME_S) as limit:
                call = self._calls[call_sid] = _Call(limit)
                start = await accept_stream(socket, START_DEADLINE_S)
                if start.call_sid != call_sid:
                    raise RemoteError("media stream: `start` names another call than the token")
                await self._converse(call, socket, start)
        except TimeoutError:
            log.warning("call %s was ended: %s", call_sid, call.ended_as if call else "an older stream would not end")
            self.counts["calls ended by us"] += 1
        except RemoteError as error:
            log.warning("call %s: %s", call_sid, error)
            self.counts["calls failed: peer"] += 1
            return 1002
        except Exception:
            log.exception("call %s failed", call_sid)
            self.counts["calls failed: ours"] += 1
            return 1011
        finally:
            if call is not None:
                if self._calls.get(call_sid) is call:
                    del self._calls[call_sid]
                call.ended.set()
            self._room.leave(call_sid)
            if self._room.calls == 0:
                self._idle.set()
        return 1000

    async def _supersede(self, call_sid: str) -> None:
        """The carrier has opened a new stream for a call that we think is still in one: that one is dead."""
        async with asyncio.timeout(SESSION_END_S):
            while (older := self._calls.get(call_sid)) is not None:  # again: of two that waited, one was quicker
                older.end("the carrier opened a new stream for it")
                await older.ended.wait()

    async def _converse(self, call: _Call, socket: TextSocket, start: Start) -> None:
        self.decisions.forget(start.call_sid)  # what an earlier stream of this call decided no longer holds
        call.line = line = MediaStreamLine(
            socket,
            start,
            caller=start.custom_parameters.get("caller", ""),
            called=start.custom_parameters.get("called", ""),
            on_leave=lambda decision: self._decide(start.call_sid, decision),
        )
        ctx = LiveContext(self._executor, apart=self._apart)
        call.record = record = CallRecord.open(
            self.calls_dir, start.call_sid, mode=self.agent.record, rate_hz=line.info.sample_rate_hz, ctx=ctx
        )
        for listener in self._listeners:
            record.listen(partial(listener, record.folder))
        self.counts["calls"] += 1
        try:
            session = CallSession(line, self.agent, self._kit, record, ctx, self._data_dir)
            await _until_both_end(line, session)
        except Exception as error:
            record.event("error", line.media_ms, where="host", message=_first_line(error))
            raise
        finally:
            await record.close()  # the session does it; but it may not have come so far

    def _decide(self, call_sid: str, decision: Decision) -> None:
        self.decisions.put(call_sid, decision)

    # --- the end ----------------------------------------------------------------------------------------------------

    async def drain(self, drain_s: float, hurry: asyncio.Event) -> None:
        """Take no new calls; let those that run finish for `drain_s`, or until `hurry`; then end them politely."""
        self._room.draining = True
        if self._idle.is_set():
            return
        log.info("stopping: %d calls may finish within %g s", self._room.calls, drain_s)
        waiting = [asyncio.ensure_future(self._idle.wait()), asyncio.ensure_future(hurry.wait())]
        await asyncio.wait(waiting, timeout=drain_s, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        if not self._idle.is_set():
            await self._end_calls()
        await asyncio.sleep(LAST_WEBHOOKS_S)

    async def _end_calls(self) -> None:
        log.warning("stopping: %d calls are ended now", self._room.calls)
        # With a decision: the carrier's next question finds "hang up", not a call to be brought back.
        await asyncio.gather(*(_leave(call, HangUp("service stopped")) for call in list(self._calls.values())))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SESSION_END_S):
                await self._idle.wait()
        for call in list(self._calls.values()):
            call.end("the service stops")


async def _leave(call: _Call, decision: Decision) -> None:
    if call.line is not None and call.record is not None:
        fields = {"type": type(decision).__name__, **dataclasses.asdict(decision)}
        call.record.event("leave", call.line.media_ms, decision=fields)
        await call.line.leave(decision)


async def _until_both_end(line: MediaStreamLine, session: CallSession) -> None:
    """Run line and session. Either ends the other; an error in one ends both."""
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(line.run(), name="line")
        talking = tasks.create_task(session.run(), name="session")
        await asyncio.wait({serving, talking}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({talking}, timeout=SESSION_END_S)
        await asyncio.wait({serving}, timeout=LINE_END_S)
        for task in (talking, serving):
            if not task.done():
                log.error("call %s: its %s did not end by itself", line.info.call_id, task.get_name())
                task.cancel()


def _first_line(error: BaseException) -> str:
    """What went wrong, in one line: of a group, its first error."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:500]


@contextlib.asynccontextmanager
async def open_host(settings: Settings, worker_secret: bytes) -> AsyncIterator[CallHost]:
    """A host whose agent is loaded and whose engines are warm. Raises LocalError for an agent that cannot be served."""
    agent = load_agent(settings.agent, settings.agents_dir)
    data_dir = settings.agent_data_dir(agent.name)
    _make_folder(data_dir)
    _make_folder(settings.calls_dir)
    # Decoding and synthesis run here, in native code without the GIL; more threads than cores only queue there.
    threads = max(4, (os.cpu_count() or 1) + 2)
    with ThreadPoolExecutor(threads, thread_name_prefix="offhook") as executor:
        ctx = LiveContext(executor, apart=ApartExecutor())
        kit = await build_kit(agent, ctx)
        pruning = asyncio.create_task(_prune(settings.calls_dir, agent.retain_days, ctx))
        try:
            yield CallHost(settings, agent, kit, executor, worker_secret=worker_secret)
        finally:
            pruning.cancel()
            await kit.close()


async def _prune(calls_dir: Path, default_days: int, ctx: LiveContext) -> None:
    """Delete what was promised to be kept no longer. A disk that refuses is tried again."""
    while True:
        try:
            gone = await ctx.offload(prune, calls_dir, ctx.wall_time(), default_days, cost_ms=10, apart=True)
        except (OSError, LocalError) as error:
            log.error("old calls could not be deleted: %s", error)
        else:
            if gone:
                log.info("%d calls were deleted: their time to be kept is over", len(gone))
        await asyncio.sleep(PRUNE_EVERY_S)


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LocalError(
            f"{path} cannot be made: {error.strerror}; set OFFHOOK_CALLS_DIR and OFFHOOK_DATA_DIR"
        ) from None
