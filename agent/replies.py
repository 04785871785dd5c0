"""Replies: the one reply that a committed turn is owed, fixed phrases, and what an interruption leaves of either.

The session says when to answer and when to stop; what takes time (thinking, speaking, being heard) is a task here. Of
the floor, only the agent's own moves are made here: to begin, and to leave.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from math import inf
from pathlib import Path
from typing import Any

from agent.ahead_budget import Budget
from agent.at_ear import Owed, at_ear, said_before, unheard_turn
from agent.context import CallContext
from agent.continuation import Continuation
from agent.definition import AgentDefinition
from agent.dialogue import Dialogue, Leave, SaidAll, Say
from agent.errors import EngineError
from agent.history import History
from agent.kit import EngineKit
from agent.line import Decision, HangUp, Line, Transfer
from agent.slots.base import NOTHING_ASKED, Asks
from agent.speaking import Speaking
from agent.speech.clauses import Clause, ClauseSplitter
from agent.tools.base import ToolContext, ToolOutcome
from agent.trace import TurnTrace
from agent.turns.floor import Floor, FloorKeeper, Move
from agent.turns.interruption import AtEar

#: Words that have come must have become a clause by then: a model may keep each deadline between its words, and still
#: leave the caller in silence for a minute. The longest clause, at seven words a second.
CLAUSE_S = 6.0
#: An answer of which nothing was heard is thought anew this soon at the earliest: who types "1#" ten times a second, or
#: said five things over a protected notice, is not asked of the model each time.
THINK_AGAIN_S = 0.3
#: Tools with effects are let finish after a hang-up, so long.
TOOLS_GRACE_S = 5.0


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
        history: History,
        speaking: Speaking,
        floor: FloorKeeper,
        journal: Callable[..., None],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        on_heard_out: Callable[[Decision | None], Awaitable[None]],
        keep_journal: Callable[[], Awaitable[None]],
        continuation: Continuation | None = None,
    ) -> None:
        self._line = line
        self._agent = agent
        self._history = history
        self._speaking = speaking
        self._floor = floor
        self._journal = journal
        self._spawn = spawn
        self._on_heard_out = on_heard_out
        tool_context = ToolContext(line.info.call_id, line.info.caller, data_dir, agent.transfer_to, ctx)
        self._llm_name = kit.llm.name
        self._ahead = Budget() if (kit.llm.remote if agent.think_ahead is None else agent.think_ahead) else None
        asks = continuation.asks if continuation is not None else NOTHING_ASKED
        self._dialogue = Dialogue(agent, kit.llm, tool_context, journal, self._spawn_tool, history, keep_journal, asks)
        self._tools: set[asyncio.Task[ToolOutcome]] = set()
        self._reply: asyncio.Task[None] | None = None
        self._parts: list[asyncio.Task[None]] = []  # the reply's own tasks: thinking, speaking
        self._owed: Owed | None = None
        self._unheard = ""
        self._asked_s = -inf
        self._finishing = False

    # --- what the session asks for ----------------------------------------------------------------------------------

    def answer(self, turn: int, text: str, trace: TurnTrace | None) -> None:
        """A turn is committed: exactly one reply belongs to it, and this is it."""
        self._unheard = ""
        if self._ahead is not None and self._dialogue.thinks_of(turn, text):
            self._ahead.taken()
        else:
            self.forget()
        self._speaking.trace = trace
        before = said_before(self._speaking, self._owed)
        if self._owed is not None:  # its answer may not even have begun: what was said then stands nowhere yet
            self._history.caller_said(self._owed.turn, self._owed.text)
        self._owed = Owed(turn, text, before)
        self._start(self._answer(self._owed))

    def prepare(self, turn: int, text: str) -> None:
        """The caller has probably done, having said `text`: what may be the reply to it is thought of already, and its
        first clause spoken into memory. Nobody hears of it before `answer` is called with words that say the same."""
        if self._ahead is None or self._owed is not None or self._finishing or not self._ahead.allows(turn):
            return
        speaking, spawn = self._speaking, self._spawn
        if self._dialogue.think_ahead(turn, text, spawn, lambda clause: speaking.ask_ahead(clause, spawn)):
            self._ahead.began(turn)

    def forget(self) -> None:
        """What was prepared is not wanted: the caller goes on, or it was no turn."""
        self._dialogue.drop_ahead()
        self._speaking.drop_ahead()

    def resume(self, turn: int) -> bool:
        """What broke the agent off was nothing (`turn`, rejected): take up what is owed. False if nothing is."""
        unheard, self._unheard = self._unheard, ""
        owed = self._owed
        if owed is not None and not owed.thought:
            self._floor.move(Move.AGENT_BEGAN)
            self._start(self._answer(owed))
        elif unheard or (owed is not None and owed.decisions):
            self._floor.move(Move.AGENT_BEGAN)
            self._say_on(owed.turn if owed else turn, unheard, owed)
        else:
            return False
        return True

    def say(self, turn: int, texts: list[str], leaving: Decision | None = None) -> None:
        """Say fixed phrases: from memory, so at once. Then leave the line, if `leaving` says how."""
        self._floor.move(Move.AGENT_BEGAN if leaving is None else Move.LEAVE)
        for text in texts:
            self._speaking.phrase(turn, text)
        self._start(self._be_heard_out(leaving))

    def come_back(self, continuation: Continuation) -> None:
        """The call is back after its stream was lost or left: go on where it was, without greeting anew."""
        phrases, turn = self._agent.phrases, continuation.turn
        said = {"cut off": [phrases.cut_off], "nobody answered": [phrases.nobody_there], "digits sent": []}
        self._floor.move(Move.AGENT_BEGAN)
        for text in said[continuation.reason]:
            self._speaking.phrase(turn, text)
        if continuation.owed is not None:
            self._owed = Owed(*continuation.owed)
            self._start(self._answer(self._owed))
        elif continuation.question:
            self._say_on(turn, continuation.question, None)
        else:
            self._start(self._be_heard_out(None))

    def give_up(self, turn: int, where: str, error: BaseException) -> None:
        """An engine is beyond help: say so from memory, then hand the call to a person, or end it."""
        self._journal("error", where=where, message=str(error))
        if self._floor.floor is Floor.LEAVING:
            return
        self._cancel()
        self._speaking.settle(self._speaking.stop())
        to = self._agent.transfer_to
        self.say(turn, [self._agent.phrases.trouble], Transfer(to, "trouble") if to else HangUp("trouble"))

    def finish(self) -> None:
        """The call must end: no more is said than the clause that is being said."""
        self._finishing = True

    def say_last(self, turn: int, text: str, leaving: Decision) -> None:
        """Say a fixed phrase behind what is being said already, whatever else was to come; then leave the line."""
        self._cancel()
        if self._speaking.held:
            self._speaking.settle(self._speaking.stop())
        self.say(turn, [text], leaving)

    def fall_silent(self) -> None:
        """Stop speaking for good, and answer no more; the line is left with what is said next."""
        self._cancel()
        self._speaking.settle(self._speaking.stop())
        self._floor.move(Move.LEAVE)

    def interrupt(self) -> None:
        """Stop speaking, at once; what was not heard is kept for the case that it was nothing."""
        self._cancel()
        self._unheard = self._speaking.settle(self._speaking.stop())

    @property
    def asks(self) -> Asks:
        """What the caller is being asked for."""
        return self._dialogue.asks

    @property
    def unheard_turn(self) -> int:
        """The turn that is owed a reply of which no word has been heard yet: whoever speaks now goes on with it. 0:
        none is."""
        return unheard_turn(self._speaking, self._owed)

    def at_ear(self, began_ms: int) -> AtEar:
        """What is heard just now by a caller who began to speak over it at `began_ms`."""
        return at_ear(self._speaking, self._owed, self._reply is not None, self.asks, began_ms)

    async def close(self) -> None:
        """The call is over: settle what was heard, let tools finish. Bounded, and safe in a cancel."""
        self.forget()
        self._speaking.settle()
        if self._tools:
            unfinished = set(self._tools)
            try:
                _, unfinished = await asyncio.wait(self._tools, timeout=TOOLS_GRACE_S)
            finally:
                for task in unfinished:
                    task.cancel()
            if unfinished:
                await asyncio.wait(unfinished, timeout=1.0)

    # --- one reply --------------------------------------------------------------------------------------------------

    def _start(self, reply: Coroutine[Any, Any, None]) -> None:
        self._reply = self._spawn(reply)

    def _cancel(self) -> None:
        """The parts by name, not through their parent: they must not get one more step, and play behind a clear."""
        for task in (*self._parts, self._reply):
            if task is not None and task is not asyncio.current_task():
                task.cancel()
        self._parts, self._reply = [], None

    async def _answer(self, owed: Owed) -> None:
        """The one reply of a committed turn: think and speak side by side, be heard, and leave if that was decided."""
        clauses: asyncio.Queue[tuple[int, Clause] | None] = asyncio.Queue()
        owed.decisions.clear()
        failure: BaseException | None = None
        try:
            await self._dialogue.tools_done(owed.turn)
            clock = asyncio.get_running_loop().time
            if owed.before:
                await asyncio.sleep(max(0.0, self._asked_s + THINK_AGAIN_S - clock()))
            self._asked_s = clock()
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
        said = "".join(said.text for said in self._history.open_utterances() if said.turn == owed.turn)
        if not owed.decisions and not any(character.isalnum() for character in said):
            self._owed = None
            self._journal("error", where="reply", message="the model said nothing; the caller is asked again")
            self.say(owed.turn, [self._agent.phrases.not_understood])
            return
        await self._be_heard_out(owed.decisions[0] if owed.decisions else None)

    async def _think_in_time(self, owed: Owed, clauses: asyncio.Queue[tuple[int, Clause] | None]) -> None:
        try:
            async with asyncio.timeout(None) as deadline:
                await self._think(owed, clauses, deadline)
        except TimeoutError:
            if not deadline.expired():
                raise
            message = f'engine "{self._llm_name}": its words made no clause within {CLAUSE_S:g} s'
            raise EngineError(message, retryable=True) from None

    async def _think(
        self, owed: Owed, clauses: asyncio.Queue[tuple[int, Clause] | None], deadline: asyncio.Timeout
    ) -> None:
        splitter = ClauseSplitter()
        async for event in self._dialogue.reply(owed.turn, owed.text):
            match event:
                case Say(utterance, words, protected):
                    if protected:
                        self._speaking.protect(utterance)
                    self._speaking.mark("llm")
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
                self._speaking.mark("clause")
                clauses.put_nowait((utterance, clause))
        owed.thought = True
        clauses.put_nowait(None)

    async def _speak(self, turn: int, clauses: asyncio.Queue[tuple[int, Clause] | None]) -> None:
        while (item := await clauses.get()) is not None:
            if not self._finishing:
                await self._speaking.clause(turn, *item)

    def _say_on(self, turn: int, text: str, owed: Owed | None) -> None:
        """Go on from the last heard word, after an interruption that was none; then leave, if that had been decided.
        At once it is the agent's to say: who interrupts before a word of it has come leaves all of it to be said."""
        utterance = self._history.agent_begins(turn)
        self._history.agent_adds(utterance, text)
        self._start(self._take_up(turn, utterance, text, owed))

    async def _take_up(self, turn: int, utterance: int, text: str, owed: Owed | None) -> None:
        splitter = ClauseSplitter()
        try:
            for clause in [*splitter.push(text), *splitter.flush()]:
                await self._speaking.clause(turn, utterance, clause)
        except EngineError as error:
            self.give_up(turn, "voice", error)
            return
        await self._be_heard_out(owed.decisions[0] if owed and owed.decisions else None)

    async def _be_heard_out(self, decision: Decision | None) -> None:
        """Wait until the caller has heard everything; from the moment nobody speaks over it, a decision stands."""
        await self._speaking.not_held()
        if decision is not None:
            self._floor.move(Move.LEAVE)
        await self._speaking.all_heard()
        self._owed = None
        self._speaking.settle()
        self._journal("reply.heard")
        await self._on_heard_out(decision)

    def _spawn_tool(self, work: Coroutine[Any, Any, ToolOutcome]) -> asyncio.Task[ToolOutcome]:
        """Outside the call's group: a tool with effects is let finish."""
        task = asyncio.get_running_loop().create_task(work)
        self._tools.add(task)
        task.add_done_callback(self._tools.discard)
        return task
