"""Holding one call in virtual time: a caller, the carrier's side, our line and a session - whoever the caller is."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from agent.continuation import Continuation
from agent.definition import AgentDefinition
from agent.errors import OffhookError
from agent.kit import EngineKit
from agent.line import Decision
from agent.record import CallRecord
from agent.session import CallSession
from agent.virtual_time import SOME_DAY, Deadlock, Standstill, VirtualContext, VirtualLoop, run_virtual
from telephony.faults.frames import FrameFaults, OneAfterTheOther
from telephony.faults.plan import FaultPlan
from telephony.media_stream.conversation import until_both_end
from telephony.media_stream.line import MediaStreamLine, accept_stream
from telephony.replay.phone import DELAY_S, Caller, VirtualPhone

#: Beyond the agent's own max_call_s, in virtual time: then the session has failed to end the call.
OVERTIME_S = 60
#: A task that is cancelled when the call is over may take so long to end, in virtual time.
CANCEL_S = 5.0
#: So many of the tasks that were left behind are named.
MOST_NAMED = 3


class Engines(Protocol):
    """What the agent hears, thinks and speaks with in this call, and the agent itself with the tools it has here."""

    kit: EngineKit
    agent: AgentDefinition

    async def close(self) -> None:
        """Let go of everything."""


class MediaTime:
    """The line's media time, for those who are made before the line."""

    line: MediaStreamLine | None = None

    def __call__(self) -> int:
        return self.line.media_ms if self.line is not None else 0

    def audio_ms(self) -> int:
        """Where the caller's audio ends that has come."""
        return self.line.audio_ms if self.line is not None else 0


#: Opens the engines of one call; it is given the line's media time.
OpenEngines = Callable[[MediaTime], Awaitable[Engines]]


@dataclass(frozen=True, slots=True)
class Setting:
    """The world of one call, beside its caller and its engines. `wire`: what happens to the caller's frames,
    `delay_s` how long a message takes, each way.

    `wound_up`: (media time, reason) at which the service ends the call, as when it stops.
    """

    rate_hz: int = 8000
    call_id: str = "CA1"
    caller_number: str = ""
    called_number: str = ""
    seed: int = 1
    began_at: dt.datetime = SOME_DAY
    faults: FaultPlan | None = None
    wire: FrameFaults | None = None
    delay_s: float = DELAY_S
    continuation: Continuation | None = None
    wound_up: tuple[int, str] | None = None


@dataclass(slots=True)
class HeldCall:
    """How far a call came; filled as it goes. `error`: what broke it, if it was not to end so."""

    folder: Path | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    caller_ms: int = 0
    touched_reality: bool = False
    error: BaseException | None = None
    left_behind: tuple[str, ...] = ()
    """Tasks that went on when the call was over, by their functions' names. Ours never do: a tool started them."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What else should be known."""
        if not self.left_behind:
            return ()
        named = ", ".join(self.left_behind[:MOST_NAMED])
        left = f"a task behind: {named}. It was" if len(self.left_behind) == 1 else f"tasks behind: {named}. They were"
        return (f"a tool left {left} cancelled when the call was over; a tool should await what it starts",)

    @property
    def why(self) -> str:
        """What broke it, or its record, in one sentence; "" if nothing did. Developers read this: the error's own words
        are wanted."""
        error = self.error
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if error is None:
            return self._incomplete
        if isinstance(error, OffhookError):
            return str(error)
        if isinstance(error, Standstill):
            return f"the call stood still: {error}; is there a loop in a tool, or very short sleeps, without an end?"
        if isinstance(error, Deadlock):
            return f"the call could not go on: {error}; does a tool wait for what never comes?"
        return f"the call broke: {type(error).__name__}: {error}"

    @property
    def _incomplete(self) -> str:
        refused = [event for event in self.events if event.get("kind") == "error" and event.get("where") == "record"]
        return f"its record is not complete: {refused[0].get('message', '')}" if refused else ""


def hold_virtually(
    caller: Caller, open_engines: OpenEngines, setting: Setting, out: Path, data_dir: Path, *, limit_s: float
) -> HeldCall:
    """`hold_call` on a virtual loop of its own, for at most `limit_s` of virtual time. Blocking.

    Whatever breaks the call is in `HeldCall.error`, also if it stands still.
    """
    held = HeldCall()
    try:
        run_virtual(hold_call(caller, open_engines, setting, out, data_dir, held), limit_s=limit_s, strict=False)
    except (Standstill, Deadlock) as error:
        held.error = error
    except TimeoutError:
        held.error = TimeoutError(f"it had no end within {limit_s:g} s")
    return held


async def hold_call(
    caller: Caller,
    open_engines: OpenEngines,
    setting: Setting,
    out: Path,
    data_dir: Path,
    held: HeldCall | None = None,
) -> HeldCall:
    """Hold the call to its end; its record is made in `out`, in full. On a VirtualLoop. `held` is filled, if given.

    Whatever breaks the call is in `HeldCall.error`, with what there was until then; only a cancellation is raised.
    """
    held, media_ms, before = held or HeldCall(), MediaTime(), asyncio.all_tasks()
    try:
        engines = await open_engines(media_ms)
        try:
            await _hold(held, media_ms, caller, engines, setting, out, data_dir)
        finally:
            await engines.close()
    except Exception as error:  # noqa: BLE001  a call's outer boundary: whoever runs many goes on with the others
        held.error = error
    finally:
        loop = asyncio.get_running_loop()
        held.touched_reality = isinstance(loop, VirtualLoop) and loop.touched_reality
    held.left_behind = await _cancelled(asyncio.all_tasks() - before)
    return held


async def _cancelled(tasks: set[asyncio.Task[Any]]) -> tuple[str, ...]:
    """The tasks' names, in their order, once they have had their time to end."""
    if not tasks:
        return ()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=CANCEL_S)
    return tuple(sorted(getattr(task.get_coro(), "__qualname__", "") or task.get_name() for task in tasks))


async def _hold(
    held: HeldCall,
    media_ms: MediaTime,
    caller: Caller,
    engines: Engines,
    setting: Setting,
    out: Path,
    data_dir: Path,
) -> None:
    loop = asyncio.get_running_loop()
    kit, agent = engines.kit, engines.agent
    wire = setting.wire
    if setting.faults is not None:
        kit, agent = setting.faults.engines(kit), setting.faults.tools(agent)
        faulty = setting.faults.line()
        wire = OneAfterTheOther(wire, faulty) if wire is not None else faulty
    ctx = VirtualContext(setting.seed, setting.began_at)
    phone = VirtualPhone(caller, rate_hz=setting.rate_hz, call_id=setting.call_id, faults=wire, delay_s=setting.delay_s)
    phone.ring()
    try:
        start = await accept_stream(phone.socket, extensions=True)
        media_ms.line = line = MediaStreamLine(
            phone.socket,
            start,
            caller=setting.caller_number,
            called=setting.called_number,
            on_leave=held.decisions.append,
            now_s=loop.time,
        )
        record = CallRecord.open(out, setting.call_id, mode="full", rate_hz=setting.rate_hz, ctx=ctx)
        held.folder = record.folder
        record.listen(held.events.append)
        session = CallSession(line, agent, kit, record, ctx, data_dir, setting.continuation)
        if setting.wound_up is not None:
            loop.call_later(setting.wound_up[0] / 1000, session.wind_up, setting.wound_up[1])
        async with asyncio.timeout(agent.max_call_s + OVERTIME_S):
            await until_both_end(line, session)
    finally:
        held.caller_ms = round(phone.now_ms)
        phone.drop()
