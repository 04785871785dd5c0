"""CallSession: one call from ringing to hang-up. It owns the call's tasks, and joins the ear, the floor, the dialogue
and the mouth.

What must be quick (a turn's end, a barge-in) happens in plain calls within the audio frame that brings it about; what
takes time is a task in the call's one TaskGroup. The floor (agent/turns/floor.py) says whose turn it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.context import CallContext
from agent.definition import AgentDefinition
from agent.dialogue import Dialogue, Leave, SaidAll, Say
from agent.ear import Ear, Hearing
from agent.errors import EngineError, OffhookError
from agent.kit import EngineKit
from agent.line import (
    Decision,
    HangUp,
    Heard,
    HungUp,
    KeyPressed,
    Line,
    LineEvent,
    MarksLost,
    PlayoutDone,
    PlayoutStarted,
    Transfer,
)
from agent.record import CallRecord
from agent.speech.clauses import Clause, ClauseSplitter
from agent.speech.mouth import Mouth
from agent.tools.base import ToolContext, ToolOutcome
from agent.trace import TurnTrace
from agent.turns.endpointing import EndOfTurn, SilenceEndpointer
from agent.turns.floor import Floor, FloorKeeper, Move
from agent.turns.gate import GateEvent, SpeechBegan, SpeechGate
from agent.turns.interruption import Interruption
from agent.turns.keypad import Keypad

#: A recogniser that has not given its final text by then is taken to have understood nothing.
FINAL_TEXT_S = 3.0
#: What was queued must have been heard by its own length and this; then the call goes on without the proof.
HEARD_GRACE_S = 3.0
#: The call's own clock: timers on media time are looked at this often, and ticks are journaled in a stall.
TICK_S = 0.1
#: A stretch of speech shorter than this, without text, is a noise: nobody is asked to repeat it.
NOISE_MS = 350
#: So often in a row the caller is asked to say it again.
MAX_NOT_UNDERSTOOD = 3
#: A recogniser that fails so often in a row is beyond help.
MAX_DEAF = 2
#: Tools with effects are let finish after a hang-up, so long.
TOOLS_GRACE_S = 5.0


class _CallOver(Exception):
    """Ends the task group: the line is gone."""


@dataclass(slots=True)
class _Owed:
    """The reply a committed turn is owed, until it has been heard: a noise that breaks it off must not cost it."""

    turn: int
    text: str
    thought: bool = False  # the model has said all of it: what was not heard can be taken up
    decisions: list[Decision] = field(default_factory=list)


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
    ) -> None:
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
            stt=kit.stt.call(ctx),
            stt_name=kit.stt.name,
            stt_rate_hz=kit.stt.rate_hz,
            ctx=ctx,
            journal=self._journal,
            on_gate=self._on_gate,
        )
        self._endpointer = SilenceEndpointer(turns.trailing_ms, turns.max_turn_ms)
        self._interruption = Interruption(turns.barge_in_ms)
        self._keypad = Keypad()
        self._mouth = Mouth(line, kit.tts, kit.phrases, ctx, self._journal, self._on_queued_audio)
        tool_context = ToolContext(line.info.call_id, line.info.caller, data_dir, agent.transfer_to, ctx)
        self._dialogue = Dialogue(agent, kit.llm, tool_context, self._journal, self._spawn_tool)
        self._history = self._dialogue.history
        self._tasks: asyncio.TaskGroup
        self._tools: set[asyncio.Task[ToolOutcome]] = set()
        self._reply: asyncio.Task[None] | None = None
        self._parts: list[asyncio.Task[None]] = []  # the reply's own tasks: thinking, speaking
        self._owed: _Owed | None = None
        self._weighing = asyncio.Lock()
        self._hearing: Hearing | None = None
        self._turn = 0
        self._speech_turn = 0  # keys may open a turn while another is spoken
        self._turn_began_ms = 0
        self._trace: TurnTrace | None = None
        self._audio_end = 0  # in samples, gaps included
        self._audio_end_ms = 0
        self._open_since_ms = 0
        self._ticked_ms = 0
        self._all_heard = asyncio.Event()
        self._all_heard.set()
        self._unheard = ""
        self._not_understood = 0
        self._deaf = 0
        self._over = False
        self._no_input = 0
        self._began_s = ctx.now_s()
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
            for error in errors.exceptions:
                self._journal("error", where="call", message=f"{type(error).__name__}: {error}")
            self._ended_by = "error"
            raise
        finally:
            await self._finish()

    async def _finish(self) -> None:
        """After the group: settle what was heard, let tools finish, close the record. Bounded, and safe in a cancel."""
        self._settle_heard(self._line.heard())
        if self._tools:
            _, unfinished = await asyncio.wait(self._tools, timeout=TOOLS_GRACE_S)
            for task in unfinished:
                task.cancel()
            if unfinished:
                await asyncio.wait(unfinished, timeout=1.0)
        try:
            await self._ear.close()
        except OffhookError as error:
            self._journal("error", where="stt", message=str(error))
        self._journal("call.ended", reason=self._ended_by)
        await self._record.close()

    def _greet(self) -> None:
        phrases = self._agent.phrases
        notice = [phrases.recording_notice] if self._agent.record == "full" and phrases.recording_notice else []
        self._say_phrases([*notice, phrases.greeting])

    # --- the line's side --------------------------------------------------------------------------------------------

    def on_audio(self, pcm: bytes, media_ms: int) -> None:
        """The caller's audio, from the line, once a frame. Gaps become silence."""
        if self._over:
            return
        per_ms = self._line.info.sample_rate_hz // 1000
        missing = media_ms * per_ms - self._audio_end
        self._record.caller_audio(pcm, media_ms)
        try:
            if missing >= per_ms:  # less is only a time stamp in whole milliseconds
                self._journal("line.gap", from_ms=self._audio_end_ms, to_ms=media_ms)
                self._audio_end += missing
                self._ear.hear(bytes(2 * missing))
            self._audio_end += len(pcm) // 2
            self._audio_end_ms = self._audio_end // per_ms
            self._ear.hear(pcm)
        except OffhookError as error:
            if self._floor.floor is not Floor.LEAVING:  # else it has been said, and would be at every frame
                self._give_up("hearing", error)

    def on_heard_audio(self, pcm: bytes, media_ms: int) -> None:
        """What the caller heard of us, placed by the ledger."""
        self._record.agent_audio(pcm, media_ms)

    def _on_line_event(self, event: LineEvent) -> None:
        match event:
            case KeyPressed(digit, media_ms):
                self._on_key(digit, media_ms)
            case PlayoutStarted(media_ms, sent_ms):
                self._journal("playout.started", at=media_ms, sent_ms=sent_ms)
                if self._trace is not None:
                    self._journal("turn.latency", at=media_ms, turn=self._trace.turn, **self._trace.heard(media_ms))
                    self._trace = None
            case PlayoutDone(heard):
                self._journal("playout.done", position_ms=heard.position_ms, basis=heard.basis)
                if self._line.pending_ms <= 0:
                    self._all_heard.set()
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
                    self._give_up("stt", failure)
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
            self._interrupt()
        self._journal("turn.committed", turn=turn, text=text, confidence=confidence, source=source)
        self._floor.move(Move.COMMITTED)
        self._not_understood = self._no_input = 0
        self._unheard = ""
        self._trace = trace
        self._owed = _Owed(turn, text)
        self._start_reply(self._answer(self._owed))

    def _reject(self, turn: int, speech_ms: int) -> None:
        """Nothing to answer: take up what was broken off, or ask again, or let a noise be a noise."""
        self._journal("turn.rejected", turn=turn, reason="no text")
        if self._floor.floor is not Floor.WEIGHING:
            return
        self._floor.move(Move.REJECTED)
        self._open_since_ms = self._line.media_ms
        unheard, self._unheard = self._unheard, ""
        owed = self._owed
        if owed is not None and not owed.thought:
            self._floor.move(Move.AGENT_BEGAN)
            self._start_reply(self._answer(owed))
        elif unheard or (owed is not None and owed.decisions):
            self._start_reply(self._take_up(owed.turn if owed else turn, unheard, owed))
        elif speech_ms >= NOISE_MS and self._not_understood < MAX_NOT_UNDERSTOOD:
            self._not_understood += 1
            self._say_phrases([self._agent.phrases.not_understood])
        elif self._ear.gate.open:
            self._floor.move(Move.CALLER_BEGAN)

    def _barge_in(self) -> None:
        heard = self._line.heard().chars
        said = self._history.open_utterances()
        broken_off = next((each for each in said if heard.get(each.utterance, 0) < len(each.text.rstrip())), None)
        self._journal("barge_in", turn=self._turn, utterance=broken_off.utterance if broken_off else 0)
        self._interrupt()
        self._floor.move(Move.BARGED_IN)

    def _interrupt(self) -> None:
        """Stop speaking, at once; what was not heard is kept for the case that it was nothing."""
        self._cancel_reply()
        heard = self._line.stop_playing()
        self._all_heard.set()
        self._trace = None
        self._journal(
            "playout.stopped",
            position_ms=heard.position_ms,
            confirmed_ms=heard.confirmed_ms,
            uncertainty_ms=heard.uncertainty_ms,
            basis=heard.basis,
        )
        self._unheard = self._settle_heard(heard)

    def _cancel_reply(self) -> None:
        """The parts by name, not through their parent: they must not get one more step, and play behind a clear."""
        for task in (*self._parts, self._reply):
            if task is not None and task is not asyncio.current_task():
                task.cancel()
        self._parts, self._reply = [], None

    def _on_key(self, digit: str, media_ms: int) -> None:
        self._journal("key", digit=digit)
        entry = self._keypad.press(digit, media_ms)
        if self._floor.floor is Floor.AGENT and (entry or self._keypad.pending):
            self._interrupt()
            self._floor.move(Move.BARGED_IN)
        self._on_entry(entry)

    def _on_entry(self, keys: str | None) -> None:
        if keys:
            self._turn += 1
            self._commit(self._turn, keys, 1.0, "keys", None)

    # --- replies ----------------------------------------------------------------------------------------------------

    def _start_reply(self, reply: Coroutine[Any, Any, None]) -> None:
        self._reply = self._tasks.create_task(reply)

    async def _answer(self, owed: _Owed) -> None:
        """The one reply of a committed turn: think and speak side by side, be heard, and leave if that was decided."""
        clauses: asyncio.Queue[tuple[int, Clause] | None] = asyncio.Queue()
        owed.decisions.clear()
        failure: BaseException | None = None
        try:
            if self._tools:  # of this reply, before a noise broke it off: the model must know their results
                await asyncio.wait(self._tools)
            async with asyncio.TaskGroup() as both:
                self._parts = [
                    both.create_task(self._speak(owed.turn, clauses)),
                    both.create_task(self._think(owed, clauses)),
                ]
        except* EngineError as errors:
            failure = errors.exceptions[0]
        if failure is not None:
            self._give_up("reply", failure)
            return
        said = "".join(said.text for said in self._history.open_utterances() if said.turn == owed.turn)
        if not owed.decisions and not any(character.isalnum() for character in said):
            self._owed = None
            self._journal("error", where="reply", message="the model said nothing; the caller is asked again")
            self._say_phrases([self._agent.phrases.not_understood])
            return
        await self._be_heard_out(owed.decisions[0] if owed.decisions else None)

    async def _think(self, owed: _Owed, clauses: asyncio.Queue[tuple[int, Clause] | None]) -> None:
        splitter = ClauseSplitter()
        async for event in self._dialogue.reply(owed.turn, owed.text):
            match event:
                case Say(utterance, words):
                    self._mark("llm")
                    found = splitter.push(words)
                case SaidAll(utterance):
                    found = splitter.flush()
                    splitter = ClauseSplitter()
                case Leave(decision):
                    owed.decisions.append(decision)
                    continue
            for clause in found:
                self._mark("clause")
                clauses.put_nowait((utterance, clause))
        owed.thought = True
        clauses.put_nowait(None)

    async def _speak(self, turn: int, clauses: asyncio.Queue[tuple[int, Clause] | None]) -> None:
        while (item := await clauses.get()) is not None:
            utterance, clause = item
            self._journal("agent.clause", utterance=utterance, turn=turn, text=clause.text)
            await self._mouth.say(utterance, clause)

    async def _take_up(self, turn: int, text: str, owed: _Owed | None) -> None:
        """Go on from the last heard word, after an interruption that was none; then leave, if that had been decided."""
        self._floor.move(Move.AGENT_BEGAN)
        utterance = self._history.agent_begins(turn)
        self._history.agent_adds(utterance, text)
        splitter = ClauseSplitter()
        try:
            for clause in [*splitter.push(text), *splitter.flush()]:
                self._journal("agent.clause", utterance=utterance, turn=turn, text=clause.text)
                await self._mouth.say(utterance, clause)
        except EngineError as error:
            self._give_up("voice", error)
            return
        await self._be_heard_out(owed.decisions[0] if owed and owed.decisions else None)

    def _say_phrases(self, texts: list[str], leaving: Decision | None = None) -> None:
        """Say fixed phrases: from memory, so at once."""
        self._floor.move(Move.AGENT_BEGAN if leaving is None else Move.LEAVE)
        for text in texts:
            utterance = self._history.agent_begins(self._turn, aside=text != self._agent.phrases.greeting)
            self._history.agent_adds(utterance, text)
            self._journal("agent.clause", utterance=utterance, turn=self._turn, text=text)
            self._mouth.play_phrase(utterance, text)
        self._start_reply(self._be_heard_out(leaving))

    async def _be_heard_out(self, decision: Decision | None) -> None:
        """Wait until the caller has heard everything; then the floor is open, or the line is left."""
        if decision is not None:
            self._floor.move(Move.LEAVE)
        try:
            async with asyncio.timeout(max(0, self._line.pending_ms) / 1000 + HEARD_GRACE_S):
                await self._all_heard.wait()
        except TimeoutError:
            self._journal("error", where="playout", message="no proof that all was heard; going on without it")
        self._owed = None
        self._settle_heard(self._line.heard())
        if decision is not None:
            await self._leave(decision)
            return
        self._floor.move(Move.HEARD)
        self._open_since_ms = self._line.media_ms
        if self._floor.floor is Floor.OPEN and self._ear.gate.open:
            self._floor.move(Move.CALLER_BEGAN)

    async def _leave(self, decision: Decision) -> None:
        fields = {name: getattr(decision, name) for name in decision.__slots__}
        self._journal("leave", decision={"type": type(decision).__name__, **fields})
        self._ended_by = f"agent: {type(decision).__name__.lower()}"
        await self._line.leave(decision)

    def _give_up(self, where: str, error: BaseException) -> None:
        """An engine is beyond help: say so from memory, then hand the call to a person, or end it."""
        self._journal("error", where=where, message=str(error))
        if self._floor.floor is Floor.LEAVING:
            return
        self._cancel_reply()
        self._settle_heard(self._line.stop_playing())
        self._all_heard.set()
        to = self._agent.transfer_to
        self._say_phrases([self._agent.phrases.trouble], Transfer(to, "trouble") if to else HangUp("trouble"))

    # --- helpers ----------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """The call's own clock: timers, and media time that goes on while no audio comes."""
        while True:
            await asyncio.sleep(TICK_S)
            media_ms = self._line.media_ms
            if media_ms > self._audio_end_ms and media_ms > self._ticked_ms:
                self._ticked_ms = media_ms
                self._journal("tick")
                if self._ear.gate.open and (end := self._endpointer.tick(media_ms)) is not None:
                    self._on_turn_ended(end)
            self._on_entry(self._keypad.tick(media_ms))
            self._look_at_silence(media_ms)
            if self._ctx.now_s() - self._began_s > self._agent.max_call_s and self._floor.floor is not Floor.LEAVING:
                self._interrupt()
                self._say_phrases([self._agent.phrases.time_up], HangUp("call too long"))

    def _look_at_silence(self, media_ms: int) -> None:
        turns = self._agent.turns
        if self._floor.floor is not Floor.OPEN or self._keypad.pending:
            return
        if media_ms - self._open_since_ms < turns.no_input_ms:
            return
        self._no_input += 1
        phrases = self._agent.phrases
        last = self._no_input > turns.max_no_input
        phrase = phrases.no_input_goodbye if last else phrases.still_there
        self._journal("silence.prompt", phrase=phrase, count=self._no_input)
        self._say_phrases([phrase], HangUp("no input") if last else None)

    def _settle_heard(self, heard: Heard) -> str:
        """Write down, for good, what was heard of the open utterances. Returns the text of them that was not."""
        unheard = []
        for said in self._history.open_utterances():
            self._history.agent_heard(said.utterance, heard.chars.get(said.utterance, 0))
            start_ms, end_ms = heard.spans.get(said.utterance, (heard.media_ms, heard.media_ms))
            if said.text:
                self._journal(
                    "agent.heard",
                    utterance=said.utterance,
                    turn=said.turn,
                    text=said.heard,
                    said=said.text,
                    complete=not said.unheard,
                    start_ms=start_ms,
                    end_ms=end_ms,
                )
            if not said.aside:
                unheard.append(said.unheard)
        return " ".join(filter(None, unheard))

    def _on_queued_audio(self) -> None:
        self._mark("tts")
        self._all_heard.clear()

    def _mark(self, stage: str) -> None:
        if self._trace is not None:
            self._trace.mark(stage)

    def _spawn_tool(self, work: Coroutine[Any, Any, ToolOutcome]) -> asyncio.Task[ToolOutcome]:
        task = asyncio.get_running_loop().create_task(work)
        self._tools.add(task)
        task.add_done_callback(self._tools.discard)
        return task

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
            engines={"stt": kit.stt.name, "llm": kit.llm.name, "tts": kit.tts.name, "vad": kit.vad.name},
        )
