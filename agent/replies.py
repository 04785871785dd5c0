"""Replies: what the agent says - the one reply that a committed turn is owed, fixed phrases, and what an interruption
leaves of either.

The session says when to answer and when to stop; what takes time (thinking, speaking, being heard) is a task here. Of
the floor, only the agent's own moves are made here: to begin, and to leave.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.context import CallContext
from agent.continuation import Continuation
from agent.definition import AgentDefinition
from agent.dialogue import Dialogue, Leave, SaidAll, Say
from agent.errors import EngineError
from agent.kit import EngineKit
from agent.line import Decision, HangUp, Heard, Line, Transfer
from agent.speech.clauses import Clause, ClauseSplitter
from agent.speech.mouth import Mouth
from agent.tools.base import ToolContext, ToolOutcome
from agent.trace import TurnTrace
from agent.turns.floor import Floor, FloorKeeper, Move

#: What was queued must have been heard by its own length and this; then the call goes on without the proof.
HEARD_GRACE_S = 3.0
#: Words that have come must have become a clause by then: a model may keep each deadline between its words, and still
#: leave the caller in silence for a minute. The longest clause, at seven words a second.
CLAUSE_S = 6.0
#: Tools with effects are let finish after a hang-up, so long.
TOOLS_GRACE_S = 5.0


@dataclass(slots=True)
class _Owed:
    """The reply a committed turn is owed, until it has been heard: a noise that breaks it off must not cost it."""

    turn: int
    text: str
    thought: bool = False  # the model has said all of it: what was not heard can be taken up
    decisions: list[Decision] = field(default_factory=list)


class Replies:
    """The agent's side of one call. `spawn` starts a task in the call's group; `on_heard_out` is awaited when all that
    was said has been heard, with the decision to leave that came of it, if one did.
    """

    def __init__(
        self,
        *,
        line: Line,
        agent: AgentDefinition,
        kit: EngineKit,
        ctx: CallContext,
        data_dir: Path,
        floor: FloorKeeper,
        journal: Callable[..., None],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        on_heard_out: Callable[[Decision | None], Awaitable[None]],
        keep_journal: Callable[[], Awaitable[None]],
        continuation: Continuation | None = None,
    ) -> None:
        self._line = line
        self._agent = agent
        self._floor = floor
        self._journal = journal
        self._spawn = spawn
        self._on_heard_out = on_heard_out
        self._mouth = Mouth(line, kit.tts, kit.phrases, ctx, journal, self._on_queued_audio)
        tool_context = ToolContext(line.info.call_id, line.info.caller, data_dir, agent.transfer_to, ctx)
        before = continuation.history if continuation is not None else None
        self._llm_name = kit.llm.name
        self._dialogue = Dialogue(agent, kit.llm, tool_context, journal, self._spawn_tool, before, keep_journal)
        self.history = self._dialogue.history
        self._tools: set[asyncio.Task[ToolOutcome]] = set()
        self._reply: asyncio.Task[None] | None = None
        self._parts: list[asyncio.Task[None]] = []  # the reply's own tasks: thinking, speaking
        self._owed: _Owed | None = None
        self._unheard = ""
        self._finishing = False
        self._trace: TurnTrace | None = None
        self._all_heard = asyncio.Event()
        self._all_heard.set()

    # --- what the session asks for ----------------------------------------------------------------------------------

    def answer(self, turn: int, text: str, trace: TurnTrace | None) -> None:
        """A turn is committed: exactly one reply belongs to it, and this is it."""
        self._unheard = ""
        self._trace = trace
        self._owed = _Owed(turn, text)
        self._start(self._answer(self._owed))

    def resume(self, turn: int) -> bool:
        """What broke the agent off was nothing (`turn`, rejected): take up what is owed. False if nothing is."""
        unheard, self._unheard = self._unheard, ""
        owed = self._owed
        if owed is not None and not owed.thought:
            self._floor.move(Move.AGENT_BEGAN)
            self._start(self._answer(owed))
        elif unheard or (owed is not None and owed.decisions):
            self._start(self._take_up(owed.turn if owed else turn, unheard, owed))
        else:
            return False
        return True

    def say(self, turn: int, texts: list[str], leaving: Decision | None = None) -> None:
        """Say fixed phrases: from memory, so at once. Then leave the line, if `leaving` says how."""
        self._floor.move(Move.AGENT_BEGAN if leaving is None else Move.LEAVE)
        self._say_phrases(turn, texts)
        self._start(self._be_heard_out(leaving))

    def come_back(self, continuation: Continuation) -> None:
        """The call is back after its stream was lost or left: go on where it was, without greeting anew."""
        phrases, turn = self._agent.phrases, continuation.turn
        said = {"cut off": [phrases.cut_off], "nobody answered": [phrases.nobody_there], "digits sent": []}
        self._floor.move(Move.AGENT_BEGAN)
        self._say_phrases(turn, said[continuation.reason])
        if continuation.owed is not None:
            self._owed = _Owed(*continuation.owed)
            self._start(self._answer(self._owed))
        elif continuation.question:
            self._start(self._take_up(turn, continuation.question, None))
        else:
            self._start(self._be_heard_out(None))

    def give_up(self, turn: int, where: str, error: BaseException) -> None:
        """An engine is beyond help: say so from memory, then hand the call to a person, or end it."""
        self._journal("error", where=where, message=str(error))
        if self._floor.floor is Floor.LEAVING:
            return
        self._cancel()
        self._settle(self._line.stop_playing())
        self._all_heard.set()
        to = self._agent.transfer_to
        self.say(turn, [self._agent.phrases.trouble], Transfer(to, "trouble") if to else HangUp("trouble"))

    def finish(self) -> None:
        """The call must end: no more is said than the clause that is being said."""
        self._finishing = True

    def say_last(self, turn: int, text: str, leaving: Decision) -> None:
        """Say a fixed phrase behind what is being said already, whatever else was to come; then leave the line."""
        self._cancel()
        self.say(turn, [text], leaving)

    def interrupt(self) -> None:
        """Stop speaking, at once; what was not heard is kept for the case that it was nothing."""
        self._cancel()
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
        self._unheard = self._settle(heard)

    def utterance_at_ear(self) -> int:
        """The oldest utterance that has not been heard to its end; 0 if there is none."""
        chars = self._line.heard().chars
        for said in self.history.open_utterances():
            if chars.get(said.utterance, 0) < len(said.text.rstrip()):
                return said.utterance
        return 0

    async def close(self) -> None:
        """The call is over: settle what was heard, let tools finish. Bounded, and safe in a cancel."""
        self._settle(self._line.heard())
        if self._tools:
            _, unfinished = await asyncio.wait(self._tools, timeout=TOOLS_GRACE_S)
            for task in unfinished:
                task.cancel()
            if unfinished:
                await asyncio.wait(unfinished, timeout=1.0)

    # --- what the line tells ----------------------------------------------------------------------------------------

    def on_playout_started(self, media_ms: int) -> None:
        """The caller hears the agent from `media_ms` on: if it is an answer, its latency is known."""
        if self._trace is not None:
            self._journal("turn.latency", at=media_ms, turn=self._trace.turn, **self._trace.heard(media_ms))
            self._trace = None

    def on_playout_done(self) -> None:
        """What had been queued has been heard; more may have been queued since."""
        if self._line.pending_ms <= 0:
            self._all_heard.set()

    # --- one reply --------------------------------------------------------------------------------------------------

    def _say_phrases(self, turn: int, texts: list[str]) -> None:
        for text in texts:
            aside = text != self._agent.phrases.greeting
            utterance = self.history.agent_begins(turn, aside=aside)
            self.history.agent_adds(utterance, text)
            self._journal("agent.clause", utterance=utterance, turn=turn, text=text, aside=aside)
            self._mouth.play_phrase(utterance, text)

    def _start(self, reply: Coroutine[Any, Any, None]) -> None:
        self._reply = self._spawn(reply)

    def _cancel(self) -> None:
        """The parts by name, not through their parent: they must not get one more step, and play behind a clear."""
        for task in (*self._parts, self._reply):
            if task is not None and task is not asyncio.current_task():
                task.cancel()
        self._parts, self._reply = [], None

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
                    both.create_task(self._think_in_time(owed, clauses)),
                ]
        except* EngineError as errors:
            failure = errors.exceptions[0]
        if failure is not None:
            self.give_up(owed.turn, "reply", failure)
            return
        said = "".join(said.text for said in self.history.open_utterances() if said.turn == owed.turn)
        if not owed.decisions and not any(character.isalnum() for character in said):
            self._owed = None
            self._journal("error", where="reply", message="the model said nothing; the caller is asked again")
            self.say(owed.turn, [self._agent.phrases.not_understood])
            return
        await self._be_heard_out(owed.decisions[0] if owed.decisions else None)

    async def _think_in_time(self, owed: _Owed, clauses: asyncio.Queue[tuple[int, Clause] | None]) -> None:
        try:
            async with asyncio.timeout(None) as deadline:
                await self._think(owed, clauses, deadline)
        except TimeoutError:
            if not deadline.expired():
                raise
            message = f'engine "{self._llm_name}": its words made no clause within {CLAUSE_S:g} s'
            raise EngineError(message, retryable=True) from None

    async def _think(
        self, owed: _Owed, clauses: asyncio.Queue[tuple[int, Clause] | None], deadline: asyncio.Timeout
    ) -> None:
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
            if found or isinstance(event, SaidAll):
                deadline.reschedule(None)
            elif deadline.when() is None:
                deadline.reschedule(asyncio.get_running_loop().time() + CLAUSE_S)
            for clause in found:
                self._mark("clause")
                clauses.put_nowait((utterance, clause))
        owed.thought = True
        clauses.put_nowait(None)

    async def _speak(self, turn: int, clauses: asyncio.Queue[tuple[int, Clause] | None]) -> None:
        while (item := await clauses.get()) is not None:
            if not self._finishing:
                await self._say_clause(turn, *item)

    async def _take_up(self, turn: int, text: str, owed: _Owed | None) -> None:
        """Go on from the last heard word, after an interruption that was none; then leave, if that had been decided."""
        self._floor.move(Move.AGENT_BEGAN)
        utterance = self.history.agent_begins(turn)
        self.history.agent_adds(utterance, text)
        splitter = ClauseSplitter()
        try:
            for clause in [*splitter.push(text), *splitter.flush()]:
                await self._say_clause(turn, utterance, clause)
        except EngineError as error:
            self.give_up(turn, "voice", error)
            return
        await self._be_heard_out(owed.decisions[0] if owed and owed.decisions else None)

    async def _say_clause(self, turn: int, utterance: int, clause: Clause) -> None:
        aside = self.history.utterance(utterance).aside
        self._journal("agent.clause", utterance=utterance, turn=turn, text=clause.text, aside=aside)
        await self._mouth.say(utterance, clause)

    async def _be_heard_out(self, decision: Decision | None) -> None:
        """Wait until the caller has heard everything."""
        if decision is not None:
            self._floor.move(Move.LEAVE)
        try:
            async with asyncio.timeout(max(0, self._line.pending_ms) / 1000 + HEARD_GRACE_S):
                await self._all_heard.wait()
        except TimeoutError:
            self._journal("error", where="playout", message="no proof that all was heard; going on without it")
        self._owed = None
        self._settle(self._line.heard())
        self._journal("reply.heard")
        await self._on_heard_out(decision)

    def _settle(self, heard: Heard) -> str:
        """Write down, for good, what was heard of the open utterances. Returns the text of them that was not."""
        unheard = []
        for said in self.history.open_utterances():
            self.history.agent_heard(said.utterance, heard.chars.get(said.utterance, 0))
            start_ms, end_ms = heard.spans.get(said.utterance, (heard.media_ms, heard.media_ms))
            if said.text:
                self._journal("agent.heard", **said.heard_fields(), start_ms=start_ms, end_ms=end_ms)
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
        """Outside the call's group: a tool with effects is let finish."""
        task = asyncio.get_running_loop().create_task(work)
        self._tools.add(task)
        task.add_done_callback(self._tools.discard)
        return task
