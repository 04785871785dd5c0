"""Running one call again: from its source on disk to what came of it. Never raises for a source that cannot be run."""

from __future__ import annotations

import datetime as dt
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast, get_args

from agent.agents import agent_folders, load_agent
from agent.continuation import Continuation, Reason, continue_from
from agent.definition import AgentDefinition
from agent.errors import AgentError, OffhookError
from agent.privacy import Confidential
from agent.recording.folder import JOURNAL, MAX_SAME_NAME
from agent.summary import parse_journal
from agent.virtual_time import SOME_DAY, VirtualContext
from telephony.faults.plan import FaultPlan, load_faults
from telephony.replay.callers.open_loop import open_loop
from telephony.replay.callers.reactive import reactive
from telephony.replay.callers.stalls import recorded_wire
from telephony.replay.engines.kit import ReplayKit, mode_of, replay_kit
from telephony.replay.held import HeldCall, MediaTime, OpenEngines, Setting, hold_virtually
from telephony.replay.judging.divergence import first_divergence
from telephony.replay.judging.outcome import Outcome, outcome_of
from telephony.replay.judging.result import Divergence, Run
from telephony.replay.phone import Caller
from telephony.replay.plan import Plan
from telephony.replay.reading.audio import open_regular
from telephony.replay.reading.older import with_asides
from telephony.replay.reading.source import DEFAULT_AGENT, MAX_JOURNAL_BYTES, read_source
from telephony.replay.recorded import Diverged, Recorded
from telephony.replay.way import delay_s

#: No call is longer (agent/agentfile.py, MAX_CALL_S), and a faulty one shall not run for ever.
LIMIT_S = 90_000
#: To a run that stopped because of what the record does not hold.
GO_ON = 'what the record does not hold ended the run; without --missing stop (missing="stop" in a test) it goes on'

#: So near a turn a stall may have had its part in it: a turn that has begun, and the silence that ends it.
STALL_WEIGHS_MS = 2500


@dataclass(frozen=True, slots=True)
class _Ready:
    """What a run needs, all of it read and checked."""

    recorded: Recorded
    plan: Plan
    agent: AgentDefinition
    faults: FaultPlan | None
    continuation: Continuation | None


def replay(source: Path, plan: Plan, out: Path) -> Run:
    """Run the call in `source` again; the run's own record is made in the folder `out`.

    Blocking, and for one call at a time in a process. Whatever is wrong with the source, the agent or the run is told
    in `Run.failed`.
    """
    began_s = time.perf_counter()
    try:
        ready = _prepare(source, plan)
    except OffhookError as error:
        took_s = time.perf_counter() - began_s
        return Run(source.name, source, plan, None, Outcome(), None, failed=str(error), took_s=took_s)
    recorded = ready.recorded
    caller = open_loop(recorded) if plan.caller == "open" else reactive(recorded)
    kits: list[ReplayKit] = []
    with tempfile.TemporaryDirectory(prefix="offhook-replay-") as data_dir:
        held = hold_virtually(
            caller, _opener(ready, caller, kits), _setting(ready), out, Path(data_dir), limit_s=LIMIT_S
        )
    return _told(ready, caller, kits, held, time.perf_counter() - began_s)


def _opener(ready: _Ready, caller: Caller, kits: list[ReplayKit]) -> OpenEngines:
    """Opens the call's engines, and puts them into `kits`."""

    async def open_engines(at_ms: MediaTime) -> ReplayKit:
        # A context of its own: what the engines do before the call is none of the call's.
        kit = await replay_kit(
            ready.agent,
            ready.plan,
            ready.recorded,
            VirtualContext(),
            at_ms=at_ms,
            audio_ms=at_ms.audio_ms,
            recorded_ms=caller.recorded_ms,
        )
        kits.append(kit)
        return kit

    return open_engines


def _setting(ready: _Ready) -> Setting:
    recorded, plan = ready.recorded, ready.plan
    return Setting(
        rate_hz=recorded.rate_hz,
        call_id=recorded.call_id or recorded.name,
        caller_number=recorded.caller_number,
        called_number=recorded.called_number,
        seed=recorded.seed if recorded.seed is not None else 1,
        began_at=_moment(recorded.began_at),
        faults=ready.faults,
        wire=recorded_wire(recorded) if plan.caller == "open" else None,
        delay_s=delay_s(recorded),
        continuation=ready.continuation,
        wound_up=recorded.wound_up,
    )


def _prepare(source: Path, plan: Plan) -> _Ready:
    recorded = read_source(source, channel=plan.channel)
    plan = replace(plan, mode=mode_of(plan, recorded))
    agent = _agent(plan, recorded.agent or DEFAULT_AGENT)
    faults = load_faults(plan.fault) if plan.fault else None
    return _Ready(recorded, plan, agent, faults, _continuation(source, recorded))


def _agent(plan: Plan, recorded: str) -> AgentDefinition:
    """The one that the plan names, else the one of the record's name."""
    known = {folder.name for folder in agent_folders(plan.agents_dir)}
    if plan.agent or not plan.named or recorded in known:
        return load_agent(plan.agent or recorded, plan.agents_dir, plan.settings, recorded=not plan.agent)
    agent = load_agent(plan.named, plan.agents_dir, plan.settings)
    if agent.name == recorded:
        return agent
    raise AgentError(
        f"there is no agent {recorded[:80]!r} here, as the record names it, and {plan.named} is {agent.name!r}: "
        "compare with the record, or with the agent's folder: --against FOLDER"
    )


def _continuation(source: Path, recorded: Recorded) -> Continuation | None:
    """Of a stream by which a call came back: what was said before, from the folders of its earlier streams."""
    started = next((event for event in recorded.events if event.get("kind") == "call.started"), {})
    reason = started.get("continues")
    if reason not in get_args(Reason):
        return None
    source = source.resolve()
    stem, _, number = source.name.rpartition("-")
    if not stem or not number.isdecimal() or int(number) > MAX_SAME_NAME:
        return None
    earlier = [source.with_name(stem if stream == 1 else f"{stem}-{stream}") for stream in range(1, int(number))]
    journals = [list(_journal(folder)) for folder in earlier if (folder / JOURNAL).is_file()]
    return continue_from(journals, cast(Reason, reason))


def _journal(folder: Path) -> Iterator[dict[str, Any]]:
    """An earlier stream's journal as its service wrote it: what was confidential is not known to what came after.

    (A kept call has surrogates in those places, telephony/replay/keep; where marks are, there they stay.)
    """
    confidential = Confidential()
    with open_regular(folder / JOURNAL) as file:
        lines = file.read(MAX_JOURNAL_BYTES).split(b"\n")
    for event in parse_journal(lines):
        kind, media_ms = event.get("kind"), event.get("media_ms")
        if isinstance(kind, str) and isinstance(media_ms, int):
            fields = {name: value for name, value in event.items() if name not in ("kind", "media_ms")}
            event = {"kind": kind, "media_ms": media_ms, **confidential.line(kind, media_ms, fields)}
        yield event


def _moment(text: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return SOME_DAY
    return moment if moment.tzinfo is not None else SOME_DAY


def _told(ready: _Ready, caller: Caller, kits: list[ReplayKit], held: HeldCall, took_s: float) -> Run:
    recorded, plan = ready.recorded, ready.plan
    now = outcome_of(held.events)
    before = outcome_of(with_asides(recorded.events, ready.agent.phrases)) if recorded.has_journal else None
    diverged = first_divergence(before, now, reactive=plan.caller == "reactive") if before is not None else None
    failed = ""
    missing = next((kit.diverged for kit in kits if kit.diverged is not None), None) or _missing(held.error)
    if missing is not None:
        failed = str(missing)
        if diverged is None or diverged.what == "ended":  # it ended so because this was missing
            diverged = Divergence(missing.turn, now.duration_ms, "missing", "", missing.what)
    else:
        failed = held.why
    return Run(
        name=recorded.name,
        source=recorded.source,
        plan=plan,
        folder=held.folder,
        outcome=now,
        recorded=before,
        diverged=diverged,
        failed=failed,
        deterministic=not held.touched_reality,
        notes=(
            *recorded.notes,
            *_unplayed(recorded, held, plan),
            *_wound_up(recorded, plan),
            *_near_a_stall(recorded, diverged),
            *getattr(caller, "notes", ()),
            *(note for kit in kits for note in kit.notes),
            *held.notes,
            *((GO_ON,) if missing is not None and plan.missing == "stop" else ()),
        ),
        audio_ms=min(held.caller_ms, recorded.duration_ms),
        took_s=took_s,
        served={name: count for kit in kits for name, count in sorted(kit.served.items())},
    )


def _unplayed(recorded: Recorded, held: HeldCall, plan: Plan) -> tuple[str, ...]:
    left_ms = recorded.duration_ms - held.caller_ms
    if plan.caller == "reactive" or left_ms < 1000 or held.error is not None:
        return ()
    return (f"the call was over {left_ms / 1000:.0f} s before the end of the recording: the rest was not played",)


def _wound_up(recorded: Recorded, plan: Plan) -> tuple[str, ...]:
    """The service's end stays where it was, but a reactive caller's words move with the agent's."""
    if plan.caller == "open" or recorded.wound_up is None:
        return ()
    at_ms, reason = recorded.wound_up
    return (f"the service ended the call at {at_ms / 1000:.1f} s ({reason}), then and now, whatever had been said",)


def _near_a_stall(recorded: Recorded, diverged: Divergence | None) -> tuple[str, ...]:
    """A turn that was decided as late audio came may be decided otherwise now, and the agent is not to blame."""
    if diverged is None:
        return ()
    guessed = [stall for stall in recorded.stalls if not stall.exact]
    near = [stall for stall in guessed if stall.from_ms - STALL_WEIGHS_MS <= diverged.at_ms]
    if not near or diverged.at_ms > near[-1].arrived_ms + STALL_WEIGHS_MS:
        return ()
    return (
        f"the line stalled at {near[-1].from_ms / 1000:.1f} s: of when late audio came this record, an older one, "
        "knows to 50 ms or so, and what diverged there may be due to that",
    )


def _missing(error: BaseException | None) -> Diverged | None:
    if isinstance(error, Diverged):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next((found for each in error.exceptions if (found := _missing(each)) is not None), None)
    return None
