"""CallSession: one call from ringing to hang-up. It owns the call's tasks; joins the ear, the floor and the replies.

What must be quick (a turn's end, a barge-in) happens in plain calls within the audio frame that brings it about; what
takes time is a task in the call's one TaskGroup. The floor (agent/turns/floor.py) says whose turn it is.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from functools import partial
from pathlib import Path

from agent.call_parts import CallParts
from agent.context import CallContext
from agent.continuation import Continuation
from agent.definition import AgentDefinition
from agent.errors import EngineError, OffhookError, members
from agent.history import History
from agent.kit import EngineKit
from agent.late_audio import LateAudio
from agent.line import (
    Decision,
    HangUp,
    HungUp,
    KeyPressed,
    Line,
    LineEvent,
    MarksLost,
    PlayoutDone,
    PlayoutStarted,
    decision_fields,
)
from agent.record import CallRecord
from agent.replies import Replies
from agent.slots.base import NOTHING_ASKED
from agent.speaking import Speaking
from agent.trace import TurnTrace
from agent.turn_taking import TurnTaking
from agent.turns.ending import Ending
from agent.turns.far_end import Beep, FarEndEvent
from agent.turns.floor import Floor, FloorKeeper, Move

#: The call's own clock: timers on media time are looked at this often, and ticks are journaled in a stall.
TICK_S = 0.1
#: What cuts a call off so often may be something in the call itself, and would cut it, and others, off again.
MAX_CUT_OFFS = 2


class _CallOver(Exception):
    """Ends the task group: the line is gone."""


class CallSession:
    """Runs one call on one line. `run()` returns when the call is over and everything it owned has ended."""

    def __init__(
        self,
        line: Line,
        agent: AgentDefinition,
        kit: EngineKit,
        record: CallRecord,
        ctx: CallContext,
        data_dir: Path,
        continuation: Continuation | None = None,
    ) -> None:
        """`continuation`: what was said before, where the call comes back to its agent on a new stream."""
        self._line = line
        self._agent = agent
        self._kit = kit
        self._record = record
        self._ctx = ctx
        self._floor = FloorKeeper()
        self._late = LateAudio(partial(self._journal, "line.stall"))
        history = continuation.history if continuation is not None else History()
        self._speaking = Speaking(line, agent, kit, ctx, self._journal, history)
        self._replies = Replies(
            line=line,
            agent=agent,
            kit=kit,
            ctx=ctx,
            data_dir=data_dir,
            history=history,
            speaking=self._speaking,
            floor=self._floor,
            journal=self._journal,
            spawn=lambda work: self._tasks.create_task(work),
            on_heard_out=self._on_heard_out,
            keep_journal=record.flush,
            continuation=continuation,
        )
        self._turns = TurnTaking(
            CallParts(
                line=line,
                agent=agent,
                kit=kit,
                ctx=ctx,
                floor=self._floor,
                speaking=self._speaking,
                history=history,
                replies=self._replies,
                journal=self._journal,
                spawn=lambda work: self._tasks.create_task(work),
            ),
            on_committed=self._on_committed,
            on_far_end=self._on_far_end,
            turn=continuation.turn if continuation is not None else 0,
        )
        self._continuation = continuation
        self._tasks: asyncio.TaskGroup
        self._ticked_ms = 0
        self._over = False
        self._began_s = ctx.now_s()
        self._ending: Ending | None = None
        self._message_due = False  # a machine is at the far end, and is to be left a message
        self._message_early = False  # it is being left one without a beep having been heard
        self._ended_by = "cancelled"

    # --- the call ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Hold the call. Returns when it is over; raises only what is a fault of ours, with a journal line."""
        self._journal_start()
        try:
            async with asyncio.TaskGroup() as self._tasks:
                try:
                    self._tasks.create_task(self._record.run())
                    self._tasks.create_task(self._watch())
                    self._line.attach(self)
                    self._greet()
                    async for event in self._line.events():
                        self._on_line_event(event)
                    raise _CallOver
                finally:
                    self._over = True  # the line may outlive us: what it still brings is not ours
        except* _CallOver:
            pass
        except* Exception as errors:
            for error in members(errors):
                self._journal("error", where="call", message=f"{type(error).__name__}: {error}")
            self._ended_by = "error"
            raise
        finally:
            await self._finish()

    async def _finish(self) -> None:
        """After the group: what was said and heard, the recogniser and the record, in this order, are closed."""
        try:
            await self._replies.close()
        finally:  # cancelled meanwhile or not
            try:
                await self._turns.ear.close()
            except OffhookError as error:
                self._journal("error", where="stt", message=str(error))
            self._late.over()
            self._journal("call.ended", reason=self._ended_by, audio_ms=self._turns.ear.end_ms)
            await self._record.close()

    def wind_up(self, reason: str, phrase: str = "") -> None:
        """The call must end: say `phrase` (else phrases.closing) as soon as nobody is cut short by it, and hang up."""
        if self._message_due:  # a machine is at the far end: nobody waits for a goodbye
            self._leave_machine("")
        elif self._ending is None and self._floor.floor is not Floor.LEAVING and not self._over:
            self._ending = Ending.begun(phrase or self._agent.phrases.closing, reason, self._ctx.now_s())
            self._journal("wind_up", reason=reason)
            self._replies.finish()

    def _greet(self) -> None:
        if self._continuation is not None and self._continuation.cut_offs >= MAX_CUT_OFFS:
            self._replies.give_up(self._turns.latest, "call", EngineError("the call was cut off again and again"))
            return
        if self._continuation is not None:
            if self._continuation.asks != NOTHING_ASKED:
                self._journal("agent.asks", **self._continuation.asks.fields())  # what was being asked for still is
            self._replies.come_back(self._continuation)
            return
        phrases = self._agent.phrases
        told = self._agent.notice == "always" or self._agent.record == "full"
        notice = [phrases.recording_notice] if told and phrases.recording_notice else []
        self._replies.say(self._turns.latest, [*notice, phrases.greeting])

    async def _leave(self, decision: Decision) -> None:
        self._journal("leave", decision=decision_fields(decision))
        self._ended_by = f"agent: {type(decision).__name__.lower()}"
        await self._line.leave(decision)

    def _journal(self, kind: str, /, **data: object) -> None:
        self._record.event(kind, self._line.media_ms, **data)

    def _journal_start(self) -> None:
        info = self._line.info
        kit = self._kit
        self._journal(
            "call.started",
            call_id=info.call_id,
            agent=self._agent.name,
            caller=info.caller,
            called=info.called,
            line=info.kind,
            rate_hz=info.sample_rate_hz,
            record=self._agent.record,
            seed=getattr(self._ctx, "seed", None),
            retain_days=self._agent.retain_days,
            sensitive_lengths=list(self._agent.sensitive_lengths),
            continues=self._continuation.reason if self._continuation is not None else None,
            engines={"stt": kit.stt.name, "llm": kit.llm.name, "tts": kit.tts.name, "vad": kit.vad.name},
            voice_hz=kit.tts.rate_hz,
            turns=asdict(self._agent.turns),
        )

    # --- the line's side --------------------------------------------------------------------------------------------

    def on_audio(self, pcm: bytes, media_ms: int) -> None:
        """The caller's audio, from the line, once a frame. Gaps become silence."""
        if self._over:
            return
        came_ms = (self._ctx.now_s() - self._began_s) * 1000
        self._record.caller_audio(pcm, media_ms)
        try:
            self._turns.hear(pcm, media_ms)
        except OffhookError as error:
            if self._floor.floor is not Floor.LEAVING:  # else it has been said, and would be at every frame
                self._replies.give_up(self._turns.latest, "hearing", error)
        late_ms = came_ms - self._turns.ear.end_ms
        if not self._late.least_ms <= late_ms <= self._late.most_ms:
            self._late.came(media_ms, self._turns.ear.end_ms, late_ms)

    def on_heard_audio(self, pcm: bytes, media_ms: int) -> None:
        """What the caller heard of us, placed by the ledger."""
        self._record.agent_audio(pcm, media_ms)

    def _on_line_event(self, event: LineEvent) -> None:
        match event:
            case KeyPressed(digit, media_ms):
                self._turns.on_key(digit, media_ms)
            case PlayoutStarted(media_ms, sent_ms):
                self._journal("playout.started", at=media_ms, sent_ms=sent_ms)
                self._speaking.on_playout_started(media_ms)
            case PlayoutDone(heard):
                self._journal("playout.done", position_ms=heard.position_ms, basis=heard.basis)
                self._speaking.on_playout_done()
            case MarksLost(_, owed_ms):
                self._journal("playout.marks_lost", owed_ms=owed_ms)
            case HungUp(reason, _):
                if self._ended_by == "cancelled":
                    self._ended_by = f"caller: {reason}"

    # --- turns ------------------------------------------------------------------------------------------------------

    def _on_committed(self, turn: int, text: str, trace: TurnTrace | None) -> None:
        """A turn is committed: exactly one reply belongs to it, and where the call must end, that is the goodbye."""
        if self._ending is not None:
            self._say_goodbye(self._ending)
            return
        self._floor.move(Move.COMMITTED)
        self._replies.answer(turn, text, trace)

    def _on_far_end(self, event: FarEndEvent) -> None:
        """A machine is at the far end, or has given its beep: what to do then is for the agent's file to say."""
        settings = self._agent.voicemail
        if isinstance(event, Beep):
            if self._message_early:  # what it records begins now
                self._replies.fall_silent()
            if self._message_due or self._message_early:
                self._leave_machine(settings.message)
        elif settings.then != "nothing" and self._ending is None and self._floor.floor is not Floor.LEAVING:
            self._replies.fall_silent()
            self._message_due = settings.then == "message" and event.reason != "mailbox full"
            if not self._message_due:
                self._leave_machine("")

    def _leave_machine(self, message: str) -> None:
        self._message_due = self._message_early = False
        self._replies.say(self._turns.latest, [message] if message else [], HangUp("voicemail"))

    async def _on_heard_out(self, decision: Decision | None) -> None:
        """The caller has heard everything: the floor is open, or the line is left."""
        if decision is not None:
            self._message_early = False
            await self._leave(decision)
        else:
            self._turns.heard_out()

    # --- the clock --------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """The call's own clock: timers, and media time that goes on while no audio comes."""
        while True:
            await asyncio.sleep(TICK_S)
            media_ms = self._line.media_ms
            if media_ms > self._turns.ear.end_ms and media_ms > self._ticked_ms:
                self._ticked_ms = media_ms
                self._journal("tick")
                self._turns.tick(media_ms)
            if self._turns.watch_far_end(media_ms) and self._message_due:
                self._leave_machine(self._agent.voicemail.message)
                self._message_early = True
            now_s = self._ctx.now_s()
            if now_s - self._began_s > self._agent.max_call_s:
                self.wind_up("call too long", self._agent.phrases.time_up)
            if self._ending is None:
                self._look_at_silence(media_ms)
            elif self._ending.due(self._floor.floor, now_s):
                self._say_goodbye(self._ending)

    def _say_goodbye(self, ending: Ending) -> None:
        self._replies.say_last(self._turns.latest, ending.phrase, HangUp(ending.reason))

    def _look_at_silence(self, media_ms: int) -> None:
        prompt = self._turns.look_at_silence(media_ms)
        if prompt is not None:
            phrase, last = prompt
            self._replies.say(self._turns.latest, [phrase], HangUp("no input") if last else None)
