"""The TwiML of one call: fetched within Twilio's limits, and from the fallback URL where that fails."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urldefrag

from telephony.sandbox.faults import Fault
from telephony.sandbox.limits import Limits, as_allowed, check_hop
from telephony.sandbox.report import CallReport
from telephony.sandbox.twiml import parse_twiml
from telephony.sandbox.verbs import Notice, Verb
from telephony.sandbox.webhooks import Webhooks

MAX_IDLE_DOCUMENTS = 20
"""So many documents in a row, between which the caller said nothing and held no stream, are a circle."""
MAX_DOCUMENTS = 500


@dataclass(frozen=True, slots=True)
class Document:
    """`url` is where it was found: what relative addresses in it are relative to."""

    url: str
    verbs: tuple[Verb, ...]


class Documents:
    """Asks for one document after another, and keeps count in the report."""

    def __init__(self, hooks: Webhooks, report: CallReport, limits: Limits, fallback_url: str | None) -> None:
        self._hooks = hooks
        self._report = report
        self._limits = limits
        self._fallback_url = fallback_url
        self._idle = 0

    def something_happened(self) -> None:
        """The caller said something, or held a stream: the service does not go in circles."""
        self._idle = 0

    async def first(self, url: str) -> Document:
        """The number's voice webhook. Fault if neither it nor the fallback URL gives TwiML."""
        return await self._fetch(url, "ringing", {})

    async def following(self, url: str, form: dict[str, str]) -> Document:
        """A redirect's or an action's. Fault as for the first, and for more than there may be."""
        check_hop(self._limits, self._report.hops + 1)
        self._report.hops += 1
        self._idle += 1
        if self._idle >= MAX_IDLE_DOCUMENTS or self._report.hops >= MAX_DOCUMENTS:
            raise Fault(None, f"TwiML goes in circles: {self._idle} documents in a row in which nothing happened")
        return await self._fetch(url, "in-progress", form)

    async def _fetch(self, url: str, status: str, form: dict[str, str]) -> Document:
        try:
            return await self._ask(url, status, form)
        except Fault as fault:
            if self._fallback_url is None:
                raise
            failed = fault
        # https://www.twilio.com/docs/availability-reliability: asked at once, and told what failed and where.
        told = {"ErrorUrl": urldefrag(url).url} | ({"ErrorCode": str(failed.code)} if failed.code is not None else {})
        try:
            document = await self._ask(self._fallback_url, status, told)
        except Fault:
            self._report.errors.append(str(failed))
            raise
        self._report.fallbacks += 1
        self._report.warnings.append(f"{failed}: the fallback URL was asked")
        return document

    async def _ask(self, url: str, status: str, form: dict[str, str]) -> Document:
        answer = await self._hooks.post(url, status, **form)
        self._report.max_answer_ms = max(self._report.max_answer_ms, round(answer.answer_ms))
        verbs = tuple(as_allowed(verb, self._limits) for verb in parse_twiml(answer.body))
        for verb in verbs:
            if isinstance(verb, Notice):
                self._report.warnings.append(
                    f"a trial account: {verb.instead_of} was taken out and replaced by a spoken notice"
                )
        return Document(url, verbs)
