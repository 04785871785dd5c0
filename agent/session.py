"""CallSession: one call from ringing to hang-up. It owns the call's tasks; joins the ear, the floor and the replies.

What must be quick (a turn's end, a barge-in) happens in plain calls within the audio frame that brings it about; what
takes time is a task in the call's one TaskGroup. The floor (agent/turns/floor.py) says whose turn it is.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from functools import partial
from pathlib import Path

from agent.context import CallContext
from agent.continuation import Continuation
from agent.definition import AgentDefinition
from agent.ear import Ear, Hearing
from agent.errors import EngineError, OffhookError, members
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
from agent.trace import TurnTrace
from agent.turns.ending import Ending
from agent.turns.endpointing import EndOfTurn, SilenceEndpointer
from agent.turns.floor import Floor, FloorKeeper, Move
from agent.turns.gate import GateEvent, SpeechBegan, SpeechGate
from agent.turns.interruption import Interruption
from agent.turns.keypad import Keypad
from agent.turns.silence import CallerSilence

#: A recogniser that has not given its final text by then is taken to have understood nothing.
FINAL_TEXT_S = 3.0
#: The call's own clock: timers on media time are looked at this often, and ticks are journaled in a stall.
TICK_S = 0.1
#: A stretch of speech shorter than this, without text, is a noise: nobody is asked to repeat it.
NOISE_MS = 350
#: So often in a row the caller is asked to say it again; then a person is tried, or the call ended: not silence.
MAX_NOT_UNDERSTOOD = 3
#: What cuts a call off so often may be something in the call itself, and would cut it, and others, off again.
MAX_CUT_OFFS = 2
#: A recogniser that fails so often in a row is beyond help.
MAX_DEAF = 2


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
        rate_hz = line.info.sample_rate_hz
        turns = agent.turns
        self._floor = FloorKeeper()
        self._ear = Ear(
            rate_hz=rate_hz,
            vad=kit.vad.stream(),
            gate=SpeechGate(turns.min_speech_ms),
            stt=kit.stt.call(ctx, rate_hz),
            stt_name=kit.stt.name,
            stt_rate_hz=kit.stt.rate_hz,
            ctx=ctx,
            journal=self._journal,
            on_gate=self._on_gate,
        )
        self._late = LateAudio(partial(self._journal, "line.stall"))
        self._endpointer = SilenceEndpointer(turns.trailing_ms, turns.max_turn_ms)
        self._interruption = Interruption(turns.barge_in_ms)
        self._keypad = Keypad()
        self._silence = CallerSilence(turns.no_input_ms, turns.max_no_input)
        self._replies = Replies(
            line=line,
            agent=agent,
            kit=kit,
            ctx=ctx,
            data_dir=data_dir,
            floor=self._floor,
            journal=self._journal,
            spawn=lambda work: self._tasks.create_task(work),
            on_heard_out=self._on_heard_out,
            keep_journal=record.flush,
            continuation=continuation,
        )
        self._continuation = continuation
        self._tasks: asyncio.TaskGroup
        self._weighing = asyncio.Lock()
        self._hearing: Hearing | None = None
        self._turn = continuation.turn if continuation is not None else 0
        self._speech_turn = 0  # keys may open a turn while another is spoken
        self._turn_began_ms = 0
        self._ticked_ms = 0
        self._not_understood = 0
        self._deaf = 0
        self._over = False
        self._began_s = ctx.now_s()
        self._ending: Ending | None = None
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
        await self._replies.close()
        try:
            await self._ear.close()
        except OffhookError as error:
            self._journal("error", where="stt", message=str(error))
        self._late.over()
        self._journal("call.ended", reason=self._ended_by, audio_ms=self._ear.end_ms)
        await self._record.close()

    def wind_up(self, reason: str, phrase: str = "") -> None:
        """The call must end: say `phrase` (else phrases.closing) as soon as nobody is cut short by it, and hang up."""
        if self._ending is None and self._floor.floor is not Floor.LEAVING and not self._over:
            self._ending = Ending.begun(phrase or self._agent.phrases.closing, reason, self._ctx.now_s())
            self._journal("wind_up", reason=reason)
            self._replies.finish()

    def _greet(self) -> None:
        if self._continuation is not None and self._continuation.cut_offs >= MAX_CUT_OFFS:
            self._replies.give_up(self._turn, "call", EngineError("the call was cut off again and again"))
            return
        if self._continuation is not None:
            if self._continuation.asks:
                self._journal("agent.asks", **self._continuation.asks)  # what was being asked for still is
            self._replies.come_back(self._continuation)
            return
        phrases = self._agent.phrases
        told = self._agent.notice == "always" or self._agent.record == "full"
        notice = [phrases.recording_notice] if told and phrases.recording_notice else []
        self._replies.say(self._turn, [*notice, phrases.greeting])

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
            self._ear.hear(pcm, media_ms)
        except OffhookError as error:
            if self._floor.floor is not Floor.LEAVING:  # else it has been said, and would be at every frame
                self._replies.give_up(self._turn, "hearing", error)
        late_ms = came_ms - self._ear.end_ms
        if not self._late.least_ms <= late_ms <= self._late.most_ms:
            self._late.came(media_ms, self._ear.end_ms, late_ms)

    def on_heard_audio(self, pcm: bytes, media_ms: int) -> None:
        """What the caller heard of us, placed by the ledger."""
        self._record.agent_audio(pcm, media_ms)

    def _on_line_event(self, event: LineEvent) -> None:
        match event:
            case KeyPressed(digit, media_ms):
                self._on_key(digit, media_ms)
            case PlayoutStarted(media_ms, sent_ms):
                self._journal("playout.started", at=media_ms, sent_ms=sent_ms)
                self._replies.on_playout_started(media_ms)
            case PlayoutDone(heard):
                self._journal("playout.done", position_ms=heard.position_ms, basis=heard.basis)
                self._replies.on_playout_done()
            case MarksLost(_, owed_ms):
                self._journal("playout.marks_lost", owed_ms=owed_ms)
            case HungUp(reason, _):
                if self._ended_by == "cancelled":
                    self._ended_by = f"caller: {reason}"

    # --- turns ------------------------------------------------------------------------------------------------------

    def _on_gate(self, event: GateEvent) -> None:
        if isinstance(event, SpeechBegan):
            self._on_speech_began(event)
            return
        if self._interruption.window(event) and self._floor.floor is Floor.AGENT:
            self._barge_in()
        end = self._endpointer.window(event)
        if end is not None:
            self._on_turn_ended(end)

    def _on_speech_began(self, event: SpeechBegan) -> None:
        self._turn += 1
        self._speech_turn = self._turn
        self._turn_began_ms = event.speech_ms
        self._journal("turn.started", turn=self._turn, speech_ms=event.speech_ms)
        self._endpointer.began(event)
        self._hearing = self._ear.begin()
        if self._floor.floor is Floor.OPEN:
            self._floor.move(Move.CALLER_BEGAN)
        if self._interruption.began(event) and self._floor.floor is Floor.AGENT:
            self._barge_in()

    def _on_turn_ended(self, end: EndOfTurn) -> None:
        hearing, self._hearing = self._hearing, None
        self._ear.end()
        turn = self._speech_turn
        self._journal("turn.ended", turn=turn, speech_end_ms=end.speech_end_ms, reason=end.reason)
        if hearing is None:
            return
        if self._floor.floor in (Floor.AGENT, Floor.LEAVING):  # never long enough to be meant
            self._journal("turn.rejected", turn=turn, reason="short" if self._floor.floor is Floor.AGENT else "leaving")
            self._tasks.create_task(hearing.cancel())
            return
        if self._floor.floor is Floor.CALLER:
            self._floor.move(Move.TURN_ENDED)
        trace = TurnTrace(turn, end.speech_end_ms, end.media_ms, self._ctx.now_s)
        speech_ms = end.speech_end_ms - self._turn_began_ms
        self._tasks.create_task(self._weigh(turn, hearing, trace, speech_ms))

    async def _weigh(self, turn: int, hearing: Hearing, trace: TurnTrace, speech_ms: int) -> None:
        """Wait for a turn's text; accept or reject it. One at a time, in the order of the turns."""
        async with self._weighing:
            try:
                async with asyncio.timeout(FINAL_TEXT_S):
                    transcript = await hearing.final()
            except (TimeoutError, EngineError) as error:
                await hearing.cancel()
                self._deaf += 1
                failure = error if str(error) else EngineError(f"no final text within {FINAL_TEXT_S:g} s")
                if self._deaf >= MAX_DEAF:
                    self._journal("turn.rejected", turn=turn, reason="stt")
                    self._replies.give_up(self._turn, "stt", failure)
                    return
                self._journal("error", where="stt", message=str(failure))
                self._reject(turn, max(speech_ms, NOISE_MS))
                return
            self._deaf = 0
            trace.mark("stt")
            if transcript.text.strip():
                self._commit(turn, transcript.text.strip(), transcript.confidence, "voice", trace)
            else:
                self._reject(turn, speech_ms)

    def _commit(self, turn: int, text: str, confidence: float | None, source: str, trace: TurnTrace | None) -> None:
        """The turn is accepted; exactly one reply belongs to it."""
        if self._floor.floor is Floor.LEAVING:
            return
        if self._floor.floor is Floor.AGENT:
            self._replies.interrupt()
        self._journal("turn.committed", turn=turn, text=text, confidence=confidence, source=source)
        if self._ending is not None:
            self._say_goodbye(self._ending)
            return
        self._floor.move(Move.COMMITTED)
        self._not_understood = 0
        self._silence.caller_answered()
        self._replies.answer(turn, text, trace)

    def _reject(self, turn: int, speech_ms: int) -> None:
        """Nothing to answer: take up what was broken off, or ask again, or let a noise be a noise."""
        self._journal("turn.rejected", turn=turn, reason="no text")
        if self._floor.floor is not Floor.WEIGHING:
            return
        self._floor.move(Move.REJECTED)
        self._silence.floor_opened(self._line.media_ms)
        if self._replies.resume(turn):
            return
        if speech_ms >= NOISE_MS:
            self._not_understood += 1
            if self._not_understood > MAX_NOT_UNDERSTOOD:
                self._replies.give_up(turn, "hearing", EngineError("not understood, again and again"))
            else:
                self._replies.say(turn, [self._agent.phrases.not_understood])
        elif self._ear.gate.open:
            self._floor.move(Move.CALLER_BEGAN)

    async def _on_heard_out(self, decision: Decision | None) -> None:
        """The caller has heard everything: the floor is open, or the line is left."""
        if decision is not None:
            await self._leave(decision)
            return
        self._floor.move(Move.HEARD)
        self._silence.floor_opened(self._line.media_ms)
        if self._floor.floor is Floor.OPEN and self._ear.gate.open:
            self._floor.move(Move.CALLER_BEGAN)

    def _barge_in(self) -> None:
        self._journal("barge_in", turn=self._turn, utterance=self._replies.utterance_at_ear())
        self._replies.interrupt()
        self._floor.move(Move.BARGED_IN)

    def _on_key(self, digit: str, media_ms: int) -> None:
        self._journal("key", digit=digit)
        entry = self._keypad.press(digit, media_ms)
        if self._floor.floor is Floor.AGENT and (entry or self._keypad.pending):
            self._replies.interrupt()
            self._floor.move(Move.BARGED_IN)
        self._on_entry(entry)

    def _on_entry(self, keys: str | None) -> None:
        if keys:
            self._turn += 1
            self._commit(self._turn, keys, 1.0, "keys", None)

    # --- the clock --------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """The call's own clock: timers, and media time that goes on while no audio comes."""
        while True:
            await asyncio.sleep(TICK_S)
            media_ms = self._line.media_ms
            if media_ms > self._ear.end_ms and media_ms > self._ticked_ms:
                self._ticked_ms = media_ms
                self._journal("tick")
                if self._ear.gate.open and (end := self._endpointer.tick(media_ms)) is not None:
                    self._on_turn_ended(end)
            self._on_entry(self._keypad.tick(media_ms))
            now_s = self._ctx.now_s()
            if now_s - self._began_s > self._agent.max_call_s:
                self.wind_up("call too long", self._agent.phrases.time_up)
            if self._ending is None:
                self._look_at_silence(media_ms)
            elif self._ending.due(self._floor.floor, now_s):
                self._say_goodbye(self._ending)

    def _say_goodbye(self, ending: Ending) -> None:
        self._replies.say_last(self._turn, ending.phrase, HangUp(ending.reason))

    def _look_at_silence(self, media_ms: int) -> None:
        if self._floor.floor is not Floor.OPEN or self._keypad.pending:
            return
        prompt = self._silence.tick(media_ms)
        if prompt is None:
            return
        phrases = self._agent.phrases
        phrase = phrases.no_input_goodbye if prompt.last else phrases.still_there
        self._journal("silence.prompt", phrase=phrase, count=prompt.count)
        self._replies.say(self._turn, [phrase], HangUp("no input") if prompt.last else None)
