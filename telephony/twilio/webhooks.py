"""The carrier's webhooks: who calls, what happens after the agent, how calls and streams fare. All of them signed."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import NoReturn, Protocol
from urllib.parse import parse_qsl

from quart import Blueprint, Response, abort, request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException

from agent.continuation import Reason
from agent.line import HangUp, SendDigits, Transfer
from telephony.admission import Admission
from telephony.logs.context import event, set_call
from telephony.logs.mask import bare_url
from telephony.logs.source import source_of
from telephony.settings import Route
from telephony.tokens import is_call_sid
from telephony.twilio import twiml
from telephony.twilio.decisions import DecisionBook
from telephony.twilio.gather import TurnDesk
from telephony.twilio.gather_hooks import OVER, GatherHooks
from telephony.twilio.progress import ProgressBook, Step, read_step
from telephony.twilio.signatures import NotSigned, Origin, SignatureCheck

log = logging.getLogger("offhook.twilio")

#: A voice webhook has some 30 fields of short text; nothing rightly comes near this.
MAX_BODY_BYTES = 64 * 1024
MAX_FIELDS = 1000
#: A call whose stream dies is brought back so often, then let go with an apology.
MAX_REVIVALS = 2
#: Transfers that nobody answers and digits sent also come back; a loop of them ends here.
MAX_RETURNS = 20
#: The carrier retries a webhook within seconds; its answer is kept for as long as the token in it lives.
_ANSWER_LIFETIME_MS = 60_000
_MAX_ANSWERS = 2_000
#: Why webhook requests are refused, in words for whoever counts.
REFUSALS = (
    *("unsigned", "signature", "replay", "no CallSid"),
    *("body too large", "body too slow", "not a form", "too many fields"),
)
#: What CallStatus, DialCallStatus and StreamEvent can say; anything else is counted as "other".
_CALL_STATUSES = frozenset(
    ("queued", "initiated", "ringing", "in-progress", "completed", "busy", "failed", "no-answer", "canceled")
)
_STREAM_EVENTS = frozenset(("stream-started", "stream-stopped", "stream-error"))

Form = MultiDict[str, str]


class Desk(Protocol):
    """What the webhooks ask of the service."""

    def admit(self, call_sid: str, admission: Admission) -> str | None:
        """Keep room for this call and give the token of its media socket; None, and counted, where there is none."""

    def is_live(self, call_sid: str) -> bool:
        """Whether a stream of this call is served now."""


class TwilioWebhooks:
    """The answers, as TwiML. No HTTP in here: a checked form comes in, text goes out."""

    def __init__(
        self,
        desk: Desk,
        decisions: DecisionBook,
        progress: ProgressBook,
        route: Callable[[str], Route],
        *,
        now_ms: Callable[[], int],
        turns: TurnDesk | None = None,
    ) -> None:
        """`route` says who answers calls to a number; `turns` serves those whose mode is "gather"."""
        self._desk = desk
        self._route = route
        self._decisions = decisions
        self._progress = progress
        self._now_ms = now_ms
        self._answers: dict[tuple[str, str, str], tuple[int, str]] = {}
        self.counts: Counter[str] = Counter()
        self.gather = (
            GatherHooks(turns, progress, route, self.counts, max_returns=MAX_RETURNS) if turns is not None else None
        )

    def voice(self, origin: Origin, form: Form) -> str:
        """A call has come in. A retry for the same call is answered alike, with a fresh token."""
        self.counts["voice"] += 1
        call_sid = form["CallSid"]
        # No carrier asks so of a call that is in its stream, or over: somebody sends again what he has read.
        if self._desk.is_live(call_sid) or self._progress.is_over(call_sid):
            return self._replayed(form)
        return self._connect(origin, form, self._progress.begin(call_sid))

    def after(self, origin: Origin, form: Form, step: Step | None, retry_key: str = "") -> str:
        """The stream is over: go on as the session has decided, or bring the call back if it could not decide.

        `step` stands in the address that was asked. `retry_key` is the carrier's idempotency token: the retry of an
        answered request gets that same answer.
        """
        return self._once("after", form, retry_key, lambda: self._current(form, step, self._after, origin))

    def after_dial(self, origin: Origin, form: Form, step: Step | None, retry_key: str = "") -> str:
        """A transfer is over: hang up if somebody answered, else bring the caller back to the agent."""
        return self._once("after-dial", form, retry_key, lambda: self._current(form, step, self._after_dial, origin))

    def fallback(self, origin: Origin, form: Form, retry_key: str = "") -> str:
        """One of our documents could not be had, and the carrier asks at the number's fallback address."""
        return self._once("fallback", form, retry_key, lambda: self._fallback(origin, form))

    def status(self, form: Form) -> None:
        """The call has a new status."""
        status = form.get("CallStatus", "")
        self.counts[f"call {status if status in _CALL_STATUSES else 'other'}"] += 1
        if status in OVER:
            self._progress.end(form["CallSid"])
        if self.gather is not None:
            self.gather.status(form)
        log.info("call %s: status %r", form["CallSid"], status[:40], extra=event("carrier.status"))

    def stream_status(self, form: Form) -> None:
        """The stream started, stopped or failed; a failed upgrade is told nowhere else."""
        told = form.get("StreamEvent", "")
        self.counts[told if told in _STREAM_EVENTS else "stream other"] += 1
        if told == "stream-error":
            problem = form.get("StreamError", "")[:500]
            message = "call %s: the carrier's stream failed: %r"
            log.warning(message, form["CallSid"], problem, extra=event("carrier.stream_error"))
        else:
            log.info("call %s: %r", form["CallSid"], told[:40], extra=event("carrier.stream"))

    def _current(
        self, form: Form, step: Step | None, answer: Callable[[Origin, Form, Step], str], origin: Origin
    ) -> str:
        """Answer what the call's latest document asks; an older one's question has been answered."""
        call_sid = form["CallSid"]
        if form.get("CallStatus") in OVER:
            self._decisions.forget(call_sid)
            self._progress.end(call_sid)
            return twiml.nothing()
        if step is None or self._progress.is_over(call_sid) or not self._progress.is_current(call_sid, step):
            return self._replayed(form)
        return answer(origin, form, step)

    def _replayed(self, form: Form) -> str:
        self.counts["refused: replay"] += 1
        message = "call %s: a signed request of it came again, or for a call that is over"
        log.warning(message, form["CallSid"], extra=event("refused.replay"))
        return twiml.hang_up()

    def _after(self, origin: Origin, form: Form, step: Step) -> str:
        call_sid = form["CallSid"]
        decision = self._decisions.take(call_sid)
        if isinstance(decision, HangUp):
            self._progress.end(call_sid)
            return twiml.hang_up()
        if isinstance(decision, Transfer):
            return twiml.dial(origin, decision.to, self._progress.go_on(call_sid, step))
        if isinstance(decision, SendDigits):
            return self._return(origin, form, step, "digits sent", digits=decision.digits)
        log.warning("call %s: its stream ended without a decision", call_sid, extra=event("call.undecided"))
        return self._return(origin, form, step, "cut off")

    def _after_dial(self, origin: Origin, form: Form, step: Step) -> str:
        if form.get("DialCallStatus") in ("completed", "answered"):
            self._progress.end(form["CallSid"])
            return twiml.hang_up()
        return self._return(origin, form, step, "nobody answered")

    def _fallback(self, origin: Origin, form: Form) -> str:
        problem, where = form.get("ErrorCode", ""), bare_url(form.get("ErrorUrl", ""))
        note = event("carrier.error", code=problem[:20])
        log.warning("call %s: the carrier had error %r with %r", form["CallSid"], problem[:20], where[:200], extra=note)
        if form.get("CallStatus") in OVER:
            return twiml.nothing()
        if self._desk.is_live(form["CallSid"]) or self._progress.is_over(form["CallSid"]):
            return self._replayed(form)
        return self._return(origin, form, None, "cut off")

    def _return(self, origin: Origin, form: Form, step: Step | None, why: Reason, *, digits: str = "") -> str:
        cut_off = why == "cut off"
        self.counts["revival" if cut_off else "return"] += 1
        step = self._progress.come_back(form["CallSid"], step, cut_off=cut_off)
        if step.revivals > MAX_REVIVALS or step.returns > MAX_RETURNS:
            message = "call %s: given up, it has come back too often"
            log.error(message, form["CallSid"], extra=event("call.given_up"))
            return twiml.hang_up(twiml.TROUBLE)
        return self._connect(origin, form, step, why, digits=digits)

    def _connect(self, origin: Origin, form: Form, step: Step, why: Reason | None = None, *, digits: str = "") -> str:
        caller, called = form.get("From", ""), form.get("To", "")
        token = self._desk.admit(form["CallSid"], Admission(self._route(called).agent, caller, called, why))
        if token is None:
            return twiml.hang_up(twiml.BUSY)
        return twiml.connect(origin, token, step, caller=caller, called=called, first_digits=digits)

    def _once(self, what: str, form: Form, retry_key: str, answer: Callable[[], str]) -> str:
        self.counts[what] += 1
        if not retry_key:
            return answer()
        key, now_ms = (what, form["CallSid"], retry_key), self._now_ms()
        kept = self._answers.get(key)
        if kept is not None and kept[0] > now_ms:
            self.counts["webhook retries"] += 1
            message = "call %s: %s was asked again, and answered alike"
            log.info(message, form["CallSid"], what, extra=event("webhook.retry"))
            return kept[1]
        text = answer()
        self._answers[key] = (now_ms + _ANSWER_LIFETIME_MS, text)
        while len(self._answers) > _MAX_ANSWERS:
            del self._answers[next(iter(self._answers))]
        return text


def twilio_blueprint(hooks: TwilioWebhooks, check: SignatureCheck) -> Blueprint:
    """The webhooks as Quart routes. 403 without a fitting signature, 400 without a CallSid, 413 for a big body."""
    routes = Blueprint("twilio", __name__)

    signed = _signed_reader(hooks, check)

    def xml(text: str) -> Response:
        return Response(text, content_type="text/xml; charset=utf-8")

    def retry_key() -> str:
        return str(request.headers.get("I-Twilio-Idempotency-Token", ""))[:128]

    def step() -> Step | None:
        return read_step(request.scope["query_string"])

    def by_turns(form: Form) -> GatherHooks | None:
        return hooks.gather if hooks.gather is not None and hooks.gather.serves(form) else None

    @routes.post(twiml.VOICE_PATH)
    async def voice() -> Response:
        origin, form = await signed()
        if (gather := by_turns(form)) is not None:
            return xml(await gather.voice(origin, form, retry_key()))
        return xml(hooks.voice(origin, form))

    @routes.post(twiml.AFTER_PATH)
    async def after() -> Response:
        return xml(hooks.after(*await signed(), step(), retry_key()))

    @routes.post(twiml.AFTER_DIAL_PATH)
    async def after_dial() -> Response:
        origin, form = await signed()
        if (gather := by_turns(form)) is not None:
            return xml(await gather.after_dial(origin, form, step(), retry_key()))
        return xml(hooks.after_dial(origin, form, step(), retry_key()))

    @routes.post(twiml.FALLBACK_PATH)
    async def fallback() -> Response:
        origin, form = await signed()
        if (gather := by_turns(form)) is not None:
            return xml(await gather.fallback(origin, form, retry_key()))
        return xml(hooks.fallback(origin, form, retry_key()))

    if hooks.gather is not None:
        gathering = hooks.gather

        @routes.post(twiml.GATHER_PATH)
        async def gather_turn() -> Response:
            return xml(await gathering.turn(*await signed(), step(), retry_key()))

        @routes.post(twiml.GATHER_MORE_PATH)
        async def gather_more() -> Response:
            return xml(await gathering.more(*await signed(), step(), retry_key()))

    @routes.post(twiml.STATUS_PATH)
    async def status() -> Response:
        hooks.status((await signed())[1])
        return Response(status=204)

    @routes.post(twiml.STREAM_STATUS_PATH)
    async def stream_status() -> Response:
        hooks.stream_status((await signed())[1])
        return Response(status=204)

    return routes


def _signed_reader(hooks: TwilioWebhooks, check: SignatureCheck) -> Callable[[], Awaitable[tuple[Origin, Form]]]:
    """What reads the request at hand: the origin under which it is rightly signed, and its form. Else it is refused."""

    def bad(what: str, status: int, kind: str) -> NoReturn:
        hooks.counts[f"refused: {kind}"] += 1
        note = event("refused.request", source=source_of(request.scope), path=request.path[:80], kind=kind)
        log.warning("a request to %s was refused: %s", request.path[:80], what, extra=note)
        abort(status)

    async def signed() -> tuple[Origin, Form]:
        try:
            body = await request.get_data(cache=False, as_text=False, parse_form_data=False)
        except HTTPException as refusal:  # too big, or too slow
            kind = "body too large" if refusal.code == 413 else "body too slow"
            bad(f"its body: {refusal.name}", refusal.code or 400, kind)
        scope = request.scope
        if body and request.mimetype != "application/x-www-form-urlencoded":
            bad(f"a body of type {request.mimetype[:40]!r}", 415, "not a form")
        try:
            form = parse_form(body)
            origin = check.check(scope["headers"], scope["raw_path"], scope["query_string"], form)
        except ValueError:
            bad("more fields than any webhook has", 400, "too many fields")
        except NotSigned as refusal:
            kind = "signature" if refusal.given else "unsigned"
            hooks.counts[f"refused: {kind}"] += 1
            note = event(f"refused.{kind}", source=source_of(scope), path=request.path[:80])
            log.warning("a request to %s was refused: %s", request.path[:80], refusal, extra=note)
            abort(403)
        if not is_call_sid(form.get("CallSid", "")):
            bad("no CallSid", 400, "no CallSid")
        set_call(form["CallSid"])  # for the log, to the end of this request
        return origin, form

    return signed


def parse_form(body: bytes) -> Form:
    """A form-encoded body: blank values kept, repeated names kept, nothing trimmed. ValueError: too many fields."""
    pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    return MultiDict(pairs)
