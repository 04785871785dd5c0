"""Through the public URL, as the carrier comes: a page, an upgrade, a signed webhook. Verdicts are pure."""

from __future__ import annotations

import asyncio
import base64
import secrets
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import aiohttp
from twilio.request_validator import RequestValidator

from telephony.doctor.finding import Finding, failed, ok, warning
from telephony.doctor.refusals import Answer, NoAnswer, explain
from telephony.twilio.signatures import signed_urls
from telephony.twilio.twiml import MEDIA_PATH, STATUS_PATH
from telephony.web.media_socket import DOCTOR_PROBE

DEADLINE_S = 10.0
#: More of a body is not looked at.
_BODY_BYTES = 2048
#: The status that the doctor's webhook reports. The service counts it as "other", and does nothing about it.
DOCTOR_STATUS = "doctor"


class Visitor:
    """Asks one base URL: an origin, or the service's own address."""

    def __init__(self, http: aiohttp.ClientSession, base: str) -> None:
        self.base = base
        self._http = http

    async def page(self, path: str) -> Answer | NoAnswer:
        """GET."""
        return await self._ask("GET", path, {})

    async def upgrade(self) -> Answer | NoAnswer:
        """Ask for a media socket with a token that no service gave; the service's log says that it was the doctor."""
        headers = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode(),
        }
        return await self._ask("GET", MEDIA_PATH + DOCTOR_PROBE, headers)

    async def webhook(self, token: str) -> Answer | NoAnswer:
        """A status callback of a call that is none, signed as Twilio signs."""
        form = {"CallSid": f"doctor-{secrets.token_hex(8)}", "CallStatus": DOCTOR_STATUS}
        signature = RequestValidator(token).compute_signature(self.base + STATUS_PATH, form)
        return await self._ask("POST", STATUS_PATH, {"X-Twilio-Signature": str(signature)}, form)

    async def _ask(
        self, method: str, path: str, headers: Mapping[str, str], form: Mapping[str, str] | None = None
    ) -> Answer | NoAnswer:
        began_s = time.time()
        try:
            async with (
                asyncio.timeout(DEADLINE_S),
                self._http.request(
                    method, self.base + path, headers=headers, data=form, allow_redirects=False
                ) as response,
            ):
                body = b"" if response.status == 101 else await response.content.read(_BODY_BYTES)
                names = {name.lower(): value for name, value in response.headers.items()}
                middle_s = (began_s + time.time()) / 2
                age_s = _age_s(names.get("date"), middle_s)
                return Answer(response.status, names, body.decode("utf-8", "replace"), age_s)
        except TimeoutError:
            return NoAnswer(f"no answer in {DEADLINE_S:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return NoAnswer(str(error) or type(error).__name__)


def _age_s(date: str | None, now_s: float) -> float:
    try:
        # A Date is cut to whole seconds: on average half of one is missing.
        return now_s - parsedate_to_datetime(date).timestamp() - 0.5 if date else 0.0
    except (TypeError, ValueError):
        return 0.0


def judge_page(answer: Answer | NoAnswer, here: str | None, base: str) -> Finding:
    """GET /healthz through `base`; `here` is the instance that answers on this machine, if one does."""
    check = "http"
    if isinstance(answer, NoAnswer):
        return failed(check, f"GET {base}/healthz: {answer.why}", "start the service and the proxy; see their logs")
    if answer.status != 200 or answer.instance is None:
        said, mend = explain(answer, "page")
        return failed(check, f"GET {base}/healthz: {said}", mend)
    if here is not None and answer.instance != here:
        said = f"{base} leads to another Offhook (instance {answer.instance}) than the one on this machine ({here})"
        return failed(check, said, "let proxy, tunnel and DNS lead to this one, or stop the other")
    kind, forwarding = answer.seen
    shown = f"proxy headers: {', '.join(forwarding) or 'none'}"
    if kind == "local" and not forwarding:
        said = "what comes through the proxy looks as if this machine had sent it: loopback Host, no proxy's headers"
        mend = "keep Host, and set X-Forwarded-For (docker/nginx.conf): else everybody may see the operator's pages"
        return failed(check, said, mend)
    if kind != "public":
        said = f"the service is reached, but with another Host than {base} ({kind}); {shown}"
        mend = "keep the Host header (proxy_set_header Host $http_host), or start the service with this public origin"
        return warning(check, said, mend)
    if here is None:
        said = f"an Offhook answers (instance {answer.instance}), but none on this machine: whether it is yours is open"
        return warning(check, said, "run the doctor where the service runs, with its settings", shown)
    return ok(check, f"{base} leads to the service on this machine (instance {here}); {shown}")


def judge_upgrade(answer: Answer | NoAnswer, instance: str, base: str) -> Finding:
    """An upgrade with a bad token must be refused by us, and by the same worker that `instance` names."""
    check = "websocket"
    url = f"{'ws' + base.removeprefix('http')}{MEDIA_PATH}…"
    if isinstance(answer, NoAnswer):
        return failed(check, f"{url}: {answer.why}", "see the proxy's log: does it pass WebSockets on?")
    if answer.status == 403 and answer.instance is not None:
        if answer.instance != instance:
            said = f"{url} leads to another worker (instance {answer.instance}) than /healthz ({instance})"
            mend = "one public origin, one process: its media tokens are good in the process that gave them only"
            return failed(check, said, mend)
        return ok(check, f"{url} reaches the service: it refused a bad token, as it must")
    said, mend = explain(answer, "upgrade")
    return failed(check, f"{url}: {said}", mend)


def judge_webhook(answer: Answer | NoAnswer, base: str, page: Answer | NoAnswer | None = None) -> Finding:
    """A rightly signed status callback must be taken. The details are the exact strings: those that the service tries
    are made of the doctor's settings, the service may have others. `page` is /healthz's answer from outside."""
    check = "signature"
    url = base + STATUS_PATH
    signed = f"signed over: {url}"
    tried = tuple(f"with these settings it would try: {text}" for text in signed_urls(url))
    if isinstance(answer, NoAnswer):
        return failed(check, f"POST {url}: {answer.why}", "see the log of proxy and service", signed)
    if answer.status == 204 and answer.instance is not None:
        return ok(check, f"a webhook signed over {url} was taken", signed, *tried)
    if answer.status == 403 and answer.instance is not None:
        said = f"the service refused a webhook signed over {url}"
        if isinstance(page, Answer) and page.seen[0] != "public":
            said += f": requests reach it with another Host than {base}, and its signatures are about that one"
            mend = (
                "keep the Host header (proxy_set_header Host $http_host), and start service and doctor with the same "
                "OFFHOOK_PUBLIC_ORIGIN, port included"
            )
            return failed(check, said, mend, signed, *tried)
        mend = (
            "its token or its public origin is another than the doctor's: start both with the same TWILIO_AUTH_TOKEN "
            "and OFFHOOK_PUBLIC_ORIGIN; the service's log line 'the signature does not fit' shows what it tried"
        )
        return failed(check, said, mend, signed, *tried)
    said, mend = explain(answer, "webhook")
    return failed(check, f"POST {url}: {said}", mend, signed)
