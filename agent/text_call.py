"""TextCall: a conversation in text, turn by turn: the caller's words in, everything that the reply says out.

It is for callers whose recogniser and voice are somebody else's: a carrier's, a chat's. An answer that is not there in
time follows when it is asked for again (`more`), while a reply goes on being thought; nothing is said twice. What was
given out counts as heard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from agent.context import CallContext
from agent.continuation import Continuation
from agent.definition import AgentDefinition
from agent.dialogue import Dialogue, Leave, SaidAll, Say
from agent.errors import EngineError
from agent.line import Decision, HangUp, LineInfo, SendDigits, Transfer, decision_fields
from agent.llm.base import LlmEngine
from agent.record import CallRecord
from agent.slots.base import NOTHING_ASKED, Asks
from agent.speech.clauses import ClauseSplitter
from agent.tools.base import ToolContext, ToolOutcome
from agent.unsaid import Unsaid

Source = Literal["speech", "keys"]

#: Whatever its model and tools may each take, nobody waits longer than this for one reply.
LONGEST_REPLY_S = 60.0
#: Tools with effects are let finish after the call's end, so long.
TOOLS_GRACE_S = 5.0
#: So often in a row the caller is asked to say it again; then a person is tried, or the call ended: not silence.
MAX_NOT_UNDERSTOOD = 3
#: What cuts a call off so often may be something in the call itself, and would cut it off again.
MAX_CUT_OFFS = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller is to be told now. `more`: it is not all, the rest is had from `TextCall.more`. `decision`: how
    the call is left when this has been said. `digits`: a number of so many digits is asked for; 0 if none is.
    """

    text: str
    decision: Decision | None = None
    more: bool = False
    digits: int = 0


class TextCall:
    """One conversation; an async context manager: at its end its tasks are over and its record is closed.

    One method at a time: each says what the caller is told next. `within_s` is what it may take to think; the answer
    that is not ready by then is given by `more`.
    """

    def __init__(
        self,
        who: LineInfo,
        agent: AgentDefinition,
        llm: LlmEngine,
        record: CallRecord,
        ctx: CallContext,
        data_dir: Path,
        continuation: Continuation | None = None,
    ) -> None:
        """`continuation`: what was said before, where the call comes back to its agent."""
        self._who = who
        self._agent = agent
        self._record = record
        self._ctx = ctx
        self._engine = llm.name
        self._began_s = ctx.now_s()
        self._continuation = continuation
        before = continuation.history if continuation is not None else None
        tool_context = ToolContext(who.call_id, who.caller, data_dir, agent.transfer_to, ctx)
        asks = continuation.asks if continuation is not None else NOTHING_ASKED
        self._dialogue = Dialogue(agent, llm, tool_context, self._journal, self._spawn_tool, before, record.flush, asks)
        self._history = self._dialogue.history
        self._unsaid = Unsaid(self._history, self._journal, lambda: self.now_ms)
        self._turn = continuation.turn if continuation is not None else 0
        self._owed = continuation.owed if continuation is not None else None
        self._tools: set[asyncio.Task[ToolOutcome]] = set()
        self._keeping: asyncio.Task[None] | None = None
        self._replying: asyncio.Task[None] | None = None
        self._decision: Decision | None = None
        self._ending: tuple[str, str] | None = None
        self._silences = 0
        self._not_understood = 0
        self._ended_by = "cancelled"

    @property
    def now_ms(self) -> int:
        """The call's time: since it began here."""
        return round((self._ctx.now_s() - self._began_s) * 1000)

    # --- the call ---------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> TextCall:
        before = self._continuation
        self._journal(
            "call.started",
            call_id=self._who.call_id,
            agent=self._agent.name,
            caller=self._who.caller,
            called=self._who.called,
            line=self._who.kind,
            rate_hz=self._who.sample_rate_hz,
            record="off" if self._agent.record == "off" else "journal",
            seed=getattr(self._ctx, "seed", None),
            retain_days=self._agent.retain_days,
            sensitive_lengths=list(self._agent.sensitive_lengths),
            continues=before.reason if before is not None else None,
            engines={"llm": self._engine},
        )
        self._keeping = asyncio.create_task(self._record.run())
        if before is not None:
            if before.asks != NOTHING_ASKED:
                self._journal("agent.asks", **before.asks.fields())  # what was being asked for still is
            if before.cut_offs >= MAX_CUT_OFFS:
                self._give_up("call", EngineError("the call was cut off again and again"))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception):
            self._ended_by = "error"
            self._journal("error", where="call", message=f"{type(error).__name__}: {error}")
        await _cancelled(self._replying)
        self._unsaid.settle()
        if self._tools:
            _, unfinished = await asyncio.wait(self._tools, timeout=TOOLS_GRACE_S)
            for task in unfinished:
                await _cancelled(task)
        self._journal("call.ended", reason=self._ended_by)
        await self._record.close()
        await _cancelled(self._keeping)

    def ended(self, reason: str) -> None:
        """Why the call is over, where the conversation cannot know: the caller hung up, the service stops."""
        if self._ended_by == "cancelled":
            self._ended_by = reason

    def wind_up(self, reason: str, phrase: str = "") -> None:
        """The next answer is the last: `phrase` (else phrases.closing) follows it, and the call is hung up."""
        if self._ending is None:
            self._ending = (reason, phrase or self._agent.phrases.closing)
            self._journal("wind_up", reason=reason)

    def note(self, kind: str, /, **data: object) -> None:
        """Write a line of the owner's into the journal."""
        self._journal(kind, **data)

    # --- turns ------------------------------------------------------------------------------------------------------

    async def begin(self, within_s: float) -> Answer:
        """The call is answered: the greeting; or, where it comes back, what goes on from there."""
        before, phrases = self._continuation, self._agent.phrases
        if before is None:
            if self._agent.notice == "always" and phrases.recording_notice:  # no audio of it is kept, only its text
                self._unsaid.phrase(self._turn, phrases.recording_notice)
            self._unsaid.phrase(self._turn, phrases.greeting, aside=False)
            return self._given()
        if self._decision is None:
            said = {"cut off": phrases.cut_off, "nobody answered": phrases.nobody_there, "digits sent": ""}
            if said[before.reason]:
                self._unsaid.phrase(self._turn, said[before.reason])
            if self._owed is None and before.question:
                self._unsaid.phrase(self._turn, before.question, aside=False)
        return await self.more(within_s)

    async def answer(self, text: str, source: Source, within_s: float, *, confidence: float | None = None) -> Answer:
        """The caller's turn, and the one reply that belongs to it. `source`: "speech" or "keys"."""
        self._turn += 1
        if not any(map(str.isalnum, text)) and not (source == "keys" and text):
            self._journal("turn.rejected", turn=self._turn, reason="no text")
            self._ask_again()
            return await self.more(within_s)
        self._journal("turn.committed", turn=self._turn, text=text, confidence=confidence, source=source)
        self._not_understood = self._silences = 0
        self._owed = None
        self._start(self._turn, text)
        return await self.more(within_s)

    async def nothing_heard(self, within_s: float) -> Answer:
        """The caller's turn was silence: they are asked whether they are there, in the end told goodbye."""
        if self._owed is None and self._decision is None and self._ending is None and self._thought:
            self._silences += 1
            phrases, last = self._agent.phrases, self._silences > self._agent.turns.max_no_input
            phrase = phrases.no_input_goodbye if last else phrases.still_there
            self._journal("silence.prompt", phrase=phrase, count=self._silences)
            self._unsaid.phrase(self._turn, phrase)
            if last:
                self._decision = HangUp("no input")
        return await self.more(within_s)

    async def more(self, within_s: float) -> Answer:
        """What is still to be said: all of it within `within_s`, or what there is by then."""
        owed, self._owed = self._owed, None
        if owed is not None and self._decision is None:
            self._start(*owed)
        if self._replying is not None and not self._replying.done():
            await asyncio.wait({self._replying}, timeout=max(0.0, within_s))
        if self._thought and self._replying is not None:
            self._replying.result()  # a fault of ours, if it raises: the call's owner must know
        return self._given()

    @property
    def _thought(self) -> bool:
        return self._replying is None or self._replying.done()

    def _given(self) -> Answer:
        """What has come so far, taken out to be said."""
        if self._ctx.now_s() - self._began_s > self._agent.max_call_s:
            self.wind_up("call too long", self._agent.phrases.time_up)
        if self._ending is not None and not (self._thought and isinstance(self._decision, HangUp | Transfer)):
            reason, phrase = self._ending
            self._unsaid.phrase(self._turn, phrase)
            self._decision = HangUp(reason)
        elif not self._thought:
            text = self._unsaid.take(all_said=False)
            if not text:
                self._unsaid.phrase(self._turn, self._agent.phrases.one_moment)
                text = self._unsaid.take(all_said=False)
            return Answer(text, more=True)
        text = self._unsaid.take(all_said=True)
        self._journal("reply.heard")
        decision, self._decision = self._decision, None
        if decision is not None:
            self._leave(decision)
        return Answer(text, decision, digits=_keys_of(self._dialogue.asks))

    def _leave(self, decision: Decision) -> None:
        self._journal("leave", decision=decision_fields(decision))
        if not isinstance(decision, SendDigits):  # after which the conversation goes on
            self._ended_by = f"agent: {type(decision).__name__.lower()}"

    # --- the reply --------------------------------------------------------------------------------------------------

    def _start(self, turn: int, text: str) -> None:
        self._replying = asyncio.create_task(self._reply(turn, text, self._replying))

    async def _reply(self, turn: int, text: str, earlier: asyncio.Task[None] | None) -> None:
        """Think; what is said on the way is kept until it is asked for. One reply after the other."""
        if earlier is not None and not earlier.done():
            await asyncio.wait({earlier}, timeout=LONGEST_REPLY_S)
        if self._decision is not None:
            return
        try:
            async with asyncio.timeout(LONGEST_REPLY_S):
                spoke = await self._think(turn, text)
        except EngineError as error:
            self._give_up("reply", error)
        except TimeoutError:
            self._give_up("reply", EngineError(f"no reply within {LONGEST_REPLY_S:g} s"))
        else:
            if not spoke and self._decision is None:
                self._journal("error", where="reply", message="the model said nothing; the caller is asked again")
                self._unsaid.phrase(turn, self._agent.phrases.not_understood)

    async def _think(self, turn: int, text: str) -> bool:
        """One reply of the dialogue; whether a word was said in it."""
        splitter, spoke = ClauseSplitter(), False
        async with aclosing(self._dialogue.reply(turn, text)) as events:
            async for event in events:
                match event:
                    case Say(utterance, words):
                        filler = self._history.utterance(utterance).aside
                        spoke = spoke or (not filler and any(map(str.isalnum, words)))
                        self._unsaid.add(utterance, splitter.push(words), filler=filler)
                    case SaidAll(utterance):
                        filler = self._history.utterance(utterance).aside
                        self._unsaid.add(utterance, splitter.flush(), filler=filler)
                        splitter = ClauseSplitter()
                    case Leave(decision):
                        self._decision = self._decision or decision
        return spoke

    def _ask_again(self) -> None:
        self._not_understood += 1
        if self._not_understood > MAX_NOT_UNDERSTOOD:
            self._give_up("hearing", EngineError("not understood, again and again"))
        elif self._decision is None:
            self._unsaid.phrase(self._turn, self._agent.phrases.not_understood)

    def _give_up(self, where: str, error: EngineError) -> None:
        """An engine is beyond help: say so, then hand the call to a person, or end it."""
        self._journal("error", where=where, message=str(error))
        if self._decision is None:
            self._unsaid.phrase(self._turn, self._agent.phrases.trouble)
            to = self._agent.transfer_to
            self._decision = Transfer(to, "trouble") if to else HangUp("trouble")

    def _spawn_tool(self, work: Coroutine[Any, Any, ToolOutcome]) -> asyncio.Task[ToolOutcome]:
        """Apart from the reply: a tool with effects is let finish."""
        task = asyncio.create_task(work)
        self._tools.add(task)
        task.add_done_callback(self._tools.discard)
        return task

    def _journal(self, kind: str, /, **data: object) -> None:
        self._record.event(kind, self.now_ms, **data)


def _keys_of(asks: Asks) -> int:
    """How many keys end an entry: only a number whose length is known ends by itself."""
    return asks.length if asks.kind == "digits" and asks.longest <= asks.length else 0


async def _cancelled(task: asyncio.Task[Any] | None) -> None:
    """Cancel a task and see it end, whatever it ends with."""
    if task is not None:
        task.cancel()
        await asyncio.wait({task}, timeout=1.0)
