"""GatherTurns: one call that is served turn by turn - its requests answered in order, until it is left or over."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from agent.context import CallContext
from agent.continuation import Continuation, Reason, continue_from
from agent.history import History
from agent.line import HangUp, LineInfo, Transfer
from agent.llm.base import Hinting
from agent.masking import MARK
from agent.privacy import Remembered
from agent.record import CallRecord
from agent.text_call import Answer, Source, TextCall
from telephony.admission import Admission
from telephony.settings import Route
from telephony.twilio import twiml
from telephony.twilio.gather import TIMEOUT_S, Document, GatherRequest, hints_of
from telephony.web.agents import ServedAgent, ServedAgents
from telephony.web.gather_place import DOCUMENT, REQUEST, Place, document_line, place_of, request_line
from telephony.web.returns import Journals, read_earlier

log = logging.getLogger("offhook.calls")

#: No audio is kept; a call's times are counted as those of a telephone line are.
RATE_HZ = 8000
#: Writing the journal before a document leaves must not make it late.
WRITE_JOURNAL_S = 0.3
#: A caller listens (about 15 characters a second), is silent, speaks; a call that then does not come is gone.
IDLE_S, IDLE_S_PER_CHAR, LONGEST_IDLE_S = 120.0, 0.1, 240.0
#: A carrier asks one thing at a time; retries without a token, and whoever stole one, may do otherwise.
MAX_WAITING = 8

TROUBLE = Document(twiml.TROUBLE, HangUp("trouble"))


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

    def remember(self, call_sid: str, record: CallRecord) -> None:
        """The call has left: what of it must not be written is kept while it may come back."""

    def remembered(self, call_sid: str) -> Remembered | None:
        """What it left before; None if this worker does not know."""


@dataclass(slots=True)
class Waiting:
    """A request, and its answer to be. `until_s` by the loop's clock."""

    request: GatherRequest
    answer: asyncio.Future[Document]
    until_s: float

    def give(self, document: Document) -> None:
        """The answer, unless there is one."""
        if not self.answer.done():
            self.answer.set_result(document)


@dataclass(frozen=True, slots=True)
class _Known:
    """What a call's first request finds: its agent, its record, and where the conversation stood."""

    agent: ServedAgent
    record: CallRecord
    place: Place
    before: Continuation | None
    hints: str


class GatherTurns:
    """Put requests into it; `run` answers them. `on_over` is told when it takes no more, before its last document."""

    def __init__(self, sid: str, route: Route, house: House, *, max_call_s: float, on_over: Callable[[], None]) -> None:
        self.sid = sid
        self._route = route
        self._house = house
        self._max_call_s = max_call_s
        self._on_over = on_over
        self._inbox: asyncio.Queue[Waiting | str] = asyncio.Queue()  # requests, and at last why the call is over
        self._over = False
        self._winds_up = ""
        self._talk: TextCall | None = None
        self._documents = 0
        self._latest: Document | None = None

    @property
    def full(self) -> bool:
        return self._inbox.qsize() >= MAX_WAITING

    def put(self, waiting: Waiting) -> None:
        """One more request."""
        self._inbox.put_nowait(waiting)

    def end(self, why: str) -> None:
        """The call is over, behind the requests that are here already."""
        if not self._over:
            self._over = True
            self._inbox.put_nowait(why)
            self._on_over()

    def wind_up(self, reason: str) -> None:
        """The next document says goodbye."""
        self._winds_up = reason
        if self._talk is not None:
            self._talk.wind_up(reason)

    async def run(self) -> None:
        """Serve the call to its end. Every request that was put gets an answer, whatever happens."""
        try:
            waiting = await self._inbox.get()
            if isinstance(waiting, Waiting):
                try:
                    await self._converse(waiting)
                finally:
                    waiting.give(TROUBLE)
        finally:
            self.end("over")
            self._give_rest(TROUBLE)

    def _give_rest(self, document: Document) -> None:
        while not self._inbox.empty():
            if isinstance(waiting := self._inbox.get_nowait(), Waiting):
                waiting.give(document)

    # --- the conversation -------------------------------------------------------------------------------------------

    async def _converse(self, waiting: Waiting) -> None:
        house, request = self._house, waiting.request
        agent, ctx = house.agents.get(self._route.agent), house.new_context()
        (place, before), lost = await read_earlier(ctx, house.calls_dir, self.sid, partial(_before, request))
        house.counts["gather calls"] += before is None
        house.counts["calls continued"] += before is not None
        mode, longest_s = agent.definition.record, min(agent.definition.max_call_s, self._max_call_s)
        record = await CallRecord.open_apart(
            house.calls_dir,
            self.sid,
            mode="journal" if mode == "full" else mode,
            rate_hz=RATE_HZ,
            ctx=ctx,
            before=house.remembered(self.sid) or lost,
        )
        house.tell(record)
        who = LineInfo(self.sid, RATE_HZ, request.caller, request.called, kind="gather")
        definition = dataclasses.replace(agent.definition, max_call_s=round(longest_s))
        llm = agent.kit.llm
        hints = hints_of(llm.hints()) if isinstance(llm, Hinting) else ""
        known = _Known(agent, record, place, before, hints)
        async with TextCall(who, definition, llm, record, ctx, agent.data_dir, before) as talk:
            self._talk, self._documents = talk, known.place.documents
            if self._winds_up:
                talk.wind_up(self._winds_up)
            try:
                await self._answer_all(talk, known, waiting)
            finally:
                house.remember(self.sid, record)

    async def _answer_all(self, talk: TextCall, known: _Known, waiting: Waiting) -> None:
        """Answer requests until the call is left, or over."""
        first = True
        try:
            while True:
                document = await self._answer(talk, known, waiting, first=first)
                await _written(known.record)
                self._latest, first = document, False
                if isinstance(document.decision, HangUp | Transfer):
                    waiting.give(document)
                    self._give_rest(document)  # what came beside it is told the same; what comes after is another's
                    return
                waiting.give(document)
                following = await self._following(document)
                if isinstance(following, str):
                    talk.ended(following)
                    return
                waiting = following
        finally:
            self.end("over")
            waiting.give(TROUBLE)

    async def _following(self, document: Document) -> Waiting | str:
        """The next request, or why the call is over."""
        try:
            async with asyncio.timeout(min(LONGEST_IDLE_S, IDLE_S + IDLE_S_PER_CHAR * len(document.text))):
                return await self._inbox.get()
        except TimeoutError:
            log.warning("call %s: the carrier asks no more; the call is taken as over", self.sid)
            self._house.counts["gather abandoned"] += 1
            return "caller: gone without a word"

    async def _answer(self, talk: TextCall, known: _Known, waiting: Waiting, *, first: bool) -> Document:
        request = waiting.request
        again = known.place.again(request) if first else None
        if not first and request.what in ("voice", "fallback"):
            again = self._latest
        if again is None and request.answers not in (None, self._documents):
            self._house.counts["gather stale"] += 1  # it was asked by an older document, and answered: not twice
            again = self._latest or known.place.document or TROUBLE
        if again is None:
            number = self._documents + 1
            if last := 0 < self._route.max_hops <= number:
                talk.wind_up("no more documents allowed")
            talk.note(REQUEST, **request_line(request))
            within_s = waiting.until_s - asyncio.get_running_loop().time()
            answer = await self._ask(talk, known, request, within_s, first=first)
            self._house.counts["gather late answer"] += answer.more
            again = Document(answer.text, answer.decision, answer.more, last, answer.digits, number=number)
            talk.note(DOCUMENT, **document_line(request, again))
            self._documents = number
        definition = known.agent.definition
        return dataclasses.replace(
            again,
            language=definition.language,
            hints=known.hints,
            timeout_s=max(TIMEOUT_S[0], min(TIMEOUT_S[1], round(definition.turns.no_input_ms / 1000))),
        )

    async def _ask(
        self, talk: TextCall, known: _Known, request: GatherRequest, within_s: float, *, first: bool
    ) -> Answer:
        """Ask the conversation what this request comes to."""
        owed = known.before.owed if first and known.before is not None else None
        if request.what == "more":
            return await (talk.more(within_s) if owed or not first else talk.begin(within_s))
        if request.what != "turn":
            return await talk.begin(within_s)
        # A retry of what was taken in by a worker that died: its turn is in the journal, the answer is owed.
        if owed and known.place.was_asked(request) and (request.key or owed[1] == request.text) and MARK not in owed[1]:
            return await talk.more(within_s)
        if not request.text:
            self._house.counts["gather empty"] += 1
            return await talk.nothing_heard(within_s)
        self._house.counts["gather turns"] += 1
        source: Source = "keys" if request.by_keys else "speech"
        return await talk.answer(request.text, source, within_s, confidence=request.confidence)


def _before(request: GatherRequest, journals: Journals) -> tuple[Place, Continuation | None]:
    """Where the call stood, and its conversation."""
    return place_of(journals), _continuation(journals, request)


def _continuation(journals: Journals, request: GatherRequest) -> Continuation | None:
    """What was before; of a call that comes back without a journal, that it comes back: it is not greeted anew."""
    before = continue_from(journals, reason_of(request))
    if before is None and request.what != "voice":
        return Continuation(reason_of(request), History(), 0, None, "", 0)
    return before


def reason_of(request: GatherRequest) -> Reason:
    """Why a call that is not new comes back."""
    return "nobody answered" if request.what == "nobody answered" else "cut off"


async def _written(record: CallRecord) -> None:
    """What is given to the caller is on disk first: a worker that comes after must not say it again."""
    try:
        async with asyncio.timeout(WRITE_JOURNAL_S):
            await record.flush()
    except TimeoutError:
        log.warning("the journal was not written within %g s; the call goes on", WRITE_JOURNAL_S)
