"""GatherCalls: the calls that are served turn by turn. Each has one task, which answers its requests in their order.

A call begins with its first request and ends with a document that leaves it, with the carrier's word that it is over,
or when nothing has come for minutes. Between two requests nothing of it need live in this worker: another one finds in
the journal where it stood.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from agent.context import CallContext
from agent.continuation import Continuation, Reason, continue_from
from agent.history import History
from agent.line import HangUp, LineInfo, Transfer
from agent.llm.base import Hinting
from agent.masking import MARK
from agent.record import CallRecord
from agent.text_call import Answer, Source, TextCall
from telephony.admission import Admission
from telephony.logs.context import set_call
from telephony.settings import Route
from telephony.twilio import twiml
from telephony.twilio.gather import ANSWER_WITHIN_S, TIMEOUT_S, Document, GatherRequest, hints_of
from telephony.web.agents import ServedAgent, ServedAgents
from telephony.web.gather_place import DOCUMENT, REQUEST, Place, document_line, place_of, request_line
from telephony.web.ongoing import SESSION_END_S
from telephony.web.returns import read_journals

log = logging.getLogger("offhook.calls")

#: No audio is kept; a call's times are counted as those of a telephone line are.
RATE_HZ = 8000
#: Reading a call's earlier journals, and writing the newest one before its document leaves, must not make it late.
READ_JOURNALS_S, WRITE_JOURNAL_S = 1.0, 0.3
#: A request that has no answer so long after it was due will not get one: the call is told that there is trouble.
OVERDUE_S = 1.0
#: A caller listens (about 15 characters a second), is silent, speaks; a call that then does not come is gone.
IDLE_S, IDLE_S_PER_CHAR, LONGEST_IDLE_S = 120.0, 0.1, 240.0
#: Beyond the agent's own max_call_s, which the conversation keeps itself.
OVERTIME_S = LONGEST_IDLE_S
#: A carrier asks one thing at a time; retries without a token, and whoever stole one, may do otherwise.
MAX_WAITING = 8
#: A retried request gets the same document, for so long; the carrier retries within 15 s.
ANSWER_LIFETIME_S = 60.0
MAX_ANSWERS = 2_000

_TROUBLE = Document(twiml.TROUBLE, HangUp("trouble"))
_Key = tuple[str, str, str]


class House(Protocol):
    """What the calls take from the service."""

    agents: ServedAgents
    calls_dir: Path

    @property
    def counts(self) -> Counter[str]:
        """What has happened so far, by name."""

    def take_place(self, call_sid: str, admission: Admission) -> bool:
        """A place for this call, at once; False when there is none."""

    def leave_place(self, call_sid: str) -> None:
        """The call has ended."""

    def new_context(self) -> CallContext:
        """The world, for one call."""

    def tell(self, record: CallRecord) -> None:
        """Let those who listen to calls hear this one's journal."""


@dataclass(slots=True)
class _Waiting:
    """A request, and its answer to be. `until_s` by the loop's clock."""

    request: GatherRequest
    answer: asyncio.Future[Document]
    until_s: float


@dataclass(slots=True)
class _Call:
    sid: str
    route: Route
    inbox: asyncio.Queue[_Waiting | str] = field(default_factory=asyncio.Queue)
    """Requests, and at last why the call is over."""
    task: asyncio.Task[None] | None = None
    talk: TextCall | None = None
    winds_up: str = ""
    documents: int = 0
    latest: Document | None = None


class GatherCalls:
    """All of them (telephony/twilio/gather.py: TurnDesk)."""

    def __init__(self, house: House, route: Callable[[str], Route], *, max_call_s: float) -> None:
        self._house = house
        self._route = route
        self._max_call_s = max_call_s
        self._calls: dict[str, _Call] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._answers: dict[_Key, tuple[float, asyncio.Future[Document]]] = {}
        self._hints: dict[str, str] = {}

    # --- what the webhooks ask --------------------------------------------------------------------------------------

    async def document(self, request: GatherRequest) -> Document | None:
        """Answer one request; None if there is no place for its call. A retry waits for the same answer."""
        answer = self._same(request)
        if answer is None:
            call = self._calls.get(request.call_sid) or self._open(request)
            if call is None:
                return None
            now_s = asyncio.get_running_loop().time()
            answer = asyncio.get_running_loop().create_future()
            if call.inbox.qsize() >= MAX_WAITING:
                log.warning("call %s: %d requests at once; one was turned away", call.sid, MAX_WAITING)
                return _TROUBLE
            call.inbox.put_nowait(_Waiting(request, answer, now_s + ANSWER_WITHIN_S))
            self._keep(request, answer)
        # The answer is the call's: a carrier that hangs up while it waits does not take it away from its own retry.
        await asyncio.wait({answer}, timeout=ANSWER_WITHIN_S + OVERDUE_S)
        if not answer.done():
            self._house.counts["gather overdue"] += 1
            log.error("call %s: no answer within %g s", request.call_sid, ANSWER_WITHIN_S + OVERDUE_S)
            return _TROUBLE
        return answer.result()

    def hung_up(self, call_sid: str) -> None:
        """The carrier says that the call is over."""
        if (call := self._calls.get(call_sid)) is not None:
            self._close(call, "caller: hung up")

    def wind_up(self, reason: str) -> None:
        """Every call is told goodbye with its next document."""
        for call in self._calls.values():
            call.winds_up = reason
            if call.talk is not None:
                call.talk.wind_up(reason)

    async def end_all(self) -> None:
        """End every call now; bounded."""
        for call in list(self._calls.values()):
            self._close(call, "service stopped")
        for limit_s in (SESSION_END_S, 1.0):
            if self._tasks:
                _, unfinished = await asyncio.wait(self._tasks, timeout=limit_s)
                for task in unfinished:
                    task.cancel()

    def _same(self, request: GatherRequest) -> asyncio.Future[Document] | None:
        now_s = asyncio.get_running_loop().time()
        while self._answers and (oldest := next(iter(self._answers.items())))[1][0] <= now_s:
            del self._answers[oldest[0]]
        kept = self._answers.get(_key(request))
        return kept[1] if kept is not None and request.key else None

    def _keep(self, request: GatherRequest, answer: asyncio.Future[Document]) -> None:
        if request.key:
            self._answers[_key(request)] = (asyncio.get_running_loop().time() + ANSWER_LIFETIME_S, answer)
            while len(self._answers) > MAX_ANSWERS:
                del self._answers[next(iter(self._answers))]

    # --- calls ------------------------------------------------------------------------------------------------------

    def _open(self, request: GatherRequest) -> _Call | None:
        route = self._route(request.called)
        back = None if request.what == "voice" else _reason(request)
        admission = Admission(route.agent, request.caller, request.called, back)
        if not self._house.take_place(request.call_sid, admission):
            return None
        call = self._calls[request.call_sid] = _Call(request.call_sid, route)
        call.task = asyncio.create_task(self._serve(call), name=f"gather {call.sid}")
        self._tasks.add(call.task)
        call.task.add_done_callback(self._tasks.discard)
        return call

    def _close(self, call: _Call, why: str) -> None:
        """The call takes no more requests: one that comes now is answered by a new task, from the journal."""
        if self._calls.get(call.sid) is call:
            del self._calls[call.sid]
            call.inbox.put_nowait(why)

    async def _serve(self, call: _Call) -> None:
        """One call, to its end. The outer boundary: whatever goes wrong within ends this call alone."""
        set_call(call.sid)
        try:
            async with asyncio.timeout(self._max_call_s + OVERTIME_S):
                await self._converse(call)
        except TimeoutError:
            log.warning("call %s was ended: it was longer than any call may be", call.sid)
            self._house.counts["calls ended by us"] += 1
        except Exception:
            log.exception("call %s failed", call.sid)
            self._house.counts["calls failed: ours"] += 1
        finally:
            self._close(call, "")
            while not call.inbox.empty():
                _give(call.inbox.get_nowait(), _TROUBLE)
            self._house.leave_place(call.sid)

    async def _converse(self, call: _Call) -> None:
        waiting = await call.inbox.get()
        if isinstance(waiting, str):
            return
        try:
            agent, request = self._house.agents.get(call.route.agent), waiting.request
            ctx = self._house.new_context()
            journals = await self._earlier(call.sid, ctx)
            before = _continuation(journals, request)
            self._house.counts["gather calls"] += before is None
            self._house.counts["calls continued"] += before is not None
            mode, longest_s = agent.definition.record, min(agent.definition.max_call_s, self._max_call_s)
            definition = dataclasses.replace(agent.definition, max_call_s=round(longest_s))
            record = CallRecord.open(
                self._house.calls_dir, call.sid, mode="journal" if mode == "full" else mode, rate_hz=RATE_HZ, ctx=ctx
            )
            self._house.tell(record)
            who = LineInfo(call.sid, RATE_HZ, request.caller, request.called, kind="gather")
            talk = TextCall(who, definition, agent.kit.llm, record, ctx, agent.data_dir, before)
            async with talk:
                await self._turns(_Turns(call, talk, record, agent, place_of(journals), before), waiting)
        finally:
            _give(waiting, _TROUBLE)

    async def _turns(self, turns: _Turns, waiting: _Waiting) -> None:
        """Answer requests until the call is left, or over."""
        call, first = turns.call, True
        call.talk, call.documents = turns.talk, turns.place.documents
        if call.winds_up:
            turns.talk.wind_up(call.winds_up)
        try:
            while True:
                document = await self._answer(turns, waiting.request, waiting.until_s, first=first)
                await _written(turns.record)
                call.latest, first = document, False
                if isinstance(document.decision, HangUp | Transfer):
                    self._leave(call, waiting, document)
                    return
                _give(waiting, document)
                following = await self._following(call, document)
                if isinstance(following, str):
                    turns.talk.ended(following)
                    return
                waiting = following
        finally:
            self._close(call, "over")
            _give(waiting, _TROUBLE)

    def _leave(self, call: _Call, waiting: _Waiting, document: Document) -> None:
        """What comes after this document is another task's; what came beside it is told the same."""
        self._close(call, "left")
        _give(waiting, document)
        while not call.inbox.empty():
            _give(call.inbox.get_nowait(), document)

    async def _following(self, call: _Call, document: Document) -> _Waiting | str:
        """The next request, or why the call is over."""
        try:
            async with asyncio.timeout(min(LONGEST_IDLE_S, IDLE_S + IDLE_S_PER_CHAR * len(document.text))):
                return await call.inbox.get()
        except TimeoutError:
            log.warning("call %s: the carrier asks no more; the call is taken as over", call.sid)
            self._house.counts["gather abandoned"] += 1
            return "caller: gone without a word"

    async def _answer(self, turns: _Turns, request: GatherRequest, until_s: float, *, first: bool) -> Document:
        call, talk = turns.call, turns.talk
        again = turns.place.again(request) if first else None
        if not first and request.what in ("voice", "fallback", "nobody answered"):
            again = call.latest
        if again is None:
            number, allowed = call.documents + 1, call.route.max_hops
            if last := 0 < allowed <= number:
                talk.wind_up("no more documents allowed")
            talk.note(REQUEST, **request_line(request))
            answer = await self._ask(turns, request, until_s - asyncio.get_running_loop().time(), first=first)
            if answer.more:
                self._house.counts["gather late answer"] += 1
            again = Document(answer.text, answer.decision, answer.more, last, answer.digits)
            talk.note(DOCUMENT, **document_line(request, number, again))
            call.documents = number
        return dataclasses.replace(
            again,
            language=turns.agent.definition.language,
            hints=self._hints_for(turns.agent),
            timeout_s=max(TIMEOUT_S[0], min(TIMEOUT_S[1], round(turns.agent.definition.turns.no_input_ms / 1000))),
        )

    async def _ask(self, turns: _Turns, request: GatherRequest, within_s: float, *, first: bool) -> Answer:
        """Ask the conversation what this request comes to."""
        talk, before = turns.talk, turns.before
        owed = before.owed if first and before is not None else None
        if request.what == "more":
            return await (talk.more(within_s) if owed or not first else talk.begin(within_s))
        if request.what != "turn":
            return await talk.begin(within_s)
        # A retry of what was taken in by a worker that died: its turn is in the journal, the answer is owed.
        if owed and turns.place.was_asked(request) and (request.key or owed[1] == request.text) and MARK not in owed[1]:
            return await talk.more(within_s)
        if not request.text:
            self._house.counts["gather empty"] += 1
            return await talk.nothing_heard(within_s)
        self._house.counts["gather turns"] += 1
        source: Source = "keys" if request.by_keys else "speech"
        return await talk.answer(request.text, source, within_s, confidence=request.confidence)

    async def _earlier(self, call_sid: str, ctx: CallContext) -> list[list[dict[str, Any]]]:
        """The journals of this call so far. A slow disk costs the memory, not the call."""
        try:
            async with asyncio.timeout(READ_JOURNALS_S):
                return await ctx.offload(read_journals, self._house.calls_dir, call_sid, cost_ms=5, apart=True)
        except TimeoutError:
            log.error("call %s: its earlier journals were not read within %g s", call_sid, READ_JOURNALS_S)
            return []

    def _hints_for(self, agent: ServedAgent) -> str:
        name, llm = agent.definition.name, agent.kit.llm
        if name not in self._hints:
            self._hints[name] = hints_of(llm.hints()) if isinstance(llm, Hinting) else ""
        return self._hints[name]


@dataclass(frozen=True, slots=True)
class _Turns:
    """A call's conversation, and where it stood when it came to this worker."""

    call: _Call
    talk: TextCall
    record: CallRecord
    agent: ServedAgent
    place: Place
    before: Continuation | None


def _continuation(journals: list[list[dict[str, Any]]], request: GatherRequest) -> Continuation | None:
    """What was before; of a call that comes back without a journal, that it comes back: it is not greeted anew."""
    before = continue_from(journals, _reason(request))
    if before is None and request.what != "voice":
        return Continuation(_reason(request), History(), 0, None, "", 0)
    return before


def _reason(request: GatherRequest) -> Reason:
    return "nobody answered" if request.what == "nobody answered" else "cut off"


async def _written(record: CallRecord) -> None:
    """What is given to the caller is on disk first: a worker that comes after must not say it again."""
    try:
        async with asyncio.timeout(WRITE_JOURNAL_S):
            await record.flush()
    except TimeoutError:
        log.warning("the journal was not written within %g s; the call goes on", WRITE_JOURNAL_S)


def _give(waiting: _Waiting | str, document: Document) -> None:
    if not isinstance(waiting, str) and not waiting.answer.done():
        waiting.answer.set_result(document)


def _key(request: GatherRequest) -> _Key:
    return (request.what, request.call_sid, request.key)
