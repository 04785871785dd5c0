"""GatherCalls: the calls that are served turn by turn. Each has one task (gather_turns.py), which answers its requests.

A call begins with its first request and ends with a document that leaves it, with the carrier's word that it is over,
or when nothing has come for minutes. Between two requests nothing of it need live in this worker: another one finds in
the journal where it stood.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from telephony.admission import Admission
from telephony.logs.context import event, set_call
from telephony.media_stream.conversation import SESSION_END_S
from telephony.settings import Route
from telephony.twilio.gather import ANSWER_WITHIN_S, Document, GatherRequest
from telephony.web.gather_turns import LONGEST_IDLE_S, MAX_WAITING, TROUBLE, GatherTurns, House, Waiting, reason_of
from telephony.web.ongoing import log_failed

log = logging.getLogger("offhook.calls")

#: A request that has no answer so long after it was due will not get one: the call is told that there is trouble.
OVERDUE_S = 1.0
#: Beyond the agent's own max_call_s, which the conversation keeps itself.
OVERTIME_S = LONGEST_IDLE_S
#: A retried request gets the same document, for so long; the carrier retries within 15 s.
ANSWER_LIFETIME_S = 60.0
MAX_ANSWERS = 2_000

_Key = tuple[str, str, str]


class GatherCalls:
    """All of them (telephony/twilio/gather.py: TurnDesk)."""

    def __init__(self, house: House, route: Callable[[str], Route], *, max_call_s: float) -> None:
        """`route` says how a called number is answered; no call lasts longer than `max_call_s`."""
        self._house = house
        self._route = route
        self._max_call_s = max_call_s
        self._calls: dict[str, GatherTurns] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._answers: dict[_Key, tuple[float, asyncio.Future[Document]]] = {}

    # --- what the webhooks ask --------------------------------------------------------------------------------------

    async def document(self, request: GatherRequest) -> Document | None:
        """Answer one request; None if there is no place for its call. A retry waits for the same answer."""
        loop = asyncio.get_running_loop()
        answer = self._same(request)
        if answer is None:
            call = self._calls.get(request.call_sid) or self._open(request)
            if call is None:
                return None
            if call.full:
                message = "call %s: %d requests at once; one was turned away"
                log.warning(message, call.sid, MAX_WAITING, extra=event("gather.crowd"))
                return TROUBLE
            answer = loop.create_future()
            call.put(Waiting(request, answer, loop.time() + ANSWER_WITHIN_S))
            self._keep(request, answer)
        # The answer is the call's: a carrier that hangs up while it waits does not take it away from its own retry.
        await asyncio.wait({answer}, timeout=ANSWER_WITHIN_S + OVERDUE_S)
        if not answer.done():
            self._house.counts["gather overdue"] += 1
            message = "call %s: no answer within %g s"
            log.error(message, request.call_sid, ANSWER_WITHIN_S + OVERDUE_S, extra=event("gather.overdue"))
            return TROUBLE
        return answer.result()

    def hung_up(self, call_sid: str) -> None:
        """The carrier says that the call is over."""
        if (call := self._calls.get(call_sid)) is not None:
            call.end("caller: hung up")

    def wind_up(self, reason: str) -> None:
        """Every call is told goodbye with its next document."""
        for call in self._calls.values():
            call.wind_up(reason)

    async def end_all(self) -> None:
        """End every call now; bounded."""
        for call in list(self._calls.values()):
            call.end("service stopped")
        for limit_s in (SESSION_END_S, 1.0):
            if self._tasks:
                _, unfinished = await asyncio.wait(self._tasks, timeout=limit_s)
                for task in unfinished:
                    task.cancel()

    def _same(self, request: GatherRequest) -> asyncio.Future[Document] | None:
        """The answer to the request that this one is a retry of."""
        now_s = asyncio.get_running_loop().time()
        while self._answers and (oldest := next(iter(self._answers.items())))[1][0] <= now_s:
            del self._answers[oldest[0]]
        kept = self._answers.get(_key(request)) if request.key else None
        if kept is None:
            return None
        self._house.counts["webhook retries"] += 1
        log.info("call %s: %s was asked again", request.call_sid, request.what, extra=event("webhook.retry"))
        return kept[1]

    def _keep(self, request: GatherRequest, answer: asyncio.Future[Document]) -> None:
        if request.key:
            self._answers[_key(request)] = (asyncio.get_running_loop().time() + ANSWER_LIFETIME_S, answer)
            while len(self._answers) > MAX_ANSWERS:
                del self._answers[next(iter(self._answers))]

    # --- calls ------------------------------------------------------------------------------------------------------

    def _open(self, request: GatherRequest) -> GatherTurns | None:
        sid, route = request.call_sid, self._route(request.called)
        back = None if request.what == "voice" else reason_of(request)
        if not self._house.take_place(sid, Admission(route.agent, request.caller, request.called, back)):
            return None

        def over() -> None:
            """A request that comes now is answered by a new task, from the journal."""
            if self._calls.get(sid) is call:
                del self._calls[sid]

        call = GatherTurns(sid, route, self._house, max_call_s=self._max_call_s, on_over=over)
        self._calls[sid] = call
        task = asyncio.create_task(self._serve(call), name=f"gather {sid}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return call

    async def _serve(self, call: GatherTurns) -> None:
        """One call, to its end. The outer boundary: whatever goes wrong within ends this call alone."""
        set_call(call.sid)
        try:
            async with asyncio.timeout(self._max_call_s + OVERTIME_S):
                await call.run()
        except TimeoutError:
            log.warning("call %s was ended: it was longer than any call may be", call.sid, extra=event("call.cut"))
            self._house.counts["calls ended by us"] += 1
        except Exception as error:  # noqa: BLE001  logged, but without its text
            log_failed(call.sid, error)
            self._house.counts["calls failed: ours"] += 1
        finally:
            self._house.leave_place(call.sid)


def _key(request: GatherRequest) -> _Key:
    return (request.what, request.call_sid, request.key)
