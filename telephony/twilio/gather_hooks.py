"""The webhooks of calls that are served turn by turn: a checked form comes in, TwiML goes out. No HTTP in here."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable

from werkzeug.datastructures import MultiDict

from telephony.logs.context import event
from telephony.logs.mask import bare_url
from telephony.settings import Route
from telephony.twilio import twiml
from telephony.twilio.gather import TurnDesk, What, document_twiml, read_request
from telephony.twilio.progress import ProgressBook, Step
from telephony.twilio.signatures import Origin

log = logging.getLogger("offhook.twilio")

#: CallStatus with which a call is over.
OVER = frozenset(("completed", "busy", "failed", "no-answer", "canceled"))

Form = MultiDict[str, str]


class GatherHooks:
    """For numbers whose mode is "gather". `retry_key` is the carrier's idempotency token: a retry gets the same answer,
    and its turn does not run again.
    """

    def __init__(
        self,
        desk: TurnDesk,
        progress: ProgressBook,
        route: Callable[[str], Route],
        counts: Counter[str],
        *,
        max_returns: int,
    ) -> None:
        """`max_returns`: so often a call may come back from transfers that nobody answered."""
        self._desk = desk
        self._progress = progress
        self._route = route
        self.counts = counts
        self._max_returns = max_returns

    def serves(self, form: Form) -> bool:
        """Whether calls to this number are served turn by turn."""
        return self._route(form.get("To", "")).mode == "gather"

    async def voice(self, origin: Origin, form: Form, retry_key: str) -> str:
        """A call has come in."""
        self.counts["voice"] += 1
        return await self._document("voice", origin, form, retry_key)

    async def turn(self, origin: Origin, form: Form, step: Step | None, retry_key: str) -> str:
        """The caller has spoken, pressed keys, or been silent."""
        self.counts["gather"] += 1
        return await self._asked("turn", origin, form, step, retry_key)

    async def more(self, origin: Origin, form: Form, step: Step | None, retry_key: str) -> str:
        """The rest of an answer that was not ready in time."""
        self.counts["gather"] += 1
        return await self._asked("more", origin, form, step, retry_key)

    async def after_dial(self, origin: Origin, form: Form, step: Step | None, retry_key: str) -> str:
        """A transfer is over: hang up if somebody answered, else the conversation goes on."""
        self.counts["after-dial"] += 1
        if form.get("DialCallStatus") in ("completed", "answered"):
            self._progress.end(form["CallSid"])
            return twiml.nothing() if form.get("CallStatus") in OVER else twiml.hang_up()
        self.counts["return"] += 1
        if step is not None and step.returns >= self._max_returns:
            message = "call %s: given up, it has come back too often"
            log.error(message, form["CallSid"], extra=event("call.given_up"))
            return twiml.hang_up(twiml.TROUBLE)
        return await self._asked("nobody answered", origin, form, step, retry_key)

    async def fallback(self, origin: Origin, form: Form, retry_key: str) -> str:
        """One of our documents could not be had: it is given again, or the call goes on from its journal."""
        self.counts["fallback"] += 1
        problem, where = form.get("ErrorCode", ""), bare_url(form.get("ErrorUrl", ""))
        note = event("carrier.error", code=problem[:20])
        log.warning("call %s: the carrier had error %r with %r", form["CallSid"], problem[:20], where[:200], extra=note)
        return await self._document("fallback", origin, form, retry_key)

    def status(self, form: Form) -> None:
        """The call has a new status."""
        if form.get("CallStatus") in OVER:
            self._desk.hung_up(form["CallSid"])

    async def _asked(self, what: What, origin: Origin, form: Form, step: Step | None, retry_key: str) -> str:
        """A request for which some document of ours must have asked."""
        if step is None:
            return self._replayed(form)
        returns = step.returns + (what == "nobody answered")
        return await self._document(what, origin, form, retry_key, step, returns)

    async def _document(
        self, what: What, origin: Origin, form: Form, retry_key: str, step: Step | None = None, returns: int = 0
    ) -> str:
        call_sid = form["CallSid"]
        if form.get("CallStatus") in OVER:
            self._progress.end(call_sid)
            self._desk.hung_up(call_sid)
            return twiml.nothing()
        if self._progress.is_over(call_sid):
            return self._replayed(form)
        document = await self._desk.document(read_request(what, form, retry_key, step))
        if document is None:
            return twiml.hang_up(twiml.BUSY)
        return document_twiml(origin, document, returns=returns)

    def _replayed(self, form: Form) -> str:
        self.counts["refused: replay"] += 1
        message = "call %s: a signed request of it came again, or for a call that is over"
        log.warning(message, form["CallSid"], extra=event("refused.replay"))
        return twiml.hang_up()
