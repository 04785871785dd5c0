"""Twilio's side of the webhooks: signed form posts, their retries, and what came back."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urljoin, urlsplit, urlunsplit

import aiohttp
from twilio.request_validator import RequestValidator
from yarl import URL

from agent.errors import LocalError
from telephony.sandbox.faults import Fault
from telephony.sandbox.overrides import Overrides, split_overrides
from telephony.sandbox.twiml import LARGEST_BYTES

ANSWER_DEADLINE_S = 15.0
"""Twilio waits so long for a voice webhook, whatever its connection overrides say."""
FIRST_WORDS = 80
"""So much of a refusal's text is told; a proxy's page tells nothing more."""
CERT_EXPIRED, HOSTNAME_MISMATCH = 10, 62
"""OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED and X509_V_ERR_HOSTNAME_MISMATCH (x509_vfy.h)."""
LARGEST_ANSWER_BYTES = LARGEST_BYTES + 1
"""One more than TwiML may have: what is longer is refused there, and need not be read."""


def new_sid(prefix: str) -> str:
    """A fresh SID, e.g. "CA" and 32 hex digits."""
    return prefix + secrets.token_hex(16)


def voice_url(to: str) -> str:
    """The voice webhook that `to` means: a service's base address, or the webhook's own. A fragment is kept."""
    whole = web_address(to)
    parts = urlsplit(whole)
    return urlunsplit(parts._replace(path="/twilio/voice")) if parts.path in ("", "/") else whole


def web_address(url: str) -> str:
    """What the user gave as an address, if it is one. LocalError else."""
    try:
        sound = _is_of_the_web(url)
    except ValueError:
        sound = False
    if not sound:
        raise LocalError(f"{url}: not the address of a service: give one like http://127.0.0.1:8080")
    return url


def _is_of_the_web(url: str) -> bool:
    """Whether it names a scheme, a host and a port that can be asked. ValueError for what is no URL at all."""
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0


def resolve(document_url: str, url: str) -> str:
    """The address of another document, relative to this one's. Fault for what is no address of the web."""
    try:
        whole = urljoin(document_url, url)
        sound = _is_of_the_web(whole)
    except ValueError as error:
        raise Fault(11100, f"{url!r} is no URL: {error}") from None
    if not sound:
        raise Fault(11100, f"{url!r} is no URL that can be requested")
    return whole


def socket_url(document_url: str, stream_url: str) -> str:
    """The stream's address, relative to the document it stood in. Fault for a scheme that is none of a socket."""
    try:
        parts = urlsplit(urljoin(document_url, stream_url))
        sound = parts.port != 0
    except ValueError as error:
        raise Fault(31923, f"the stream's address {stream_url!r} is malformed: {error}") from None
    scheme = {"https": "wss", "http": "ws"}.get(parts.scheme, parts.scheme)
    if scheme not in ("wss", "ws"):
        raise Fault(31922, f"the stream's address has scheme {parts.scheme!r}, not wss")
    if not parts.hostname or not sound:
        raise Fault(31923, f"the stream's address {stream_url!r} names no host")
    if scheme == "ws" and urlsplit(document_url).scheme != "http":
        raise Fault(31922, "the stream's address is ws: Twilio takes wss only")
    return urlunsplit(parts._replace(scheme=scheme))


@dataclass(frozen=True, slots=True)
class Answer:
    """A webhook's 2xx answer; `answer_ms` is what the attempt that got it took, connecting included."""

    body: str
    answer_ms: float


class _Failed(Exception):
    """One attempt came to nothing. `kind` is the retry policy's word for it."""

    def __init__(self, kind: str, cause: str, code: int = 11200) -> None:
        super().__init__(cause)
        self.kind = kind
        self.code = code


class Webhooks:
    """Posts as Twilio posts for one call: form-encoded, signed with the account's token for the exact address."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        auth_token: str,
        call: Mapping[str, str],
        *,
        deadline_s: float = ANSWER_DEADLINE_S,
        retry_pause_s: float = 0.0,
    ) -> None:
        """`http` must not keep connections: whether a service is there is asked anew by each request."""
        self.notes: list[str] = []
        """What had to be asked again, and why."""
        self._http = http
        self._validator = RequestValidator(auth_token)
        self._call = dict(call)
        self._deadline_s = deadline_s
        self._retry_pause_s = retry_pause_s

    def signature(self, url: str, form: Mapping[str, str]) -> str:
        """X-Twilio-Signature for a post, or (with no form) for the upgrade of a stream's socket."""
        return str(self._validator.compute_signature(url, dict(form)))

    async def post(self, url: str, call_status: str, **more: str) -> Answer:
        """Post the call's parameters and `more`, again if the URL's overrides say so. Fault unless answered with 2xx.

        The retries of one request carry the same I-Twilio-Idempotency-Token.
        """
        bare, overrides = split_overrides(url)
        form = {**self._call, "CallStatus": call_status, **more}
        headers = {"X-Twilio-Signature": self.signature(bare, form), "I-Twilio-Idempotency-Token": new_sid("")}
        total_s = min(overrides.tt / 1000, self._deadline_s)
        retries = 0
        try:
            async with asyncio.timeout(total_s):
                while True:
                    try:
                        return await self._attempt(bare, form, headers, overrides)
                    except _Failed as failed:
                        if retries == overrides.rc or not overrides.retries(failed.kind):
                            tried = f" (asked {retries + 1} times)" if retries else ""
                            raise Fault(failed.code, f"POST {bare}: {failed}{tried}") from None
                        retries += 1
                        self.notes.append(f"POST {bare}: {failed}: asked again")
                        await asyncio.sleep(self._retry_pause_s)
        except TimeoutError:
            raise Fault(11200, f"POST {bare}: no answer in {total_s:g} s") from None

    async def _attempt(self, url: str, form: dict[str, str], headers: dict[str, str], how: Overrides) -> Answer:
        begun_s = time.monotonic()
        # Exactly as written where that can be sent at all: the signature is over these very characters.
        target = URL(url, encoded=url.isascii() and " " not in url)
        limits = aiohttp.ClientTimeout(total=None, sock_connect=how.ct / 1000, sock_read=how.rt / 1000)
        try:
            async with self._http.post(
                target, data=form, headers=headers, allow_redirects=False, timeout=limits
            ) as response:
                body = bytearray()
                while len(body) < LARGEST_ANSWER_BYTES and (piece := await response.content.readany()):
                    body += piece
                text = body.decode("utf-8", "replace")
                if not 200 <= response.status < 300:
                    words = _first_words(text) if response.content_type == "text/plain" else ""
                    raise _Failed(f"{response.status // 100}xx", f"answered {response.status}{words}")
                return Answer(text, (time.monotonic() - begun_s) * 1000)
        except aiohttp.ConnectionTimeoutError:
            raise _Failed("ct", f"no connection in {how.ct} ms") from None
        except aiohttp.ClientConnectorCertificateError as error:
            code, why = _untrusted(error.certificate_error)
            raise _Failed("certificate", f"its certificate is not trusted: {why}", code) from None
        except aiohttp.ClientConnectorSSLError as error:
            told = getattr(error.os_error, "reason", "") or error.os_error
            raise _Failed("tls", f"no TLS there ({told}): does it speak http, not https?", 11220) from None
        except aiohttp.ClientConnectorError as error:
            raise _Failed("ct", str(error)) from None
        except aiohttp.SocketTimeoutError:
            raise _Failed("rt", f"no answer in {how.rt} ms") from None
        except (aiohttp.ClientError, ConnectionError) as error:
            raise _Failed("rt", str(error) or type(error).__name__) from None

    async def stream_event(self, url: str, event: str, stream_sid: str, name: str, error: str = "") -> None:
        """Tell the stream's status callback: `stream-started`, `stream-stopped` or `stream-error`."""
        more = {"StreamSid": stream_sid, "StreamName": name or stream_sid, "StreamEvent": event}
        more["Timestamp"] = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if error:
            more["StreamError"] = error
        await self.post(url, "in-progress", **more)


def _first_words(text: str) -> str:
    """The beginning of a refusal that was written for people."""
    words = " ".join(text.split())
    return f": {words[:FIRST_WORDS]!r}" if words else ""


def _untrusted(error: Exception) -> tuple[int, str]:
    """Twilio's code for a certificate that it does not take, and what is wrong with it."""
    verify = getattr(error, "verify_code", None)
    why = str(getattr(error, "verify_message", "") or error).rstrip(".")
    code = 11235 if verify == HOSTNAME_MISMATCH else 11236 if verify == CERT_EXPIRED else 11237
    return code, why
